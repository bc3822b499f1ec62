//! Passwords: argon2id with OWASP's parameters. Few are hashed at once, so that log-ins cannot slow down readers.

use std::sync::{Arc, LazyLock};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::domain::error::{Error, Invalid, Problem, Result};

/// Kibibytes of memory, rounds and lanes of one hash. Source: OWASP Password Storage Cheat Sheet.
const MEMORY: u32 = 19_456;
const ROUNDS: u32 = 2;
const LANES: u32 = 1;
/// Maximum number of concurrent hashes. Each takes 19 MiB and one core for tens of milliseconds.
const MAX_CONCURRENT: usize = 2;
/// Maximum number of waiting hashes. Further ones are refused.
const MAX_WAITING: usize = 100;
/// Maximum number of waiting and running checks for unknown browsers. The other places are reserved for known ones.
const MAX_UNKNOWN_CLIENTS: usize = 80;

/// Hash for log-ins of users that do not exist. It takes as long to check and matches nothing.
static DUMMY_HASH: LazyLock<String> = LazyLock::new(|| hash_now(&uuid::Uuid::new_v4().to_string()));

/// Hashes and checks passwords, a few at a time.
#[derive(Clone, Debug)]
pub struct Passwords {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// Kinds of clients whose password is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Users who are logged in, or have logged in from this browser before.
    Known,
    /// All others.
    Unknown,
}

impl Default for Passwords {
    fn default() -> Self {
        let [working, waiting, strangers] =
            [MAX_CONCURRENT, MAX_WAITING, MAX_UNKNOWN_CLIENTS].map(|n| Arc::new(Semaphore::new(n)));
        Self { working, waiting, strangers }
    }
}

/// Result of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password does not match.
    Wrong,
    /// The password matches.
    Right,
    /// The password matches, but its hash has weaker parameters than today's and must be renewed.
    NeedsRehash,
}

impl Passwords {
    /// Hashes a new password.
    ///
    /// # Errors
    /// [`Error::Throttled`] if too many hashes wait already.
    pub async fn hash(&self, password: &str) -> Result<String> {
        let password = password.to_owned();
        self.work(move || hash_now(&password)).await
    }

    /// Checks a password against the hash of a user. Without a hash it takes as long and fails.
    ///
    /// # Errors
    /// [`Error::Throttled`] if too many hashes wait already.
    pub async fn verify(&self, password: &str, phc: Option<&str>, who: ClientKind) -> Result<PasswordCheck> {
        let _among_strangers = match who {
            ClientKind::Known => None,
            ClientKind::Unknown => Some(self.strangers.try_acquire().map_err(|_| Error::Throttled(2))?),
        };
        let (password, phc) = (password.to_owned(), phc.map(str::to_owned));
        self.work(move || {
            let known = phc.is_some();
            let verdict = verify_now(&password, phc.as_deref().unwrap_or(&DUMMY_HASH));
            if known { verdict } else { PasswordCheck::Wrong }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _place = self.waiting.try_acquire().map_err(|_| Error::Throttled(2))?;
        let permit = self.working.clone().acquire_owned().await.map_err(|_| Error::Throttled(2))?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| {
            tracing::error!("password could not be hashed or checked");
            Error::Internal("password".into())
        })
    }
}

/// Checks a new password: 12 to 128 characters, and not easy to guess.
///
/// # Errors
/// [`Invalid`] at `/password`.
pub fn check(password: &str, name: &str) -> Result<(), Invalid> {
    let length = password.chars().count();
    if !(12..=128).contains(&length) {
        return Err(Invalid::new("/password", Problem::PasswordLength));
    }
    // zxcvbn knows the lists that attackers try first. Scores 0 and 1 mean "guessed within a million tries".
    if u8::from(zxcvbn::zxcvbn(password, &[name, "trimtab"]).score()) < 2 {
        return Err(Invalid::new("/password", Problem::PasswordCommon));
    }
    Ok(())
}

fn params() -> Params {
    Params::new(MEMORY, ROUNDS, LANES, None).expect("the parameters are within argon2's limits")
}

fn hash_now(password: &str) -> String {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params());
    argon2.hash_password(password.as_bytes()).expect("argon2 hashes any password").to_string()
}

fn verify_now(password: &str, phc: &str) -> PasswordCheck {
    let Ok(hash) = PasswordHash::new(phc) else { return PasswordCheck::Wrong };
    if Argon2::default().verify_password(password.as_bytes(), &hash).is_err() {
        return PasswordCheck::Wrong;
    }
    let weak = hash.algorithm.as_str() != "argon2id"
        || Params::try_from(&hash).is_ok_and(|p| p.m_cost() < MEMORY || p.t_cost() < ROUNDS || p.p_cost() < LANES);
    if weak { PasswordCheck::NeedsRehash } else { PasswordCheck::Right }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hash_names_its_parameters_and_matches_one_password() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(
            passwords.verify("correct horse battery", Some(&hash), ClientKind::Unknown).await,
            Ok(PasswordCheck::Right)
        );
        assert_eq!(
            passwords.verify("correct horse batterz", Some(&hash), ClientKind::Unknown).await,
            Ok(PasswordCheck::Wrong)
        );
        assert_eq!(
            passwords.verify("correct horse battery", None, ClientKind::Unknown).await,
            Ok(PasswordCheck::Wrong)
        );
    }

    #[test]
    fn weaker_hash_is_detected() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8 * 1024, 1, 1, None).unwrap());
        let hash = weak.hash_password(b"correct horse battery").unwrap().to_string();
        assert_eq!(verify_now("correct horse battery", &hash), PasswordCheck::NeedsRehash);
    }

    #[test]
    fn short_long_and_common_passwords_are_refused() {
        check("correct horse battery", "ana").unwrap();
        check("密码很长但是没有人会猜到的一句话", "ana").unwrap();
        assert_eq!(check("short", "ana").unwrap_err().problem, Problem::PasswordLength);
        assert_eq!(check(&"x".repeat(129), "ana").unwrap_err().problem, Problem::PasswordLength);
        for common in ["passwordpassword", "aaaaaaaaaaaaaa", "123456789012"] {
            assert_eq!(check(common, "ana").unwrap_err().problem, Problem::PasswordCommon, "{common}");
        }
    }
}
