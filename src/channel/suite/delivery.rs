//! Deliveries: their writes, and the cases in which nothing is written.

use super::{
    super::{Channel, ChannelError, Delivered},
    Bench, TEST_TIMEOUT, env, next, numbers, on_both, release, removal, small,
};

on_both! {
    a_release_and_the_next_one_arrive
    a_change_over_several_configs_is_whole
    delivering_again_writes_nothing
    a_number_never_goes_back
    a_batch_with_an_overtaken_release_writes_nothing
    of_several_releases_the_latest_counts
    the_same_number_with_another_document_is_a_mismatch
    a_repair_writes_the_same_number_again
    a_repair_changes_bytes_so_that_every_watcher_reacts
    a_holder_whose_lease_ran_out_writes_nothing
    a_lock_only_serves_its_own_environment
    a_batch_that_is_too_large_is_refused_and_the_largest_is_accepted
    an_empty_or_corrupt_document_is_refused
    an_empty_batch_is_delivered_at_once
    a_removal_takes_the_document_away_until_a_later_release
}

async fn a_release_and_the_next_one_arrive(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut revisions = Vec::new();
    for seq in 1..=2 {
        let entry = [small("shop/application", seq)];
        let Delivered { revision, already } = bench.channel.deliver(&lock, &entry).await.unwrap();
        assert_eq!(already, []);
        revisions.push(revision);
        assert_eq!(bench.other.list().await.unwrap().entries, entry);
    }
    assert!(revisions[0] < revisions[1], "{revisions:?}");
    lock.release().await;
}

async fn a_change_over_several_configs_is_whole(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
    let change = [small("a/x", 1), small("b/y", 1), small("c/z", 1)];
    let delivered = bench.channel.deliver(&lock, &change).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), change);
    assert_eq!(watch.revision(), delivered.revision);
    assert_eq!(bench.other.list().await.unwrap().entries, change);
}

async fn delivering_again_writes_nothing(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let first = bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    let both = [small("a/x", 1), small("b/y", 1)];
    let second = bench.channel.deliver(&lock, &both).await.unwrap();
    assert_eq!(second.already, [(both[0].config.clone(), both[0].meta.identity())]);
    let third = bench.channel.deliver(&lock, &both).await.unwrap();
    assert_eq!(third.revision, second.revision, "the revision that wrote the last of them");
    assert_eq!(third.already.len(), 2);
    let again = bench.channel.deliver(&lock, &both[..1]).await.unwrap();
    assert_eq!(again.revision, first.revision);
}

async fn a_number_never_goes_back(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 10)]).await.unwrap();
    // As text, 9 would come after 10.
    for seq in [9, 1] {
        let late = [small("a/x", seq)];
        let delivered = bench.channel.deliver(&lock, &late).await.unwrap();
        assert_eq!(delivered.already, [("prod/a/x".parse().unwrap(), small("a/x", 10).meta.identity())]);
        let repaired = bench.channel.repair(&lock, &late).await.unwrap();
        assert_eq!(repaired.already.len(), 1);
    }
    assert_eq!(bench.channel.list().await.unwrap().entries, [small("a/x", 10)]);
}

async fn a_batch_with_an_overtaken_release_writes_nothing(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 7)]).await.unwrap();
    let change = [small("a/x", 5), small("b/y", 1)];
    let overtaken = Err(ChannelError::Overtaken(vec![(change[0].config.clone(), small("a/x", 7).meta.identity())]));
    assert_eq!(bench.channel.deliver(&lock, &change).await, overtaken);
    assert_eq!(bench.channel.list().await.unwrap().entries, [small("a/x", 7)]);
    bench.channel.deliver(&lock, &change[1..]).await.unwrap();
    let there = bench.channel.deliver(&lock, &change).await.unwrap();
    assert_eq!(there.already.len(), 2, "nothing is left to be written");
}

async fn of_several_releases_the_latest_counts(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let due = [small("a/x", 2), small("a/x", 3), small("a/x", 1)];
    bench.channel.deliver(&lock, &due).await.unwrap();
    assert_eq!(bench.channel.list().await.unwrap().entries, [small("a/x", 3)]);
}

async fn the_same_number_with_another_document_is_a_mismatch(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 1), small("b/y", 1)]).await.unwrap();
    let other = release("b/y", 1, "{\"other\":\"1\"}");
    let mismatch = ChannelError::Mismatch { config: other.config.clone(), seq: 1 };
    assert_eq!(bench.channel.deliver(&lock, &[small("a/x", 2), other]).await, Err(mismatch));
    assert_eq!(bench.channel.list().await.unwrap().entries, [small("a/x", 1), small("b/y", 1)]);
}

async fn a_repair_writes_the_same_number_again(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
    let right = [release("a/x", 1, "{\"right\":\"1\"}")];
    let repaired = bench.channel.repair(&lock, &right).await.unwrap();
    assert_eq!(repaired.already, []);
    assert_eq!(next(&mut watch).await.unwrap(), right, "readers hear of it");
    assert_eq!(bench.channel.list().await.unwrap().entries, right);
}

async fn a_repair_changes_bytes_so_that_every_watcher_reacts(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let release = [small("a/x", 1)];
    let document = async || bench.channel.list().await.unwrap().entries[0].document.expose().to_owned();
    bench.channel.deliver(&lock, &release).await.unwrap();
    bench.channel.repair(&lock, &release).await.unwrap();
    assert_eq!(document().await, format!("{}\n", release[0].document.expose()));
    let again = bench.channel.deliver(&lock, &release).await.unwrap();
    assert_eq!(again.already.len(), 1, "it is the same release");
    bench.channel.repair(&lock, &release).await.unwrap();
    assert_eq!(document().await, release[0].document.expose());
}

async fn a_holder_whose_lease_ran_out_writes_nothing(mut bench: Bench) {
    let paused = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.expire(&paused).await;
    let fenced = Err(ChannelError::Fenced { env: env("prod") });
    assert_eq!(
        bench.channel.deliver(&paused, &[small("a/x", 1)]).await,
        fenced,
        "even before another node holds the lock"
    );
    assert!(paused.is_lost());

    let lock = bench.other.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.other.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    assert_eq!(bench.channel.deliver(&paused, &[small("a/x", 2), small("b/y", 1)]).await, fenced);
    assert_eq!(bench.channel.repair(&paused, &[small("a/x", 1)]).await, fenced);
    assert_eq!(numbers(&bench.other.list().await.unwrap().entries), [("a/x".to_owned(), 1)]);

    // Neither that nor the release of the lost lock affects the next holder.
    paused.release().await;
    bench.other.deliver(&lock, &[small("a/x", 2)]).await.unwrap();
    assert!(!lock.is_lost());
}

async fn a_lock_only_serves_its_own_environment(bench: Bench) {
    let lock = bench.channel.lock(&env("dev"), TEST_TIMEOUT).await.unwrap();
    let refused = bench.channel.deliver(&lock, &[small("a/x", 1)]).await;
    assert!(matches!(&refused, Err(ChannelError::Refused(why)) if why.contains("prod/a/x")), "{refused:?}");
    assert_eq!(bench.channel.list().await.unwrap().entries, []);
}

async fn a_batch_that_is_too_large_is_refused_and_the_largest_is_accepted(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let many = |count: usize| (0..count).map(|i| small(&format!("app{i}/x"), 1)).collect::<Vec<_>>();
    assert!(matches!(bench.channel.deliver(&lock, &many(65)).await, Err(ChannelError::TooLarge(_))));
    bench.channel.deliver(&lock, &many(64)).await.unwrap();

    // etcd accepts the largest batch that passes the check, with one config and with many of the longest names.
    let largest = |apps: &[String]| {
        let batch = |bytes: usize| {
            let document = "x".repeat(bytes);
            apps.iter().map(|app| release(app, 1, &document)).collect::<Vec<_>>()
        };
        let (mut low, mut high) = (1, 1536 * 1024);
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            *if Channel::fits(&batch(middle)).is_ok() { &mut low } else { &mut high } = middle;
        }
        (batch(low), batch(high))
    };
    let long = |i: usize| format!("{i:a>64}/{}", "n".repeat(64));
    for apps in [vec!["one/x".to_owned()], (0..64).map(long).collect()] {
        let (fits, too_large) = largest(&apps);
        bench.channel.deliver(&lock, &fits).await.unwrap();
        assert!(matches!(bench.channel.deliver(&lock, &too_large).await, Err(ChannelError::TooLarge(_))));
    }
}

async fn an_empty_or_corrupt_document_is_refused(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut torn = small("a/x", 1);
    torn.document = "{\"seq\":".into();
    for bad in [torn, release("a/x", 1, ""), release("a/x", 1, " \n")] {
        let refused = bench.channel.deliver(&lock, &[small("b/y", 1), bad]).await;
        assert!(matches!(&refused, Err(ChannelError::Refused(why)) if why.contains("prod/a/x")), "{refused:?}");
    }
    assert_eq!(bench.channel.list().await.unwrap().entries, []);
}

async fn an_empty_batch_is_delivered_at_once(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    assert_eq!(bench.channel.deliver(&lock, &[]).await, Ok(Delivered { revision: 0, already: vec![] }));
}

async fn a_removal_takes_the_document_away_until_a_later_release(bench: Bench) {
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let (old, gone, new) = (small("a/x", 3), removal("a/x", 4), small("a/x", 5));
    bench.channel.deliver(&lock, &[old.clone(), small("b/y", 1)]).await.unwrap();
    let held = bench.other.held(&[gone.clone(), removal("c/z", 1)]).await.unwrap();
    assert_eq!(held, [Some(old.meta.identity()), None]);
    let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
    let disturbances = bench.other.disturbances();
    let delivered = bench.channel.deliver(&lock, std::slice::from_ref(&gone)).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), std::slice::from_ref(&gone));
    let listing = bench.other.list().await.unwrap();
    assert_eq!((listing.entries, listing.damaged), (vec![gone.clone(), small("b/y", 1)], vec![]));
    assert!(!disturbances.has_changed().unwrap(), "its deletion is no foreign write");

    let again = bench.channel.deliver(&lock, std::slice::from_ref(&gone)).await.unwrap();
    assert_eq!((again.revision, again.already.len()), (delivered.revision, 1));
    let late = bench.channel.deliver(&lock, std::slice::from_ref(&old)).await.unwrap();
    assert_eq!(late.already, [(old.config.clone(), gone.meta.identity())], "a release that it removed stays away");
    bench.channel.deliver(&lock, std::slice::from_ref(&new)).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), std::slice::from_ref(&new));
    assert_eq!(
        bench.channel.deliver(&lock, &[gone]).await.unwrap().already,
        [(new.config.clone(), new.meta.identity())]
    );
    assert_eq!(bench.other.list().await.unwrap().entries, [new, small("b/y", 1)]);
}
