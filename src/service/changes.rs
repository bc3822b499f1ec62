//! Changes: showing, listing, describing, reverting an edit, discarding.

use std::collections::{BTreeMap, btree_map};

use super::{Service, check_text, detached, now, record, undo};
use crate::{
    domain::{
        access::{Actor, Discard, May},
        audit::Event,
        catalog::Env,
        change::{Change, ChangeEdit, ChangeId, ChangeState},
        content::{Content, Format, sha256},
        diff::{ConfigDiff, Counts, Diff, diff_sha256},
        entry::{Entry, Meta},
        error::{Conflict, Error, Invalid, Need, Problem, Result, StateConflict},
        limits, merge,
        names::ConfigId,
        numbers,
        release::{Published, Release},
        time::Time,
    },
    storage::{ConfigLocation, Conn, LiveConfig, LiveRelease},
};

/// Maximum number of pages of changes that are read to fill one page with changes that the actor may see.
const PAGES: usize = 10;

/// One config of a change.
#[derive(Clone, Debug)]
pub struct ChangeConfig {
    /// The config.
    pub config: ConfigId,
    /// Its environment.
    pub env: Env,
    /// Its format.
    pub format: Format,
    /// The number of its live release, 0 if there is no release yet.
    pub live: u64,
    /// The highest number that was given: see [`LiveConfig::last`].
    pub last: u64,
    /// The origin of the live release, if there is one.
    pub latest: Option<LiveRelease>,
    /// The live content.
    pub before: Content,
    /// The content with the edits on top.
    pub after: Content,
    /// The difference between both.
    pub diff: Diff,
    /// Keys that were changed on both sides.
    pub conflicts: Vec<Conflict>,
    /// The edits.
    pub edits: Vec<ChangeEdit>,
}

/// A change as people review it before they publish.
#[derive(Clone, Debug)]
pub struct ChangeView {
    /// The change.
    pub change: Change,
    /// Its configs, sorted by name.
    pub configs: Vec<ChangeConfig>,
    /// SHA-256 of the difference. A publish sends it back.
    pub diff_sha256: String,
    /// Whether the actor made it.
    pub mine: bool,
    /// Whether the actor may publish all of it.
    pub may_publish: bool,
    /// Whether the actor may discard it.
    pub may_discard: bool,
    /// Its releases and their delivery, if it is published.
    pub published: Option<Published>,
}

/// A change as lists show it, without its contents.
#[derive(Clone, Debug)]
pub struct ChangeSummary {
    /// The change.
    pub change: Change,
    /// Its configs, sorted by name: each with the number of its changes and of its conflicts.
    pub configs: Vec<(ConfigId, Counts, usize)>,
    /// The number of changes in all configs.
    pub counts: Counts,
    /// The number of keys that were changed on both sides.
    pub conflicts: usize,
    /// Whether all conflicts are between whole texts.
    pub conflicts_in_texts: bool,
    /// Whether the actor made it.
    pub mine: bool,
}

impl From<ChangeView> for ChangeSummary {
    fn from(view: ChangeView) -> Self {
        let counts = view.counts();
        let conflicts = || view.configs.iter().flat_map(|config| &config.conflicts);
        Self {
            counts,
            conflicts: conflicts().count(),
            conflicts_in_texts: conflicts().all(|conflict| conflict.key.is_empty()),
            mine: view.mine,
            change: view.change,
            configs: view.configs.into_iter().map(|c| (c.config, c.diff.counts(), c.conflicts.len())).collect(),
        }
    }
}

impl ChangeView {
    /// Returns the number of changes in all configs.
    pub fn counts(&self) -> Counts {
        self.configs.iter().map(|config| config.diff.counts()).sum()
    }

    /// Returns all conflicts.
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.configs.iter().flat_map(|c| c.conflicts.clone()).collect()
    }
}

impl Service {
    /// Locks an open change of the actor.
    pub(super) async fn own_open_change(&self, tx: &mut Conn, actor: &Actor, id: &ChangeId) -> Result<Change> {
        let change = tx.lock_change(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        if change.author != actor.id {
            // An actor that may not see another author's change must not learn whether it exists.
            self.check_change_visible(tx, actor, &change).await?;
            return Err(Error::Forbidden(Need::Author));
        }
        check_open_state(&change)?;
        Ok(change)
    }

    /// Returns a change that the actor may see.
    pub(super) async fn visible_change(&self, db: &mut Conn, actor: &Actor, id: &ChangeId) -> Result<Change> {
        let change = db.change(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        self.check_change_visible(db, actor, &change).await?;
        Ok(change)
    }

    /// Checks that the actor sees everything that a change touches.
    async fn check_change_visible(&self, db: &mut Conn, actor: &Actor, change: &Change) -> Result<()> {
        let edits = db.edits(&change.id).await?;
        let releases = db.releases_of_change(&change.id).await?;
        check_visible(actor, change, edits.iter().map(|e| &e.config).chain(releases.iter().map(|r| &r.config)))
    }

    /// Removes the edit of one key from the actor's change: "revert" on the page.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Forbidden`], [`Error::State`], [`Error::Unavailable`].
    pub async fn revert(&self, actor: &Actor, change: &ChangeId, config: &ConfigId, key: &str) -> Result<Change> {
        let (service, actor, id, config, key) =
            (self.clone(), actor.clone(), change.clone(), config.clone(), key.to_owned());
        detached(async move {
            let may = actor.may_edit(&config)?;
            let mut tx = service.db.write().await?;
            let mut change = service.own_open_change(&mut tx, &actor, &id).await?;
            let there = tx.edits(&id).await?;
            let effect = undo::removal(there.iter().filter(|edit| edit.config == config && edit.key == key));
            if tx.delete_edits(&may, &id, &[&key]).await? > 0 {
                change.version += 1;
                tx.insert_step(&may, &id, change.version, &effect).await?;
                change.updated_at = now();
                tx.update_change(&change).await?;
            }
            tx.commit().await?;
            Ok(change)
        })
        .await
    }

    /// Discards a change. Authors may discard their own. Administrators and owners of all touched configs may discard
    /// those of a token, of the command line, or of a user who can no longer log in.
    ///
    /// # Errors
    /// Those of [`Service::revert`].
    pub async fn discard(&self, actor: &Actor, change: &ChangeId) -> Result<()> {
        let (service, actor, id) = (self.clone(), actor.clone(), change.clone());
        detached(async move {
            let mut tx = service.db.write().await?;
            let change = tx.lock_change(&id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
            if change.author != actor.id {
                service.check_change_visible(&mut tx, &actor, &change).await?;
            }
            let touched: Vec<ConfigId> = by_config(tx.edits(&id).await?).into_keys().collect();
            let may = may_discard(&mut tx, &actor, &change, &touched).await?;
            check_open_state(&change)?;
            tx.discard_change(&may, now()).await?;
            let author = (change.author != actor.id).then_some(change.author_name);
            record(&mut tx, &actor, &Event::ChangeDiscarded { change: id, author }).await?;
            tx.commit().await
        })
        .await
    }

    /// Sets the message of a change.
    ///
    /// # Errors
    /// Those of [`Service::revert`], and [`Error::Invalid`].
    pub async fn describe(&self, actor: &Actor, change: &ChangeId, message: &str) -> Result<()> {
        check_text("/message", message)?;
        let (service, actor, id, message) = (self.clone(), actor.clone(), change.clone(), message.to_owned());
        detached(async move {
            let mut tx = service.db.write().await?;
            let mut change = service.own_open_change(&mut tx, &actor, &id).await?;
            change.message = message;
            tx.update_change(&change).await?;
            tx.commit().await
        })
        .await
    }

    /// Returns a change with its difference.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such change or the actor, even its author, may not see one of its configs.
    pub async fn change(&self, actor: &Actor, id: &ChangeId) -> Result<ChangeView> {
        let change = self.visible_change(&mut self.db.read().await?, actor, id).await?;
        let published = match change.state {
            ChangeState::Published => Some(self.progress(id).await?),
            _ => None,
        };
        let mut db = self.db.read().await?;
        let configs = match &published {
            Some(published) => self.published_configs(&mut db, &published.releases).await?,
            None => self.assemble(&mut db, &change).await?,
        };
        let diffs: Vec<ConfigDiff> = diffs(&configs);
        let is_open = change.state == ChangeState::Open;
        let may_publish = is_open && configs.iter().all(|c| actor.may_publish(&c.config).is_ok());
        let touched: Vec<ConfigId> = configs.iter().map(|c| c.config.clone()).collect();
        let may_discard = is_open && may_discard(&mut db, actor, &change, &touched).await.is_ok();
        Ok(ChangeView {
            diff_sha256: diff_sha256(&diffs),
            mine: change.author == actor.id,
            may_publish: may_publish && !configs.is_empty(),
            may_discard,
            change,
            configs,
            published,
        })
    }

    /// Returns the actor's open changes, the last edited first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn my_changes(&self, actor: &Actor) -> Result<Vec<ChangeSummary>> {
        let changes = self.db.read().await?.open_changes_by(&actor.id, limits::PAGE_ROWS).await?;
        self.summaries(actor, changes).await
    }

    /// Returns the number of the actor's open changes.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count_my_changes(&self, actor: &Actor) -> Result<u32> {
        let count = self.db.read().await?.count_open_changes(&actor.id).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Returns a page of all open changes that the actor may see, the last edited first: those after `after`. Also
    /// returns the start of the next page, or `None` at the end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_changes(
        &self,
        actor: &Actor,
        mut after: Option<(Time, ChangeId)>,
    ) -> Result<(Vec<ChangeSummary>, Option<(Time, ChangeId)>)> {
        let mut views = Vec::new();
        // Changes that may not be seen are left out, so more are read than are shown.
        for _ in 0..PAGES {
            let changes = self.db.read().await?.open_changes(after.as_ref(), limits::PAGE_ROWS).await?;
            let last = changes.last().map(|change| (change.updated_at, change.id.clone()));
            let full = changes.len() == limits::PAGE_ROWS as usize;
            views.extend(self.summaries(actor, changes).await?);
            after = last.filter(|_| full);
            if after.is_none() || views.len() >= limits::PAGE_ROWS as usize / 2 {
                break;
            }
        }
        Ok((views, after))
    }

    /// Returns at most `limit` open changes of others that the actor may publish, the last edited first. Looks at the
    /// last edited changes only.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn publishable_changes(&self, actor: &Actor, limit: usize) -> Result<Vec<ChangeSummary>> {
        if !actor.publishes_any() {
            return Ok(Vec::new());
        }
        let mut db = self.db.read().await?;
        let mut changes = db.open_changes(None, limits::PAGE_ROWS).await?;
        changes.retain(|change| change.author != actor.id);
        let touched = db.touched_configs(&changes.iter().map(|change| &change.id).collect::<Vec<_>>()).await?;
        drop(db);
        let may_publish = |change: &Change| {
            touched.get(&change.id).is_some_and(|all| all.iter().all(|(config, _)| actor.may_publish(config).is_ok()))
        };
        changes.retain(may_publish);
        changes.truncate(limit);
        self.summaries(actor, changes).await
    }

    /// Returns the summaries of those changes that the actor sees and that have edits.
    async fn summaries(&self, actor: &Actor, changes: Vec<Change>) -> Result<Vec<ChangeSummary>> {
        let mut views = Vec::with_capacity(changes.len());
        for change in changes {
            match self.change(actor, &change.id).await {
                Ok(view) if !view.configs.is_empty() => views.push(view.into()),
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(views)
    }

    /// Applies the edits of a change to the live content of each config.
    pub(super) async fn assemble(&self, db: &mut Conn, change: &Change) -> Result<Vec<ChangeConfig>> {
        let by_config = by_config(db.edits(&change.id).await?);
        let mut configs = Vec::with_capacity(by_config.len());
        for (id, edits) in by_config {
            let live_config = self.live_config(db, &id).await?;
            configs.push(self.assemble_one(db, id, live_config, edits).await?);
        }
        Ok(configs)
    }

    pub(super) async fn assemble_one(
        &self,
        db: &mut Conn,
        id: ConfigId,
        live_config: LiveConfig,
        edits: Vec<ChangeEdit>,
    ) -> Result<ChangeConfig> {
        let LiveConfig { location, live, last, content: before, latest, .. } = live_config;
        let ConfigLocation { env, namespace, .. } = location;
        let format = namespace.format;
        let mut bases: BTreeMap<u64, Content> = BTreeMap::new();
        let mut conflicts = Vec::new();
        for edit in edits.iter().filter(|e| e.base != live) {
            let base = match bases.entry(edit.base) {
                btree_map::Entry::Occupied(there) => there.into_mut(),
                btree_map::Entry::Vacant(place) => place.insert(self.content_at(db, &id, edit.base, format).await?),
            };
            conflicts.extend(merge::conflict(&id, &edit.key, &edit.edit, base, &before));
        }
        let after = merge::apply(&before, edits.iter().map(|e| (e.key.as_str(), &e.edit)), numbers::next(last)?);
        let diff = Diff::of(&before, &after);
        Ok(ChangeConfig { config: id, env, format, live, last, latest, before, after, diff, conflicts, edits })
    }

    /// Returns the configs of a published change: each release compared with the one before.
    async fn published_configs(&self, db: &mut Conn, releases: &[Release]) -> Result<Vec<ChangeConfig>> {
        let mut configs = Vec::with_capacity(releases.len());
        for release in releases {
            let id = release.config.clone();
            let env = self.location(db, &id).await?.env;
            let before = self.content_at(db, &id, release.previous, release.format).await?;
            let after = self.content_at(db, &id, release.seq, release.format).await?;
            let diff = Diff::of(&before, &after);
            configs.push(ChangeConfig {
                config: id,
                env,
                format: release.format,
                live: release.seq,
                last: release.seq,
                latest: Some(LiveRelease { change: release.change.clone(), accepted_at: release.accepted_at }),
                before,
                after,
                diff,
                conflicts: Vec::new(),
                edits: Vec::new(),
            });
        }
        Ok(configs)
    }

    /// Returns the content of a release. Release 0 is empty.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no such release.
    pub(super) async fn content_at(&self, db: &mut Conn, id: &ConfigId, seq: u64, format: Format) -> Result<Content> {
        if seq == 0 {
            return Ok(Content::empty(format));
        }
        db.content(id, seq).await?.ok_or_else(|| Invalid::new("/base", Problem::Release { release: seq }).into())
    }
}

/// Returns the permission to discard a change that the actor may see.
async fn may_discard(
    db: &mut Conn,
    actor: &Actor,
    change: &Change,
    touched: &[ConfigId],
) -> Result<May<Discard, ChangeId>> {
    let absent = match change.user() {
        _ if change.author == actor.id => false,
        None => true,
        Some(id) => db.user(id).await?.is_none_or(|user| user.disabled_at.is_some()),
    };
    actor.may_discard(change, absent, touched)
}

/// Makes the channel's entry for a release of a change.
pub(super) fn channel_entry(
    change: &Change,
    author: &str,
    config: &ConfigId,
    seq: u64,
    format: Format,
    content: &Content,
) -> Entry {
    let document = content.shared_document();
    let meta = Meta {
        seq,
        sha256: sha256(document.expose().as_bytes()),
        format,
        author: author.to_owned(),
        message: change.message.clone(),
        published_at: change.updated_at,
        change: change.id.clone(),
    };
    Entry { config: config.clone(), meta: meta.into(), document }
}

/// Returns the differences of assembled configs, without empty ones.
pub(super) fn diffs<'a>(configs: impl IntoIterator<Item = &'a ChangeConfig>) -> Vec<ConfigDiff> {
    let differing = configs.into_iter().filter(|c| !c.diff.is_empty());
    differing.map(|c| ConfigDiff { config: c.config.clone(), diff: c.diff.clone() }).collect()
}

/// Groups edits by config, sorted by name. Configs are locked in this order, so that two publishes cannot deadlock.
pub(super) fn by_config(edits: Vec<ChangeEdit>) -> BTreeMap<ConfigId, Vec<ChangeEdit>> {
    let mut by_config: BTreeMap<ConfigId, Vec<ChangeEdit>> = BTreeMap::new();
    for edit in edits {
        by_config.entry(edit.config.clone()).or_default().push(edit);
    }
    by_config
}

/// Checks that the actor sees all configs that a change touches, because a change shows their live content. The author
/// of the change needs this permission, too.
pub(super) fn check_visible<'a>(
    actor: &Actor,
    change: &Change,
    touched: impl IntoIterator<Item = &'a ConfigId>,
) -> Result<()> {
    let mut touched = touched.into_iter().peekable();
    let sees = match touched.peek() {
        None => change.author == actor.id || actor.is_administrator(),
        Some(_) => touched.all(|config| actor.may_view(config).is_ok()),
    };
    if sees { Ok(()) } else { Err(Error::NotFound(change.id.to_string())) }
}

pub(super) fn check_open_state(change: &Change) -> Result<()> {
    match change.state {
        ChangeState::Open => Ok(()),
        ChangeState::Published => Err(Error::State(StateConflict::Published)),
        ChangeState::Discarded => Err(Error::State(StateConflict::Discarded)),
    }
}
