//! Listings and watches.

use std::pin::pin;

use futures::poll;

use super::{
    super::{Channel, ChannelError, Lock},
    Bench, TEST_TIMEOUT, env, next, numbers, on_both, release, small,
};

on_both! {
    a_listing_reads_many_pages
    a_listing_has_one_revision
    a_watch_continues_where_another_ended
    a_wait_for_the_next_release_may_be_dropped
    a_watch_before_a_compaction_must_list_again
    a_watch_after_a_future_revision_must_list_again
}

/// Delivers small releases of so many configs, in batches of 60.
async fn fill(channel: &Channel, lock: &Lock, configs: usize) {
    let entries: Vec<_> = (0..configs).map(|i| small(&format!("app{i:05}/x"), 1)).collect();
    for batch in entries.chunks(60) {
        channel.deliver(lock, batch).await.unwrap();
    }
}

async fn a_listing_reads_many_pages(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    fill(&bench.channel, &lock, 1300).await;
    let listing = bench.other.list().await.unwrap();
    assert_eq!(listing.damaged, []);
    let expected: Vec<_> = (0..1300).map(|i| (format!("app{i:05}/x"), 1)).collect();
    assert_eq!(numbers(&listing.entries), expected);
    let head = bench.channel.head().await.unwrap();
    assert_eq!(listing.cluster, head.cluster);
    assert!(listing.revision <= head.revision);
}

async fn a_listing_has_one_revision(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    fill(&bench.channel, &lock, 300).await;
    // The first and the last by name, so on different pages. They change together.
    let pair = |seq| [small("aa/x", seq), small("zz/x", seq)];
    bench.channel.deliver(&lock, &pair(1)).await.unwrap();
    let publisher = {
        let channel = bench.channel.clone();
        tokio::spawn(async move {
            for seq in 2.. {
                channel.deliver(&lock, &pair(seq)).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    for _ in 0..20 {
        let entries = numbers(&bench.other.list().await.unwrap().entries);
        assert_eq!(entries.len(), 302);
        assert_eq!(entries[0].1, entries[301].1, "{:?} {:?}", entries[0], entries[301]);
    }
    publisher.abort();
}

async fn a_watch_continues_where_another_ended(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let start = bench.other.list().await.unwrap().revision;
    bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    let mut watch = bench.other.watch(start).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 1)], "it was delivered before the watch began");
    let seen = watch.revision();
    drop(watch);

    bench.channel.deliver(&lock, &[small("a/x", 2), small("b/y", 1)]).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 3)]).await.unwrap();
    let mut watch = bench.other.watch(seen).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 2), small("b/y", 1)]);
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 3)]);
    bench.channel.deliver(&lock, &[small("a/x", 4)]).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 4)]);
}

async fn a_wait_for_the_next_release_may_be_dropped(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
    for seq in 1..=3 {
        assert!(poll!(pin!(watch.next())).is_pending());
        bench.channel.deliver(&lock, &[small("a/x", seq)]).await.unwrap();
        assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", seq)]);
    }
}

async fn a_watch_before_a_compaction_must_list_again(mut bench: Bench) {
    let start = bench.channel.list().await.unwrap().revision;
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    for seq in 1..=3 {
        bench.channel.deliver(&lock, &[small("a/x", seq)]).await.unwrap();
    }
    bench.compact().await;
    let watched = match bench.other.watch(start).await {
        Ok(mut watch) => next(&mut watch).await.map(drop),
        Err(error) => Err(error),
    };
    assert_eq!(watched, Err(ChannelError::Compacted));

    let listing = bench.other.list().await.unwrap();
    assert_eq!(listing.entries, [small("a/x", 3)]);
    let mut watch = bench.other.watch(listing.revision).await.unwrap();
    // The wait for the other tests may have taken longer than the lease.
    drop(lock);
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 4)]).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 4)]);
}

async fn a_watch_after_a_future_revision_must_list_again(bench: Bench) {
    let revision = bench.channel.head().await.unwrap().revision;
    assert_eq!(bench.channel.watch(revision + 1_000_000_000).await.unwrap_err(), ChannelError::Compacted);
}

#[tokio::test]
async fn a_slow_watch_in_memory_must_list_again() {
    let channel = Channel::local();
    let lock = channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut slow = channel.watch(0).await.unwrap();
    for seq in 1..200 {
        channel.deliver(&lock, &[small("a/x", seq)]).await.unwrap();
    }
    assert_eq!(next(&mut slow).await, Err(ChannelError::Compacted));
    let mut watch = channel.watch(channel.list().await.unwrap().revision - 1).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 199)]);
}

#[tokio::test]
async fn large_documents_are_listed_and_a_watch_too_far_behind_must_list_again() {
    let Some(bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let start = bench.channel.head().await.unwrap().revision;
    let large = "x".repeat(1_400_000);
    // Other tests write into the same etcd, so only the delivery tells its revision.
    let mut last = start;
    for i in 0..4 {
        last = bench.channel.deliver(&lock, &[release(&format!("app{i}/x"), 1, &large)]).await.unwrap().revision;
    }
    // Too large for one response.
    let listing = bench.other.list().await.unwrap();
    assert_eq!(listing.entries.len(), 4);
    assert!(listing.entries.iter().all(|entry| entry.document.expose() == &*large));
    let mut behind = bench.other.watch(start).await.unwrap();
    assert_eq!(next(&mut behind).await, Err(ChannelError::Compacted));
    // The unread responses do not block other requests.
    let mut watch = bench.other.watch(last - 1).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap().len(), 1);
}
