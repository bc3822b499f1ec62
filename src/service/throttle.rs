//! Limits on log-in attempts. The counts are in SQL, so that all nodes share them.
//!
//! A browser from which the user has logged in before has a count of its own. Strangers who guess the password cannot
//! block it. All other attempts count three times: by network and name, by network, and by name. Only the count by name
//! is shared with strangers. It limits guesses from many networks together, and half of it is reserved for networks
//! with few attempts on this name. `docs/bounds.md` has the rules with their figures.

use std::{net::IpAddr, sync::Arc};

use super::{Service, now, retry_conflicts};
use crate::{
    auth::passwords::{ClientKind, PasswordCheck},
    domain::{
        error::{Error, Result, truncate},
        network,
        time::Time,
    },
    storage::Conn,
};

/// Failures before the back-off begins: for one name from one network, for a known browser, and for a user who is
/// logged in.
const FREE_TRIES: u32 = 5;
/// Failures before the back-off of a network begins, for all names. It is higher, because people share a network.
const FREE_TRIES_OF_NETWORK: u32 = 20;
/// Maximum length of the back-off, in seconds. An account is never locked for good.
const MAX_PAUSE_SECONDS: u32 = 60;
/// Age, in milliseconds, after which failures no longer count for the back-off.
const FAILURE_AGE_MS: i64 = 15 * 60_000;
/// Maximum number of failures of one name from all networks together.
const NAME_TRIES: u32 = 1000;
/// Interval after which one failure of a name expires, in milliseconds.
const NAME_INTERVAL_MS: i64 = 4000;
/// Number of attempts of a network on a name up to which its limit is [`NAME_TRIES`]. After them its limit is half of
/// that.
const NEWCOMER_TRIES: u32 = 3;

/// A browser from which a user has logged in before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownBrowser {
    /// The user's id.
    pub user: String,
    /// The random id of this browser for the user.
    pub id: String,
}

/// A subject whose attempts are counted, and the rule that limits them.
pub(super) struct AttemptLimit {
    subject: String,
    rule: Rule,
}

#[derive(Clone, Copy)]
enum Rule {
    /// A number of free attempts. Then pauses follow, each twice as long as the one before.
    BackOff(u32),
    /// The limit of a name, whose failures expire at a steady rate.
    Name,
}

impl AttemptLimit {
    /// Returns the limits of a log-in from an unknown browser. A successful log-in resets the first one. The limits are
    /// sorted by subject, the order in which the sweep locks rows, too.
    pub(super) fn of_stranger(name: &str, address: &str) -> [Self; 3] {
        let (name, network) = (truncate(name), network(address));
        let limit = |subject, rule| Self { subject, rule };
        [
            limit(format!("account:{network} {name}"), Rule::BackOff(FREE_TRIES)),
            limit(format!("address:{network}"), Rule::BackOff(FREE_TRIES_OF_NETWORK)),
            limit(format!("name:{name}"), Rule::Name),
        ]
    }

    /// Returns the limit of a log-in from a known browser.
    pub(super) fn of_browser(browser: &KnownBrowser) -> Self {
        Self { subject: format!("browser:{} {}", browser.user, browser.id), rule: Rule::BackOff(FREE_TRIES) }
    }

    /// Returns the limit of a user who is logged in.
    pub(super) fn of_user(id: &str) -> Self {
        Self { subject: format!("own:{id}"), rule: Rule::BackOff(FREE_TRIES) }
    }
}

/// A counted attempt, which can be taken back after a success.
pub(super) struct CountedAttempt {
    pub(super) subject: String,
    at: Time,
    /// Time of the attempt before it.
    before: Time,
}

impl CountedAttempt {
    /// Takes back the attempt.
    pub(super) async fn take_back(&self, tx: &mut Conn) -> Result<()> {
        tx.remove_failure(&self.subject, self.at, self.before).await
    }
}

impl Service {
    /// Counts an attempt for each limit before the password is checked: concurrent guesses cannot exceed a limit.
    pub(super) async fn count_attempt(&self, limits: Vec<AttemptLimit>) -> Result<Vec<CountedAttempt>> {
        let limits = Arc::new(limits);
        retry_conflicts(|| {
            let (service, limits) = (self.clone(), Arc::clone(&limits));
            async move { service.count_attempt_once(&limits).await }
        })
        .await
    }

    async fn count_attempt_once(&self, limits: &[AttemptLimit]) -> Result<Vec<CountedAttempt>> {
        let mut tx = self.db.write().await?;
        let (mut charges, mut counts) = (Vec::with_capacity(limits.len()), Vec::with_capacity(limits.len()));
        // The first limit counts the attempts of this network on this name.
        let mut tried = 0;
        for (n, AttemptLimit { subject, rule }) in limits.iter().enumerate() {
            let (found, now) = (tx.lock_failures(subject).await?, now());
            let count = match *rule {
                Rule::BackOff(free) => count_by_back_off(found, free, now)?,
                Rule::Name => count_by_name(found, tried < NEWCOMER_TRIES, now)?,
            };
            if n == 0 {
                tried = count.tries;
            }
            charges.push(CountedAttempt { subject: subject.clone(), at: count.last, before: count.before });
            counts.push(count);
        }
        for (charge, count) in charges.iter().zip(counts) {
            tx.set_failures(&charge.subject, count.tries.saturating_add(1), count.last).await?;
        }
        tx.commit().await?;
        Ok(charges)
    }

    /// Checks a password whose attempt is counted. If the check itself fails, the attempt is taken back.
    pub(super) async fn verify_counted(
        &self,
        charges: &[CountedAttempt],
        password: &str,
        hash: Option<&str>,
        who: ClientKind,
    ) -> Result<PasswordCheck> {
        let verdict = self.passwords.verify(password, hash, who).await;
        if verdict.is_err() {
            let mut tx = self.db.write().await?;
            for charge in charges {
                charge.take_back(&mut tx).await?;
            }
            tx.commit().await?;
        }
        verdict
    }
}

/// The count of a subject before the next attempt.
#[derive(Debug, PartialEq, Eq)]
struct AttemptCount {
    /// Attempts that still count.
    tries: u32,
    /// Time to store with the next attempt.
    last: Time,
    /// Time to restore if that attempt is taken back.
    before: Time,
}

/// Counts by [`Rule::BackOff`]. Refuses during a pause.
fn count_by_back_off((tries, last): (u32, Time), free: u32, now: Time) -> Result<AttemptCount> {
    let tries = if now.0 - last.0 > FAILURE_AGE_MS { 0 } else { tries };
    if tries >= free {
        let seconds = 1u32.checked_shl(tries - free).unwrap_or(MAX_PAUSE_SECONDS).clamp(1, MAX_PAUSE_SECONDS);
        check_pause(last.0 + i64::from(seconds) * 1000 - now.0)?;
    }
    Ok(AttemptCount { tries, last: now, before: last })
}

/// Counts by [`Rule::Name`]. Refuses when the limit is reached.
fn count_by_name((tries, last): (u32, Time), newcomer: bool, now: Time) -> Result<AttemptCount> {
    let drained = ((now.0 - last.0) / NAME_INTERVAL_MS).max(0);
    let tries = tries.saturating_sub(u32::try_from(drained).unwrap_or(u32::MAX));
    let last = if tries == 0 { now } else { last.plus_ms(drained * NAME_INTERVAL_MS) };
    let most = if newcomer { NAME_TRIES } else { NAME_TRIES / 2 };
    if tries >= most {
        check_pause(i64::from(tries - most + 1) * NAME_INTERVAL_MS - (now.0 - last.0))?;
    }
    Ok(AttemptCount { tries, last, before: last })
}

/// Refuses if milliseconds are left to wait.
fn check_pause(left: i64) -> Result<()> {
    if left <= 0 {
        return Ok(());
    }
    Err(Error::Throttled(u32::try_from((left + 999) / 1000).unwrap_or(MAX_PAUSE_SECONDS).min(MAX_PAUSE_SECONDS)))
}

/// Returns the name of an address's network in subjects.
fn network(address: &str) -> String {
    match address.parse().map(network::network) {
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Ok(IpAddr::V6(ip)) => format!("{ip}/64"),
        Err(_) => truncate(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Time = Time(1_000_000_000);

    #[test]
    fn back_off_doubles_up_to_a_minute_and_expires() {
        let after = |tries, ms| count_by_back_off((tries, LAST), FREE_TRIES, LAST.plus_ms(ms)).map(|count| count.tries);
        assert_eq!(after(4, 0), Ok(4));
        assert_eq!(after(5, 0), Err(Error::Throttled(1)));
        assert_eq!(after(5, 1000), Ok(5));
        assert_eq!(after(8, 0), Err(Error::Throttled(8)));
        for many in [11, 36, 37, 100, u32::MAX] {
            assert_eq!(after(many, 0), Err(Error::Throttled(60)), "{many}");
        }
        assert_eq!(after(u32::MAX, FAILURE_AGE_MS + 1), Ok(0));
    }

    #[test]
    fn limit_of_a_name_drains_and_half_of_it_is_for_newcomers() {
        let after =
            |tries, newcomer, ms| count_by_name((tries, LAST), newcomer, LAST.plus_ms(ms)).map(|count| count.tries);
        assert_eq!((after(499, false, 0), after(499, true, 0)), (Ok(499), Ok(499)));
        assert_eq!((after(500, false, 0), after(500, true, 0)), (Err(Error::Throttled(4)), Ok(500)));
        assert_eq!((after(999, true, 0), after(1000, true, 0)), (Ok(999), Err(Error::Throttled(4))));
        assert_eq!(after(1000, true, 3000), Err(Error::Throttled(1)));
        assert_eq!(after(1000, true, 4000), Ok(999));
        assert_eq!(after(1000, false, 4000), Err(Error::Throttled(60)), "the pause has a maximum");
        assert_eq!(after(10, true, 1_000_000), Ok(0));
        // The rest of an interval counts for the next one.
        let count = count_by_name((10, LAST), true, LAST.plus_ms(7000)).unwrap();
        assert_eq!((count.tries, count.last), (9, LAST.plus_ms(4000)));
        assert_eq!(count_by_name((1, LAST), true, LAST.plus_ms(9000)).unwrap().last, LAST.plus_ms(9000));
    }

    #[test]
    fn ipv6_addresses_count_by_prefix_and_mapped_ones_as_ipv4() {
        for (address, is) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
            ("::1", "::/64"),
            ("", ""),
        ] {
            assert_eq!(network(address), is, "{address}");
        }
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
    }
}
