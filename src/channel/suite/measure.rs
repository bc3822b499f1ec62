//! Measures deliveries: `cargo test --release --features ssr suite::measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::{super::Timing, Bench, TEST_TIMEOUT, env, release};

const ROUNDS: u64 = 300;

/// Prints the median and the 99th percentile of some runs.
async fn measure(what: &str, mut run: impl AsyncFnMut(u64)) {
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        let start = Instant::now();
        run(round).await;
        times.push(start.elapsed());
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("{what:<34} p50 {:6.2} ms   p99 {:6.2} ms", ms(times[times.len() / 2]), ms(times[times.len() * 99 / 100]));
}

#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_a_delivery() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let document = format!("{{\"a\":\"{}\"}}", "x".repeat(2000));
    let raw = bench.raw();
    measure("a bare put of 2 KB", async |_| raw.put("bare", document.as_str()).await).await;
    let (channel, prod) = (&bench.channel, env("prod"));
    measure("lock, deliver, unlock", async |seq| {
        let lock = channel.lock(&prod, TEST_TIMEOUT).await.unwrap();
        channel.deliver(&lock, &[release("a/x", seq, &document)]).await.unwrap();
        lock.release().await;
    })
    .await;
    let lock = channel.lock(&prod, TEST_TIMEOUT).await.unwrap();
    measure("deliver under a kept lock", async |seq| {
        channel.deliver(&lock, &[release("b/y", seq, &document)]).await.unwrap();
    })
    .await;
    measure("deliver 60 configs at once", async |seq| {
        let change: Vec<_> = (0..60).map(|i| release(&format!("app{i}/x"), seq, &document)).collect();
        channel.deliver(&lock, &change).await.unwrap();
    })
    .await;
    measure("is somebody waiting", async |_| assert!(!channel.has_waiters(&lock).await)).await;
    measure("list 62 configs", async |_| drop(channel.list().await.unwrap())).await;
}

/// Returns the processor time of etcd so far, in hundredths of a second.
fn etcd_worked() -> u64 {
    let pid = std::fs::read_to_string(std::env::var("TRIMTAB_TEST_ETCD_PIDFILE").unwrap()).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap();
    // The name may contain spaces. The 12th and 13th field after it are user and system time.
    let (_, after) = stat.rsplit_once(')').unwrap();
    after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_progress_requests() {
    const WATCHES: usize = 186;
    let Some(bench) = Bench::etcd().await else { return };
    let raw = bench.raw.as_ref().unwrap();
    for silence in [TEST_TIMEOUT * 10, Timing::default().silence] {
        let channel = raw.channel_with(Timing { silence, ..Timing::default() }, &[&raw.endpoint]).await;
        let revision = channel.head().await.unwrap().revision;
        let mut watching = tokio::task::JoinSet::new();
        for _ in 0..WATCHES {
            let mut watch = channel.watch(revision).await.unwrap();
            watching.spawn(async move { watch.next().await });
        }
        let before = etcd_worked();
        tokio::time::sleep(TEST_TIMEOUT).await;
        let share = (etcd_worked() - before) as f64 / TEST_TIMEOUT.as_secs_f64();
        println!("{WATCHES} watches, asked after {silence:?} of silence: etcd works {share:.2} % of the time");
        assert!(watching.try_join_next().is_none(), "none was lost");
    }
}
