//! Tokens of programs: how their text is made and read, and the table that answers for them without SQL.
//!
//! A token is `<prefix>_<id>_<secret><checksum>`: the prefix says what it is for, the id finds it, the secret proves
//! it, and the checksum tells a typo from a token that never was, without looking it up. Only the SHA-256 of the
//! whole text is kept.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::domain::{
    content::sha256,
    error::{Error, Need, Part},
    names::{AppName, ConfigId, EnvName},
    time::Time,
    token::{Token, TokenKind},
};

/// Characters of the id: 71 bits, so that two never meet.
const ID: usize = 12;
/// Characters of the secret: 178 random bits.
const SECRET: usize = 30;
/// Characters of the checksum: a CRC-32 in base 62.
const CHECKSUM: usize = 6;

/// A token that was just made. Its text is shown once and then forgotten.
#[derive(Clone, PartialEq, Eq)]
pub struct Fresh {
    /// Its public identity.
    pub id: String,
    /// The whole token.
    pub text: String,
    /// SHA-256 of the text, in hexadecimal: what is kept.
    pub sha256: String,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Makes a token of the operating system's randomness.
#[must_use]
pub fn generate(kind: TokenKind) -> Fresh {
    let mut rng = rand::rng();
    let id = Alphanumeric.sample_string(&mut rng, ID);
    let mut text = format!("{}_{id}_", kind.prefix());
    Alphanumeric.append_string(&mut rng, &mut text, SECRET);
    text.extend(checksum(&text).map(char::from));
    Fresh { id, sha256: sha256(text.as_bytes()), text }
}

/// Reads kind and id out of a token's text.
///
/// # Errors
/// [`Denied::Mistyped`] when it is not, to the letter, what [`generate`] made.
pub fn parse(text: &str) -> Result<(TokenKind, &str), Denied> {
    let read = || {
        let (body, check) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        let (prefix, rest) = body.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        let kind = TokenKind::ALL.into_iter().find(|k| k.prefix() == prefix)?;
        (id.len() == ID && secret.len() == SECRET && checksum(body) == check.as_bytes()).then_some((kind, id))
    };
    read().ok_or(Denied::Mistyped)
}

fn checksum(body: &str) -> [u8; CHECKSUM] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut crc = crc32fast::hash(body.as_bytes());
    let mut text = [0; CHECKSUM];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(crc % 62) as usize];
        crc /= 62;
    }
    text
}

/// Why a request that shows a token, or none, is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is none.
    #[error("no token")]
    Missing,
    /// It is not a token, or a letter of it is wrong.
    #[error("not a token")]
    Mistyped,
    /// Nobody made it: its id is not known, or its secret is another. Which of both is not told.
    #[error("unknown token")]
    Unknown,
    /// Its time is over.
    #[error("expired token")]
    Expired,
    /// Somebody ended it.
    #[error("revoked token")]
    Revoked,
    /// The tokens have not been read yet, so nothing can be said. Not the client's fault.
    #[error("tokens are not loaded")]
    NotLoaded,
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NotLoaded => {
                Self::Unavailable { part: Part::Database, detail: "the tokens have not been read yet".into() }
            }
            _ => Self::Unauthenticated,
        }
    }
}

/// How long a request with an unknown token waits for a newer list.
const PATIENCE: Duration = Duration::from_millis(500);

/// All tokens, in memory. Storage's whole list replaces it about every second, so a revoked one ends within that; and
/// when somebody shows one that is not known, who may just have been given it.
#[derive(Debug, Default)]
pub struct Table {
    // None until the first list: an empty table would call every token unknown, and clients would give up.
    known: RwLock<Option<HashMap<String, Arc<Known>>>>,
    // How often a newer list was asked for, and how many of these a list was read after.
    asked: AtomicU64,
    bell: Notify,
    answered: watch::Sender<u64>,
}

#[derive(Debug)]
struct Known {
    token: Arc<Token>,
    sha256: Hash,
    // Unix-ms of the last use that nobody took yet, or 0.
    used: AtomicI64,
    // Ends what was opened with this token.
    over: CancellationToken,
    // What waits with it.
    waiting: Arc<AtomicUsize>,
}

impl Table {
    /// A table that has not been loaded: it answers [`Denied::NotLoaded`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over storage's list. Whatever was opened with a token that is gone, revoked or reaches something else
    /// now ends at once.
    pub fn replace(&self, tokens: Vec<Token>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut old = known.take().unwrap_or_default();
        let renewed = tokens.into_iter().map(|token| {
            let before = old.remove(&token.id);
            (token.id.clone(), Known::renewed(token, before))
        });
        *known = Some(renewed.collect());
        for gone in old.into_values() {
            gone.over.cancel();
        }
    }

    /// Replaces the list by what `read` gives, for all who asked for a newer one before it began.
    ///
    /// # Errors
    /// Those of `read`. Then the old list stands, and nobody waits for another.
    pub async fn refresh<E>(&self, read: impl Future<Output = Result<Vec<Token>, E>>) -> Result<(), E> {
        let asked = self.asked.load(Ordering::Acquire);
        let tokens = read.await.map(|tokens| self.replace(tokens));
        self.answered.send_replace(asked);
        tokens
    }

    /// Waits until somebody asks for a newer list.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Asks for a newer list and waits for it, within bounds: an unknown token may have been made a moment ago.
    pub async fn renewed(&self) {
        let mut answered = self.answered.subscribe();
        let mine = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.bell.notify_one();
        // Without an answer the old list stands.
        let _ = timeout(PATIENCE, answered.wait_for(|asked| *asked >= mine)).await;
    }

    /// Lets in whoever shows a token that lives at `now`.
    ///
    /// # Errors
    /// Why not.
    pub fn authenticate(&self, text: &str, now: Time) -> Result<Grant, Denied> {
        let (kind, id) = parse(text)?;
        let known = {
            let table = self.known.read().unwrap_or_else(PoisonError::into_inner);
            table.as_ref().ok_or(Denied::NotLoaded)?.get(id).cloned().ok_or(Denied::Unknown)?
        };
        let shown = Sha256::digest(text.as_bytes());
        if !bool::from(hash(&shown.into()).ct_eq(&known.sha256)) || known.token.kind != kind {
            return Err(Denied::Unknown);
        }
        match &known.token {
            token if token.revoked_at.is_some() => Err(Denied::Revoked),
            token if !token.lives(now) => Err(Denied::Expired),
            _ => {
                known.note_use(now);
                Ok(Grant(known))
            }
        }
    }

    /// When each token was last used, of those used since the last call: for storage.
    #[must_use]
    pub fn take_uses(&self) -> Vec<(String, Time)> {
        let table = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let used = |known: &Arc<Known>| match known.used.swap(0, Ordering::Relaxed) {
            0 => None,
            at => Some((known.token.id.clone(), Time(at))),
        };
        table.iter().flat_map(HashMap::values).filter_map(used).collect()
    }
}

impl Known {
    fn renewed(token: Token, before: Option<Arc<Self>>) -> Arc<Self> {
        let Some(before) = before else {
            return Self::made(token, AtomicI64::new(0), CancellationToken::new(), Arc::default());
        };
        if *before.token == token {
            return before;
        }
        let used = AtomicI64::new(before.used.swap(0, Ordering::Relaxed));
        let waiting = Arc::clone(&before.waiting);
        if reach(&before.token) == reach(&token) {
            return Self::made(token, used, before.over.clone(), waiting);
        }
        before.over.cancel();
        Self::made(token, used, CancellationToken::new(), waiting)
    }

    fn made(token: Token, used: AtomicI64, over: CancellationToken, waiting: Arc<AtomicUsize>) -> Arc<Self> {
        // A hash that is none fits no token.
        let sha256 = hash(&unhex(&token.sha256).unwrap_or_default());
        Arc::new(Self { token: Arc::new(token), sha256, used, over, waiting })
    }

    /// Keeps the time to a second: a store on every read would have all cores fight for one line of memory.
    fn note_use(&self, now: Time) {
        if now.0 - self.used.load(Ordering::Relaxed) >= 1000 {
            self.used.store(now.0, Ordering::Relaxed);
        }
    }
}

/// All of a token that decides what it opens, and until when.
fn reach(token: &Token) -> impl PartialEq {
    (&token.sha256, token.kind, &token.patterns, token.creator, token.expires_at, token.revoked_at)
}

/// A SHA-256, in two pieces: a comparison in constant time costs by the piece.
type Hash = [u128; 2];

fn hash(bytes: &[u8; 32]) -> Hash {
    let half = |at| u128::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    [half(0), half(16)]
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Something waits with a token.
#[derive(Debug)]
pub struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a token opened. It ends when the token does: see [`Grant::over`].
#[derive(Clone, Debug)]
pub struct Grant(Arc<Known>);

impl Grant {
    /// The token.
    #[must_use]
    pub fn token(&self) -> &Arc<Token> {
        &self.0.token
    }

    /// Whether it still opens what it opened: for a request whose body came after its head.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, now: Time) -> Result<(), Denied> {
        if self.0.over.is_cancelled() {
            return Err(Denied::Revoked);
        }
        if self.token().lives(now) { Ok(()) } else { Err(Denied::Expired) }
    }

    /// A place among at most `most` things that wait with this token at once, until it is dropped.
    #[must_use]
    pub fn wait(&self, most: usize) -> Option<Waiting> {
        let more = |n| (n < most).then_some(n + 1);
        self.0.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(Waiting(Arc::clone(&self.0.waiting)))
    }

    /// Whether it reads this config. Reading tokens read what their patterns name; automation tokens read what they
    /// may write: who may replace a document learns nothing new from it, and needs it to make an edit.
    #[must_use]
    pub fn reads(&self, config: &ConfigId) -> bool {
        self.token().patterns.iter().any(|p| p.covers(config))
    }

    /// Whether it reads some config of this application in this environment.
    #[must_use]
    pub fn touches(&self, env: &EnvName, app: &AppName) -> bool {
        self.token().patterns.iter().any(|p| p.touches(env, app))
    }

    /// The token, if it writes.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with [`Need::Kind`] for a token that only reads.
    pub fn writer(&self) -> Result<&Arc<Token>, Error> {
        match self.token().kind {
            TokenKind::Automation => Ok(self.token()),
            TokenKind::Read => Err(Error::Forbidden(Need::Kind)),
        }
    }

    /// Returns as soon as the token is revoked, removed or reaches something else. Its expiry is the waiter's own
    /// business: it is known beforehand.
    pub async fn over(&self) {
        self.0.over.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000_000);

    fn made(kind: TokenKind, patterns: &[&str]) -> (Token, String) {
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

    fn table(tokens: Vec<Token>) -> Table {
        let table = Table::new();
        table.replace(tokens);
        table
    }

    fn denied(table: &Table, text: &str) -> Denied {
        table.authenticate(text, NOW).map(drop).unwrap_err()
    }

    #[test]
    fn a_token_is_recognised_and_tells_its_id() {
        let fresh = generate(TokenKind::Read);
        assert!(fresh.text.starts_with("ttr_") && fresh.text.len() == 53, "{}", fresh.text);
        assert_eq!(parse(&fresh.text), Ok((TokenKind::Read, fresh.id.as_str())));
        assert!(!format!("{fresh:?}").contains(&fresh.text));
    }

    #[test]
    fn a_wrong_letter_is_known_without_a_look_up() {
        let text = generate(TokenKind::Automation).text;
        for at in 0..text.len() {
            let mut typo = text.clone().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(parse(std::str::from_utf8(&typo).unwrap()), Err(Denied::Mistyped), "at {at}");
        }
        for bad in ["", "ttr_", "€€€", "ttr_a_b", &text[1..], &format!("{text}0"), &text.to_uppercase()] {
            assert_eq!(parse(bad), Err(Denied::Mistyped), "{bad}");
        }
    }

    #[test]
    fn a_checksum_alone_opens_nothing() {
        let (token, text) = made(TokenKind::Read, &["*/*/*"]);
        let mut forged = format!("ttr_{}_{}", token.id, "a".repeat(SECRET));
        forged.extend(checksum(&forged).map(char::from));
        let table = table(vec![token]);
        assert_eq!(denied(&table, &forged), Denied::Unknown);
        assert_eq!(denied(&table, &generate(TokenKind::Read).text), Denied::Unknown);
        assert!(table.authenticate(&text, NOW).is_ok());
    }

    #[test]
    fn an_expired_and_a_revoked_token_open_nothing() {
        let (mut token, text) = made(TokenKind::Read, &["*/*/*"]);
        token.expires_at = Some(NOW);
        assert_eq!(denied(&table(vec![token.clone()]), &text), Denied::Expired);
        assert!(table(vec![token.clone()]).authenticate(&text, Time(NOW.0 - 1)).is_ok());
        token.revoked_at = Some(Time(5));
        assert_eq!(denied(&table(vec![token]), &text), Denied::Revoked);
        assert_eq!(denied(&Table::new(), &text), Denied::NotLoaded);
    }

    #[tokio::test]
    async fn what_a_token_opened_ends_with_it_and_not_with_a_new_name() {
        let (token, text) = made(TokenKind::Read, &["prod/shop/*"]);
        let table = table(vec![token.clone()]);
        let grant = table.authenticate(&text, NOW).unwrap();

        table.replace(vec![Token { name: "store".into(), last_used_at: Some(NOW), ..token.clone() }]);
        assert!(!grant.0.over.is_cancelled());
        assert_eq!(table.authenticate(&text, NOW).unwrap().token().name, "store");

        table.replace(vec![Token { patterns: vec!["dev/shop/*".parse().unwrap()], ..token.clone() }]);
        grant.over().await;
        let grant = table.authenticate(&text, NOW).unwrap();
        assert!(grant.reads(&"dev/shop/a".parse().unwrap()) && !grant.reads(&"prod/shop/a".parse().unwrap()));

        table.replace(vec![]);
        grant.over().await;
    }

    #[test]
    fn uses_are_taken_once_and_survive_a_new_list() {
        let (token, text) = made(TokenKind::Read, &["*/*/*"]);
        let table = table(vec![token.clone()]);
        assert_eq!(table.take_uses(), []);
        table.authenticate(&text, NOW).unwrap();
        table.authenticate(&text, NOW.plus_ms(1500)).unwrap();
        table.replace(vec![Token { name: "store".into(), ..token.clone() }]);
        assert_eq!(table.take_uses(), [(token.id, NOW.plus_ms(1500))]);
        assert_eq!(table.take_uses(), []);
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
    async fn a_list_that_was_begun_before_somebody_asked_is_no_answer() {
        let (token, text) = made(TokenKind::Read, &["*/*/*"]);
        let table = table(vec![]);
        let mut asks = std::pin::pin!(table.renewed());
        let old = table.refresh(async {
            assert!(futures::poll!(&mut asks).is_pending());
            Ok::<_, ()>(vec![])
        });
        old.await.unwrap();
        assert!(futures::poll!(&mut asks).is_pending());
        table.rung().await;
        table.refresh(async { Ok::<_, ()>(vec![token]) }).await.unwrap();
        assert!(futures::poll!(&mut asks).is_ready());
        assert!(table.authenticate(&text, NOW).is_ok());
    }

    #[test]
    fn so_many_and_no_more_wait_with_one_token() {
        let (token, text) = made(TokenKind::Read, &["*/*/*"]);
        let table = table(vec![token.clone()]);
        let wait = || table.authenticate(&text, NOW).unwrap().wait(1);
        let first = wait();
        assert!(first.is_some() && wait().is_none());
        table.replace(vec![Token { last_used_at: Some(NOW), ..token }]);
        assert!(wait().is_none(), "a newer list forgets nobody");
        drop(first);
        assert!(wait().is_some());
    }
}
