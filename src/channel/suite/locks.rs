//! Locks: holding, queueing and losing them.

use std::time::{Duration, Instant};

use super::{
    super::{Channel, ChannelError, EtcdSettings, Lock},
    Bench, TEST_TIMEOUT, env, eventually, on_both, short_timeouts, small,
};

const SHORT: Duration = Duration::from_millis(300);

on_both! {
    a_lock_excludes_others_until_it_is_released
    environments_have_separate_locks
    a_dropped_lock_is_free
    a_dropped_waiter_leaves_the_queue
    a_holder_sees_that_another_waits
    the_holder_is_shown
    a_removed_lock_is_free_and_its_former_holder_writes_nothing
}

async fn a_lock_excludes_others_until_it_is_released(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let start = Instant::now();
    let busy = bench.other.lock(&env("prod"), SHORT).await.unwrap_err();
    assert_eq!(busy, ChannelError::Busy { env: env("prod") });
    assert!(start.elapsed() >= SHORT);

    let (other, prod) = (bench.other.clone(), env("prod"));
    let next = tokio::spawn(async move { other.lock(&prod, TEST_TIMEOUT).await });
    eventually("somebody waits", async || bench.channel.has_waiters(&lock).await).await;
    assert!(!lock.is_lost());
    lock.release().await;
    let lock = next.await.unwrap().unwrap();
    bench.other.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
}

async fn a_removed_lock_is_free_and_its_former_holder_writes_nothing(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.other.force_release(&env("prod")).await.unwrap();
    let next = bench.other.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let fenced = Err(ChannelError::Fenced { env: env("prod") });
    assert_eq!(bench.channel.deliver(&lock, &[small("a/x", 1)]).await, fenced);
    bench.other.deliver(&next, &[small("a/x", 1)]).await.unwrap();
}

async fn environments_have_separate_locks(bench: Bench) {
    let mut locks = Vec::new();
    for name in ["prod", "prod-eu", "pro", "dev"] {
        locks.push(bench.channel.lock(&env(name), TEST_TIMEOUT).await.unwrap());
    }
    for lock in &locks {
        assert!(!bench.channel.has_waiters(lock).await, "{}", lock.env());
    }
}

async fn a_dropped_lock_is_free(bench: Bench) {
    drop(bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap());
    // Sooner than its lease expires.
    bench.other.lock(&env("prod"), Duration::from_secs(5)).await.unwrap();
}

async fn a_dropped_waiter_leaves_the_queue(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let (other, prod) = (bench.other.clone(), env("prod"));
    let waiter = tokio::spawn(async move { other.lock(&prod, TEST_TIMEOUT).await });
    eventually("somebody waits", async || bench.channel.has_waiters(&lock).await).await;
    waiter.abort();
    eventually("nobody waits", async || !bench.channel.has_waiters(&lock).await).await;

    // Likewise when the wait ends by its timeout.
    bench.other.lock(&env("prod"), SHORT).await.unwrap_err();
    eventually("nobody waits", async || !bench.channel.has_waiters(&lock).await).await;
    assert!(!lock.is_lost());
}

async fn a_holder_sees_that_another_waits(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    assert!(!bench.channel.has_waiters(&lock).await);
    let (other, prod) = (bench.other.clone(), env("prod"));
    let next = tokio::spawn(async move { other.lock(&prod, TEST_TIMEOUT).await });
    eventually("somebody waits", async || bench.channel.has_waiters(&lock).await).await;
    lock.release().await;
    let lock = next.await.unwrap().unwrap();
    assert!(!bench.other.has_waiters(&lock).await);
}

async fn the_holder_is_shown(bench: Bench) {
    assert_eq!(bench.channel.holder(&env("prod")).await.unwrap(), None);
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    assert!(bench.other.holder(&env("prod")).await.unwrap().is_some());
    assert_eq!(bench.other.holder(&env("dev")).await.unwrap(), None);
    lock.release().await;
    assert_eq!(bench.channel.holder(&env("prod")).await.unwrap(), None);
}

/// Returns the channel of a node with a name.
async fn console_2(bench: &Bench) -> Channel {
    let raw = bench.raw.as_ref().expect("a test of etcd");
    let named = EtcdSettings { node: "console-2".into(), ..raw.settings(&[&raw.endpoint]) };
    Channel::etcd(named).await.unwrap()
}

#[tokio::test]
async fn the_holder_is_shown_by_name_and_lease() {
    let Some(bench) = Bench::etcd().await else { return };
    let named = console_2(&bench).await;
    let lock = named.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let prod = env("prod");
    let waiting = bench.other.lock(&prod, TEST_TIMEOUT);
    let shown = eventually("the holder has a name", async || {
        let holder = bench.channel.holder(&env("prod")).await.unwrap().unwrap();
        let Lock::Etcd(held) = &lock else { unreachable!() };
        assert_eq!(holder.lease, Some(format!("{:x}", held.lease())));
        assert!(holder.remaining.is_some_and(|left| left <= Duration::from_secs(10)), "{holder:?}");
        holder.node.as_deref() == Some("console-2")
    });
    shown.await;
    // The name in the key changes neither the fence nor the queue.
    named.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    let (next, ()) = tokio::join!(waiting, lock.release());
    bench.other.deliver(&next.unwrap(), &[small("a/x", 2)]).await.unwrap();
}

#[tokio::test]
async fn a_lease_is_reused_and_a_free_lock_has_the_nodes_name_at_once() {
    let Some(bench) = Bench::etcd().await else { return };
    let named = console_2(&bench).await;
    let lease = |lock: &Lock| if let Lock::Etcd(held) = lock { held.lease() } else { unreachable!() };
    let first = named.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let before = lease(&first);
    named.deliver(&first, &[small("a/x", 1)]).await.unwrap();
    first.release().await;
    assert_eq!(named.holder(&env("prod")).await.unwrap(), None);

    let again = named.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let aside = named.lock(&env("dev"), TEST_TIMEOUT).await.unwrap();
    assert_eq!((lease(&again), lease(&aside) == before), (before, false));
    let holder = named.holder(&env("prod")).await.unwrap().unwrap();
    assert_eq!((holder.node.as_deref(), holder.lease), (Some("console-2"), Some(format!("{before:x}"))));
    assert_eq!(bench.other.lock(&env("prod"), SHORT).await.unwrap_err(), ChannelError::Busy { env: env("prod") });
    named.deliver(&again, &[small("a/x", 2)]).await.unwrap();

    // A dropped lock's lease is not reused, because its key may still exist.
    drop(again);
    assert_ne!(lease(&named.lock(&env("prod"), TEST_TIMEOUT).await.unwrap()), before);
}

#[tokio::test]
async fn a_lock_is_held_beyond_the_time_to_live_of_its_lease() {
    let Some(bench) = Bench::etcd().await else { return };
    let raw = bench.raw.as_ref().unwrap();
    let channel = raw.channel_with_short_timeouts(&[&raw.endpoint]).await;
    let lock = channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    // Twice the lease's time to live, for the holder and for a waiter in its queue.
    let busy = channel.lock(&env("prod"), short_timeouts().ttl * 2).await.unwrap_err();
    assert_eq!(busy, ChannelError::Busy { env: env("prod") });
    assert!(!lock.is_lost());
    channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
}

#[tokio::test]
async fn a_holder_notices_that_its_lease_is_gone() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let raw = bench.raw();
    let channel = raw.channel_with_short_timeouts(&[&raw.endpoint]).await;
    let lock = channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    assert!(!lock.is_lost());
    bench.expire(&lock).await;
    eventually("the lock is lost", async || lock.is_lost()).await;
}

#[tokio::test]
async fn a_holder_whose_key_was_deleted_writes_nothing() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let Lock::Etcd(held) = &lock else { unreachable!() };
    bench.raw().delete(&format!("locks/prod/{:x}", held.lease())).await;
    assert!(!lock.is_lost(), "its lease lives");
    let fenced = bench.channel.deliver(&lock, &[small("a/x", 1)]).await;
    assert_eq!(fenced, Err(ChannelError::Fenced { env: env("prod") }));
    assert!(lock.is_lost());
    assert_eq!(bench.channel.list().await.unwrap().entries, []);
}
