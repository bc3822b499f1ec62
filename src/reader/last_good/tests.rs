//! Tests of the last known good: a start loads all of the files, or nothing.

use std::{fs, path::Path, sync::Arc};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{LastGood, NAME, journal};
use crate::{
    auth::tokens::{TokenCache, generate},
    channel::{ListedToken, Listing, TokenList},
    clock::now,
    domain::{bin::Removal, entry::Entry, time::Time, token::TokenKind},
    reader::{known_tokens::KnownTokens, store::SnapshotStore, tests::entry},
    tasks::TaskDriver,
};

const KEY: &str = "prod/shop/a";
const DOCUMENT: &str = "{\"a\":\"1.50e3 \\u2028 \u{2028} 商店\"}";

fn driver() -> TaskDriver {
    TaskDriver::new(now, CancellationToken::new())
}

struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("trimtab-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.join(NAME)
    }

    /// Returns the names in the folder that begin with the file's name, a dot and `word`.
    fn beside(&self, word: &str) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(&format!("{NAME}.{word}"))).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The part of a reader node that uses the file. A drop without `leave` is a kill.
struct TestNode {
    store: Arc<SnapshotStore>,
    table: Arc<TokenCache>,
    tokens: Arc<KnownTokens>,
    file: Arc<LastGood>,
}

impl TestNode {
    async fn start(folder: &Path, root: &str) -> Self {
        let (store, table) = (Arc::new(SnapshotStore::default()), Arc::new(TokenCache::new()));
        let tokens = Arc::new(KnownTokens::new(Arc::clone(&table)));
        let known = Some(Arc::clone(&tokens));
        let file = LastGood::new(folder, root, Arc::clone(&store), known, now);
        file.load().await;
        Self { store, table, tokens, file }
    }

    async fn fill(&self) {
        let listing = Listing { revision: 7, cluster: 42, entries: vec![entry(KEY, 3, DOCUMENT)], damaged: vec![] };
        self.file.adopt(listing).await.unwrap();
    }

    /// Receives a release.
    async fn get(&self, seq: u64) {
        self.file.apply(vec![entry(KEY, seq, DOCUMENT)]).await.unwrap();
    }

    fn seq(&self) -> u64 {
        self.store.get(KEY).map_or(0, |snapshot| snapshot.seq())
    }

    /// Stops like a server.
    async fn leave(&self) {
        let tasks = driver();
        tasks.start([self.file.task()]);
        tasks.end().await;
    }
}

/// Returns a folder with the file of a stopped reader.
async fn kept() -> Folder {
    let folder = Folder::new();
    let half = TestNode::start(&folder.0, "trimtab").await;
    half.fill().await;
    half.leave().await;
    assert_eq!(half.file.problem(), None);
    folder
}

#[tokio::test]
async fn a_restarted_reader_has_its_releases_and_tokens() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let half = TestNode::start(&folder.0, "trimtab").await;
    assert!(!half.store.is_ready() && half.store.stale_since().is_none());
    half.fill().await;
    half.store.set_stale(Some(Time(1000)));
    let fresh = generate(TokenKind::Read);
    let token = ListedToken {
        id: fresh.id.clone(),
        kind: TokenKind::Read,
        patterns: vec!["prod/shop/*".parse().unwrap()],
        sha256: fresh.sha256.clone(),
        expires_at: Some(Time(i64::MAX)),
        revoked_at: None,
    };
    half.tokens.accept(TokenList { version: 5, tokens: vec![token] });
    half.leave().await;
    assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!fs::read_to_string(folder.file()).unwrap().contains(&fresh.text));

    let again = TestNode::start(&folder.0, "trimtab").await;
    let snapshot = again.store.get(KEY).unwrap();
    assert_eq!(snapshot.entry, entry(KEY, 3, DOCUMENT));
    assert!(again.store.is_ready());
    assert_eq!(again.store.stale_since(), Some(Time(1000)), "since the last contact, not since the start");
    assert_eq!(again.store.head().map(|head| (head.revision, head.cluster)), Some((7, 42)));
    assert_eq!((again.tokens.list(), again.tokens.stale_since()), (half.tokens.list(), Some(Time(1000))));
    assert!(again.table.authenticate(&fresh.text, now()).is_ok());
}

#[tokio::test]
async fn releases_are_written_while_they_come() {
    let folder = Folder::new();
    let half = TestNode::start(&folder.0, "trimtab").await;
    let tasks = driver();
    tasks.start([half.file.task()]);
    half.fill().await;
    let written = async {
        while !folder.file().exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(40), written).await.expect("a file");
    half.store.apply(vec![entry(KEY, 4, "{}")]);
    tasks.end().await;
    assert_eq!(TestNode::start(&folder.0, "trimtab").await.store.get(KEY).unwrap().seq(), 4);
    assert!(folder.beside("").is_empty());
}

#[tokio::test]
async fn a_damaged_file_is_renamed_and_reported() {
    for damage in [
        |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() / 2),
        |bytes: &mut Vec<u8>| bytes.clear(),
        |bytes: &mut Vec<u8>| bytes.truncate(20),
        |bytes: &mut Vec<u8>| bytes[0] = b'T',
        |bytes: &mut Vec<u8>| bytes[40] ^= 1,
        |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1,
        |bytes: &mut Vec<u8>| bytes.push(b'\n'),
    ] {
        let folder = kept().await;
        let mut bytes = fs::read(folder.file()).unwrap();
        damage(&mut bytes);
        fs::write(folder.file(), &bytes).unwrap();

        let half = TestNode::start(&folder.0, "trimtab").await;
        assert!(!half.store.is_ready() && half.store.get(KEY).is_none() && half.tokens.list().is_none());
        let trouble = half.file.problem().unwrap();
        assert!(trouble.contains("damaged-") && !folder.file().exists(), "{trouble}");
        assert_eq!(folder.beside("damaged-").len(), 1);

        half.leave().await;
        assert!(!folder.file().exists(), "an empty store writes no file");
        assert_eq!(half.file.problem(), Some(trouble));
        half.fill().await;
        half.leave().await;
        assert!(half.file.problem().is_none() && folder.file().exists());
        assert_eq!(fs::read(folder.0.join(&folder.beside("damaged-")[0])).unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_file_with_a_valid_hash_and_other_contents_is_damaged() {
    let folder = Folder::new();
    let body = "{\"root\":\"trimtab\"}";
    let hash = crate::domain::content::sha256(body.as_bytes());
    fs::write(folder.file(), format!("trimtab last known good 1 sha256 {hash}\n{body}")).unwrap();
    let half = TestNode::start(&folder.0, "trimtab").await;
    assert!(!half.store.is_ready() && half.file.problem().unwrap().contains("damaged-"));
}

#[tokio::test]
async fn files_of_another_installation_are_not_served() {
    let folder = kept().await;
    let half = TestNode::start(&folder.0, "staging").await;
    assert!(!half.store.is_ready() && half.store.stale_since().is_none());
    let trouble = half.file.problem().unwrap();
    assert!(trouble.contains("\"trimtab\"") && folder.beside("foreign-").len() == 1, "{trouble}");
}

#[tokio::test]
async fn a_failed_write_is_reported_and_the_old_file_stays() {
    let folder = kept().await;
    // A full disk.
    std::os::unix::fs::symlink("/dev/full", folder.0.join(format!("{NAME}.new"))).unwrap();
    let half = TestNode::start(&folder.0, "trimtab").await;
    half.store.apply(vec![entry(KEY, 4, "{}")]);
    half.leave().await;
    let trouble = half.file.problem().unwrap();
    assert!(trouble.contains("cannot be written") && trouble.contains("No space left"), "{trouble}");
    assert_eq!(TestNode::start(&folder.0, "trimtab").await.store.get(KEY).unwrap().seq(), 3);

    // There is space again: no partial file was left.
    half.leave().await;
    assert_eq!(half.file.problem(), None);
    assert_eq!(TestNode::start(&folder.0, "trimtab").await.store.get(KEY).unwrap().seq(), 4);
}

#[tokio::test]
async fn an_unusable_folder_is_reported() {
    let folder = Folder::new();
    let half = TestNode::start(&folder.0.join("gone"), "trimtab").await;
    half.fill().await;
    half.leave().await;
    assert!(half.file.problem().unwrap().contains("cannot be written: No such file or directory"));

    fs::create_dir(folder.file()).unwrap();
    let half = TestNode::start(&folder.0, "trimtab").await;
    assert!(half.file.problem().unwrap().contains("cannot be read: Is a directory"));
}

#[tokio::test]
async fn a_killed_reader_restarts_with_all_visible_releases() {
    let folder = Folder::new();
    let half = TestNode::start(&folder.0, "trimtab").await;
    half.file.take(TokenList { version: 1, tokens: vec![] }).await.unwrap();
    let again = TestNode::start(&folder.0, "trimtab").await;
    assert!(again.tokens.list() == half.tokens.list() && again.seq() == 0 && !again.store.is_ready());

    // Without a file, and with one.
    half.fill().await;
    half.get(4).await;
    let mut list = half.tokens.list();
    for seq in [4, 5] {
        let again = TestNode::start(&folder.0, "trimtab").await;
        assert!(again.seq() == seq && again.store.is_ready() && again.store.stale_since().is_some());
        assert_eq!(again.store.head().map(|head| (head.revision, head.cluster)), Some((7, 42)));
        assert_eq!(again.tokens.list(), list);
        again.leave().await;
        assert!(folder.beside("").is_empty() && again.file.problem().is_none());
        again.get(5).await;
        again.file.take(TokenList { version: 2, tokens: vec![] }).await.unwrap();
        list = again.tokens.list();
    }
}

#[tokio::test]
async fn releases_during_a_write_of_the_file_are_not_lost() {
    let folder = kept().await;
    let half = TestNode::start(&folder.0, "trimtab").await;
    for seq in 4..100 {
        let (_, saved) = tokio::join!(half.get(seq), half.file.save());
        saved.unwrap();
        assert_eq!(TestNode::start(&folder.0, "trimtab").await.seq(), seq);
    }
}

#[tokio::test]
async fn a_journal_is_kept_until_the_file_is_written() {
    let folder = kept().await;
    let half = TestNode::start(&folder.0, "trimtab").await;
    std::os::unix::fs::symlink("/dev/full", folder.0.join(format!("{NAME}.new"))).unwrap();
    half.get(4).await;
    half.file.save().await.unwrap_err();
    half.file.apply(vec![entry("prod/shop/b", 1, "{}")]).await.unwrap();
    // There is space again. The earlier journal goes into the file first.
    for left in [vec!["old", ""], vec![""], vec![]] {
        let again = TestNode::start(&folder.0, "trimtab").await;
        assert!(again.seq() == 4 && again.store.get("prod/shop/b").is_some());
        for name in ["old", ""] {
            let path = folder.0.join(format!("{}.{name}", journal::NAME).trim_end_matches('.'));
            assert_eq!(path.exists(), left.contains(&name), "{}", path.display());
        }
        half.file.save().await.unwrap();
    }
}

#[tokio::test]
async fn a_partial_batch_is_cut_off_and_the_next_one_counts() {
    let folder = kept().await;
    let path = folder.0.join(journal::NAME);
    TestNode::start(&folder.0, "trimtab").await.get(4).await;
    let one = fs::read(&path).unwrap();
    for end in 0..one.len() {
        let half = TestNode::start(&folder.0, "trimtab").await;
        half.get(5).await;
        assert_eq!(TestNode::start(&folder.0, "trimtab").await.seq(), 5);
        let all = fs::read(&path).unwrap();
        fs::write(&path, &all[..one.len() + end]).unwrap();
        let half = TestNode::start(&folder.0, "trimtab").await;
        assert!(half.seq() == 4 && half.file.problem().is_none(), "{end}");
        assert_eq!(fs::read(&path).unwrap(), one);
    }
}

#[tokio::test]
async fn batches_before_the_damage_of_a_journal_count() {
    let folder = kept().await;
    let path = folder.0.join(journal::NAME);
    let half = TestNode::start(&folder.0, "trimtab").await;
    half.get(4).await;
    let good = fs::read(&path).unwrap();
    half.get(5).await;
    half.get(6).await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[good.len() + 100] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let half = TestNode::start(&folder.0, "trimtab").await;
    let trouble = half.file.problem().unwrap();
    assert!(half.seq() == 4 && trouble.contains("batch 2") && trouble.contains("journal.damaged-"), "{trouble}");
    let aside = folder.beside("journal.damaged-");
    assert_eq!((fs::read(folder.0.join(&aside[0])).unwrap(), fs::read(&path).unwrap()), (bytes, good));
    // It is reported until the channel is connected, which has the missing releases.
    half.file.save().await.unwrap();
    assert_eq!(half.file.problem(), Some(trouble));
    half.store.set_stale(None);
    half.leave().await;
    assert_eq!(half.file.problem(), None);
    assert_eq!(TestNode::start(&folder.0, "trimtab").await.seq(), 4);
}

#[tokio::test]
async fn a_failed_journal_write_does_not_stop_readers() {
    let folder = kept().await;
    let path = folder.0.join(journal::NAME);
    let half = TestNode::start(&folder.0, "trimtab").await;
    half.store.set_stale(None);
    // A full disk.
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    half.get(4).await;
    half.file.take(TokenList { version: 9, tokens: vec![] }).await.unwrap();
    assert!(half.seq() == 4 && half.tokens.list().is_some());
    let trouble = half.file.problem().unwrap();
    assert!(trouble.contains("journal") && trouble.contains("No space left"), "{trouble}");
    half.file.save().await.unwrap();
    assert_eq!((half.file.problem(), TestNode::start(&folder.0, "trimtab").await.seq()), (None, 4));

    half.get(5).await;
    assert_eq!((half.file.problem(), TestNode::start(&folder.0, "trimtab").await.seq()), (None, 5));
}

#[tokio::test]
async fn a_journal_without_its_file_or_of_another_installation_is_not_served() {
    let folder = kept().await;
    let half = TestNode::start(&folder.0, "trimtab").await;
    half.get(4).await;
    fs::remove_file(folder.file()).unwrap();
    let half = TestNode::start(&folder.0, "trimtab").await;
    assert!(!half.store.is_ready() && half.seq() == 0);
    let trouble = half.file.problem().unwrap();
    assert!(trouble.contains("journal.partial-") && folder.beside("journal.partial-").len() == 1, "{trouble}");

    half.fill().await;
    let half = TestNode::start(&folder.0, "staging").await;
    let trouble = half.file.problem().unwrap();
    assert!(half.seq() == 0 && trouble.contains("journal.foreign-"), "{trouble}");
}

#[tokio::test]
async fn a_removed_config_stays_away_after_a_restart_and_only_a_removal_takes_it_away() {
    let folder = kept().await;
    let half = TestNode::start(&folder.0, "trimtab").await;
    // The channel lost its keys, which says nothing.
    half.file.adopt(Listing { revision: 9, cluster: 42, entries: vec![], damaged: vec![] }).await.unwrap();
    assert_eq!(half.seq(), 3);
    let id = "01980000-0000-7000-8000-000000000001".parse().unwrap();
    let removal = Removal { id, by: "ana".into(), at: Time(1000) };
    half.file.apply(vec![Entry::removal(KEY.parse().unwrap(), 4, &removal)]).await.unwrap();
    assert_eq!(half.seq(), 0);
    // From the journal, and then from the file.
    for _ in 0..2 {
        let again = TestNode::start(&folder.0, "trimtab").await;
        assert!(again.seq() == 0 && again.store.entry(KEY).unwrap().meta.is_removal());
        again.get(3).await;
        assert_eq!(again.seq(), 0, "an older release stays away");
        again.store.set_stale(None);
        again.leave().await;
    }
    let again = TestNode::start(&folder.0, "trimtab").await;
    again.get(5).await;
    assert_eq!(again.seq(), 5);
}
