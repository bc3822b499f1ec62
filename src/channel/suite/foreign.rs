//! The exact bytes in etcd, and the effects of foreign writes.

use tokio::time::timeout;

use super::{
    super::{Channel, ChannelError, DamagedKey},
    Bench, TEST_TIMEOUT, env, next, numbers, removal, small,
};
use crate::domain::content::sha256;

#[tokio::test]
async fn the_format_in_etcd_is_as_documented_for_direct_readers() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("shop/application", 7)]).await.unwrap();
    let raw = bench.raw();
    assert_eq!(raw.get("config/prod/shop/application").await, "{\"seq\":\"7\"}");
    let meta: serde_json::Value = serde_json::from_str(&raw.get("meta/prod/shop/application").await).unwrap();
    let expected = serde_json::json!({
        "seq": 7,
        "sha256": sha256(b"{\"seq\":\"7\"}"),
        "format": "kv",
        "author": "ada",
        "message": "release \"7\"\n商店",
        "published_at": "2026-11-22T16:00:00.123Z",
        "change": "0198c0de-0000-7000-8000-000000000000",
    });
    assert_eq!(meta, expected);
}

#[tokio::test]
async fn damaged_keys_are_listed_apart_from_releases() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let good = ["a/x", "b/y", "c/z", "d/w", "e/v"].map(|config| small(config, 1));
    bench.channel.deliver(&lock, &good).await.unwrap();
    let raw = bench.raw();
    raw.put("config/prod/a/x", "{\"edited\":\"by hand\"}").await;
    raw.put("meta/prod/b/y", "not JSON").await;
    raw.delete("config/prod/c/z").await;
    raw.delete("meta/prod/d/w").await;
    raw.put("config/prod/new/x", "{}").await;
    raw.put("config/UPPER", "{}").await;
    raw.put("config/prod/a/\n", [0xff]).await;

    let listing = bench.other.list().await.unwrap();
    assert_eq!(listing.entries, [small("e/v", 1)]);
    let root = bench.raw().root.clone();
    let found: Vec<(&str, Option<String>)> = listing
        .damaged
        .iter()
        .map(|DamagedKey { key, config, .. }| (&key[root.len() + 1..], config.as_ref().map(ToString::to_string)))
        .collect();
    let of = |config: &str| Some(format!("prod/{config}"));
    let expected = [
        ("config/UPPER", None),
        ("config/prod/a/\\n", None),
        ("config/prod/a/x", of("a/x")),
        ("meta/prod/b/y", of("b/y")),
        ("meta/prod/c/z", of("c/z")),
        ("config/prod/d/w", of("d/w")),
        ("config/prod/new/x", of("new/x")),
    ];
    assert_eq!(found, expected);
}

/// Returns metadata of a release of this document with an invented number.
fn forged(seq: &str, document: &str) -> String {
    let meta = serde_json::to_value(&*small("a/x", 1).meta).unwrap().to_string();
    meta.replace("\"seq\":1", &format!("\"seq\":{seq}"))
        .replace(&small("a/x", 1).meta.sha256, &sha256(document.as_bytes()))
}

#[tokio::test]
async fn a_release_with_an_invented_number_is_damaged_and_overwritten() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    // In a year.
    let later = (crate::clock::now().0 + 365 * 86_400_000).to_string();
    for (n, seq) in ["18446744073709551615", "9223372036854775808", "9007199254740992", "9007199254740991", &later, "0"]
        .into_iter()
        .enumerate()
    {
        let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
        bench.raw().put("config/prod/a/x", "{\"forged\":\"1\"}").await;
        bench.raw().put("meta/prod/a/x", forged(seq, "{\"forged\":\"1\"}")).await;
        let listing = bench.other.list().await.unwrap();
        assert_eq!(listing.entries, [], "{seq}");
        assert_eq!(listing.damaged[0].config, Some("prod/a/x".parse().unwrap()));
        assert!(!listing.damaged[0].is_incomplete, "it is a foreign write");
        let next_one = [small("a/x", n as u64 + 2)];
        bench.channel.deliver(&lock, &next_one).await.unwrap();
        assert_eq!(next(&mut watch).await.unwrap(), next_one, "a watch returns nothing else");
    }
    // A number that is not in the future is valid.
    let seq = crate::clock::now().0.to_string();
    bench.raw().put("config/prod/a/x", "{\"forged\":\"1\"}").await;
    bench.raw().put("meta/prod/a/x", forged(&seq, "{\"forged\":\"1\"}")).await;
    assert_eq!(bench.other.list().await.unwrap().entries[0].meta.seq.to_string(), seq);
}

#[tokio::test]
async fn foreign_metadata_of_the_same_document_is_overwritten() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let release = [small("a/x", 1)];
    bench.channel.deliver(&lock, &release).await.unwrap();
    for (from, to) in [("\"kv\"", "\"text\""), ("0198c0de-0000", "0198c0de-1111"), ("2026-11-22T16", "9999-11-22T16")] {
        let meta = bench.raw().get("meta/prod/a/x").await;
        assert!(meta.contains(from));
        bench.raw().put("meta/prod/a/x", meta.replace(from, to)).await;
        let there = bench.other.list().await.unwrap().entries.pop().unwrap();
        assert!(!there.has_identity(&release[0].meta.identity()), "{to}");
        let delivered = bench.channel.deliver(&lock, &release).await.unwrap();
        assert_eq!(delivered.already, [], "{to}: that was not this release");
        assert_eq!(bench.other.list().await.unwrap().entries, release);
    }
}

#[tokio::test]
async fn halves_are_joined_over_many_pages() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    // As names of keys, `a-…/x` comes before `a/x`.
    let apps = (0..120).flat_map(|i| [format!("a{i:03}"), format!("a{i:03}-b")]);
    let all: Vec<_> = apps.map(|app| small(&format!("{app}/x"), 1)).collect();
    for batch in all.chunks(60) {
        bench.channel.deliver(&lock, batch).await.unwrap();
    }
    // Whole pages without documents, then some without metadata, and foreign documents at the end.
    let (bare, headless) = (20..150, 190..230);
    for entry in &all[bare.clone()] {
        bench.raw().delete(&format!("config/{}", entry.config)).await;
    }
    for entry in &all[headless.clone()] {
        bench.raw().delete(&format!("meta/{}", entry.config)).await;
    }
    for i in 0..50 {
        bench.raw().put(&format!("config/prod/z{i}/x"), "{}").await;
    }

    let listing = bench.other.list().await.unwrap();
    let mut found: Vec<_> = listing.entries.iter().map(|entry| entry.config.clone()).collect();
    let whole = [&all[..bare.start], &all[bare.end..headless.start], &all[headless.end..]].concat();
    let mut expected: Vec<_> = whole.into_iter().map(|entry| entry.config).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let of = |why: &str| listing.damaged.iter().filter(|damage| damage.damage == why && damage.is_incomplete).count();
    assert_eq!(of("is metadata without a document"), bare.len());
    assert_eq!(of("is a document without metadata"), headless.len() + 50);
}

#[tokio::test]
async fn a_watch_skips_foreign_writes() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
    let raw = bench.raw();
    raw.put("config/prod/a/x", "{\"edited\":\"by hand\"}").await;
    raw.delete("config/prod/a/x").await;
    raw.put("meta/prod/b/y", "{}").await;
    raw.put("config/\u{1}", "").await;
    bench.channel.deliver(&lock, &[small("a/x", 2)]).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 2)]);
}

#[tokio::test]
async fn a_watch_reports_foreign_writes_and_deletions_at_once() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut watch = bench.other.watch(bench.other.head().await.unwrap().revision).await.unwrap();
    let mut disturbances = bench.other.disturbances();
    for seq in 1..=3 {
        bench.channel.deliver(&lock, &[small("a/x", seq), small("b/y", seq)]).await.unwrap();
        assert_eq!(numbers(&next(&mut watch).await.unwrap()), [("a/x".to_owned(), seq), ("b/y".to_owned(), seq)]);
        assert!(!disturbances.has_changed().unwrap(), "a delivery is no disturbance");
        let raw = bench.raw();
        match seq {
            1 => raw.put("config/prod/a/x", "{\"edited\":\"by hand\"}").await,
            2 => raw.put("meta/prod/b/y", "not JSON").await,
            _ => raw.delete("config/prod/a/x").await,
        }
        let told = timeout(TEST_TIMEOUT, disturbances.changed());
        tokio::select! {
            told = told => told.expect("a disturbance is reported").unwrap(),
            news = watch.next() => panic!("no release came: {news:?}"),
        }
    }
}

#[tokio::test]
async fn a_repair_overwrites_foreign_writes() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let good = ["a/x", "b/y", "c/z"].map(|config| small(config, 1));
    bench.channel.deliver(&lock, &good).await.unwrap();
    let raw = bench.raw();
    raw.put("config/prod/a/x", "{\"edited\":\"by hand\"}").await;
    raw.put("meta/prod/b/y", "not JSON").await;
    raw.delete("config/prod/c/z").await;
    assert_eq!(bench.channel.list().await.unwrap().damaged.len(), 3);
    bench.channel.repair(&lock, &good).await.unwrap();
    let listing = bench.channel.list().await.unwrap();
    assert!(listing.damaged.is_empty() && listing.entries.len() == good.len());
    assert!(listing.entries.iter().zip(&good).all(|(found, good)| good.has_hash(&found.meta.sha256)));
}

#[tokio::test]
async fn earlier_writes_under_a_lock_are_not_assumed_to_be_still_there() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    for seq in [1, 2, 2, 3] {
        bench.channel.deliver(&lock, &[small("a/x", seq), small("b/y", seq)]).await.unwrap();
        // Wiped.
        for key in ["config/prod/a/x", "meta/prod/a/x"] {
            bench.raw().delete(key).await;
        }
    }
    let delivered = bench.channel.deliver(&lock, &[small("a/x", 3), small("b/y", 3)]).await.unwrap();
    assert_eq!(delivered.already, [("prod/b/y".parse().unwrap(), small("b/y", 3).meta.identity())]);
    assert_eq!(bench.other.list().await.unwrap().entries, [small("a/x", 3), small("b/y", 3)]);

    // Another holder writes a later release while this one believes that it still holds the lock.
    bench.expire(&lock).await;
    let next = bench.other.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.other.deliver(&next, &[small("a/x", 5)]).await.unwrap();
    let fenced = bench.channel.deliver(&lock, &[small("a/x", 4)]).await;
    assert_eq!(fenced, Err(ChannelError::Fenced { env: env("prod") }));
}

#[tokio::test]
async fn a_refused_user_is_named_without_the_password() {
    // This etcd has no authentication and refuses the user with a message.
    let Some(bench) = Bench::etcd().await else { return };
    let raw = bench.raw.as_ref().unwrap();
    let mut settings = raw.settings(&[&raw.endpoint]);
    (settings.username, settings.password) = (Some("nobody".into()), Some("hunter2".into()));
    let error = Channel::etcd(settings).await.unwrap().check().await.unwrap_err();
    assert!(matches!(&error, ChannelError::Refused(why) if !why.contains("hunter2")), "{error:?}");
}

#[tokio::test]
async fn a_removal_leaves_a_foreign_document_alone() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let lock = bench.channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    bench.channel.deliver(&lock, &[small("a/x", 1), small("b/y", 1), small("c/z", 1)]).await.unwrap();
    let raw = bench.raw();
    raw.put("config/prod/a/x", "{\"edited\":\"by hand\"}").await;
    raw.delete("config/prod/b/y").await;
    raw.put("config/prod/d/w", "{}").await;
    for (config, seq) in [("a/x", 2), ("d/w", 1)] {
        let refused = bench.channel.deliver(&lock, &[removal(config, seq)]).await.unwrap_err();
        assert!(matches!(refused, ChannelError::Mismatch { .. }), "{config}: {refused}");
    }
    assert_eq!(bench.raw().get("config/prod/a/x").await, "{\"edited\":\"by hand\"}");
    for config in ["b/y", "c/z"] {
        bench.channel.deliver(&lock, &[removal(config, 2)]).await.unwrap();
    }
    let listing = bench.other.list().await.unwrap();
    assert_eq!(listing.entries, [removal("b/y", 2), removal("c/z", 2)]);
    let meta: serde_json::Value = serde_json::from_str(&bench.raw().get("meta/prod/c/z").await).unwrap();
    assert_eq!((&meta["seq"], &meta["sha256"]), (&2.into(), &"removed".into()));

    // A document that another program writes afterwards is no release.
    bench.raw().put("config/prod/c/z", "{}").await;
    let listing = bench.other.list().await.unwrap();
    assert_eq!(listing.entries, [removal("b/y", 2)]);
    assert!(listing.damaged.iter().any(|damage| damage.damage == "is a document of a removed config"));
}
