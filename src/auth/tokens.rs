//! Tokens of programs: how their text is made and read, and the table that answers for them without SQL.
//!
//! A token is `<prefix>_<id>_<secret><checksum>`: the prefix says what it is for, the id finds it, the secret proves
//! it, and the checksum tells a typo from a token that never was, without looking it up. Only the SHA-256 of the
//! whole text is kept.

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
    auth::rate::{Pace, Rate, TooFast},
    domain::{
        content::sha256,
        error::{Error, Need},
        names::{AppName, ConfigId, EnvName},
        time::Time,
        token::{Denied, Token, TokenKind},
    },
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
    changes: watch::Sender<()>,
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
    // How fast it asks.
    pace: Arc<Pace>,
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
        let mut known = self.known.write();
        let mut old = known.take().unwrap_or_default();
        let mut changed = false;
        let renewed = tokens.into_iter().map(|token| {
            let before = old.remove(&token.id);
            changed |= before.as_ref().is_none_or(|before| reach(&before.token) != reach(&token));
            (token.id.clone(), Known::renewed(token, before))
        });
        *known = Some(renewed.collect());
        changed |= !old.is_empty();
        for gone in old.into_values() {
            gone.over.cancel();
        }
        drop(known);
        if changed {
            self.changes.send_replace(());
        }
    }

    /// Tells of every list that lets in others than the one before, or lets them further.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Replaces the list by what `read` gives, for all who asked for a newer one before it began.
    ///
    /// # Errors
    /// Those of `read`. Then the old list stands, and nobody waits for another.
    pub async fn refresh<E>(&self, read: impl Future<Output = Result<Vec<Token>, E>>) -> Result<(), E> {
        self.answer(async { read.await.map(|tokens| self.replace(tokens)) }).await
    }

    /// Answers all who asked for a newer list before `look` began, which has replaced the list where there is one.
    pub async fn answer<T>(&self, look: impl Future<Output = T>) -> T {
        let asked = self.asked.load(Ordering::Acquire);
        let done = look.await;
        self.answered.send_replace(asked);
        done
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
            let table = self.known.read();
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
        let table = self.known.read();
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
            return Self::made(token, AtomicI64::new(0), CancellationToken::new(), Arc::default(), Arc::default());
        };
        if *before.token == token {
            return before;
        }
        let used = AtomicI64::new(before.used.swap(0, Ordering::Relaxed));
        let (waiting, pace) = (Arc::clone(&before.waiting), Arc::clone(&before.pace));
        if reach(&before.token) == reach(&token) {
            return Self::made(token, used, before.over.clone(), waiting, pace);
        }
        before.over.cancel();
        Self::made(token, used, CancellationToken::new(), waiting, pace)
    }

    fn made(
        token: Token,
        used: AtomicI64,
        over: CancellationToken,
        waiting: Arc<AtomicUsize>,
        pace: Arc<Pace>,
    ) -> Arc<Self> {
        // A hash that is none fits no token.
        let sha256 = hash(&unhex(&token.sha256).unwrap_or_default());
        Arc::new(Self { token: Arc::new(token), sha256, used, over, waiting, pace })
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
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
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

    /// Counts a request with this token.
    ///
    /// # Errors
    /// [`Error::Throttled`] when the token asks faster than `rate`.
    pub fn keep_to(&self, rate: Rate) -> Result<(), Error> {
        rate.take(&self.0.pace).map_err(|TooFast(seconds)| Error::Throttled(seconds))
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
