//! What a delivery costs: `cargo test --release --features ssr suite::measure -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::{Bench, LONG, env, release};

const ROUNDS: u64 = 300;

/// Median and 99th percentile of some runs.
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
async fn what_a_delivery_costs() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let document = format!("{{\"a\":\"{}\"}}", "x".repeat(2000));
    let raw = bench.raw();
    measure("a bare put of 2 KB", async |_| raw.put("bare", document.as_str()).await).await;
    let (channel, prod) = (&bench.channel, env("prod"));
    measure("lock, deliver, unlock", async |seq| {
        let lock = channel.lock(&prod, LONG).await.unwrap();
        channel.deliver(&lock, &[release("a/x", seq, &document)]).await.unwrap();
        lock.release().await;
    })
    .await;
    let lock = channel.lock(&prod, LONG).await.unwrap();
    measure("deliver under a kept lock", async |seq| {
        channel.deliver(&lock, &[release("b/y", seq, &document)]).await.unwrap();
    })
    .await;
    measure("deliver 60 configs at once", async |seq| {
        let change: Vec<_> = (0..60).map(|i| release(&format!("app{i}/x"), seq, &document)).collect();
        channel.deliver(&lock, &change).await.unwrap();
    })
    .await;
    measure("is somebody waiting", async |_| assert!(!channel.contended(&lock).await)).await;
    measure("list 62 configs", async |_| drop(channel.list().await.unwrap())).await;
}
