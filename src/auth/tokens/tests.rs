//! Generating, parsing and authenticating tokens.

use super::*;

const NOW: Time = Time(1_000_000);

/// Makes a token that covers these patterns, and its text.
pub(crate) fn made(kind: TokenKind, patterns: &[&str]) -> (Token, String) {
    let fresh = generate(kind);
    let token = Token {
        id: fresh.id,
        name: "shop".into(),
        kind,
        patterns: patterns.iter().map(|p| p.parse().unwrap()).collect(),
        creator: false,
        sha256: fresh.sha256,
        created_by: "ana".into(),
        created_at: Time(0),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    (token, fresh.text)
}

fn table(tokens: Vec<Token>) -> TokenCache {
    let table = TokenCache::new();
    table.replace(tokens);
    table
}

fn denied(table: &TokenCache, text: &str) -> TokenRefusal {
    table.authenticate(text, NOW).map(drop).unwrap_err()
}

#[test]
fn generated_token_is_parsed_and_not_in_debug_output() {
    let fresh = generate(TokenKind::Read);
    assert!(fresh.text.starts_with("ttr_") && fresh.text.len() == 53, "{}", fresh.text);
    assert_eq!(parse(&fresh.text), Ok((TokenKind::Read, fresh.id.as_str())));
    assert!(!format!("{fresh:?}").contains(&fresh.text));
}

#[test]
fn typo_is_detected_by_the_checksum() {
    let text = generate(TokenKind::Automation).text;
    for at in 0..text.len() {
        let mut typo = text.clone().into_bytes();
        typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
        assert_eq!(parse(std::str::from_utf8(&typo).unwrap()), Err(TokenRefusal::Mistyped), "at {at}");
    }
    for bad in ["", "ttr_", "€€€", "ttr_a_b", &text[1..], &format!("{text}0"), &text.to_uppercase()] {
        assert_eq!(parse(bad), Err(TokenRefusal::Mistyped), "{bad}");
    }
}

#[test]
fn forged_token_with_a_valid_checksum_is_refused() {
    let (token, text) = made(TokenKind::Read, &["*/*/*"]);
    let mut forged = format!("ttr_{}_{}", token.id, "a".repeat(SECRET));
    forged.extend(checksum(&forged).map(char::from));
    let table = table(vec![token]);
    assert_eq!(denied(&table, &forged), TokenRefusal::Unknown);
    assert_eq!(denied(&table, &generate(TokenKind::Read).text), TokenRefusal::Unknown);
    assert!(table.authenticate(&text, NOW).is_ok());
}

#[test]
fn expired_and_revoked_tokens_are_refused() {
    let (mut token, text) = made(TokenKind::Read, &["*/*/*"]);
    token.expires_at = Some(NOW);
    assert_eq!(denied(&table(vec![token.clone()]), &text), TokenRefusal::Expired);
    assert!(table(vec![token.clone()]).authenticate(&text, Time(NOW.0 - 1)).is_ok());
    token.revoked_at = Some(Time(5));
    assert_eq!(denied(&table(vec![token]), &text), TokenRefusal::Revoked);
    assert_eq!(denied(&TokenCache::new(), &text), TokenRefusal::NotLoaded);
}

#[tokio::test]
async fn grant_ends_when_the_scope_changes_but_not_the_name() {
    let (token, text) = made(TokenKind::Read, &["prod/shop/*"]);
    let table = table(vec![token.clone()]);
    let grant = table.authenticate(&text, NOW).unwrap();

    table.replace(vec![Token { name: "store".into(), last_used_at: Some(NOW), ..token.clone() }]);
    assert!(!grant.0.ended.is_cancelled());
    assert_eq!(table.authenticate(&text, NOW).unwrap().token().name, "store");

    table.replace(vec![Token { patterns: vec!["dev/shop/*".parse().unwrap()], ..token.clone() }]);
    grant.ended().await;
    let grant = table.authenticate(&text, NOW).unwrap();
    assert!(grant.reads(&"dev/shop/a".parse().unwrap()) && !grant.reads(&"prod/shop/a".parse().unwrap()));

    table.replace(vec![]);
    grant.ended().await;
}

#[test]
fn uses_are_taken_once_and_survive_a_new_list() {
    let (token, text) = made(TokenKind::Read, &["*/*/*"]);
    let table = table(vec![token.clone()]);
    assert_eq!(table.take_uses(), []);
    table.authenticate(&text, NOW).unwrap();
    table.authenticate(&text, NOW.plus_ms(1500)).unwrap();
    table.replace(vec![Token { name: "store".into(), ..token.clone() }]);
    let uses = table.take_uses();
    assert_eq!(uses, [(token.id, NOW.plus_ms(1500))]);
    assert_eq!(table.take_uses(), []);
    table.put_back_uses(&uses);
    assert_eq!(table.take_uses(), uses, "uses that could not be stored are stored later");
}

#[test]
fn only_an_automation_token_writes() {
    let (reads, text) = made(TokenKind::Read, &["*/*/*"]);
    let (writes, other) = made(TokenKind::Automation, &["*/*/*"]);
    let table = table(vec![reads, writes]);
    assert_eq!(table.authenticate(&text, NOW).unwrap().writer().unwrap_err(), Error::Forbidden(Need::Kind));
    assert!(table.authenticate(&other, NOW).unwrap().writer().is_ok());
}

#[tokio::test]
async fn list_that_was_read_before_the_request_is_no_answer() {
    let (token, text) = made(TokenKind::Read, &["*/*/*"]);
    let table = table(vec![]);
    let mut asks = std::pin::pin!(table.request_refresh());
    let old = table.refresh(async {
        assert!(futures::poll!(&mut asks).is_pending());
        Ok::<_, ()>(vec![])
    });
    old.await.unwrap();
    assert!(futures::poll!(&mut asks).is_pending());
    table.refresh_requested().await;
    table.refresh(async { Ok::<_, ()>(vec![token]) }).await.unwrap();
    assert!(futures::poll!(&mut asks).is_ready());
    assert!(table.authenticate(&text, NOW).is_ok());
}

#[test]
fn number_of_requests_that_wait_with_a_token_is_limited() {
    let (token, text) = made(TokenKind::Read, &["*/*/*"]);
    let table = table(vec![token.clone()]);
    let wait = || table.authenticate(&text, NOW).unwrap().acquire_wait(1);
    let first = wait();
    assert!(first.is_some() && wait().is_none());
    table.replace(vec![Token { last_used_at: Some(NOW), ..token }]);
    assert!(wait().is_none(), "a newer list keeps the count");
    drop(first);
    assert!(wait().is_some());
}

#[test]
fn list_that_changes_access_is_notified() {
    let (token, _) = made(TokenKind::Read, &["*/*/*"]);
    let table = TokenCache::new();
    let mut changes = table.changes();
    let mut tells = |tokens: Vec<Token>| {
        table.replace(tokens);
        let told = changes.has_changed().unwrap();
        changes.mark_unchanged();
        told
    };
    assert!(!tells(vec![]) && tells(vec![token.clone()]) && !tells(vec![token.clone()]));
    assert!(!tells(vec![Token { last_used_at: Some(NOW), name: "store".into(), ..token.clone() }]));
    assert!(tells(vec![Token { revoked_at: Some(NOW), ..token }]) && tells(vec![]));
}
