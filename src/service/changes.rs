//! Edits go into changes here, and changes are looked at and discarded here.

use std::collections::BTreeMap;

use super::{Idempotency, Service, check_text, detached, new_change_id, note, now, once::Work};
use crate::{
    domain::{
        access::{Actor, May},
        change::{Change, ChangeEdit, ChangeId, ChangeState},
        content::{Content, Format, check_key},
        diff::{ConfigDiff, Diff, diff_sha256},
        error::{Conflict, Error, Invalid, Need, Problem, Result, State},
        limits,
        merge::{self, At, Edit},
        names::ConfigId,
    },
    formats,
    storage::{Conn, Env, NewEdit},
};

/// Edits of one config, to be saved in a change.
#[derive(Clone, Debug)]
pub struct Save {
    /// The config.
    pub config: ConfigId,
    /// The change that they go into; none for the author's open change on this config, or a new one.
    pub change: Option<ChangeId>,
    /// The release that was read: 0 when there was none, none for whatever is live.
    pub base: Option<u64>,
    /// The change's version that was read; none when the author had no change open.
    pub version: Option<u64>,
    /// What becomes of which key; the empty key is a whole text.
    pub edits: Vec<(String, Edit)>,
}

/// What saving did.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The change, as it is now.
    pub change: Change,
}

/// One config of a change.
#[derive(Clone, Debug)]
pub struct ChangeConfig {
    /// The config.
    pub config: ConfigId,
    /// Its environment.
    pub env: Env,
    /// Its format.
    pub format: Format,
    /// The number of its live release, 0 when there is none.
    pub live: u64,
    /// The live content.
    pub before: Content,
    /// The content with the edits on top.
    pub after: Content,
    /// How they differ.
    pub diff: Diff,
    /// Keys that were changed on both sides.
    pub conflicts: Vec<Conflict>,
    /// The edits.
    pub edits: Vec<ChangeEdit>,
}

/// A change as people look at it before they publish.
#[derive(Clone, Debug)]
pub struct ChangeView {
    /// The change.
    pub change: Change,
    /// Its configs, in order.
    pub configs: Vec<ChangeConfig>,
    /// SHA-256 of the difference: sent back to publish it.
    pub diff_sha256: String,
    /// Whether the actor made it.
    pub mine: bool,
    /// Whether the actor may publish all of it.
    pub may_publish: bool,
}

impl ChangeView {
    /// All its conflicts.
    #[must_use]
    pub fn conflicts(&self) -> Vec<Conflict> {
        self.configs.iter().flat_map(|c| c.conflicts.clone()).collect()
    }
}

impl Service {
    /// Saves edits in a change of the actor's. An edit that wants what is live is none, and is taken out.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a key was changed since `base`, or by the author elsewhere since `version`;
    /// [`Error::Invalid`] with the place; [`Error::NotFound`], [`Error::Forbidden`], [`Error::State`],
    /// [`Error::Unavailable`].
    pub async fn save(&self, actor: &Actor, save: Save) -> Result<Saved> {
        let (service, actor) = (self.clone(), actor.clone());
        detached(async move {
            let mut tx = service.db.write().await?;
            let change = service.save_in(&mut tx, &actor, None, vec![save]).await?;
            tx.commit().await?;
            Ok(Saved { change })
        })
        .await
    }

    /// Saves edits of many configs in one new change, all or none.
    ///
    /// # Errors
    /// As [`Service::save`]; pointers begin with `/edits/<n>`.
    pub async fn save_all(
        &self,
        actor: &Actor,
        message: String,
        saves: Vec<Save>,
        idempotency: Option<Idempotency>,
    ) -> Result<ChangeId> {
        self.once(actor, idempotency, Work::Save { message, saves }).await
    }

    pub(super) async fn save_in(
        &self,
        tx: &mut Conn,
        actor: &Actor,
        message: Option<String>,
        saves: Vec<Save>,
    ) -> Result<Change> {
        check_text("/message", message.as_deref().unwrap_or_default())?;
        let many = message.is_some();
        let mut change: Option<Change> = match message {
            Some(message) if !saves.is_empty() => Some(self.open_change(tx, actor, message).await?),
            _ => None,
        };
        for (n, save) in saves.into_iter().enumerate() {
            let prefix = if many { format!("/edits/{n}") } else { String::new() };
            let may = actor.may_edit(&save.config)?;
            let mut into = match change.take() {
                Some(change) => change,
                None => self.change_for(tx, actor, &save).await?,
            };
            self.save_one(tx, &may, &mut into, save).await.map_err(|e| under(e, &prefix))?;
            change = Some(into);
        }
        let change = change.ok_or_else(|| Invalid::new("/edits", Problem::Required))?;
        self.check_size(tx, &change).await?;
        Ok(change)
    }

    /// The change that an edit goes into: the one named, the author's open one on this config, or a new one.
    async fn change_for(&self, tx: &mut Conn, actor: &Actor, save: &Save) -> Result<Change> {
        if let Some(id) = &save.change {
            return self.own_open_change(tx, actor, id).await;
        }
        let open = tx.open_changes_on(&save.config).await?;
        match open.into_iter().find(|c| c.author == actor.id) {
            Some(change) => self.own_open_change(tx, actor, &change.id).await,
            None => self.open_change(tx, actor, String::new()).await,
        }
    }

    async fn open_change(&self, tx: &mut Conn, actor: &Actor, message: String) -> Result<Change> {
        let change = Change {
            id: new_change_id(),
            author: actor.id.clone(),
            author_name: actor.name.clone(),
            message,
            state: ChangeState::Open,
            version: 0,
            created_at: now(),
            updated_at: now(),
        };
        tx.insert_change(&change).await?;
        Ok(change)
    }

    /// Locks a change that is the actor's and still open.
    pub(super) async fn own_open_change(&self, tx: &mut Conn, actor: &Actor, id: &ChangeId) -> Result<Change> {
        let change = tx.lock_change(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        if change.author != actor.id {
            // Whether somebody else's change exists is not told to those who may not see it.
            self.visible(tx, actor, &change).await?;
            return Err(Error::Forbidden(Need::Author));
        }
        open(&change)?;
        Ok(change)
    }

    /// Who made a change sees it for as long as they may see what it touches: it shows what is live.
    pub(super) async fn visible(&self, db: &mut Conn, actor: &Actor, change: &Change) -> Result<()> {
        let edits = db.edits(&change.id).await?;
        let releases = db.releases_of_change(&change.id).await?;
        let mut touched = edits.iter().map(|e| &e.config).chain(releases.iter().map(|r| &r.config)).peekable();
        let sees = match touched.peek() {
            None => change.author == actor.id || actor.is_administrator(),
            Some(_) => touched.all(|config| actor.may_view(config).is_ok()),
        };
        if sees { Ok(()) } else { Err(Error::NotFound(change.id.to_string())) }
    }

    async fn save_one(
        &self,
        tx: &mut Conn,
        may: &May<crate::domain::access::Change>,
        change: &mut Change,
        save: Save,
    ) -> Result<()> {
        let id = may.on();
        let (_, namespace) = self.open_place(tx, id).await?;
        check_edits(namespace.format, &save.edits)?;
        let live_seq = tx.live_seq(id).await?;
        let base_seq = save.base.unwrap_or(live_seq);
        let live = self.content_at(tx, id, live_seq, namespace.format).await?;
        let base = if base_seq == live_seq {
            live.clone()
        } else {
            self.content_at(tx, id, base_seq, namespace.format).await?
        };

        let there = tx.edits(&change.id).await?;
        let earlier: BTreeMap<&str, &ChangeEdit> =
            there.iter().filter(|e| e.config == *id).map(|e| (e.key.as_str(), e)).collect();
        let conflicts: Vec<Conflict> = save
            .edits
            .iter()
            .filter_map(|(key, edit)| {
                merge::conflict(id, key, edit, &base, &live)
                    .or_else(|| elsewhere(id, key, edit, earlier.get(key.as_str()).copied(), save.version))
            })
            .collect();
        if !conflicts.is_empty() {
            return Err(Error::Conflict(conflicts));
        }

        change.version += 1;
        change.updated_at = now();
        for (n, (key, edit)) in save.edits.iter().enumerate() {
            let no_difference = match edit {
                Edit::Remove => At::of(&live, key) == At::Absent,
                Edit::Set(item) => At::of(&live, key) == At::Item(item),
                Edit::Text(text) => At::of(&live, key) == At::Text(text),
            };
            if no_difference {
                tx.delete_edit(may, &change.id, key).await?;
                continue;
            }
            let new = NewEdit { key, edit, base: live_seq, version: change.version };
            let position = change.version.saturating_mul(100_000) + n as u64;
            tx.put_edit(may, &change.id, &new, position, now()).await?;
        }
        tx.update_change(change).await
    }

    /// Takes one key out of the actor's change: the page's "revert".
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
            if tx.delete_edit(&may, &id, &key).await? {
                change.version += 1;
                change.updated_at = now();
                tx.update_change(&change).await?;
            }
            tx.commit().await?;
            Ok(change)
        })
        .await
    }

    /// Throws a change away.
    ///
    /// # Errors
    /// As [`Service::revert`].
    pub async fn discard(&self, actor: &Actor, change: &ChangeId) -> Result<()> {
        let (service, actor, id) = (self.clone(), actor.clone(), change.clone());
        detached(async move {
            let mut tx = service.db.write().await?;
            let mut change = service.own_open_change(&mut tx, &actor, &id).await?;
            change.state = ChangeState::Discarded;
            change.updated_at = now();
            tx.update_change(&change).await?;
            note(&mut tx, &actor, "change.discard", id.to_string(), String::new()).await?;
            tx.commit().await
        })
        .await
    }

    /// Gives a change its message.
    ///
    /// # Errors
    /// As [`Service::revert`], and [`Error::Invalid`].
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

    /// A change with its difference.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when the actor may not see one of its configs, whoever made it.
    pub async fn change(&self, actor: &Actor, id: &ChangeId) -> Result<ChangeView> {
        let mut db = self.db.read().await?;
        let change = db.change(id).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        self.visible(&mut db, actor, &change).await?;
        let configs = match change.state {
            ChangeState::Published => self.published_configs(&mut db, &change).await?,
            _ => self.assemble(&mut db, &change).await?,
        };
        let diffs: Vec<ConfigDiff> = diffs(&configs);
        let may_publish =
            change.state == ChangeState::Open && configs.iter().all(|c| actor.may_publish(&c.config).is_ok());
        Ok(ChangeView {
            diff_sha256: diff_sha256(&diffs),
            mine: change.author == actor.id,
            may_publish: may_publish && !configs.is_empty(),
            change,
            configs,
        })
    }

    /// The actor's open changes, the last edited first, each with the configs that it touches and how many edits.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn my_changes(&self, actor: &Actor) -> Result<Vec<ChangeView>> {
        let changes = self.db.read().await?.changes_by(&actor.id, ChangeState::Open, limits::PAGE).await?;
        self.views(actor, changes).await
    }

    /// Open changes of everybody that the actor may see, the last edited first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn open_changes(&self, actor: &Actor) -> Result<Vec<ChangeView>> {
        let changes = self.db.read().await?.changes_in(ChangeState::Open, None, limits::PAGE_MAX).await?;
        self.views(actor, changes).await
    }

    /// Those of the changes that the actor sees and that hold something.
    async fn views(&self, actor: &Actor, changes: Vec<Change>) -> Result<Vec<ChangeView>> {
        let mut views = Vec::with_capacity(changes.len());
        for change in changes {
            match self.change(actor, &change.id).await {
                Ok(view) if !view.configs.is_empty() => views.push(view),
                Ok(_) | Err(Error::NotFound(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(views)
    }

    /// Puts the edits of a change on top of what is live, config by config.
    pub(super) async fn assemble(&self, db: &mut Conn, change: &Change) -> Result<Vec<ChangeConfig>> {
        let mut by_config: BTreeMap<ConfigId, Vec<ChangeEdit>> = BTreeMap::new();
        for edit in db.edits(&change.id).await? {
            by_config.entry(edit.config.clone()).or_default().push(edit);
        }
        let mut configs = Vec::with_capacity(by_config.len());
        for (id, edits) in by_config {
            let live = db.live_seq(&id).await?;
            configs.push(self.assemble_one(db, id, edits, live).await?);
        }
        Ok(configs)
    }

    pub(super) async fn assemble_one(
        &self,
        db: &mut Conn,
        id: ConfigId,
        edits: Vec<ChangeEdit>,
        live: u64,
    ) -> Result<ChangeConfig> {
        let (env, namespace) = self.place(db, &id).await?;
        let before = self.content_at(db, &id, live, namespace.format).await?;
        let mut bases: BTreeMap<u64, Content> = BTreeMap::new();
        let mut conflicts = Vec::new();
        for edit in edits.iter().filter(|e| e.base != live) {
            if !bases.contains_key(&edit.base) {
                bases.insert(edit.base, self.content_at(db, &id, edit.base, namespace.format).await?);
            }
            conflicts.extend(merge::conflict(&id, &edit.key, &edit.edit, &bases[&edit.base], &before));
        }
        let after = merge::apply(&before, edits.iter().map(|e| (e.key.as_str(), &e.edit)), live + 1);
        let diff = Diff::of(&before, &after);
        Ok(ChangeConfig { config: id, env, format: namespace.format, live, before, after, diff, conflicts, edits })
    }

    /// What a published change did: each of its releases against the one before.
    async fn published_configs(&self, db: &mut Conn, change: &Change) -> Result<Vec<ChangeConfig>> {
        let mut configs = Vec::new();
        for release in db.releases_of_change(&change.id).await? {
            let id = release.config;
            let (env, _) = self.place(db, &id).await?;
            let before = self.content_at(db, &id, release.seq - 1, release.format).await?;
            let after = self.content_at(db, &id, release.seq, release.format).await?;
            let diff = Diff::of(&before, &after);
            configs.push(ChangeConfig {
                config: id,
                env,
                format: release.format,
                live: release.seq,
                before,
                after,
                diff,
                conflicts: Vec::new(),
                edits: Vec::new(),
            });
        }
        Ok(configs)
    }

    /// The content of a release; of release 0, nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such release.
    pub(super) async fn content_at(&self, db: &mut Conn, id: &ConfigId, seq: u64, format: Format) -> Result<Content> {
        if seq == 0 {
            return Ok(Content::empty(format));
        }
        db.content(id, seq).await?.ok_or_else(|| Invalid::new("/base", Problem::Release { release: seq }).into())
    }

    /// What goes out in one etcd transaction must fit into one.
    async fn check_size(&self, tx: &mut Conn, change: &Change) -> Result<()> {
        let configs = self.assemble(tx, change).await?;
        check_configs(&configs)
    }
}

/// Checks that a change fits into one transaction of the channel, and each document into its limits.
pub(super) fn check_configs(configs: &[ChangeConfig]) -> Result<()> {
    if configs.len() > limits::CHANGE_CONFIGS {
        return Err(Invalid::new("/edits", Problem::TooMany { max: limits::CHANGE_CONFIGS }).into());
    }
    let mut bytes = 0;
    for config in configs {
        if config.after.items().is_some_and(|items| items.len() > limits::ITEMS) {
            return Err(Invalid::new("/edits", Problem::TooMany { max: limits::ITEMS }).into());
        }
        bytes += config.after.document().len();
    }
    if bytes > limits::CHANGE_BYTES {
        return Err(Invalid::new("/edits", Problem::TooLong { max: limits::CHANGE_BYTES }).into());
    }
    Ok(())
}

/// The differences of assembled configs, those without one left out.
pub(super) fn diffs(configs: &[ChangeConfig]) -> Vec<ConfigDiff> {
    let differing = configs.iter().filter(|c| !c.diff.is_empty());
    differing.map(|c| ConfigDiff { config: c.config.clone(), diff: c.diff.clone() }).collect()
}

pub(super) fn open(change: &Change) -> Result<()> {
    match change.state {
        ChangeState::Open => Ok(()),
        ChangeState::Published => Err(Error::State(State::Published)),
        ChangeState::Discarded => Err(Error::State(State::Discarded)),
    }
}

/// The author saved this key elsewhere (another tab) after the page was read.
fn elsewhere(
    id: &ConfigId,
    key: &str,
    edit: &Edit,
    earlier: Option<&ChangeEdit>,
    read: Option<u64>,
) -> Option<Conflict> {
    let (earlier, read) = (earlier?, read?);
    let same = match (&earlier.edit, edit) {
        (Edit::Set(a), Edit::Set(b)) => a.same(b),
        (a, b) => a == b,
    };
    (earlier.version > read && !same).then(|| Conflict {
        config: id.clone(),
        key: key.to_owned(),
        base: None,
        theirs: earlier.edit.value().map(str::to_owned),
        mine: edit.value().map(str::to_owned),
    })
}

fn check_edits(format: Format, edits: &[(String, Edit)]) -> Result<()> {
    let mut wrong = Vec::new();
    if edits.is_empty() {
        wrong.push(Invalid::new("/set", Problem::Required));
    }
    if edits.len() > limits::ITEMS {
        wrong.push(Invalid::new("/set", Problem::TooMany { max: limits::ITEMS }));
    }
    for (key, edit) in edits {
        let at = |e: Invalid| e.under(&format!("/set/{}", key.replace('~', "~0").replace('/', "~1")));
        match (format, edit) {
            (Format::Kv, Edit::Text(_)) => wrong.push(Invalid::new("/text", Problem::Kind { format })),
            (Format::Kv, Edit::Remove) => {}
            (Format::Kv, Edit::Set(item)) => {
                if let Err(e) = check_key(key) {
                    wrong.push(e);
                }
                if let Err(e) = item.check() {
                    wrong.push(at(e));
                }
            }
            (_, Edit::Text(text)) => {
                if let Err(e) = formats::check(format, text) {
                    wrong.push(e.of("/text"));
                }
            }
            (_, _) => wrong.push(Invalid::new("/set", Problem::Kind { format })),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

fn under(error: Error, prefix: &str) -> Error {
    match error {
        Error::Invalid(list) => Error::Invalid(list.into_iter().map(|i| i.under(prefix)).collect()),
        other => other,
    }
}
