//! Parses query strings. Unknown parameters are refused by name. Otherwise `?dry_run=1` would publish, and clients with
//! `?aftr=3` would poll without a pause.

use std::{borrow::Cow, ops::RangeInclusive};

use crate::domain::error::{Invalid, Problem, truncate};

/// Parses the parameters `known`, whole numbers in their ranges.
///
/// # Errors
/// Lists all parameters that are unknown, repeated, malformed or out of their range.
pub fn parse_numbers<const N: usize>(
    query: Option<&str>,
    known: [(&str, RangeInclusive<u64>); N],
) -> Result<[Option<u64>; N], Vec<Invalid>> {
    let (mut found, mut wrong) = ([None; N], Vec::new());
    for (name, value) in pairs(query) {
        let taken = match known.iter().position(|(known, _)| *known == name) {
            Some(at) => parse_number(&value, &known[at].1).map(|n| found[at].replace(n).is_none()),
            None => Err(unknown_parameter(&name, &known.each_ref().map(|(known, _)| *known))),
        };
        match taken {
            Ok(true) => {}
            Ok(false) => wrong.push(Invalid::new(parameter_pointer(&name), Problem::Duplicate { key: name.into() })),
            Err(problem) => wrong.push(Invalid::new(parameter_pointer(&name), problem)),
        }
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

/// Refuses all parameters.
///
/// # Errors
/// Lists all parameters of the query.
pub fn refuse_parameters(query: Option<&str>) -> Result<(), Vec<Invalid>> {
    parse_numbers(query, []).map(|[]| ())
}

/// Returns the names and values of a query, in their order.
pub fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
}

/// Returns the problem of an unknown parameter.
pub fn unknown_parameter(name: &str, known: &[&str]) -> Problem {
    Problem::Unknown { given: truncate(name), known: known.iter().map(|&k| k.to_owned()).collect() }
}

/// Returns the pointer to a parameter in a list of errors: its bare name, because it is not in the body.
pub fn parameter_pointer(name: &str) -> String {
    truncate(name)
}

fn parse_number(text: &str, range: &RangeInclusive<u64>) -> Result<u64, Problem> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|n| digits && range.contains(n));
    number.ok_or(Problem::Range { min: *range.start(), max: *range.end() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_repeated_and_malformed_parameters_are_refused() {
        let read = |query| parse_numbers(Some(query), [("before", 1..=99), ("limit", 0..=10)]);
        assert_eq!(read("limit=0&before=99"), Ok([Some(99), Some(0)]));
        assert_eq!(refuse_parameters(None), Ok(()));
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
        assert!(refuse_parameters(Some("dry_run=1")).is_err());
    }
}
