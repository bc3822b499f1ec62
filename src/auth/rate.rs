//! Rate limits: the number of requests per second of one token, one user or one address.
//!
//! A rate allows bursts: requests that were not sent within [`BURST_SECONDS`] may come at once. The generic cell rate
//! algorithm stores one number for each sender: the time from which the next request is on time.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;

/// Length of the longest burst, in seconds of the rate.
const BURST_SECONDS: u64 = 10;
/// Maximum number of senders in a table. A full table removes all senders that are within their rate.
const MAX_SENDERS: usize = 50_000;

const SECOND: u64 = 1_000_000_000;

/// Requests per second of one sender. The default is unlimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds between two requests, 0 if unlimited.
    interval: u64,
}

/// The time from which a sender's next request is on time, in nanoseconds of [`clock`].
#[derive(Debug, Default)]
pub struct SenderState(AtomicU64);

/// A sender exceeds its rate. The next request is on time after this number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFast(pub u32);

impl Rate {
    /// Returns a rate of requests per second. 0 is unlimited.
    pub fn per_second(requests: u32) -> Self {
        Self { interval: SECOND.checked_div(u64::from(requests)).unwrap_or_default() }
    }

    /// Counts a request at the present time.
    ///
    /// # Errors
    /// [`TooFast`] if the rate is exceeded. Such a request does not count.
    pub fn take(self, pace: &SenderState) -> Result<(), TooFast> {
        self.take_at(pace, clock())
    }

    fn take_at(self, SenderState(due): &SenderState, now: u64) -> Result<(), TooFast> {
        if self.interval == 0 {
            return Ok(());
        }
        let next = |due: u64| {
            let next = due.max(now) + self.interval;
            (next <= now + BURST_SECONDS * SECOND).then_some(next)
        };
        match due.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) {
            Ok(_) => Ok(()),
            Err(due) => {
                let wait = (due + self.interval).saturating_sub(now + BURST_SECONDS * SECOND);
                Err(TooFast(u32::try_from(wait.div_ceil(SECOND)).unwrap_or(u32::MAX)))
            }
        }
    }
}

/// A rate limit for many senders.
#[derive(Debug)]
pub struct RateLimiter<K> {
    rate: Rate,
    paces: Mutex<HashMap<K, SenderState>>,
}

impl<K: Hash + Eq + fmt::Debug> RateLimiter<K> {
    /// Returns a limit without any senders.
    pub fn new(rate: Rate) -> Self {
        Self { rate, paces: Mutex::default() }
    }

    /// Counts a request of `sender` at the present time.
    ///
    /// # Errors
    /// [`TooFast`] if the rate is exceeded.
    pub fn take(&self, sender: K) -> Result<(), TooFast> {
        self.take_at(sender, clock())
    }

    fn take_at(&self, sender: K, now: u64) -> Result<(), TooFast> {
        let mut paces = self.paces.lock();
        if paces.len() >= MAX_SENDERS && !paces.contains_key(&sender) {
            paces.retain(|_, SenderState(due)| *due.get_mut() > now);
            if paces.len() >= MAX_SENDERS {
                // The table is full of fast senders, so further senders are not limited here. Other limits still apply.
                return Ok(());
            }
        }
        self.rate.take_at(paces.entry(sender).or_default(), now)
    }
}

/// Returns the nanoseconds since the first request.
fn clock() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_accepted_and_then_the_rate() {
        let (rate, pace) = (Rate::per_second(2), SenderState::default());
        let burst = (0..100).take_while(|_| rate.take_at(&pace, 0).is_ok()).count();
        assert_eq!(burst as u64, 2 * BURST_SECONDS);
        assert_eq!(rate.take_at(&pace, 0), Err(TooFast(1)));
        assert_eq!(rate.take_at(&pace, SECOND / 2), Ok(()));
        assert_eq!(rate.take_at(&pace, SECOND / 2), Err(TooFast(1)));
        let much_later = 1000 * SECOND;
        let burst = (0..100).take_while(|_| rate.take_at(&pace, much_later).is_ok()).count();
        assert_eq!(burst as u64, 2 * BURST_SECONDS, "a pause allows one burst at most");
    }

    #[test]
    fn rate_of_zero_is_unlimited() {
        let pace = SenderState::default();
        assert!((0..1_000_000).all(|_| Rate::per_second(0).take_at(&pace, 0).is_ok()));
        assert_eq!(Rate::per_second(0), Rate::default());
    }

    #[test]
    fn senders_do_not_slow_one_another_down() {
        let rates = RateLimiter::new(Rate::per_second(1));
        while rates.take_at("ana", 0).is_ok() {}
        assert_eq!((rates.take_at("bo", 0), rates.take_at("ana", 0)), (Ok(()), Err(TooFast(1))));
    }

    #[test]
    fn full_table_forgets_senders_within_their_rate() {
        let rates = RateLimiter::new(Rate::per_second(1));
        for sender in 0..MAX_SENDERS {
            rates.take_at(sender, 0).unwrap();
        }
        assert_eq!(rates.take_at(MAX_SENDERS, 0), Ok(()));
        assert_eq!(rates.paces.lock().len(), MAX_SENDERS);
        assert_eq!(rates.take_at(MAX_SENDERS, 2 * SECOND), Ok(()));
        assert_eq!(rates.paces.lock().len(), 1);
    }
}
