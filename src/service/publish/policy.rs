//! The checks before a release: one list for publishing, saving and publishing, imports, rollbacks and decisions about
//! drift.
//!
//! A check judges facts that were read under the lock of the configs. It reads nothing itself. A new check (approvals,
//! a freeze, a running canary) is a function here and a line in [`CHECKS`], or in [`CONFIG_CHECKS`] if it
//! needs no content. The facts that it needs are added to [`Proposal`].

use std::collections::BTreeSet;

use crate::{
    domain::{
        catalog::Env,
        content::Content,
        diff::{Diff, diff_sha256},
        drift::KeptSide,
        error::{Error, Invalid, Problem, Result, StateConflict},
        names::ConfigId,
        unseen,
    },
    service::{
        changes::{ChangeConfig, diffs},
        dispatch::Dispatch,
        validation,
    },
    storage::LiveConfig,
};

type ConfigCheck = fn(&Dispatch, &ConfigId, Purpose) -> Result<()>;
type Check = fn(&Proposal<'_>) -> Result<()>;

/// Checks of one config before it is locked and read.
const CONFIG_CHECKS: &[ConfigCheck] = &[not_ahead];

/// Checks of everything that is released together. The first refusal is returned.
const CHECKS: &[Check] = &[
    has_no_conflicts,
    changes_something,
    is_up_to_date,
    has_valid_documents,
    is_confirmed,
    is_current_drift,
    releases_something,
];

/// The reason for a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// New content, or the content of an older release.
    Content,
    /// A decision about drift, which is the way out for a config that is ahead.
    Drift,
}

/// A release, or the releases of a change, with all facts that the checks need.
#[derive(Debug)]
pub struct Proposal<'a> {
    /// The content, and where it comes from.
    pub content: ReleaseContent<'a>,
    /// The message of the change.
    pub message: &'a str,
    /// The typed names of the protected environments.
    pub confirm: &'a str,
}

/// The content of a release, and where it comes from.
#[derive(Debug)]
pub enum ReleaseContent<'a> {
    /// The edits of a change.
    Edits {
        /// The configs of the change.
        configs: Vec<&'a ChangeConfig>,
        /// SHA-256 of the difference that the publisher reviewed, if the caller sent one.
        reviewed_sha256: Option<&'a str>,
    },
    /// An older release.
    Rollback {
        /// The config as it is now.
        live_config: &'a LiveConfig,
        /// The content of the older release. `None` if it does not exist: the caller refuses that.
        target: Option<&'a Content>,
        /// The number of the live release that the publisher reviewed, if the caller sent one.
        reviewed_live: Option<u64>,
    },
    /// A decision about drift.
    Drift {
        /// The config as it is now.
        live_config: &'a LiveConfig,
        /// The side to keep.
        keep: KeptSide,
        /// The number that the administrator reviewed.
        reviewed_seq: u64,
        /// The number that the channel or a reader holds, if it is ahead.
        ahead: Option<u64>,
    },
}

impl<'a> Proposal<'a> {
    /// The environments that get a release.
    fn envs(&self) -> Vec<&'a Env> {
        match &self.content {
            ReleaseContent::Edits { configs, .. } => {
                configs.iter().filter(|c| !c.diff.is_empty()).map(|c| &c.env).collect()
            }
            ReleaseContent::Rollback { live_config, .. } | ReleaseContent::Drift { live_config, .. } => {
                vec![&live_config.location.env]
            }
        }
    }
}

/// Checks one config before it is locked and read.
///
/// # Errors
/// [`Error::State`] with `Ahead`.
pub fn check_config(dispatch: &Dispatch, config: &ConfigId, purpose: Purpose) -> Result<()> {
    CONFIG_CHECKS.iter().try_for_each(|check| check(dispatch, config, purpose))
}

/// Checks everything that is released together, under the locks of its configs.
///
/// # Errors
/// The first refusal: [`Error::Conflict`], [`Error::State`] with `Empty`, [`Error::Stale`], or [`Error::Invalid`] for a
/// document, a missing message or a missing confirmation.
pub fn check(proposal: &Proposal<'_>) -> Result<()> {
    CHECKS.iter().try_for_each(|check| check(proposal))
}

/// Refuses a config for which readers already have a higher number, because they would ignore the release.
fn not_ahead(dispatch: &Dispatch, config: &ConfigId, purpose: Purpose) -> Result<()> {
    match purpose {
        Purpose::Content if dispatch.status.ahead(config).is_some() => Err(Error::State(StateConflict::Ahead)),
        Purpose::Content | Purpose::Drift => Ok(()),
    }
}

/// Refuses edits of keys that were changed on both sides.
fn has_no_conflicts(proposal: &Proposal<'_>) -> Result<()> {
    let ReleaseContent::Edits { configs, .. } = &proposal.content else { return Ok(()) };
    let conflicts: Vec<_> = configs.iter().flat_map(|c| c.conflicts.clone()).collect();
    if conflicts.is_empty() { Ok(()) } else { Err(Error::Conflict(conflicts)) }
}

/// Refuses edits that change nothing.
fn changes_something(proposal: &Proposal<'_>) -> Result<()> {
    match &proposal.content {
        ReleaseContent::Edits { configs, .. } if configs.iter().all(|c| c.diff.is_empty()) => {
            Err(Error::State(StateConflict::Empty))
        }
        _ => Ok(()),
    }
}

/// Refuses a publish if the difference has changed since its review, and a rollback if another release is live by now.
fn is_up_to_date(proposal: &Proposal<'_>) -> Result<()> {
    match &proposal.content {
        ReleaseContent::Edits { configs, reviewed_sha256: Some(seen) } => {
            let now = diff_sha256(&diffs(configs.iter().copied()));
            if *seen == now { Ok(()) } else { Err(Error::Stale(now)) }
        }
        ReleaseContent::Rollback { live_config, reviewed_live: Some(seen), .. } if *seen != live_config.live => {
            tracing::debug!(seen, live = live_config.live, "rollback refused: another release is live by now");
            Err(Error::Stale(live_config.live.to_string()))
        }
        _ => Ok(()),
    }
}

/// Refuses an invalid document. The content of an older release was checked when it was new.
fn has_valid_documents(proposal: &Proposal<'_>) -> Result<()> {
    let ReleaseContent::Edits { configs, .. } = &proposal.content else { return Ok(()) };
    for config in configs {
        validation::document(config.format, &config.after).map_err(|e| e.of(format!("/{}", config.config)))?;
    }
    Ok(())
}

/// Refuses a release in a protected environment without a message or without the typed name of the environment.
fn is_confirmed(proposal: &Proposal<'_>) -> Result<()> {
    let typed: BTreeSet<&str> = proposal.confirm.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let envs = proposal.envs();
    let protected: BTreeSet<&str> = envs.into_iter().filter(|e| e.protected).map(|e| e.name.as_str()).collect();
    let mut wrong = Vec::new();
    if !protected.is_empty() && unseen::is_blank(proposal.message) {
        wrong.push(Invalid::new("/message", Problem::Required));
    }
    if protected.iter().any(|env| !typed.contains(env)) {
        let expected = protected.into_iter().collect::<Vec<_>>().join(" ");
        wrong.push(Invalid::new("/confirm", Problem::Confirm { expected }));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

/// Refuses a decision about a drift that has changed or gone.
fn is_current_drift(proposal: &Proposal<'_>) -> Result<()> {
    match &proposal.content {
        ReleaseContent::Drift { live_config, reviewed_seq: seen, ahead, .. }
            if *ahead != Some(*seen) || *seen <= live_config.live =>
        {
            Err(Error::Stale(live_config.live.to_string()))
        }
        _ => Ok(()),
    }
}

/// Refuses a rollback to the live content, and a repeated release of a text that was never released.
fn releases_something(proposal: &Proposal<'_>) -> Result<()> {
    let is_empty = match &proposal.content {
        ReleaseContent::Edits { .. } => false,
        ReleaseContent::Rollback { live_config, target, .. } => {
            target.is_some_and(|target| Diff::of(&live_config.content, target).is_empty())
        }
        ReleaseContent::Drift { live_config, keep, .. } => {
            *keep == KeptSide::Database && live_config.content.document().trim().is_empty()
        }
    };
    if is_empty { Err(Error::State(StateConflict::Empty)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            catalog::Namespace,
            content::{Format, Item, Items},
            error::Conflict,
        },
        storage::ConfigLocation,
    };

    fn env(protected: bool) -> Env {
        Env { name: "prod".parse().unwrap(), title: String::new(), position: 0, protected, archived_at: None }
    }

    fn live_config(content: Content) -> LiveConfig {
        let namespace = Namespace {
            app: "shop".parse().unwrap(),
            name: "application".parse().unwrap(),
            format: Format::Json,
            description: String::new(),
            archived_at: None,
        };
        let location = ConfigLocation { env: env(true), namespace, app_archived_at: None };
        LiveConfig { location, is_new: false, live: 3, last: 3, content, latest: None }
    }

    fn config(before: Content, after: Content) -> ChangeConfig {
        ChangeConfig {
            config: "prod/shop/application".parse().unwrap(),
            env: env(true),
            format: Format::Json,
            live: 3,
            last: 3,
            latest: None,
            diff: Diff::of(&before, &after),
            before,
            after,
            conflicts: Vec::new(),
            edits: Vec::new(),
        }
    }

    fn text(text: &str) -> Content {
        Content::Text(text.into())
    }

    /// Returns the name of the refusal, or its pointers.
    fn refused(what: ReleaseContent<'_>, message: &str, confirm: &str) -> String {
        match check(&Proposal { content: what, message, confirm }) {
            Ok(()) => "ok".into(),
            Err(Error::Invalid(wrong)) => wrong.iter().map(|w| w.pointer.as_str()).collect::<Vec<_>>().join(" "),
            Err(Error::State(StateConflict::Empty)) => "empty".into(),
            Err(error) => error.name().into(),
        }
    }

    #[test]
    fn edits_are_refused_in_a_fixed_order() {
        let mut one = config(text("{}"), text("{}"));
        let edits = |one: &ChangeConfig, seen, message, confirm| {
            refused(ReleaseContent::Edits { configs: vec![one], reviewed_sha256: seen }, message, confirm)
        };
        let (key, config_id) = (String::new(), one.config.clone());
        one.conflicts = vec![Conflict { config: config_id, key, base: None, theirs: None, mine: None }];
        assert_eq!(edits(&one, Some("x"), "", ""), "conflict");
        one.conflicts.clear();
        assert_eq!(edits(&one, Some("x"), "", ""), "empty");
        one = config(text("{}"), text("{"));
        assert_eq!(edits(&one, Some("x"), "", ""), "stale");
        let seen = diff_sha256(&diffs([&one]));
        assert_eq!(edits(&one, Some(&seen), "", ""), "/prod/shop/application");
        one = config(text("{}"), text("[]"));
        assert_eq!(edits(&one, None, " ", "dev"), "/message /confirm");
        assert_eq!(edits(&one, None, "why", "dev"), "/confirm");
        assert_eq!(edits(&one, None, "", "dev, prod"), "/message");
        assert_eq!(edits(&one, None, "why", "dev, prod"), "ok");
    }

    #[test]
    fn a_config_without_a_difference_needs_no_confirmation() {
        let (same, mut other) = (config(text("{}"), text("{}")), config(text("{}"), text("[]")));
        other.env.protected = false;
        assert_eq!(
            refused(ReleaseContent::Edits { configs: vec![&same, &other], reviewed_sha256: None }, "", ""),
            "ok"
        );
    }

    #[test]
    fn a_rollback_is_refused_in_a_fixed_order() {
        let live_config = live_config(text("{}"));
        let rollback = |target: Option<&str>, seen, message| {
            let target = target.map(text);
            refused(
                ReleaseContent::Rollback { live_config: &live_config, target: target.as_ref(), reviewed_live: seen },
                message,
                "prod",
            )
        };
        assert_eq!(rollback(Some("{}"), Some(2), ""), "stale");
        assert_eq!(rollback(Some("{}"), Some(3), ""), "/message");
        assert_eq!(rollback(Some("{}"), Some(3), "why"), "empty");
        assert_eq!(rollback(Some("{"), None, "why"), "ok", "content of an older release is not checked again");
        assert_eq!(rollback(None, None, "why"), "ok", "the caller refuses it");
    }

    #[test]
    fn a_decision_about_drift_is_refused_in_a_fixed_order() {
        let unreleased = live_config(text(""));
        let decide = |live_config, keep, ahead, message| {
            refused(ReleaseContent::Drift { live_config, keep, reviewed_seq: 5, ahead }, message, "prod")
        };
        assert_eq!(decide(&unreleased, KeptSide::Database, None, ""), "/message");
        assert_eq!(decide(&unreleased, KeptSide::Database, None, "why"), "stale");
        assert_eq!(decide(&unreleased, KeptSide::Database, Some(6), "why"), "stale");
        assert_eq!(decide(&unreleased, KeptSide::Database, Some(5), "why"), "empty");
        assert_eq!(decide(&unreleased, KeptSide::Channel, Some(5), "why"), "ok");
        let items = Items::from([("a".into(), Item::string("1"))]);
        let released = live_config(Content::Kv(items));
        assert_eq!(decide(&released, KeptSide::Database, Some(5), "why"), "ok");
        let later = LiveConfig { live: 5, ..live_config(text("{}")) };
        assert_eq!(decide(&later, KeptSide::Database, Some(5), "why"), "stale", "published meanwhile");
    }
}
