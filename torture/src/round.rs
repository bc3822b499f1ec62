//! A round: calm, faults, healing, convergence and the check of the history.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use reqwest::Client;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    breaking::{Breaker, FOREIGN, FaultNotes},
    checker::{self, Allowed, Verdict, Violation},
    clients::{INSIST, Round, Writer},
    cluster::{CONFIGS, Cluster},
    dice::Dice,
    faults::{Fault, Plan, Server},
    history::{Event, Phase, Recorder},
    measures::Measures,
    process::Result,
    readers::{self, Reader},
    state::{self, Begin, State},
};

/// Maximum time from the healing until all readers hold the latest releases: twice the target for 99 % of the rounds.
const CONVERGE: Duration = Duration::from_secs(20);
/// Time that writers continue after the healing.
const AFTER: Duration = Duration::from_millis(300);
/// Maximum time until a foreign write is reported.
const NOTICED: Duration = Duration::from_secs(20);
const PUBLISHERS: usize = 3;
const EDITORS: usize = 2;

/// Result of a round.
pub struct Outcome {
    pub events: Vec<Event>,
    pub state: State,
    pub verdict: Verdict,
    pub measures: Measures,
    pub converged: Option<Duration>,
    pub made: FaultNotes,
    /// Number of drifts that the servers recorded, and of those that the harness repaired.
    pub drifts: (i64, u64),
}

/// Plays a round.
pub async fn play(cluster: &mut Cluster, plan: &Plan) -> Result<Outcome> {
    let begin = Begin::read(cluster).await?;
    let drifts_before = state::drifts(&mut cluster.database.root().await?).await?;
    let panics_before = cluster.lines("panicked at");
    let recorder = Recorder::new();
    let (on, seen) = watch::channel(true);
    let reading = start_readers(cluster, plan, &recorder);
    let mut writers = start_writers(cluster, plan, &recorder, seen);

    sleep(plan.calm).await;
    recorder.mark(&plan.kind(), Phase::Begins);
    let end = Instant::now() + plan.length;
    let mut breaker = Breaker { cluster, dice: Dice::new(plan.seed, "breaker"), made: FaultNotes::default() };
    for planned in &plan.faults {
        sleep(planned.after).await;
        match breaker.make(&planned.fault).await {
            // After the first fault, the target of the second one may be gone.
            Err(error) if plan.faults.len() > 1 => breaker.made.skipped.push(format!("{}: {error}", planned.kind)),
            made => made?,
        }
    }
    let made = breaker.made;
    sleep_until(end).await;
    recorder.mark(&plan.kind(), Phase::Ends);
    on.send_replace(!plan.quiet);
    let ended = cluster.up().await?;
    recorder.mark(&plan.kind(), Phase::Healed);
    let healed = Instant::now();
    sleep(AFTER).await;
    on.send_replace(false);
    let all = async { while writers.join_next().await.is_some() {} };
    // Writers that are aborted leave open operations behind, which the checker reports.
    let _ = timeout(INSIST + Duration::from_secs(15), all).await;

    let quiet = Instant::now();
    let repaired = afterwards(cluster, plan, drifts_before).await?;
    let healed = if plan.is_broken_afterwards() { quiet } else { healed };
    let converged = converge(cluster, healed, &recorder).await?;
    recorder.mark(&plan.kind(), Phase::Converged);
    drop((writers, reading));

    let state = State::read(cluster, begin, plan.seed).await?;
    let events = recorder.events();
    let readers = readers::names(&cluster.nodes);
    let mut verdict = checker::check(&events, &readers, &state, &allowed(cluster, plan), converged);
    // A killed console may restart while its database is down, and then ends. That is no violation.
    let killed =
        |name: &String| plan.has(|f| matches!(f, Fault::Kill(Server::Console(n)) if cluster.nodes[*n].name() == name));
    let ended = ended.into_iter().filter(|name| !killed(name)).map(|name| format!("{name} ended by itself"));
    let panics = (cluster.lines("panicked at") > panics_before).then(|| "a server panicked".to_owned());
    verdict.violations.extend(ended.chain(panics).map(|what| Violation { rule: 'f', what }));
    if made.skipped.len() == plan.faults.len() {
        verdict.violations.push(Violation { rule: 'g', what: format!("no fault was executed: {:?}", made.skipped) });
    }
    let drifts = state::drifts(&mut cluster.database.root().await?).await? - drifts_before;
    let measures = Measures::of(&events);
    Ok(Outcome { events, state, verdict, measures, converged, made, drifts: (drifts, repaired) })
}

fn start_readers(cluster: &Cluster, plan: &Plan, recorder: &Recorder) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    // Consoles serve readers, too.
    for (n, node) in cluster.nodes.iter().enumerate() {
        let reader = Reader {
            recorder: recorder.clone(),
            node: (node.name().to_owned(), node.url.clone()),
            token: cluster.read_token.clone(),
            seed: plan.seed,
        };
        readers.spawn(reader.clone().snapshots());
        readers.spawn(reader.clone().polls(CONFIGS[(plan.seed as usize + n) % CONFIGS.len()]));
        readers.spawn(reader.stream());
    }
    readers.spawn(readers::from_etcd(recorder.clone(), cluster.etcd.port));
    readers
}

fn start_writers(cluster: &Cluster, plan: &Plan, recorder: &Recorder, on: watch::Receiver<bool>) -> JoinSet<()> {
    let consoles = cluster.nodes.iter().take(cluster.consoles);
    let consoles = consoles.map(|node| (node.name().to_owned(), format!("http://{}", node.clients.address)));
    let round = Round {
        seed: plan.seed,
        recorder: recorder.clone(),
        consoles: consoles.collect(),
        token: Arc::from(&*cluster.write_token),
        on,
        ops: Arc::new(AtomicU64::new(0)),
        // Large values, so that a full disk is noticed.
        bulk: if plan.has(|f| matches!(f, Fault::DiskFull(_))) { 40_000 } else { 0 },
    };
    let mut writers = JoinSet::new();
    for n in 0..PUBLISHERS {
        writers.spawn(Writer::new(&round, format!("publisher-{n}")).publish());
    }
    for n in 0..EDITORS {
        writers.spawn(Writer::new(&round, format!("editor-{n}")).edit());
    }
    writers
}

fn allowed(cluster: &Cluster, plan: &Plan) -> Allowed {
    let restored = plan.has(|f| *f == Fault::Restore);
    let fresh = plan.faults.iter().filter_map(|planned| match planned.fault {
        Fault::Kill(Server::Console(n)) if restored => Some(cluster.nodes[n].name().to_owned()),
        _ => None,
    });
    let foreign = plan.has(|f| *f == Fault::ForeignWrite).then_some(FOREIGN);
    Allowed {
        etcd_falls: restored || plan.has(|f| matches!(f, Fault::Wipe | Fault::QuietWipe)),
        foreign,
        fresh: fresh.collect(),
    }
}

/// Waits until SQL, etcd, every node and every waiting reader hold the same releases. Returns the time since `healed`.
async fn converge(cluster: &Cluster, healed: Instant, recorder: &Recorder) -> Result<Option<Duration>> {
    let http = Client::builder().timeout(Duration::from_secs(2)).build()?;
    // At least one look, because the writers may have ended late.
    loop {
        if let Some(live) = equal(cluster).await?
            && all_hold(cluster, &http, &live).await
            // Each node has one stream of all configs and one long poll. One reader follows all configs in etcd.
            && recorder.all_waiting_hold(&live, cluster.nodes.len() * (CONFIGS.len() + 1) + CONFIGS.len())
        {
            return Ok(Some(healed.elapsed()));
        }
        if healed.elapsed() > CONVERGE {
            return Ok(None);
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the live releases, if etcd holds them and the outbox is empty.
async fn equal(cluster: &Cluster) -> Result<Option<BTreeMap<String, u64>>> {
    let mut sql = cluster.database.root().await?;
    let (live, due) = (state::live(&mut sql).await?, state::due(&mut sql).await?);
    let channel = state::channel(cluster).await?;
    let same = live.iter().all(|(config, seq)| channel.get(config).is_some_and(|lying| lying.seq == *seq));
    Ok((due == 0 && same && !live.is_empty()).then_some(live))
}

async fn all_hold(cluster: &Cluster, http: &Client, live: &BTreeMap<String, u64>) -> bool {
    for node in &cluster.nodes {
        for (config, seq) in live {
            let url = format!("{}/api/v1/configs/{config}/raw", node.url);
            let Ok(answer) = http.get(url).bearer_auth(&cluster.read_token).send().await else { return false };
            let said = answer.headers().get("x-config-release").and_then(|release| release.to_str().ok());
            if said.and_then(|said| said.parse().ok()) != Some(*seq) {
                return false;
            }
        }
    }
    true
}

/// Executes the faults that come after the last publish. Returns the number of repaired configs.
async fn afterwards(cluster: &mut Cluster, plan: &Plan, drifts_before: i64) -> Result<u64> {
    if plan.has(|f| *f == Fault::QuietWipe) {
        Breaker { cluster, dice: Dice::new(plan.seed, "quiet"), made: FaultNotes::default() }.wipe().await?;
    }
    if plan.has(|f| *f == Fault::ForeignWrite) { foreign(cluster, plan, drifts_before).await } else { Ok(0) }
}

/// Overwrites a document, waits until a server records the drift, and repairs it. Returns the number of repaired
/// configs.
async fn foreign(cluster: &mut Cluster, plan: &Plan, drifts_before: i64) -> Result<u64> {
    let mut breaker = Breaker { cluster, dice: Dice::new(plan.seed, "foreign"), made: FaultNotes::default() };
    let config = breaker.write_foreign().await?;
    let end = Instant::now() + NOTICED;
    let mut sql = cluster.database.root().await?;
    while state::drifts(&mut sql).await? == drifts_before {
        if Instant::now() > end {
            return Err(format!("no server recorded within {NOTICED:?} that {config} was overwritten").into());
        }
        sleep(Duration::from_millis(200)).await;
    }
    cluster.repair(config).await?;
    Ok(1)
}
