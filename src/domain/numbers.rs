//! Numbers that come from outside, from etcd or from a disk, and which of them are believed.
//!
//! Anybody who can write to etcd can write any number there. A number that is never exceeded again would make readers
//! deaf for good, so each has a bound that leaves room above it: the number of a release and the version of a list of
//! tokens are at most the present time in milliseconds, and time goes on.

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    error::{Error, Result, State},
    time::Time,
};

/// The highest number that is read at all: JSON readers of every language hold it exactly.
pub const MOST: u64 = (1 << 53) - 1;
/// Clocks of two machines may differ by so many milliseconds.
pub const SKEW_MS: i64 = 5 * 60_000;

/// Whether a number may have been given by `now`: it is not above the time in milliseconds, with an allowance for clocks
/// that differ. Nobody makes a thousand releases of one config each second for years, so no number that was counted up
/// comes near; one that somebody invented is exceeded as soon as time has gone on.
#[must_use]
pub fn is_plausible(number: u64, now: Time) -> bool {
    number <= MOST.min(u64::try_from(now.plus_ms(SKEW_MS).0).unwrap_or(0))
}

/// The number after one that is there.
///
/// # Errors
/// [`Error::State`] with `Numbers` when it would be above [`MOST`].
pub fn after(number: u64) -> Result<u64> {
    number.checked_add(1).filter(|next| *next <= MOST).ok_or(Error::State(State::Numbers))
}

/// Reads a number of a release: 1 to [`MOST`].
///
/// # Errors
/// Any other number.
pub fn release<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = bounded(from)?;
    if number > 0 { Ok(number) } else { Err(D::Error::custom("releases are counted from 1")) }
}

/// Reads a number up to [`MOST`].
///
/// # Errors
/// Any other number.
pub fn bounded<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = u64::deserialize(from)?;
    if number <= MOST { Ok(number) } else { Err(D::Error::custom("a number above 2^53 - 1")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Read(#[serde(deserialize_with = "release")] u64);

    #[test]
    fn only_numbers_of_releases_are_read_as_such() {
        for good in [1, 7, MOST] {
            assert_eq!(serde_json::from_str::<Read>(&good.to_string()).unwrap().0, good);
        }
        for bad in
            ["0", "-1", "1.5", "9007199254740992", "9223372036854775807", "18446744073709551615", "1e30", "\"1\""]
        {
            assert!(serde_json::from_str::<Read>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn there_is_room_above_every_number_that_is_believed() {
        let now = Time(1_795_363_200_000);
        let highest = 1_795_363_200_000 + 300_000;
        assert!(is_plausible(highest, now) && !is_plausible(highest + 1, now));
        assert!(is_plausible(highest + 1, now.plus_ms(1)), "a moment later");
        for (number, now) in [(MOST + 1, Time(i64::MAX)), (u64::MAX, Time(i64::MAX)), (1, Time(i64::MIN))] {
            assert!(!is_plausible(number, now), "{number}");
        }
        // A machine whose clock begins in 1970 believes what was counted up.
        assert!(is_plausible(200_000, Time(0)));
    }

    #[test]
    fn numbers_end_instead_of_beginning_anew() {
        assert_eq!((after(0), after(MOST - 1)), (Ok(1), Ok(MOST)));
        for last in [MOST, u64::MAX] {
            assert_eq!(after(last), Err(Error::State(State::Numbers)));
        }
    }
}
