//! The history of one key of a config, and of the lines of a text.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::Service;
use crate::{
    compute,
    domain::{
        access::Actor,
        blame::Blame,
        content::{Content, Item},
        error::{Error, Result},
        names::ConfigId,
        release::Release,
        sensitive::Sensitive,
    },
    storage::Conn,
};

/// Maximum number of changes of the key that are returned at once.
const MAX_CHANGES: usize = 20;
/// Maximum number of releases whose contents are read for them.
const MAX_CONTENTS: usize = 100;

/// A release that added, changed or removed a key.
#[derive(Clone, Debug)]
pub struct KeyRelease {
    /// The release.
    pub release: Release,
    /// The item before it.
    pub old: Option<Item>,
    /// The item since it.
    pub new: Option<Item>,
}

/// A part of a key's history, the newest release first.
#[derive(Clone, Debug)]
pub struct KeyHistory {
    /// The releases that changed the key.
    pub changes: Vec<KeyRelease>,
    /// If there may be older ones: they are before this release.
    pub next: Option<u64>,
}

/// Maximum number of releases that a blame goes back, and of bytes that it compares.
const MAX_BLAMED_RELEASES: u32 = 200;
const MAX_BLAMED_BYTES: usize = 8 * 1024 * 1024;
/// Time after which a blame goes back no further.
const MAX_BLAME_TIME: Duration = Duration::from_secs(2);

/// The live text of a config, with the release that last changed each line.
#[derive(Clone, Debug)]
pub struct BlamedText {
    /// The text.
    pub text: Sensitive,
    /// Number of the release of each line. `None` if it is older than `since`.
    pub lines: Vec<Option<u64>>,
    /// The releases of the lines.
    pub releases: BTreeMap<u64, Release>,
    /// The oldest release that was compared.
    pub since: u64,
}

/// The state of a key since a release.
struct KeyState {
    since: u64,
    item: Option<Item>,
}

impl Service {
    /// Returns the releases before `before`, or up to the live one, that changed a key.
    ///
    /// Each item names the release that last changed it, so releases that left the key alone are skipped. Where the
    /// key does not exist they are read one by one.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such config or the actor may not see it.
    pub async fn key_history(
        &self,
        actor: &Actor,
        id: &ConfigId,
        key: &str,
        before: Option<u64>,
    ) -> Result<KeyHistory> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        self.location(&mut db, id).await?;
        let mut changes = Vec::new();
        let Some(mut newer) = key_state(&mut db, id, key, before).await? else {
            return Ok(KeyHistory { changes, next: None });
        };
        for _ in 1..MAX_CONTENTS {
            let older = key_state(&mut db, id, key, Some(newer.since)).await?;
            let ends = older.is_none();
            let older = older.unwrap_or(KeyState { since: 0, item: None });
            if older.item.is_some() || newer.item.is_some() {
                let missing = || Error::NotFound(format!("{id} release {}", newer.since));
                let release = db.release(id, newer.since).await?.ok_or_else(missing)?;
                changes.push(KeyRelease { release, old: older.item.clone(), new: newer.item });
            }
            if ends {
                return Ok(KeyHistory { changes, next: None });
            }
            newer = older;
            if changes.len() == MAX_CHANGES {
                break;
            }
        }
        Ok(KeyHistory { changes, next: Some(newer.since + 1) })
    }

    /// Returns the live text with the release that last changed each line. Goes back up to 200 releases, 8 MiB, or 2 s.
    /// Returns `None` for items, and before the first release.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such config or the actor may not see it.
    pub async fn blame(&self, actor: &Actor, id: &ConfigId) -> Result<Option<BlamedText>> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        self.location(&mut db, id).await?;
        let releases = db.releases(id, None, MAX_BLAMED_RELEASES).await?;
        // Comparisons take time. They must not hold a connection that others wait for.
        drop(db);
        let Some((newest, older)) = releases.split_first() else { return Ok(None) };
        let Some(text) = self.text_of(newest).await? else { return Ok(None) };
        let deadline = Instant::now() + MAX_BLAME_TIME;
        let mut blame = Blame::new(newest.seq, text.clone());
        let (mut left, mut last) = (MAX_BLAMED_BYTES, newest);
        for release in older {
            if blame.is_complete() || Instant::now() >= deadline {
                break;
            }
            if release.sha256 == last.sha256 {
                blame.same_text(release.seq);
            } else {
                // A namespace may have had another format.
                let older_text = self.text_of(release).await?.unwrap_or_default();
                let Some(rest) = left.checked_sub(older_text.len()) else { break };
                left = rest;
                compute::weigh(older_text.len()).await;
                blame.compare(release.seq, older_text);
            }
            last = release;
        }
        let (since, is_first) = (last.seq, last.previous == 0);
        let lines = blame.finish(is_first);
        let named: BTreeSet<u64> = lines.iter().copied().flatten().collect();
        let releases = releases.into_iter().map(|release| (release.seq, release));
        let releases = releases.filter(|(seq, _)| named.contains(seq)).collect();
        Ok(Some(BlamedText { text: text.into(), lines, releases, since }))
    }

    /// Returns the text of a release. Items have none.
    async fn text_of(&self, release: &Release) -> Result<Option<String>> {
        let mut db = self.db.read().await?;
        let missing = || Error::NotFound(format!("{} release {}", release.config, release.seq));
        Ok(match db.content(&release.config, release.seq).await?.ok_or_else(missing)? {
            Content::Kv(_) => None,
            Content::Text(text) => Some(text.expose().to_owned()),
        })
    }
}

/// Returns the state of a key in the latest release before `before`, or `None` if there is no such release.
async fn key_state(db: &mut Conn, id: &ConfigId, key: &str, before: Option<u64>) -> Result<Option<KeyState>> {
    let Some(release) = db.releases(id, before, 1).await?.pop() else { return Ok(None) };
    let missing = || Error::NotFound(format!("{id} release {}", release.seq));
    let content = db.content(id, release.seq).await?.ok_or_else(missing)?;
    let item = match content {
        Content::Kv(mut items) => items.swap_remove(key),
        Content::Text(_) => None,
    };
    let since = item.as_ref().map_or(release.seq, |item| item.since.clamp(1, release.seq));
    Ok(Some(KeyState { since, item }))
}
