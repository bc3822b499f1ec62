//! Query parameters of reads. An unknown parameter is refused by name, because `?aftr=3` would be answered at once,
//! without a wait, for ever.

use std::time::Duration;

use utoipa::IntoParams;

use crate::{
    domain::{
        error::{Invalid, Problem},
        names::ConfigId,
        numbers,
    },
    http::query::{pairs, parameter_pointer, parse_numbers, unknown_parameter},
};

pub use crate::http::query::refuse_parameters;

/// Maximum number of configs of one stream.
pub const MAX_WATCHED: usize = 200;
/// Maximum wait, in seconds.
const MAX_WAIT_SECONDS: u64 = 90;

/// `?after=&wait=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PollQuery {
    /// Number of the client's release. Only newer ones are answered.
    pub after: Option<u64>,
    /// Maximum seconds to wait for a newer release. Needs `after`.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 90)]
    pub wait: Option<Duration>,
}

impl PollQuery {
    /// Parses the query of a snapshot.
    ///
    /// # Errors
    /// Every parameter that is unknown, repeated or out of range; `wait` without `after`.
    pub fn parse(query: Option<&str>) -> Result<Self, Vec<Invalid>> {
        let [after, wait] = parse_numbers(query, [("after", 0..=numbers::MAX_NUMBER), ("wait", 1..=MAX_WAIT_SECONDS)])?;
        if wait.is_some() && after.is_none() {
            return Err(vec![Invalid::new("after", Problem::Required)]);
        }
        Ok(Self { after, wait: wait.map(Duration::from_secs) })
    }
}

/// Parses `?config=…&config=…`. Keeps the order and drops repetitions.
///
/// # Errors
/// Every invalid config and unknown parameter; no config at all; more configs than [`MAX_WATCHED`].
pub fn configs(query: Option<&str>) -> Result<Vec<ConfigId>, Vec<Invalid>> {
    let (mut configs, mut wrong) = (Vec::new(), Vec::new());
    for (name, value) in pairs(query) {
        match value.parse::<ConfigId>() {
            _ if name != "config" => {
                wrong.push(Invalid::new(parameter_pointer(&name), unknown_parameter(&name, &["config"])))
            }
            Ok(config) if configs.contains(&config) => {}
            Ok(_) if configs.len() == MAX_WATCHED => {
                return Err(vec![Invalid::new("config", Problem::TooMany { max: MAX_WATCHED })]);
            }
            Ok(config) => configs.push(config),
            Err(not) => wrong.push(not.of("config")),
        }
    }
    if wrong.is_empty() && configs.is_empty() {
        wrong.push(Invalid::new("config", Problem::Required));
    }
    if wrong.is_empty() { Ok(configs) } else { Err(wrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong<T>(parsed: Result<T, Vec<Invalid>>) -> Vec<String> {
        parsed.map(drop).unwrap_err().into_iter().map(|w| w.pointer).collect()
    }

    #[test]
    fn a_wait_is_1_to_90_seconds_for_a_release_after_one() {
        let newer = PollQuery::parse(Some("after=3&wait=90")).unwrap();
        assert_eq!(newer, PollQuery { after: Some(3), wait: Some(Duration::from_secs(90)) });
        assert_eq!(PollQuery::parse(None), Ok(PollQuery::default()));
        assert_eq!(PollQuery::parse(Some("")), Ok(PollQuery::default()));
        for bad in ["wait=0&after=1", "wait=91&after=1", "wait=&after=1", "wait=%2B5&after=1", "after=1&wait=1&wait=2"]
        {
            assert_eq!(wrong(PollQuery::parse(Some(bad))), ["wait"], "{bad}");
        }
        assert_eq!(wrong(PollQuery::parse(Some("wait=5"))), ["after"]);
        assert_eq!(wrong(PollQuery::parse(Some("after=-1&aftr=2&a/b"))), ["after", "aftr", "a/b"]);
    }

    #[test]
    fn repeated_configs_are_dropped_and_the_order_is_kept() {
        let configs = configs(Some("config=prod/b/c&config=prod%2Fa%2Fc&config=prod/b/c")).unwrap();
        assert_eq!(configs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["prod/b/c", "prod/a/c"]);
    }

    #[test]
    fn a_stream_without_configs_or_with_too_many_is_refused() {
        let many: Vec<String> = (0..=MAX_WATCHED).map(|n| format!("config=prod/shop/n{n}")).collect();
        assert!(configs(Some(&many[1..].join("&"))).is_ok());
        for bad in [None, Some(""), Some("config=prod/shop"), Some("config=Prod/shop/a"), Some(&*many.join("&"))] {
            assert_eq!(wrong(configs(bad)), ["config"], "{bad:?}");
        }
        assert_eq!(wrong(configs(Some("config=prod/shop/a&from=1"))), ["from"]);
        assert_eq!(wrong(refuse_parameters(Some("x=1"))), ["x"]);
    }
}
