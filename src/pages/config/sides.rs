//! The two sides of a comparison, as an address names them.

use std::fmt;

use serde::Deserialize;

use crate::{
    domain::names::{ConfigId, EnvName},
    service::{ConfigView, Side},
    texts::Lang,
};

/// Query parameters of the comparison.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DifferenceQuery {
    /// The left side: `live`, a release, `env:<name>`, another config.
    pub from: String,
    /// The right side: `mine`, `live`, a release.
    pub to: String,
    /// The environment whose live content is the left side.
    pub env: String,
    /// The config whose live content is the left side. Unless `to` says otherwise, the right side is also live.
    pub with: String,
    /// The name of the view.
    pub view: String,
    /// Shows unchanged lines too.
    pub all: Option<String>,
    /// The first row shown.
    pub row: usize,
    /// Shows only keys of this kind: `added`, `changed` or `removed`.
    pub kind: String,
}

/// A side of the comparison, as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SideChoice {
    Live,
    Mine,
    Release(u64),
    Env(EnvName),
    Config(ConfigId),
}

impl SideChoice {
    fn of(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Self::Live),
            "mine" => Some(Self::Mine),
            _ => match text.strip_prefix("env:") {
                Some(env) => env.parse().ok().map(Self::Env),
                None if text.contains('/') => text.parse().ok().map(Self::Config),
                None => text.parse().ok().map(Self::Release),
            },
        }
    }

    /// Returns the content of the side, on the page of this config.
    pub fn side(&self, view: &ConfigView) -> Side {
        let id = view.id.clone();
        match (self, &view.mine) {
            (Self::Mine, Some(mine)) => Side::Change(id, mine.change.id.clone()),
            (Self::Live | Self::Mine, _) => Side::Live(id),
            (Self::Release(seq), _) => Side::Release(id, *seq),
            (Self::Config(other), _) => Side::Live(other.clone()),
            (Self::Env(env), _) => Side::Live(ConfigId { env: env.clone(), ..id }),
        }
    }

    /// Returns the name of the side. `seq` is the number of its release.
    pub fn name(&self, t: Lang, seq: u64) -> String {
        match self {
            Self::Mine => t.my_change().to_owned(),
            Self::Live | Self::Release(_) if seq == 0 => t.nothing_yet().to_owned(),
            Self::Live => t.live_release(seq),
            Self::Release(_) => t.release_title(seq),
            Self::Env(env) if seq == 0 => t.env_nothing(env.as_str()),
            Self::Env(env) => t.env_release(env.as_str(), seq),
            Self::Config(other) if seq == 0 => t.env_nothing(&other.to_string()),
            Self::Config(other) => t.env_release(&other.to_string(), seq),
        }
    }
}

impl fmt::Display for SideChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::Mine => f.write_str("mine"),
            Self::Release(seq) => write!(f, "{seq}"),
            Self::Env(env) => write!(f, "env:{env}"),
            Self::Config(other) => write!(f, "{other}"),
        }
    }
}

/// The compared sides. By default the user's change and the live release, or else the live and the previous release.
pub(super) struct Sides {
    pub left: SideChoice,
    pub right: SideChoice,
}

impl Sides {
    /// Chooses the sides. `live` is the live release's number; `pending` says whether the user's change differs.
    pub fn of(query: &DifferenceQuery, live: u64, pending: bool) -> Self {
        let usual = if pending { SideChoice::Mine } else { SideChoice::Live };
        let with = query.with.trim().parse().ok().map(SideChoice::Config);
        let usual = if with.is_some() { SideChoice::Live } else { usual };
        let is_elsewhere = |side: &SideChoice| matches!(side, SideChoice::Env(_) | SideChoice::Config(_));
        let right = SideChoice::of(&query.to).filter(|side| !is_elsewhere(side)).unwrap_or(usual);
        let before = match right {
            SideChoice::Release(seq) => SideChoice::Release(seq.saturating_sub(1)),
            SideChoice::Live => SideChoice::Release(live.saturating_sub(1)),
            SideChoice::Mine | SideChoice::Env(_) | SideChoice::Config(_) => SideChoice::Live,
        };
        let env = query.env.parse().ok().map(SideChoice::Env);
        let left = with.or(env).or_else(|| SideChoice::of(&query.from)).unwrap_or(before);
        Self { left, right }
    }

    /// Returns the reverse sides, and the config on whose page they are. The live content of another config is on the
    /// right only on its own page.
    pub fn swapped(&self, id: &ConfigId) -> Option<(ConfigId, Self)> {
        let (config, left, right) = match (&self.left, &self.right) {
            (SideChoice::Env(env), SideChoice::Live) => {
                let there = ConfigId { env: env.clone(), ..id.clone() };
                (there, SideChoice::Env(id.env.clone()), SideChoice::Live)
            }
            (SideChoice::Config(other), SideChoice::Live) => {
                (other.clone(), SideChoice::Config(id.clone()), SideChoice::Live)
            }
            (SideChoice::Env(_) | SideChoice::Config(_), _) => return None,
            (left, right) => (id.clone(), right.clone(), left.clone()),
        };
        Some((config, Self { left, right }))
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Query;

    use super::*;

    fn sides(query: &str, live: u64, pending: bool) -> String {
        let Query(asked) = Query::try_from_uri(&format!("/?{query}").parse().unwrap()).unwrap();
        let Sides { left, right } = Sides::of(&asked, live, pending);
        format!("{left} {right}")
    }

    #[test]
    fn own_change_is_compared_with_the_live_release() {
        assert_eq!(sides("", 4, true), "live mine");
        assert_eq!(sides("from=2", 4, true), "2 mine");
        assert_eq!(sides("env=staging", 4, true), "env:staging mine");
    }

    #[test]
    fn without_a_change_a_release_is_compared_with_the_previous_one() {
        assert_eq!(sides("", 4, false), "3 live");
        assert_eq!(sides("", 0, false), "0 live");
        assert_eq!(sides("to=3", 4, true), "2 3");
        assert_eq!(sides("from=env:dev&to=2", 4, true), "env:dev 2");
    }

    #[test]
    fn another_config_is_compared_with_the_live_content_by_default() {
        assert_eq!(sides("with=prod/mail/application", 4, true), "prod/mail/application live");
        assert_eq!(sides("with=%20prod/mail/application%20&env=dev&from=2", 4, false), "prod/mail/application live");
        assert_eq!(sides("from=prod/mail/application&to=mine", 4, true), "prod/mail/application mine");
        assert_eq!(sides("with=prod/mail&to=prod/mail/application", 4, false), "3 live");
    }

    #[test]
    fn invalid_parameters_are_ignored() {
        assert_eq!(sides("from=-1&to=env:dev&env=Not+A+Name", 4, true), "live mine");
    }

    #[test]
    fn sides_of_two_configs_are_swapped_on_the_page_of_the_other() {
        let swapped = |left: &str, right: &str| {
            let sides = Sides { left: SideChoice::of(left).unwrap(), right: SideChoice::of(right).unwrap() };
            let swapped = sides.swapped(&"prod/shop/application".parse().unwrap());
            swapped.map(|(config, Sides { left, right })| format!("{config} {left} {right}"))
        };
        assert_eq!(swapped("1", "live").unwrap(), "prod/shop/application live 1");
        assert_eq!(swapped("live", "mine").unwrap(), "prod/shop/application mine live");
        assert_eq!(swapped("env:dev", "live").unwrap(), "dev/shop/application env:prod live");
        assert_eq!(swapped("dev/mail/a", "live").unwrap(), "dev/mail/a prod/shop/application live");
        assert_eq!((swapped("env:dev", "mine"), swapped("dev/mail/a", "2")), (None, None));
    }
}
