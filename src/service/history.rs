//! The history of one key of a config.

use super::Service;
use crate::{
    domain::{
        access::Actor,
        content::{Content, Item},
        error::{Error, Result},
        names::ConfigId,
        release::Release,
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
