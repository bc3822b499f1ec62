//! Report of a run, as Markdown.

use std::collections::{BTreeMap, BTreeSet};

use crate::{faults::Plan, measures::Samples, round::Outcome};

/// All counts of a run.
#[derive(Default)]
pub struct Tally {
    rounds: u64,
    failed: Vec<u64>,
    /// Number of rounds that violated each rule.
    violated: BTreeMap<char, u64>,
    kinds: BTreeMap<String, Kind>,
    acknowledged: u64,
    lost: u64,
    edits: u64,
    lost_edits: u64,
    refused: u64,
    open: u64,
    retried: u64,
    duplicates: u64,
    stale_saves: (u64, u64),
    stale_deliveries: (u64, u64),
    drifts: (i64, u64),
    healthy: Samples,
    converged: Samples,
    seen: u64,
    skipped: BTreeMap<String, u64>,
    /// Number of log lines of servers that had lost their lock and wrote nothing.
    pub fenced: u64,
}

/// Counts of one kind of fault.
#[derive(Default)]
struct Kind {
    rounds: u64,
    failed: u64,
    broken: Samples,
    converged: Samples,
    asked: u64,
    answered: u64,
    stalest: f64,
}

/// Label of the row for rounds with two faults at once.
const TOGETHER: &str = "two at once";

/// Returns the rows in which a round is counted.
fn kinds(plan: &Plan) -> impl Iterator<Item = &'static str> {
    let together = (plan.faults.len() > 1).then_some(TOGETHER);
    plan.faults.iter().map(|planned| planned.kind).chain(together)
}

impl Kind {
    fn measured(&mut self, outcome: &Outcome) {
        let measures = &outcome.measures;
        self.broken.append(&measures.broken);
        if let Some(converged) = outcome.converged {
            self.converged.add(converged.as_secs_f64() * 1e3);
        }
        self.asked += measures.requested;
        self.answered += measures.answered;
        self.stalest = self.stalest.max(measures.stalest);
    }
}

impl Tally {
    /// Counts a round.
    pub fn add(&mut self, plan: &Plan, outcome: &Outcome) {
        let (verdict, measures) = (&outcome.verdict, &outcome.measures);
        self.rounds += 1;
        if !verdict.violations.is_empty() {
            self.failed.push(plan.seed);
        }
        for rule in verdict.violations.iter().map(|violation| violation.rule).collect::<BTreeSet<_>>() {
            *self.violated.entry(rule).or_default() += 1;
        }
        self.acknowledged += verdict.acknowledged;
        self.lost += verdict.lost;
        self.edits += verdict.edits;
        self.lost_edits += verdict.lost_edits;
        self.refused += verdict.refused;
        self.open += verdict.open;
        self.retried += verdict.retried;
        self.duplicates += verdict.duplicates;
        self.stale_saves.0 += verdict.stale.0;
        self.stale_saves.1 += verdict.stale.1;
        let passed = verdict.violations.iter().filter(|v| v.rule == 'b' && v.what.contains("etcd@etcd")).count() as u64;
        self.stale_deliveries.0 += outcome.made.stale;
        self.stale_deliveries.1 += outcome.made.stale.saturating_sub(passed);
        self.drifts.0 += outcome.drifts.0;
        self.drifts.1 += outcome.drifts.1;
        self.seen += outcome.events.len() as u64;
        self.healthy.append(&measures.healthy);
        if let Some(converged) = outcome.converged {
            self.converged.add(converged.as_secs_f64());
        }
        for why in &outcome.made.skipped {
            *self.skipped.entry(why.clone()).or_default() += 1;
        }
        let failed = u64::from(!verdict.violations.is_empty());
        for kind in kinds(plan) {
            let kind = self.kinds.entry(kind.to_owned()).or_default();
            kind.rounds += 1;
            kind.failed += failed;
        }
        // Measurements of two faults together are attributed to neither of them.
        let name = if plan.faults.len() == 1 { plan.faults[0].kind } else { TOGETHER };
        self.kinds.entry(name.to_owned()).or_default().measured(outcome);
    }

    /// Counts a round that could not be completed.
    pub fn broke(&mut self, plan: &Plan) {
        self.rounds += 1;
        self.failed.push(plan.seed);
        for kind in kinds(plan) {
            let kind = self.kinds.entry(kind.to_owned()).or_default();
            kind.rounds += 1;
            kind.failed += 1;
        }
    }

    /// Returns whether all rounds passed, and together tested all kinds of writes.
    pub fn is_good(&self) -> bool {
        self.failed.is_empty() && self.acknowledged > 0 && self.edits > 0 && self.stale_saves.0 > 0
    }

    /// Returns the number of rounds that violated a rule.
    pub fn violated(&self, rule: char) -> u64 {
        self.violated.get(&rule).copied().unwrap_or_default()
    }

    /// Prints the report.
    pub fn print(&self, seeds: &str, versions: &[String], possible: &str) {
        println!("\n### Rounds\n\n| | |\n|---|---:|");
        let row = |what: &str, value: String| println!("| {what} | {value} |");
        let of = |(all, some): (u64, u64)| format!("{all} / {some}");
        row(&format!("rounds ({seeds}), failed"), of((self.rounds, self.failed.len() as u64)));
        row("events in the histories", self.seen.to_string());
        row("publishes acknowledged, lost", of((self.acknowledged, self.lost)));
        row("edits acknowledged without a publish, lost", of((self.edits, self.lost_edits)));
        row("publishes and edits refused", self.refused.to_string());
        row("operations retried with their key, duplicated", of((self.retried, self.duplicates)));
        row("operations without a definite answer", self.open.to_string());
        row("stale saves attempted, refused", of(self.stale_saves));
        row("deliveries that reached etcd after a later one, refused", of(self.stale_deliveries));
        row("writes that servers skipped because their lock was lost", self.fenced.to_string());
        row("drifts of etcd recorded, repaired by hand", format!("{} / {}", self.drifts.0, self.drifts.1));
        let three = |samples: &Samples| [0.5, 0.99, 1.0].map(|at| short(samples.quantile(at))).join(" / ");
        row("publish to waiting reader, nothing broken, p50 / p99 / max ms", three(&self.healthy));
        row("healing to all readers at the latest release, p50 / p99 / max s", three(&self.converged));
        println!("\n### By fault\n");
        println!(
            "| fault | rounds, failed | publish to waiting reader, p50 / p99 / max ms | converged after, p50 / max s | \
             snapshots answered | stalest s |\n|---|---:|---:|---:|---:|---:|"
        );
        for (name, kind) in &self.kinds {
            let broken = three(&kind.broken);
            let converged = [0.5, 1.0].map(|at| short(kind.converged.quantile(at) / 1e3)).join(" / ");
            let answered = short(kind.answered as f64 / kind.asked as f64 * 100.0);
            let (rounds, stalest) = (of((kind.rounds, kind.failed)), short(kind.stalest / 1e3));
            println!("| {name} | {rounds} | {broken} | {converged} | {answered} % | {stalest} |");
        }
        println!("\n{}. {possible}.", versions.join("; "));
        for (why, times) in &self.skipped {
            println!("{times} times: {why}.");
        }
        if !self.failed.is_empty() {
            println!("\nFailed seeds: {:?}", self.failed);
        }
    }
}

/// Formats a number with about three significant digits.
fn short(value: f64) -> String {
    match value {
        v if v.is_nan() => "–".into(),
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
