//! The list of tokens.

use tokio::time::timeout;

use super::{
    super::{ListedToken, TokenList, TokenListError, TokenWatch},
    Bench, TEST_TIMEOUT, env, next, on_both, small,
};
use crate::domain::token::TokenKind;

on_both! { tokens_are_compared_and_set  a_watch_returns_new_tokens  tokens_and_releases_have_separate_watches }

fn list(version: u64) -> TokenList {
    let token = ListedToken {
        id: "abcdefghijkl".into(),
        kind: TokenKind::Read,
        patterns: vec!["prod/shop/*".parse().unwrap()],
        sha256: "0".repeat(64),
        expires_at: None,
        revoked_at: None,
    };
    TokenList { version, tokens: vec![token] }
}

async fn following(watch: &mut TokenWatch) -> u64 {
    timeout(TEST_TIMEOUT, watch.next()).await.expect("tokens in time").unwrap().list.expect("a list").version
}

async fn tokens_are_compared_and_set(bench: Bench) {
    let (one, two) = (&bench.channel, &bench.other);
    let none = one.tokens(0).await.unwrap();
    assert_eq!((none.list_revision, none.list), (0, None));
    assert!(one.put_tokens(&list(1), 0).await.unwrap());
    assert!(!two.put_tokens(&list(2), 0).await.unwrap(), "another node was first");
    let there = two.tokens(0).await.unwrap();
    assert_eq!(there.list, Some(list(1)));
    assert!(two.put_tokens(&list(2), there.list_revision).await.unwrap());
    assert!(!one.put_tokens(&list(3), there.list_revision).await.unwrap());
    let there = one.tokens(there.list_revision).await.unwrap();
    assert_eq!(there.list, Some(list(2)));
    assert_eq!(one.tokens(there.list_revision).await.unwrap().list, None, "nothing newer");
}

async fn a_watch_returns_new_tokens(bench: Bench) {
    let (one, two) = (&bench.channel, &bench.other);
    let mut watch = two.watch_tokens(two.tokens(0).await.unwrap().revision).await.unwrap();
    assert!(one.put_tokens(&list(1), 0).await.unwrap());
    assert_eq!(following(&mut watch).await, 1);
    let there = one.tokens(0).await.unwrap();
    assert!(one.put_tokens(&list(2), there.list_revision).await.unwrap());
    assert_eq!(following(&mut watch).await, 2);
}

async fn tokens_and_releases_have_separate_watches(bench: Bench) {
    let channel = &bench.channel;
    let revision = channel.head().await.unwrap().revision;
    let mut releases = channel.watch(revision).await.unwrap();
    let mut tokens = channel.watch_tokens(revision).await.unwrap();
    assert!(channel.put_tokens(&list(1), 0).await.unwrap());
    let lock = channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    channel.deliver(&lock, &[small("shop/a", 1)]).await.unwrap();
    assert_eq!(next(&mut releases).await.unwrap(), [small("shop/a", 1)]);
    assert_eq!(following(&mut tokens).await, 1);
    let listing = channel.list().await.unwrap();
    assert!(listing.entries.len() == 1 && listing.damaged.is_empty(), "{:?}", listing.damaged);
}

#[tokio::test]
async fn a_foreign_list_of_tokens_is_reported_and_overwritten() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let mut watch = bench.other.watch_tokens(bench.other.head().await.unwrap().revision).await.unwrap();
    for (foreign, why) in [
        ("", TokenListError::Unreadable),
        ("[]", TokenListError::Unreadable),
        ("{\"version\":\"x\"}", TokenListError::Unreadable),
        ("{\"version\":9223372036854775807,\"tokens\":[]}", TokenListError::Unreadable),
        ("{\"version\":9007199254740991,\"tokens\":[]}", TokenListError::FutureVersion),
    ] {
        bench.raw().put("readers/tokens", foreign).await;
        let there = bench.channel.tokens(0).await.unwrap();
        assert!(there.list_revision > 0 && there.list.is_none(), "{foreign}");
        let followed = timeout(TEST_TIMEOUT, watch.next()).await.expect("it is reported").unwrap();
        assert_eq!((there.refused, followed.refused), (Some(why), Some(why)), "{foreign}");
    }
    let there = bench.channel.tokens(0).await.unwrap();
    assert!(bench.channel.put_tokens(&list(1), there.list_revision).await.unwrap());
    bench.raw().delete("readers/tokens").await;
    assert_eq!(bench.channel.tokens(0).await.unwrap().list_revision, 0);
    assert!(bench.channel.put_tokens(&list(2), 0).await.unwrap());
}
