//! Tokens of programs: making and parsing their text, and a cache that authenticates them without SQL.
//!
//! A token is `<prefix>_<id>_<secret><checksum>`. The prefix names its kind, the id finds it, and the secret
//! authenticates it. The checksum detects a typo without a look-up. Only the SHA-256 of the whole text is stored.

#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use data_encoding::HEXLOWER_PERMISSIVE;
use parking_lot::RwLock;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::rate::{Rate, SenderState, TooFast},
    domain::{
        content::sha256,
        error::{Error, Need},
        names::{AppName, ConfigId, EnvName},
        time::Time,
        token::{Token, TokenKind, TokenRefusal},
    },
};

/// Length of the id: 71 bits, so that two ids never collide.
const ID: usize = 12;
/// Length of the secret: 178 random bits.
const SECRET: usize = 30;
/// Length of the checksum: a CRC-32 in base 62.
const CHECKSUM: usize = 6;

/// A newly generated token. Its text is shown once and then forgotten.
#[derive(Clone, PartialEq, Eq)]
pub struct GeneratedToken {
    /// The public id.
    pub id: String,
    /// The text of the token.
    pub text: String,
    /// SHA-256 of the text in hexadecimal, which is stored.
    pub sha256: String,
}

impl fmt::Debug for GeneratedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Generates a token from the operating system's randomness.
pub fn generate(kind: TokenKind) -> GeneratedToken {
    let mut rng = rand::rng();
    let id = Alphanumeric.sample_string(&mut rng, ID);
    let mut text = format!("{}_{id}_", kind.prefix());
    Alphanumeric.append_string(&mut rng, &mut text, SECRET);
    text.extend(checksum(&text).map(char::from));
    GeneratedToken { id, sha256: sha256(text.as_bytes()), text }
}

/// Parses the text of a token into kind and id.
///
/// # Errors
/// [`TokenRefusal::Mistyped`] if [`generate`] cannot have made exactly this text.
pub fn parse(text: &str) -> Result<(TokenKind, &str), TokenRefusal> {
    let read = || {
        let (body, check) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        let (prefix, rest) = body.split_once('_')?;
        let (id, secret) = rest.split_once('_')?;
        let kind = TokenKind::ALL.into_iter().find(|k| k.prefix() == prefix)?;
        (id.len() == ID && secret.len() == SECRET && checksum(body) == check.as_bytes()).then_some((kind, id))
    };
    read().ok_or(TokenRefusal::Mistyped)
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

/// Timeout of the wait for a newer list by a request with an unknown token.
const REFRESH_TIMEOUT: Duration = Duration::from_millis(500);

/// All tokens, in memory. A list from storage replaces them about every second, so a revoked token ends within a
/// second. An unknown token triggers a refresh at once, because it may be new.
#[derive(Debug, Default)]
pub struct TokenCache {
    // None until the first list. An empty cache would report every token as unknown, and clients would give up.
    known: RwLock<Option<HashMap<String, Arc<CachedToken>>>>,
    // The number of requests for a newer list, and how many of them are answered.
    requests: AtomicU64,
    requested: Notify,
    answered: watch::Sender<u64>,
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct CachedToken {
    token: Arc<Token>,
    sha256: Hash,
    // Time of the last use, in Unix milliseconds, or 0 if there was none since `take_uses`.
    used: AtomicI64,
    // Cancelled when the access that this token grants ends.
    ended: CancellationToken,
    // The number of requests that wait with this token.
    waiting: Arc<AtomicUsize>,
    // The rate of its requests.
    pace: Arc<SenderState>,
}

impl TokenCache {
    /// Returns an empty cache. It answers [`TokenRefusal::NotLoaded`] until the first list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the list. Grants of a token that is gone, revoked or has another scope now end at once.
    pub fn replace(&self, tokens: Vec<Token>) {
        let mut known = self.known.write();
        let mut old = known.take().unwrap_or_default();
        let mut changed = false;
        let renewed = tokens.into_iter().map(|token| {
            let before = old.remove(&token.id);
            changed |= before.as_ref().is_none_or(|before| scope_of(&before.token) != scope_of(&token));
            (token.id.clone(), CachedToken::renewed(token, before))
        });
        *known = Some(renewed.collect());
        changed |= !old.is_empty();
        for gone in old.into_values() {
            gone.ended.cancel();
        }
        drop(known);
        if changed {
            self.changes.send_replace(());
        }
    }

    /// Returns a receiver that changes with every list that grants or revokes access.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Replaces the list by the result of `read`, and answers all requests for a newer one that came before.
    ///
    /// # Errors
    /// Those of `read`. Then the old list stays, and its requests are answered.
    pub async fn refresh<E>(&self, read: impl Future<Output = Result<Vec<Token>, E>>) -> Result<(), E> {
        self.answer_requests(async { read.await.map(|tokens| self.replace(tokens)) }).await
    }

    /// Runs `refresh`, which replaces the list if it can. Then answers all requests for a newer list that came before it
    /// began.
    pub async fn answer_requests<T>(&self, refresh: impl Future<Output = T>) -> T {
        let asked = self.requests.load(Ordering::Acquire);
        let done = refresh.await;
        self.answered.send_replace(asked);
        done
    }

    /// Waits for a request for a newer list.
    pub async fn refresh_requested(&self) {
        self.requested.notified().await;
    }

    /// Requests a newer list and waits for it up to a timeout: an unknown token may have been created a moment ago.
    pub async fn request_refresh(&self) {
        let mut answered = self.answered.subscribe();
        let mine = self.requests.fetch_add(1, Ordering::AcqRel) + 1;
        self.requested.notify_one();
        // After a timeout the old list is used.
        let _ = timeout(REFRESH_TIMEOUT, answered.wait_for(|asked| *asked >= mine)).await;
    }

    /// Authenticates a token by its text.
    ///
    /// # Errors
    /// [`TokenRefusal`] with the reason.
    pub fn authenticate(&self, text: &str, now: Time) -> Result<Grant, TokenRefusal> {
        let (kind, id) = parse(text)?;
        let known = {
            let table = self.known.read();
            table.as_ref().ok_or(TokenRefusal::NotLoaded)?.get(id).cloned().ok_or(TokenRefusal::Unknown)?
        };
        let shown = Sha256::digest(text.as_bytes());
        if !bool::from(hash(&shown.into()).ct_eq(&known.sha256)) || known.token.kind != kind {
            return Err(TokenRefusal::Unknown);
        }
        match &known.token {
            token if token.revoked_at.is_some() => Err(TokenRefusal::Revoked),
            token if !token.is_valid_at(now) => Err(TokenRefusal::Expired),
            _ => {
                known.note_use(now);
                Ok(Grant(known))
            }
        }
    }

    /// Keeps times of use that could not be stored for the next call of [`TokenCache::take_uses`].
    pub fn put_back_uses(&self, uses: &[(String, Time)]) {
        let table = self.known.read();
        let Some(table) = table.as_ref() else { return };
        for (id, at) in uses {
            if let Some(known) = table.get(id) {
                known.used.fetch_max(at.0, Ordering::Relaxed);
            }
        }
    }

    /// Returns the times of use since the last call, for storage.
    pub fn take_uses(&self) -> Vec<(String, Time)> {
        let table = self.known.read();
        let used = |known: &Arc<CachedToken>| match known.used.swap(0, Ordering::Relaxed) {
            0 => None,
            at => Some((known.token.id.clone(), Time(at))),
        };
        table.iter().flat_map(HashMap::values).filter_map(used).collect()
    }
}

impl CachedToken {
    fn renewed(token: Token, before: Option<Arc<Self>>) -> Arc<Self> {
        let Some(before) = before else {
            return Self::made(token, AtomicI64::new(0), CancellationToken::new(), Arc::default(), Arc::default());
        };
        if *before.token == token {
            return before;
        }
        let used = AtomicI64::new(before.used.swap(0, Ordering::Relaxed));
        let (waiting, pace) = (Arc::clone(&before.waiting), Arc::clone(&before.pace));
        if scope_of(&before.token) == scope_of(&token) {
            return Self::made(token, used, before.ended.clone(), waiting, pace);
        }
        before.ended.cancel();
        Self::made(token, used, CancellationToken::new(), waiting, pace)
    }

    fn made(
        token: Token,
        used: AtomicI64,
        over: CancellationToken,
        waiting: Arc<AtomicUsize>,
        pace: Arc<SenderState>,
    ) -> Arc<Self> {
        // A malformed hash matches no token.
        let sha256 = hash(&unhex(&token.sha256).unwrap_or_default());
        Arc::new(Self { token: Arc::new(token), sha256, used, ended: over, waiting, pace })
    }

    /// Stores the time to the second: a store on every read would make all cores contend for one cache line.
    fn note_use(&self, now: Time) {
        if now.0 - self.used.load(Ordering::Relaxed) >= 1000 {
            self.used.store(now.0, Ordering::Relaxed);
        }
    }
}

/// Returns the properties of a token that determine its access and the end of its access.
fn scope_of(token: &Token) -> impl PartialEq {
    (&token.sha256, token.kind, &token.patterns, token.creator, token.expires_at, token.revoked_at)
}

/// A SHA-256 as two integers. A comparison in constant time is faster with two integers than with 32 bytes.
type Hash = [u128; 2];

fn hash(bytes: &[u8; 32]) -> Hash {
    let half = |at| u128::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    [half(0), half(16)]
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Permission of one request to wait with a token, until it is dropped.
#[derive(Debug)]
pub struct WaitPermit(Arc<AtomicUsize>);

impl Drop for WaitPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Access that a token granted. It ends with the token: see [`Grant::ended`].
#[derive(Clone, Debug)]
pub struct Grant(Arc<CachedToken>);

impl Grant {
    /// Returns the token.
    pub fn token(&self) -> &Arc<Token> {
        &self.0.token
    }

    /// Checks that the access has not ended, for a request whose body came later than its head.
    ///
    /// # Errors
    /// [`TokenRefusal`] with the reason.
    pub fn check(&self, now: Time) -> Result<(), TokenRefusal> {
        if self.0.ended.is_cancelled() {
            return Err(TokenRefusal::Revoked);
        }
        if self.token().is_valid_at(now) { Ok(()) } else { Err(TokenRefusal::Expired) }
    }

    /// Returns a permission to wait, if fewer than `most` requests wait with this token.
    #[must_use]
    pub fn acquire_wait(&self, most: usize) -> Option<WaitPermit> {
        let more = |n| (n < most).then_some(n + 1);
        self.0.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok()?;
        Some(WaitPermit(Arc::clone(&self.0.waiting)))
    }

    /// Counts a request with this token.
    ///
    /// # Errors
    /// [`Error::Throttled`] if the token exceeds `rate`.
    pub fn check_rate(&self, rate: Rate) -> Result<(), Error> {
        rate.take(&self.0.pace).map_err(|TooFast(seconds)| Error::Throttled(seconds))
    }

    /// Returns whether the token may read a config. Automation tokens may read what they may write: they need a
    /// document to edit it, and a program that can replace it learns little from reading it.
    pub fn reads(&self, config: &ConfigId) -> bool {
        self.token().patterns.iter().any(|p| p.covers(config))
    }

    /// Returns whether the token may read some config of an application in an environment.
    pub fn reads_any_of(&self, env: &EnvName, app: &AppName) -> bool {
        self.token().patterns.iter().any(|p| p.covers_any_of(env, app))
    }

    /// Returns the token, if it may write.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with [`Need::Kind`] for a token that only reads.
    pub fn writer(&self) -> Result<&Arc<Token>, Error> {
        match self.token().kind {
            TokenKind::Automation => Ok(self.token()),
            TokenKind::Read => Err(Error::Forbidden(Need::Kind)),
        }
    }

    /// Waits until the token is revoked, removed or has another scope. Callers check the expiry themselves, since it is
    /// known beforehand.
    pub async fn ended(&self) {
        self.0.ended.cancelled().await;
    }
}
