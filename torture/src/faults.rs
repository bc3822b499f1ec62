//! Possible faults, and the plan of faults for a seed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{dice::Dice, process::Result, proxy::Mode};

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// A console.
    Console(usize),
    /// A reader node.
    Reader(usize),
    Etcd,
    Database,
}

/// A link between servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// From a console to the database.
    Sql(usize),
    /// From a node to etcd.
    Etcd(usize),
    /// From writing clients to a console.
    Clients(usize),
}

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    Kill(Server),
    Pause(Server),
    /// Pauses the console that holds the lock for longer than its lease.
    PauseHolder,
    Link(Link, Mode),
    /// Holds a delivery back until its lock is lost and another console has delivered.
    LateDelivery,
    LockDeleted,
    LeaseRevoked,
    Compaction,
    Wipe,
    /// Wipes etcd after the last publish, so that only the comparison with SQL refills it.
    QuietWipe,
    ForeignWrite,
    Restore,
    KillConnections,
    ReadOnly,
    BothDown,
    /// Restarts a reader while etcd and the database are down.
    ReaderRestartOffline(usize),
    DiskFull(Server),
}

/// Kinds of faults with their weights. Long faults have low weights.
const KINDS: [(&str, usize); 26] = [
    ("kill console", 5),
    ("kill etcd", 4),
    ("kill database", 4),
    ("kill reader", 3),
    ("pause console", 3),
    ("pause holder past its lease", 2),
    ("pause etcd", 4),
    ("pause database", 4),
    ("link slow", 3),
    ("link black hole", 5),
    ("link reset", 4),
    ("link half-open", 4),
    ("link slow close", 3),
    ("link cut after n bytes", 4),
    ("link answers dropped", 5),
    ("late delivery", 6),
    ("lock deleted", 4),
    ("lease revoked", 4),
    ("compaction", 3),
    ("wipe", 2),
    ("quiet wipe", 1),
    ("foreign write", 1),
    ("restore", 2),
    ("connections killed", 4),
    ("read-only database", 3),
    ("both down", 3),
];
/// Kind that needs reader nodes.
const IN_THE_DARK: (&str, usize) = ("reader restarted in the dark", 3);
/// Kind that needs small disks.
const DISK: (&str, usize) = ("disk full", 4);

/// Capabilities of the set-up that some faults need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possible {
    pub readers: usize,
    pub disks: bool,
}

impl Possible {
    /// Returns the possible kinds of faults with their weights.
    pub fn kinds(&self) -> Vec<(&'static str, usize)> {
        let mut kinds: Vec<_> = KINDS.into_iter().filter(|kind| kind.0 != "kill reader" || self.readers > 0).collect();
        kinds.extend((self.readers > 0).then_some(IN_THE_DARK));
        kinds.extend(self.disks.then_some(DISK));
        kinds
    }

    /// Fails if one of these parts of names names no possible kind. Its rounds would have no fault.
    pub fn check(&self, only: &[String]) -> Result<()> {
        let kinds = self.kinds();
        match only.iter().find(|wanted| !kinds.iter().any(|(kind, _)| kind.contains(wanted.as_str()))) {
            None => Ok(()),
            Some(wanted) => Err(format!("{wanted:?} is in no fault that is possible here").into()),
        }
    }
}

/// A fault and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub kind: &'static str,
    pub fault: Fault,
    /// Delay after the previous fault, or after the calm.
    pub after: Duration,
}

/// The plan of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub seed: u64,
    /// Time before the first fault.
    pub calm: Duration,
    pub faults: Vec<Planned>,
    /// Time from the first fault to the healing.
    pub length: Duration,
    /// Whether writers stop before the healing, so that their last publishes are delivered without later ones.
    pub quiet: bool,
}

/// A plan as it is written to the history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Written {
    pub seed: u64,
    pub faults: Vec<String>,
    pub calm_ms: u64,
    pub length_ms: u64,
    pub quiet: bool,
}

impl Plan {
    /// Returns the plan of a seed. A non-empty `only` restricts the kinds of faults.
    pub fn of(seed: u64, possible: &Possible, only: &[String]) -> Self {
        let mut dice = Dice::new(seed, "plan");
        let mut kinds = possible.kinds();
        kinds.retain(|(kind, _)| only.is_empty() || only.iter().any(|wanted| kind.contains(wanted.as_str())));
        let (calm, mut length) = (dice.millis(500, 900), dice.millis(1500, 3500));
        let many = if dice.once_in(4) { 2 } else { 1 };
        let mut faults: Vec<Planned> = Vec::new();
        for n in 0..many {
            let Some(kind) = draw(&mut dice, &kinds) else { break };
            // At most one long fault, and no fault twice.
            if faults.iter().any(|planned| planned.kind == kind || (is_long(kind) && is_long(planned.kind))) {
                continue;
            }
            let after = if n == 0 { Duration::ZERO } else { dice.millis(100, 1200) };
            faults.push(Planned { kind, fault: fault(kind, possible, &mut dice), after });
        }
        if faults.iter().any(|planned| planned.fault == Fault::PauseHolder) {
            // Longer than the six seconds of a lease, which etcd expires up to half a second late.
            length = Duration::from_millis(8000);
        }
        Self { seed, calm, faults, length, quiet: dice.once_in(2) }
    }

    /// Returns whether a fault is executed after the writers have stopped.
    pub fn is_broken_afterwards(&self) -> bool {
        self.has(|fault| matches!(fault, Fault::QuietWipe | Fault::ForeignWrite))
    }

    /// Returns the names of the plan's faults.
    pub fn kind(&self) -> String {
        self.faults.iter().map(|planned| planned.kind).collect::<Vec<_>>().join(" + ")
    }

    /// Returns whether the plan has such a fault.
    pub fn has(&self, wanted: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(|planned| wanted(&planned.fault))
    }

    /// Returns the plan in the form for the history.
    pub fn written(&self) -> Written {
        let faults = self.faults.iter().map(|p| format!("{} after {:?}: {:?}", p.kind, p.after, p.fault)).collect();
        let millis = |duration: Duration| duration.as_millis() as u64;
        let (calm_ms, length_ms) = (millis(self.calm), millis(self.length));
        Written { seed: self.seed, faults, calm_ms, length_ms, quiet: self.quiet }
    }
}

/// Returns whether a kind takes long, because it controls its own timing.
fn is_long(kind: &str) -> bool {
    matches!(kind, "late delivery" | "restore" | "pause holder past its lease" | "foreign write" | "quiet wipe")
}

fn draw(dice: &mut Dice, kinds: &[(&'static str, usize)]) -> Option<&'static str> {
    let mut at = dice.below(kinds.iter().map(|(_, weight)| weight).sum());
    for (kind, weight) in kinds {
        if at < *weight {
            return Some(kind);
        }
        at -= weight;
    }
    None
}

fn fault(kind: &str, possible: &Possible, dice: &mut Dice) -> Fault {
    let (console, reader) = (dice.below(2), dice.below(possible.readers));
    match kind {
        "kill console" => Fault::Kill(Server::Console(console)),
        "kill etcd" => Fault::Kill(Server::Etcd),
        "kill database" => Fault::Kill(Server::Database),
        "kill reader" => Fault::Kill(Server::Reader(reader)),
        "pause console" => Fault::Pause(Server::Console(console)),
        "pause holder past its lease" => Fault::PauseHolder,
        "pause etcd" => Fault::Pause(Server::Etcd),
        "pause database" => Fault::Pause(Server::Database),
        "late delivery" => Fault::LateDelivery,
        "lock deleted" => Fault::LockDeleted,
        "lease revoked" => Fault::LeaseRevoked,
        "compaction" => Fault::Compaction,
        "wipe" => Fault::Wipe,
        "quiet wipe" => Fault::QuietWipe,
        "foreign write" => Fault::ForeignWrite,
        "restore" => Fault::Restore,
        "connections killed" => Fault::KillConnections,
        "read-only database" => Fault::ReadOnly,
        "reader restarted in the dark" => Fault::ReaderRestartOffline(reader),
        "disk full" => Fault::DiskFull(*dice.pick(&[Server::Etcd, Server::Database])),
        "both down" => Fault::BothDown,
        _ => Fault::Link(link(possible, dice), mode(kind, dice)),
    }
}

fn link(possible: &Possible, dice: &mut Dice) -> Link {
    let console = dice.below(2);
    match dice.below(7) {
        0..=2 => Link::Sql(console),
        3 => Link::Clients(console),
        _ => Link::Etcd(dice.below(2 + possible.readers)),
    }
}

fn mode(kind: &str, dice: &mut Dice) -> Mode {
    match kind {
        "link slow" => Mode::Slow(dice.millis(20, 300)),
        "link black hole" => Mode::BlackHole,
        "link reset" => Mode::Reset,
        "link half-open" => Mode::HalfOpen,
        "link slow close" => Mode::SlowClose(dice.millis(200, 2500)),
        "link cut after n bytes" => Mode::CutAfter(dice.millis(1, 20_000).as_millis() as u64),
        _ => Mode::DropAnswers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Possible = Possible { readers: 2, disks: true };

    #[test]
    fn plans_are_reproducible_and_cover_all_kinds() {
        let plans: Vec<Plan> = (0..600).map(|seed| Plan::of(seed, &HERE, &[])).collect();
        assert_eq!(plans[17], Plan::of(17, &HERE, &[]));
        for (kind, _) in HERE.kinds() {
            assert!(plans.iter().any(|plan| plan.kind().contains(kind)), "{kind}");
        }
        let only = Plan::of(3, &HERE, &["restore".to_owned()]);
        assert_eq!(only.kind(), "restore");
    }

    #[test]
    fn unknown_and_impossible_faults_are_refused() {
        assert!(HERE.check(&["wipe".into(), "disk".into()]).is_ok());
        assert!(HERE.check(&["wipe".into(), "wype".into()]).is_err());
        assert!(Possible { readers: 2, disks: false }.check(&["disk".into()]).is_err());
    }

    #[test]
    fn impossible_faults_are_not_planned() {
        let none = Possible { readers: 0, disks: false };
        for seed in 0..600 {
            let kind = Plan::of(seed, &none, &[]).kind();
            assert!(!kind.contains("reader") && !kind.contains("disk"), "{kind}");
        }
    }
}
