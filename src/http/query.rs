//! What stands behind the `?`. A parameter that is not known is refused by name: `?dry_run=1` would otherwise publish, and
//! `?aftr=3` be answered at once, for ever.

use std::{borrow::Cow, ops::RangeInclusive};

use crate::domain::error::{Invalid, Problem, excerpt};

/// Reads the whole numbers that a query may have, each in its range.
///
/// # Errors
/// Every parameter that is not known, stands twice, or is out of its range.
pub fn numbers<const N: usize>(
    query: Option<&str>,
    known: [(&str, RangeInclusive<u64>); N],
) -> Result<[Option<u64>; N], Vec<Invalid>> {
    let (mut found, mut wrong) = ([None; N], Vec::new());
    for (name, value) in pairs(query) {
        let taken = match known.iter().position(|(known, _)| *known == name) {
            Some(at) => number(&value, &known[at].1).map(|n| found[at].replace(n).is_none()),
            None => Err(unknown(&name, &known.each_ref().map(|(known, _)| *known))),
        };
        match taken {
            Ok(true) => {}
            Ok(false) => wrong.push(Invalid::new(pointer(&name), Problem::Duplicate { key: name.into() })),
            Err(problem) => wrong.push(Invalid::new(pointer(&name), problem)),
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

/// Refuses any parameter.
///
/// # Errors
/// Each that there is.
pub fn none(query: Option<&str>) -> Result<(), Vec<Invalid>> {
    numbers(query, []).map(|[]| ())
}

/// Returns the names and values of a query, in their order.
pub fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

/// What is wrong with a parameter that there is not.
#[must_use]
pub fn unknown(name: &str, known: &[&str]) -> Problem {
    Problem::Unknown { given: excerpt(name), known: known.iter().map(|&k| k.to_owned()).collect() }
}

/// Where a mistake in a parameter is: its bare name, since the body has no such place.
#[must_use]
pub fn pointer(name: &str) -> String {
    excerpt(name)
}

fn number(text: &str, range: &RangeInclusive<u64>) -> Result<u64, Problem> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|n| digits && range.contains(n));
    number.ok_or(Problem::Range { min: *range.start(), max: *range.end() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_known_a_number_and_there_once() {
        let read = |query| numbers(Some(query), [("before", 1..=99), ("limit", 0..=10)]);
        assert_eq!(read("limit=0&before=99"), Ok([Some(99), Some(0)]));
        assert_eq!(none(None), Ok(()));
        for (bad, at) in [
            ("limit=11", "limit"),
            ("before=0", "before"),
            ("limit=%2B5", "limit"),
            ("limit=", "limit"),
            ("limit=1&limit=2", "limit"),
            ("limti=1", "limti"),
            ("a/b", "a/b"),
        ] {
            assert_eq!(read(bad).unwrap_err()[0].pointer, at, "{bad}");
        }
        assert!(none(Some("dry_run=1")).is_err());
    }
}
