//! Whether a history is one that a correct server could have made, given what it left. Pure functions: the letters are
//! those of the report.
//!
//! (a) Each acknowledged publish is in SQL, whole, and the channel is not behind it; at the end both are equal.
//! (b) No reader's release falls, nor does what is written to etcd: that is the fence.
//! (c) What a reader is shown is a release, and never empty.
//! (d) After healing, all readers hold the latest in time.
//! (e) Each acknowledged edit is there; a retry makes nothing twice; what was refused is not there; stale saves are
//!     refused.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    history::{Action, Edit, Event, How, What},
    readers,
    state::{Release, State},
};

/// Something that must not be.
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

/// What a fault does that is not the server's doing.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Etcd itself was emptied or set back: one who reads it without Trimtab sees that.
    pub etcd_falls: bool,
    /// A document that somebody else wrote into etcd, under any number: one who reads it without Trimtab sees that too.
    pub foreign: Option<&'static str>,
    /// Consoles that were started while etcd was set back: they remember nothing of before.
    pub fresh: Vec<String>,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub violations: Vec<Violation>,
    /// Publishes that were acknowledged.
    pub acknowledged: u64,
    /// Of those, that are not there.
    pub lost: u64,
    /// Edits without a publish that were acknowledged.
    pub edits: u64,
    /// Operations of which nobody ever said what became of them.
    pub open: u64,
    /// Operations that were asked for again.
    pub retried: u64,
    /// Releases that a retry made a second time.
    pub duplicates: u64,
    /// Saves from before a release that changed the same key, and how many were refused.
    pub stale: (u64, u64),
}

/// One operation, over all its attempts.
struct Op<'a> {
    action: Action,
    message: &'a str,
    edits: &'a [Edit],
    attempts: u32,
    ok: Option<&'a [(String, u64)]>,
    refused: Option<u16>,
}

/// Checks a round. `converged` is how long the readers took after healing.
pub fn check(events: &[Event], state: &State, allowed: &Allowed, converged: Option<Duration>) -> Verdict {
    let mut verdict = Verdict::default();
    let ops = operations(events);
    for op in ops.values() {
        verdict.retried += u64::from(op.attempts > 1);
        verdict.open += u64::from(op.ok.is_none() && op.refused.is_none());
        match op.action {
            Action::Publish | Action::PublishSaved => verdict.published(op, state),
            Action::Save => verdict.saved(op, state),
            Action::Stale => verdict.stale(op, state),
        }
    }
    verdict.numbers(state);
    verdict.channel(state);
    verdict.readers(events, state, allowed);
    if converged.is_none() {
        verdict.wrong('d', "not all readers got the latest in time".into());
    }
    verdict
}

fn operations(events: &[Event]) -> BTreeMap<u64, Op<'_>> {
    let mut ops: BTreeMap<u64, Op<'_>> = BTreeMap::new();
    for event in events {
        match &event.what {
            What::Invoke { op, action, message, edits, .. } => {
                let new = Op { action: *action, message, edits, attempts: 0, ok: None, refused: None };
                ops.entry(*op).or_insert(new).attempts += 1;
            }
            What::Ok { op, releases, .. } => {
                ops.entry(*op).and_modify(|op| op.ok = Some(releases));
            }
            What::Fail { op, status, .. } => {
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
            self.wrong('a', format!("{} is half there: {found:?} of {wanted:?}", op.message));
        }
        for (edit, release) in
            op.edits.iter().flat_map(|e| made.iter().filter(|r| r.config == e.config).map(move |r| (e, r)))
        {
            if !release.content.contains(&edit.value) {
                self.wrong('a', format!("release {} of {} lacks {}", release.seq, edit.config, edit.key));
            }
        }
        match op.ok {
            Some(told) => {
                self.acknowledged += 1;
                let there = |(config, seq): &(String, u64)| made.iter().any(|r| r.config == *config && r.seq == *seq);
                let told_of = told.iter().map(|(config, _)| &**config).collect::<BTreeSet<_>>();
                if told_of != wanted || !told.iter().all(there) {
                    self.lost += 1;
                    self.wrong('a', format!("{} was acknowledged as {told:?}, and that is not there", op.message));
                }
                for (config, seq) in told {
                    let lies = state.channel.get(config).map_or(0, |lying| lying.seq);
                    if lies < *seq {
                        self.wrong('a', format!("{config} is {lies} in etcd, behind acknowledged {seq}"));
                    }
                }
            }
            None if op.refused.is_some() && !found.is_empty() => {
                self.wrong('e', format!("{} was refused ({:?}), and is there", op.message, op.refused));
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
                self.wrong('e', format!("{} was refused ({:?}), and is there", op.message, op.refused));
            }
            return;
        }
        self.edits += 1;
        let there = |edit: &Edit| {
            let open = made.iter().flat_map(|change| &change.edits);
            let mut released = state.releases.iter().filter(|release| release.message == op.message);
            open.into_iter()
                .any(|(config, key, json)| *config == edit.config && *key == edit.key && json.contains(&edit.value))
                || released.any(|release| release.config == edit.config && release.content.contains(&edit.value))
        };
        if !op.edits.iter().all(there) {
            self.lost += 1;
            self.wrong('e', format!("the edits of {} were acknowledged, and are not there", op.message));
        }
    }

    fn stale(&mut self, op: &Op<'_>, state: &State) {
        if op.ok.is_none() && op.refused.is_none() {
            return;
        }
        self.stale.0 += 1;
        let there = state.changes.iter().any(|change| change.message == op.message);
        match op.refused {
            Some(409 | 412) if op.ok.is_none() && !there => self.stale.1 += 1,
            _ => self.wrong('e', format!("the stale {} was not refused: {:?}", op.message, op.refused)),
        }
    }

    /// Numbers have no gaps and none twice.
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
                self.wrong('a', format!("release {} of {} is still due", release.seq, release.config));
            }
            if state.live.get(&release.config) != Some(&release.seq) {
                continue;
            }
            let same = state.channel.get(&release.config).is_some_and(|lying| {
                lying.seq == release.seq && (lying.sha256 == release.sha256 || lying.stirred == release.sha256)
            });
            if !same {
                let lying = state.channel.get(&release.config);
                self.wrong('a', format!("{} is {} in SQL, and {lying:?} in etcd", release.config, release.seq));
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
                What::Seen { how, config, seq, sha256 } => (*how, config, *seq, sha256),
                What::Empty { config, seq, .. } => {
                    self.wrong('c', format!("{} was shown an empty {config} {seq}", event.client));
                    continue;
                }
                _ => continue,
            };
            let direct = how == How::Etcd;
            if direct && foreign.as_ref() == Some(sha256) {
                continue;
            }
            let falls = if direct { allowed.etcd_falls } else { allowed.fresh.contains(&event.node) };
            let before = newest.entry((&event.client, config)).or_default();
            if seq < *before && !falls {
                let at = event.at as f64 / 1e6;
                self.wrong('b', format!("{config} fell from {before} to {seq} for {} at {at:.3} s", event.client));
            }
            // Said once for each fall.
            *before = seq;
            let stirred = [&state.channel_began, &state.channel].into_iter().filter_map(|channel| channel.get(config));
            let known = releases.get(&(&**config, seq)).is_some_and(|release| {
                release.sha256 == *sha256
                    || stirred.clone().any(|l| l.seq == seq && l.sha256 == *sha256 && l.stirred == release.sha256)
            });
            if !(known || falls) {
                self.wrong('c', format!("{} was shown a {config} {seq} that is no release ({sha256})", event.client));
            }
        }
    }
}

fn configs(edits: &[Edit]) -> BTreeSet<&str> {
    edits.iter().map(|edit| &*edit.config).collect()
}

#[cfg(test)]
mod tests;
