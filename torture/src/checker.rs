//! Checks whether a correct server could have produced a history and the final state. Pure functions. The letters are
//! those of docs/reliability.md.
//!
//! (a) Each acknowledged publish is whole in SQL, no later release loses its values, and the channel is not behind it.
//!     At the end both are equal.
//! (b) Releases never go back, neither at a reader nor in etcd, where the fence prevents it.
//! (c) Readers see only releases, and never empty content.
//! (d) After the healing, all readers get the latest releases in time.
//! (e) Each acknowledged edit exists; retries duplicate nothing; stale saves are refused, and nothing else is; refused
//!     operations leave nothing; after the healing, every operation gets a definite answer.
//! (g) The round tests something: a publish is acknowledged, and each reader is shown releases.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    history::{Action, Edit, Event, EventKind, ReadKind},
    readers,
    state::{Release, State},
};

/// A violation of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    pub rule: char,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}) {}", self.rule, self.what)
    }
}

/// Effects of the faults that are not violations by the servers.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Whether etcd itself was emptied or restored, which programs that read etcd directly see.
    pub etcd_falls: bool,
    /// A foreign document in etcd, under any number, which programs that read etcd directly see.
    pub foreign: Option<&'static str>,
    /// Consoles that were restarted while etcd was restored, and so forgot the earlier releases.
    pub fresh: Vec<String>,
}

/// Result of a check.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// Acknowledged publishes.
    pub acknowledged: u64,
    /// Acknowledged publishes that do not exist.
    pub lost: u64,
    /// Acknowledged edits without a publish.
    pub edits: u64,
    /// Acknowledged edits without a publish that do not exist.
    pub lost_edits: u64,
    /// Publishes and edits that were refused.
    pub refused: u64,
    /// Operations that never got a definite answer.
    pub open: u64,
    /// Operations that were retried.
    pub retried: u64,
    /// Releases and changes that were made again by a retry.
    pub duplicates: u64,
    /// Number of stale saves, and of those that were refused.
    pub stale: (u64, u64),
}

/// One operation with all its attempts.
struct Op<'a> {
    action: Action,
    message: &'a str,
    edits: &'a [Edit],
    attempts: u32,
    ok: Option<&'a [(String, u64)]>,
    refused: Option<u16>,
}

/// Checks a round. `readers` are the names of all reading clients. `converged` is the time that they took after the
/// healing.
pub fn check(
    events: &[Event],
    readers: &[String],
    state: &State,
    allowed: &Allowed,
    converged: Option<Duration>,
) -> Verdict {
    let mut verdict = Verdict::default();
    let ops = operations(events);
    for op in ops.values() {
        verdict.retried += u64::from(op.attempts > 1);
        if op.ok.is_none() && op.refused.is_none() {
            verdict.open += 1;
            verdict.wrong('e', format!("{} got no definite answer", op.message));
        }
        if let (Some(status), true) = (op.refused, op.action != Action::Stale) {
            verdict.refused += 1;
            verdict.wrong('e', format!("{} was refused ({status}) without a reason", op.message));
        }
        match op.action {
            Action::Publish | Action::PublishSaved => verdict.published(op, state),
            Action::Save => verdict.saved(op, state),
            Action::Stale => verdict.stale(op, state),
        }
    }
    verdict.values(&ops, state);
    verdict.numbers(state);
    verdict.channel(state);
    verdict.readers(events, state, allowed);
    verdict.activity(events, readers);
    if converged.is_none() {
        verdict.wrong('d', "not all readers got the latest releases in time".into());
    }
    verdict
}

fn operations(events: &[Event]) -> BTreeMap<u64, Op<'_>> {
    let mut ops: BTreeMap<u64, Op<'_>> = BTreeMap::new();
    for event in events {
        match &event.what {
            EventKind::Invoke { op, action, message, edits, .. } => {
                let new = Op { action: *action, message, edits, attempts: 0, ok: None, refused: None };
                ops.entry(*op).or_insert(new).attempts += 1;
            }
            EventKind::Ok { op, releases, .. } => {
                ops.entry(*op).and_modify(|op| op.ok = Some(releases));
            }
            EventKind::Fail { op, status, .. } => {
                ops.entry(*op).and_modify(|op| op.refused = Some(*status));
            }
            _ => {}
        }
    }
    ops
}

impl Verdict {
    fn wrong(&mut self, rule: char, what: String) {
        self.violations.push(Violation { rule, what });
    }

    fn published(&mut self, op: &Op<'_>, state: &State) {
        let made: Vec<&Release> = state.releases.iter().filter(|release| release.message == op.message).collect();
        let (wanted, found) = (configs(op.edits), made.iter().map(|release| &*release.config).collect::<BTreeSet<_>>());
        if made.len() > found.len() {
            self.duplicates += (made.len() - found.len()) as u64;
            self.wrong('e', format!("{} made {} releases instead of {}", op.message, made.len(), found.len()));
        }
        if !found.is_empty() && found != wanted {
            self.wrong('a', format!("{} was published in part: {found:?} of {wanted:?}", op.message));
        }
        match op.ok {
            Some(told) => {
                self.acknowledged += 1;
                let there = |(config, seq): &(String, u64)| made.iter().any(|r| r.config == *config && r.seq == *seq);
                let told_of = told.iter().map(|(config, _)| &**config).collect::<BTreeSet<_>>();
                if told_of != wanted || !told.iter().all(there) {
                    self.lost += 1;
                    self.wrong('a', format!("{} was acknowledged as {told:?}, which does not exist", op.message));
                }
                for (config, seq) in told {
                    let lies = state.channel.get(config).map_or(0, |lying| lying.seq);
                    if lies < *seq {
                        self.wrong('a', format!("{config} is at {lies} in etcd, behind acknowledged {seq}"));
                    }
                }
            }
            None if op.refused.is_some() && !found.is_empty() => {
                self.wrong('e', format!("{} was refused ({:?}), but exists", op.message, op.refused));
            }
            None => {}
        }
    }

    fn saved(&mut self, op: &Op<'_>, state: &State) {
        let made: Vec<_> = state.changes.iter().filter(|change| change.message == op.message).collect();
        if made.len() > 1 {
            self.duplicates += made.len() as u64 - 1;
            self.wrong('e', format!("{} made {} changes", op.message, made.len()));
        }
        if op.ok.is_none() {
            if op.refused.is_some() && !made.is_empty() {
                self.wrong('e', format!("{} was refused ({:?}), but exists", op.message, op.refused));
            }
            return;
        }
        self.edits += 1;
        let there = |edit: &Edit| {
            let open = made.iter().flat_map(|change| &change.edits);
            let mut released = state.releases.iter().filter(|release| release.message == op.message);
            open.into_iter()
                .any(|(config, key, json)| *config == edit.config && *key == edit.key && holds(json, &edit.value))
                || released.any(|release| release.config == edit.config && holds(&release.content, &edit.value))
        };
        if !op.edits.iter().all(there) {
            self.lost_edits += 1;
            self.wrong('e', format!("the edits of {} were acknowledged, but do not exist", op.message));
        }
    }

    fn stale(&mut self, op: &Op<'_>, state: &State) {
        if op.ok.is_none() && op.refused.is_none() {
            return;
        }
        self.stale.0 += 1;
        let there = state.changes.iter().any(|change| change.message == op.message);
        match op.refused {
            Some(412) if op.ok.is_none() && !there => self.stale.1 += 1,
            _ => self.wrong('e', format!("the stale {} was not refused: {:?}", op.message, op.refused)),
        }
    }

    /// Checks that each release has the values of its publish and of all publishes before it. Each key belongs to one
    /// client, so nobody else changes it.
    fn values(&mut self, ops: &BTreeMap<u64, Op<'_>>, state: &State) {
        let edits: HashMap<&str, &[Edit]> = ops.values().map(|op| (op.message, op.edits)).collect();
        let mut releases: Vec<&Release> = state.releases.iter().collect();
        releases.sort_by_key(|release| (&release.config, release.seq));
        let mut values: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for Release { config, seq, message, content, .. } in releases {
            for edit in edits.get(&**message).into_iter().copied().flatten().filter(|edit| edit.config == *config) {
                values.insert((config, &edit.key), &edit.value);
            }
            // Reports each loss once.
            values.retain(|(of, key), value| {
                let lacks = *of == config && !holds(content, value);
                if lacks {
                    self.wrong('a', format!("release {seq} of {config} lacks {key}"));
                }
                !lacks
            });
        }
    }

    /// Checks that the round tested something.
    fn activity(&mut self, events: &[Event], readers: &[String]) {
        if self.acknowledged == 0 {
            self.wrong('g', "no publish was acknowledged".into());
        }
        let seen = events.iter().filter(|event| matches!(event.what, EventKind::Seen { .. } | EventKind::Empty { .. }));
        let seen: BTreeSet<&str> = seen.map(|event| &*event.client).collect();
        for reader in readers.iter().filter(|reader| !seen.contains(&***reader)) {
            self.wrong('g', format!("{reader} was shown no release"));
        }
    }

    /// Checks that release numbers have no gaps and no duplicates.
    fn numbers(&mut self, state: &State) {
        for (config, live) in &state.live {
            let from = state.began.get(config).copied().unwrap_or(1).max(1);
            let numbers: Vec<u64> = state.releases.iter().filter(|r| r.config == *config).map(|r| r.seq).collect();
            if numbers != (from..=*live).collect::<Vec<_>>() {
                self.wrong('a', format!("the releases of {config} from {from} to {live} are {numbers:?}"));
            }
        }
    }

    fn channel(&mut self, state: &State) {
        for release in &state.releases {
            if !release.delivered {
                self.wrong('a', format!("release {} of {} is still in the outbox", release.seq, release.config));
            }
            if state.live.get(&release.config) != Some(&release.seq) {
                continue;
            }
            let same = state.channel.get(&release.config).is_some_and(|lying| {
                lying.seq == release.seq && (lying.sha256 == release.sha256 || lying.rewritten_sha256 == release.sha256)
            });
            if !same {
                let lying = state.channel.get(&release.config);
                self.wrong('a', format!("{} is {} in SQL, but {lying:?} in etcd", release.config, release.seq));
            }
        }
    }

    fn readers(&mut self, events: &[Event], state: &State, allowed: &Allowed) {
        let releases: HashMap<(&str, u64), &Release> =
            state.releases.iter().map(|release| ((&*release.config, release.seq), release)).collect();
        let foreign = allowed.foreign.map(|document| readers::sha256(document.as_bytes()));
        let mut newest: HashMap<(&str, &str), u64> = HashMap::new();
        for event in events {
            let (how, config, seq, sha256) = match &event.what {
                EventKind::Seen { how, config, seq, sha256 } => (*how, config, *seq, sha256),
                EventKind::Empty { config, seq, .. } => {
                    self.wrong('c', format!("{} was shown an empty {config} {seq}", event.client));
                    continue;
                }
                _ => continue,
            };
            let direct = how == ReadKind::Etcd;
            if direct && foreign.as_ref() == Some(sha256) {
                continue;
            }
            let falls = if direct { allowed.etcd_falls } else { allowed.fresh.contains(&event.node) };
            let before = newest.entry((&event.client, config)).or_default();
            if seq < *before && !falls {
                let at = event.at as f64 / 1e6;
                self.wrong('b', format!("{config} went back from {before} to {seq} for {} at {at:.3} s", event.client));
            }
            // Reports each decrease once.
            *before = seq;
            let stirred = [&state.channel_began, &state.channel].into_iter().filter_map(|channel| channel.get(config));
            let known = releases.get(&(&**config, seq)).is_some_and(|release| {
                release.sha256 == *sha256
                    || stirred
                        .clone()
                        .any(|l| l.seq == seq && l.sha256 == *sha256 && l.rewritten_sha256 == release.sha256)
            });
            if !(known || falls) {
                self.wrong('c', format!("{} was shown {config} {seq}, which is no release ({sha256})", event.client));
            }
        }
    }
}

/// Returns whether a JSON document has a string with exactly this value.
fn holds(json: &str, value: &str) -> bool {
    json.contains(&format!("\"{value}\""))
}

fn configs(edits: &[Edit]) -> BTreeSet<&str> {
    edits.iter().map(|edit| &*edit.config).collect()
}

#[cfg(test)]
mod tests;
