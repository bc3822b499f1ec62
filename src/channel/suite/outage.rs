//! Deliveries, locks and watches while etcd is down, silent, late or restarted.

use std::time::Duration;

use etcd_client::PutOptions;
use tokio::{
    net::TcpListener,
    time::{Instant, pause, timeout},
};

use super::{
    super::{Channel, ChannelError, EtcdSettings, Lock, Timing},
    Bench, TEST_TIMEOUT, env, eventually, next,
    proxy::{FaultKind, Proxy},
    release, short_timeouts, small,
};

const SHORT: Duration = Duration::from_millis(300);
/// Timers are rounded up to milliseconds, and a call uses up to three.
const ROUNDING: Duration = Duration::from_millis(3);

/// Returns a bench whose first node reaches etcd through a proxy, with short timeouts.
async fn proxied() -> Option<(Bench, Proxy)> {
    proxied_with(short_timeouts()).await
}

async fn proxied_with(timing: Timing) -> Option<(Bench, Proxy)> {
    let mut bench = Bench::etcd().await?;
    let raw = bench.raw.as_ref().unwrap();
    let proxy = Proxy::to(&raw.endpoint).await;
    bench.channel = raw.channel_with(timing, &[&proxy.endpoint()]).await;
    Some((bench, proxy))
}

/// Returns timeouts with a long lease, like one that a restart of etcd prolonged. No test can wait for its end.
fn long_lived() -> Timing {
    Timing { ttl: TEST_TIMEOUT * 3, ..short_timeouts() }
}

/// Makes all calls. Each must report in time that etcd is unreachable. The paused clock advances to the next timeout as
/// soon as all tasks wait.
async fn all_fail_in_time(channel: &Channel, lock: Option<Lock>) {
    let timing = short_timeouts();
    let wait = Duration::from_millis(100);
    let within = |what: &str, limit: Duration, since: Instant| {
        assert!(since.elapsed() <= limit + ROUNDING, "{what} took {:?}", since.elapsed());
    };
    let unreachable = |what: &str, error: Option<ChannelError>| {
        assert!(matches!(error, Some(ChannelError::Unreachable(_))), "{what}: {error:?}");
    };
    let start = Instant::now();
    unreachable("check", channel.check().await.err());
    within("check", timing.call, start);
    for (what, limit) in [("lock", timing.call * 2 + wait), ("holder", timing.call * 2), ("watch", timing.call)] {
        let start = Instant::now();
        let error = match what {
            "lock" => channel.lock(&env("prod"), wait).await.err(),
            "holder" => channel.holder(&env("prod")).await.err(),
            _ => channel.watch(1).await.err(),
        };
        unreachable(what, error);
        within(what, limit, start);
    }
    let start = Instant::now();
    unreachable("list", channel.list().await.err());
    within("list", timing.page, start);
    let Some(lock) = lock else { return };
    let start = Instant::now();
    unreachable("deliver", channel.deliver(&lock, &[small("a/x", 1)]).await.err());
    within("deliver", timing.call * 3, start);
    let start = Instant::now();
    assert!(channel.has_waiters(&lock).await, "giving way is safe");
    within("contended", timing.call, start);
    let start = Instant::now();
    lock.release().await;
    within("release", timing.call * 2, start);
}

#[tokio::test]
async fn a_closed_port_is_reported_in_time() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let channel = super::super::EtcdSettings {
        endpoints: vec![port.to_string()],
        timing: short_timeouts(),
        ..Default::default()
    };
    let channel = Channel::etcd(channel).await.unwrap();
    let Err(ChannelError::Unreachable(why)) = channel.check().await else { unreachable!() };
    assert!(why.contains(&port.to_string()) && why.contains("Connection refused"), "{why}");
    pause();
    all_fail_in_time(&channel, None).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_reported_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = EtcdSettings {
        endpoints: vec![silent.local_addr().unwrap().to_string()],
        timing: short_timeouts(),
        ..Default::default()
    };
    all_fail_in_time(&Channel::etcd(channel).await.unwrap(), None).await;
}

#[tokio::test]
async fn a_paused_etcd_is_reported_in_time() {
    let Some((bench, proxy)) = proxied().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut watch = bench.channel.watch(bench.channel.head().await.unwrap().revision).await.unwrap();
    // Idle for longer than the silence limit: the watch requests progress, and etcd answers.
    let idle = short_timeouts().silence * 2 + short_timeouts().call;
    assert!(timeout(idle, watch.next()).await.is_err());

    proxy.stall();
    pause();
    let start = Instant::now();
    assert!(matches!(next(&mut watch).await, Err(ChannelError::Unreachable(_))));
    assert!(start.elapsed() <= short_timeouts().silence + short_timeouts().call + ROUNDING, "{:?}", start.elapsed());
    all_fail_in_time(&bench.channel, Some(lock)).await;
}

#[tokio::test]
async fn work_continues_when_etcd_is_back() {
    let Some((bench, mut proxy)) = proxied().await else { return };
    let mut watch = bench.channel.watch(bench.channel.head().await.unwrap().revision).await.unwrap();
    let mut disturbances = bench.channel.disturbances();
    proxy.down().await;
    assert!(matches!(next(&mut watch).await, Err(ChannelError::Unreachable(_))));
    assert!(matches!(bench.channel.check().await, Err(ChannelError::Unreachable(_))));
    proxy.up().await;
    bench.channel.check().await.unwrap();
    assert!(!disturbances.has_changed().unwrap(), "it is reported with the next watch");
    let mut watch = bench.channel.watch(watch.revision()).await.unwrap();
    timeout(TEST_TIMEOUT, disturbances.changed()).await.expect("it is reported").unwrap();
    drop(bench.channel.watch(watch.revision()).await.unwrap());
    assert!(!disturbances.has_changed().unwrap(), "it is reported once");
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 1)]);
}

#[tokio::test]
async fn a_lock_outlives_a_broken_connection_but_not_its_lease() {
    let Some((bench, mut proxy)) = proxied().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    proxy.cut();
    // Longer than the lease's time to live.
    let busy = bench.other.lock(&env("prod"), short_timeouts().ttl * 2).await.unwrap_err();
    assert_eq!(busy, ChannelError::Busy { env: env("prod") });
    assert!(!lock.is_lost());

    proxy.down().await;
    eventually("the lock is lost", async || lock.is_lost()).await;
    let next = bench.other.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    proxy.up().await;
    let fenced = bench.channel.deliver(&lock, &[small("a/x", 1)]).await;
    assert_eq!(fenced, Err(ChannelError::Fenced { env: env("prod") }));
    bench.other.deliver(&next, &[small("a/x", 1)]).await.unwrap();
}

#[tokio::test]
async fn a_lock_that_could_not_be_released_is_free_as_soon_as_etcd_answers() {
    let prod = env("prod");
    for dropped in [false, true] {
        let Some((bench, mut proxy)) = proxied_with(long_lived()).await else { return };
        let lock = bench.channel.lock(&prod, TEST_TIMEOUT).await.unwrap();
        proxy.down().await;
        if dropped {
            drop(lock);
        } else {
            lock.release().await;
        }
        assert_eq!(bench.other.lock(&prod, SHORT).await.unwrap_err(), ChannelError::Busy { env: prod.clone() });
        proxy.up().await;
        bench.other.lock(&prod, TEST_TIMEOUT).await.unwrap().release().await;

        // The late revocation does not end this node's new lock.
        let again = bench.channel.lock(&prod, TEST_TIMEOUT).await.unwrap();
        assert_eq!(bench.other.lock(&prod, SHORT).await.unwrap_err(), ChannelError::Busy { env: prod.clone() });
        bench.channel.deliver(&again, &[small("a/x", 1)]).await.unwrap();
    }
}

/// A restore brings back locks that were released since, on leases that are valid.
#[tokio::test]
async fn no_lock_of_a_restored_etcd_is_kept_alive() {
    for held in [false, true] {
        let Some((mut bench, proxy)) = proxied_with(long_lived()).await else { return };
        let mut watch = bench.channel.watch(bench.channel.head().await.unwrap().revision).await.unwrap();
        let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
        let Lock::Etcd(etcd_lock) = &lock else { unreachable!() };
        let lease = etcd_lock.lease();
        let lock = if held {
            Some(lock)
        } else {
            lock.release().await;
            None
        };
        let raw = bench.raw();
        let (freed, on) = (format!("{}/locks/dev/{lease:x}", raw.root), PutOptions::new().with_lease(lease));
        raw.client.put(freed, "", Some(on)).await.unwrap();
        proxy.cut();
        assert!(matches!(next(&mut watch).await, Err(ChannelError::Unreachable(_))));
        if let Some(lock) = lock {
            eventually("etcd answers", async || bench.channel.check().await.is_ok()).await;
            lock.release().await;
        }
        bench.other.lock(&env("dev"), TEST_TIMEOUT).await.unwrap();
    }
}

#[tokio::test]
async fn a_silent_watch_also_drops_the_connection_of_other_requests() {
    // A page that is requested on that connection never comes.
    let Some((bench, proxy)) = proxied_with(Timing { page: TEST_TIMEOUT * 3, ..short_timeouts() }).await else {
        return;
    };
    let mut watch = bench.channel.watch(bench.channel.head().await.unwrap().revision).await.unwrap();
    bench.channel.list().await.unwrap();
    proxy.silence();
    assert!(matches!(next(&mut watch).await, Err(ChannelError::Unreachable(_))));
    timeout(TEST_TIMEOUT, bench.channel.list()).await.expect("a page on a new connection").unwrap();
}

#[tokio::test]
async fn another_member_takes_over() {
    let Some(bench) = Bench::etcd().await else { return };
    let raw = bench.raw.as_ref().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    // If nothing was sent, the next member is used at once.
    raw.channel_with_short_timeouts(&[&closed, &raw.endpoint]).await.check().await.unwrap();

    // If it may have been sent, the call fails and the next call uses another member.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = raw.channel_with_short_timeouts(&[&silent.local_addr().unwrap().to_string(), &raw.endpoint]).await;
    assert!(matches!(channel.check().await, Err(ChannelError::Unreachable(_))));
    channel.check().await.unwrap();
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found() {
    let Some((bench, proxy)) = proxied().await else { return };
    let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    proxy.mark("unanswered", FaultKind::Unanswered);
    let change = [release("a/x", 1, "{\"a\":\"unanswered\"}"), small("b/y", 1)];
    let (delivered, ()) = tokio::join!(bench.channel.deliver(&lock, &change), async {
        assert_eq!(next(&mut watch).await.unwrap(), change);
        proxy.cut();
    });
    assert_eq!(delivered.unwrap().revision, watch.revision(), "written once, by the first try");
    assert_eq!(bench.other.list().await.unwrap().entries, change);
}

#[tokio::test]
async fn a_write_that_never_arrived_is_not_called_delivered() {
    let Some((bench, proxy)) = proxied().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    proxy.mark("lost", FaultKind::Lost);
    let change = [release("a/x", 1, "{\"a\":\"lost\"}")];
    assert!(matches!(bench.channel.deliver(&lock, &change).await, Err(ChannelError::Unreachable(_))));
    assert_eq!(bench.other.list().await.unwrap().entries, []);
    bench.channel.deliver(&lock, &change).await.unwrap();
    assert_eq!(bench.other.list().await.unwrap().entries, change);
}

#[tokio::test]
async fn a_write_that_arrives_after_the_lock_was_lost_changes_nothing() {
    let Some((mut bench, proxy)) = proxied().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    proxy.mark("late", FaultKind::Late);
    let late = [release("a/x", 1, "{\"a\":\"late\"}")];
    assert!(matches!(bench.channel.deliver(&lock, &late).await, Err(ChannelError::Unreachable(_))));
    bench.expire(&lock).await;
    let next = bench.other.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    proxy.forward_late().await;
    assert_eq!(bench.other.list().await.unwrap().entries, [], "it has the fence of the lost lock");
    bench.other.deliver(&next, &[small("a/x", 1)]).await.unwrap();
}

#[tokio::test]
async fn a_write_that_arrives_after_its_retry_changes_nothing() {
    let Some((bench, proxy)) = proxied().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    proxy.mark("late", FaultKind::Late);
    let late = [release("a/x", 1, "{\"a\":\"late\"}")];
    assert!(matches!(bench.channel.deliver(&lock, &late).await, Err(ChannelError::Unreachable(_))));
    let again = bench.channel.deliver(&lock, &late).await.unwrap();
    let newer = bench.channel.deliver(&lock, &[small("a/x", 2)]).await.unwrap();
    proxy.forward_late().await;
    assert!(again.revision < newer.revision);
    assert_eq!(bench.other.list().await.unwrap().entries, [small("a/x", 2)], "even under the same lock");
}
