//! Plausibility of numbers from etcd or from a disk.
//!
//! Anybody with access to etcd can write any number there. Readers never go back to a lower number, so one that is too
//! high would block all later releases. Each number therefore has a bound that grows with time: the number of a release
//! and the version of a token list are at most the present time in milliseconds.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    error::{Error, Result, StateConflict},
    time::Time,
};

/// Maximum of any number that is parsed: JSON parsers of every language represent it exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Maximum difference between the clocks of two machines, in milliseconds.
pub const MAX_CLOCK_SKEW_MS: i64 = 5 * 60_000;

/// Returns whether a number can have been assigned by `now`: at most the time in milliseconds, with an allowance for
/// clock differences. Real numbers never come near this bound, since no config has a thousand releases per second for
/// years. A plausible invented number can soon be exceeded, because the bound grows with time.
pub fn is_plausible(number: u64, now: Time) -> bool {
    number <= MAX_NUMBER.min(u64::try_from(now.plus_ms(MAX_CLOCK_SKEW_MS).0).unwrap_or(0))
}

/// Returns the next number.
///
/// # Errors
/// [`Error::State`] with `Numbers` if it would exceed [`MAX_NUMBER`].
pub fn next(number: u64) -> Result<u64> {
    number.checked_add(1).filter(|next| *next <= MAX_NUMBER).ok_or(Error::State(StateConflict::Numbers))
}

/// Deserializes the number of a release: 1 to [`MAX_NUMBER`].
///
/// # Errors
/// The error of the deserializer for any other number.
pub fn release<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = bounded(from)?;
    if number > 0 { Ok(number) } else { Err(D::Error::custom("releases are counted from 1")) }
}

/// Deserializes a number up to [`MAX_NUMBER`].
///
/// # Errors
/// The error of the deserializer for any other number.
pub fn bounded<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(from)?;
    if number <= MAX_NUMBER { Ok(number) } else { Err(D::Error::custom("a number above 2^53 - 1")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Read(#[serde(deserialize_with = "release")] u64);

    #[test]
    fn only_valid_release_numbers_are_deserialized() {
        for good in [1, 7, MAX_NUMBER] {
            assert_eq!(serde_json::from_str::<Read>(&good.to_string()).unwrap().0, good);
        }
        for bad in
            ["0", "-1", "1.5", "9007199254740992", "9223372036854775807", "18446744073709551615", "1e30", "\"1\""]
        {
            assert!(serde_json::from_str::<Read>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_plausible_number_can_always_be_exceeded() {
        let now = Time(1_795_363_200_000);
        let highest = 1_795_363_200_000 + 300_000;
        assert!(is_plausible(highest, now) && !is_plausible(highest + 1, now));
        assert!(is_plausible(highest + 1, now.plus_ms(1)), "a moment later");
        for (number, now) in [(MAX_NUMBER + 1, Time(i64::MAX)), (u64::MAX, Time(i64::MAX)), (1, Time(i64::MIN))] {
            assert!(!is_plausible(number, now), "{number}");
        }
        // A machine whose clock starts in 1970 accepts numbers that were counted up.
        assert!(is_plausible(200_000, Time(0)));
    }

    #[test]
    fn numbers_do_not_wrap_around() {
        assert_eq!((next(0), next(MAX_NUMBER - 1)), (Ok(1), Ok(MAX_NUMBER)));
        for last in [MAX_NUMBER, u64::MAX] {
            assert_eq!(next(last), Err(Error::State(StateConflict::Numbers)));
        }
    }
}
