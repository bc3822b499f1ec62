//! Breaks a cluster of Trimtab in seeded ways and checks the results: `make torture`. It is a black-box test: it starts
//! everything as an operator does, uses HTTP, and reads SQL and etcd only for the checks.

mod breaking;
mod checker;
mod clients;
mod cluster;
mod dice;
mod faults;
mod history;
mod measures;
mod mutation;
mod process;
mod proxy;
mod readers;
mod report;
mod round;
mod servers;
mod state;

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use cluster::{Cluster, Recipe};
use faults::{Plan, Possible};
use mutation::Mutation;
use process::Result;
use report::Tally;
use round::Outcome;
use tokio::signal::unix::{SignalKind, signal};

/// Arguments: `rounds=500 seed=1 only=wipe,restore readers=0 set-up=25 keep without=fence`.
struct Order {
    rounds: u64,
    /// Seed of the first round. Each next round has the next number.
    seed: u64,
    /// Parts of the names of faults. If empty, all faults are used.
    only: Vec<String>,
    readers: Option<usize>,
    /// Number of rounds after which everything is started anew.
    set_up: u64,
    /// Whether the histories of passed rounds are kept, too.
    keep: bool,
    /// A protection that is taken away, so that the checker has to fail.
    without: Option<Mutation>,
}

impl Order {
    fn parse(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut order =
            Self { rounds: 30, seed: 1, only: Vec::new(), readers: None, set_up: 25, keep: false, without: None };
        for word in words {
            match word.split_once('=').unwrap_or((&word, "")) {
                ("rounds", number) => order.rounds = number.parse()?,
                ("seed", number) => order.seed = number.parse()?,
                ("readers", number) => order.readers = Some(number.parse()?),
                ("set-up", number) => order.set_up = number.parse::<u64>()?.max(1),
                ("only", names) => order.only = names.split(',').map(|name| name.replace('_', " ")).collect(),
                ("keep", "") => order.keep = true,
                ("without", name) => order.without = Some(Mutation::parse(name)?),
                _ => {
                    let known = "rounds= seed= only= readers= set-up= keep without=";
                    return Err(format!("{word:?} is not one of {known}").into());
                }
            }
        }
        Ok(order)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(error) => {
            eprintln!("torture: {error}");
            return ExitCode::FAILURE;
        }
    };
    // The servers end in every case.
    let done = tokio::select! {
        done = run() => done,
        _ = tokio::signal::ctrl_c() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("torture: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool> {
    let order = Order::parse(std::env::args().skip(1))?;
    let mut recipe = Recipe::of_environment().await?;
    if let Some(readers) = order.readers {
        recipe.readers = readers;
    }
    recipe.without = order.without;
    let mut cluster = Some(Cluster::start(&recipe, order.seed).await?);
    let disks = cluster.as_ref().is_some_and(|cluster| cluster.etcd.disk.is_small());
    let possible = Possible { readers: recipe.readers, disks };
    possible.check(&order.only)?;
    let (began, mut tally) = (Instant::now(), Tally::default());
    for n in 0..order.rounds {
        let plan = Plan::of(order.seed + n, &possible, &order.only);
        let mut here = match cluster.take() {
            Some(here) => here,
            None => Cluster::start(&recipe, order.seed + n).await?,
        };
        let (fenced, started) = (here.lines(FENCED), Instant::now());
        let outcome = round::play(&mut here, &plan).await;
        tally.fenced += (here.lines(FENCED).saturating_sub(fenced)) as u64;
        let good = outcome.as_ref().is_ok_and(|outcome| outcome.verdict.violations.is_empty());
        say(&plan, &outcome, started);
        if !good || order.keep {
            let kept = keep(&plan, outcome.as_ref().ok(), &mut here)?;
            println!("        kept in {}", kept.display());
        }
        match &outcome {
            Ok(outcome) => tally.add(&plan, outcome),
            Err(_) => tally.broke(&plan),
        }
        // Violations left by a failed round would also fail the next one.
        // Nor does the cluster of a full disk serve again: the proxies do not hold back its large documents.
        let is_bulky = plan.has(|fault| matches!(fault, faults::Fault::DiskFull(_)));
        if good && !is_bulky && (n + 1) % order.set_up != 0 {
            cluster = Some(here);
        } else {
            here.end().await?;
        }
    }
    if let Some(mut here) = cluster {
        here.end().await?;
    }
    let seeds = format!("seeds {} to {}", order.seed, order.seed + order.rounds.saturating_sub(1));
    let places = format!(
        "Two consoles, {} nodes that only serve readers, one database, one etcd; disks that can be filled: {}; {:.0} min",
        possible.readers,
        if possible.disks { "yes" } else { "no" },
        began.elapsed().as_secs_f64() / 60.0
    );
    tally.print(&seeds, &servers::versions(&recipe.trimtab).await, &places);
    Ok(match order.without {
        None => tally.is_good(),
        Some(mutation) => {
            let (rule, found) = (mutation.rule(), tally.violated(mutation.rule()));
            println!("\n{mutation:?}: ({rule}) failed in {found} of {} rounds.", order.rounds);
            found > 0
        }
    })
}

/// Field in the log line of a server that had lost its lock when it wrote.
const FENCED: &str = "reason=\"fenced\"";

/// Prints a line about a round.
fn say(plan: &Plan, outcome: &Result<Outcome>, started: Instant) {
    let (seed, kind, took) = (plan.seed, plan.kind(), started.elapsed().as_secs_f64());
    match outcome {
        Ok(outcome) => {
            let (verdict, converged) = (
                &outcome.verdict,
                outcome.converged.map_or_else(|| "never".into(), |c| format!("after {:.1} s", c.as_secs_f64())),
            );
            let word = if verdict.violations.is_empty() { "good" } else { "FAILED" };
            println!(
                "{seed:>6}  {word}  {kind}: {} acknowledged, {} retried, {}/{} stale saves, \
                 converged {converged}, took {took:.1} s",
                verdict.acknowledged, verdict.retried, verdict.stale.1, verdict.stale.0
            );
            let known = 12;
            verdict.violations.iter().take(known).for_each(|violation| println!("        {violation}"));
            if verdict.violations.len() > known {
                println!("        and {} more", verdict.violations.len() - known);
            }
        }
        Err(error) => println!("{seed:>6}  BROKE  {kind}: {error}, took {took:.1} s"),
    }
}

/// Writes plan, logs, history and final state of a round to a folder.
fn keep(plan: &Plan, outcome: Option<&Outcome>, cluster: &mut Cluster) -> Result<PathBuf> {
    let folder = PathBuf::from(std::env::var("TORTURE_KEEP").unwrap_or_else(|_| "target/torture".into()));
    let folder = folder.join(plan.seed.to_string());
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("plan.json"), serde_json::to_vec_pretty(&plan.written())?)?;
    cluster.keep_logs(&folder)?;
    if let Some(outcome) = outcome {
        let lines: Vec<String> =
            outcome.events.iter().map(serde_json::to_string).collect::<std::result::Result<_, _>>()?;
        fs::write(folder.join("history.jsonl"), lines.join("\n"))?;
        fs::write(folder.join("state.json"), serde_json::to_vec_pretty(&outcome.state)?)?;
        fs::write(folder.join("violations.json"), serde_json::to_vec_pretty(&outcome.verdict.violations)?)?;
    }
    Ok(folder)
}
