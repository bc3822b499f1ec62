//! Search in changes: their edits and their messages. Permissions come first, so the edits of a hidden change are not
//! even read, and no limit is reached by something that the actor may not see.

use std::collections::HashSet;

use super::{
    changes::check_visible,
    hits::{EditHit, HitGroup, ReleasedChange},
};
use crate::{
    compute,
    domain::{
        access::Actor,
        change::{Change, ChangeId},
        error::Result,
        merge::Edit,
        names::ConfigId,
        time::Time,
    },
    search::SearchQuery,
    storage::{Conn, FoundEdit},
};

/// Number of rows that are read at once.
const ROWS: u32 = 200;
/// Maximum number of open changes that are searched: those edited last.
const MAX_OPEN_CHANGES: usize = 2_000;
/// Maximum total size of long edits that a search reads, in bytes. An edit can be as large as a document.
const MAX_LONG_BYTES: usize = 8 * 1024 * 1024;

/// Finds changes and edits that an actor may see.
#[derive(Clone, Copy)]
pub(super) struct ChangeSearch<'a> {
    pub actor: &'a Actor,
    pub query: &'a SearchQuery,
}

impl ChangeSearch<'_> {
    /// Returns the open changes that the actor sees and that the filters of the query admit: the actor's own first,
    /// then those edited last.
    pub async fn open_changes(self, db: &mut Conn) -> Result<Vec<Change>> {
        let own = db.open_changes_by(&self.actor.id, ROWS).await?;
        let known: HashSet<ChangeId> = own.iter().map(|change| change.id.clone()).collect();
        let mut found = self.visible(db, own).await?;
        let (mut after, mut read): (Option<(Time, ChangeId)>, _) = (None, 0);
        while read < MAX_OPEN_CHANGES {
            let page = db.open_changes(after.as_ref(), ROWS).await?;
            read += page.len();
            let is_last = page.len() < ROWS as usize;
            after = page.last().map(|change| (change.updated_at, change.id.clone()));
            let others = page.into_iter().filter(|change| !known.contains(&change.id)).collect();
            found.extend(self.visible(db, others).await?);
            if is_last {
                break;
            }
        }
        compute::weigh(found.iter().map(|change| change.message.len()).sum()).await;
        Ok(found)
    }

    /// Returns those of these changes that the actor sees and that touch a config that the filters admit.
    async fn visible(self, db: &mut Conn, mut changes: Vec<Change>) -> Result<Vec<Change>> {
        let touched = db.touched_configs(&ids(&changes)).await?;
        changes.retain(|change| {
            let configs = touched.get(&change.id).into_iter().flatten().map(|(config, _)| config);
            let is_covered = self.query.is_everywhere() || configs.clone().any(|config| self.query.covers(config));
            is_covered && check_visible(self.actor, change, configs).is_ok()
        });
        Ok(changes)
    }

    /// Returns whether the message of a change has all words.
    pub fn is_in_message(self, change: &Change) -> bool {
        self.query.is_in(&[&change.message])
    }

    /// Finds published changes by their message.
    pub async fn releases(self, db: &mut Conn) -> Result<HitGroup<ReleasedChange>> {
        let (mut found, mut after) = (HitGroup::default(), None);
        // Each release shows the message of its change, whatever else the change touched.
        let is_shown = |config: &ConfigId| self.query.covers(config) && self.actor.may_view(config).is_ok();
        loop {
            let mut page = db.published_changes_with(self.query.longest_word(), after.as_ref(), ROWS).await?;
            let is_last = page.len() < ROWS as usize;
            after = page.last().map(|change| change.id.clone());
            page.retain(|change| self.is_in_message(change));
            let mut touched = db.touched_configs(&ids(&page)).await?;
            for change in page {
                let touched = touched.remove(&change.id).into_iter().flatten();
                let releases = touched.filter_map(|(config, seq)| Some((config, seq?)));
                let releases: Vec<_> = releases.filter(|(config, _)| is_shown(config)).collect();
                if !releases.is_empty() {
                    found.add(ReleasedChange { change, releases });
                }
            }
            if is_last || found.is_full() {
                return Ok(found);
            }
        }
    }

    /// Adds the edits of these changes that have all words. Returns whether all of them were read.
    pub async fn edits(self, db: &mut Conn, changes: &[Change], found: &mut HitGroup<EditHit>) -> Result<bool> {
        let mut left = MAX_LONG_BYTES;
        for change in changes {
            let mut after: Option<FoundEdit> = None;
            loop {
                let page = db.edits_with(&change.id, self.query.longest_word(), after.as_ref(), ROWS).await?;
                let is_last = page.len() < ROWS as usize;
                after = page.last().cloned();
                for candidate in page.into_iter().filter(|edit| self.query.covers(&edit.config)) {
                    let FoundEdit { config, key, bytes, edit } = candidate;
                    let edit = match edit {
                        Some(edit) => Some(edit),
                        None if bytes > left => return Ok(false),
                        None => {
                            left -= bytes;
                            compute::weigh(bytes).await;
                            db.edit(&change.id, &config, &key).await?
                        }
                    };
                    if let Some(edit) = edit.filter(|edit| self.has_words(&key, edit)) {
                        let text = edit.value().map(|value| self.query.excerpt(value).into());
                        found.add(EditHit { change: change.clone(), config, key, text });
                    }
                    if found.is_full() {
                        return Ok(true);
                    }
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(true)
    }

    fn has_words(self, key: &str, edit: &Edit) -> bool {
        let comment = edit.item().map_or("", |item| &item.comment);
        self.query.is_in_item(key, edit.value().unwrap_or_default(), comment)
    }
}

fn ids(changes: &[Change]) -> Vec<&ChangeId> {
    changes.iter().map(|change| &change.id).collect()
}
