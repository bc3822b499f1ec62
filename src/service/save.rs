//! Saving edits in changes.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Idempotency, Service, check_text,
    idempotency::{Work, WorkOutcome},
    new_change, now, retry_conflicts, validation,
};
use crate::{
    domain::{
        access::{self, Actor, May},
        change::{Change, ChangeEdit, ChangeId},
        content::Content,
        error::{Conflict, Error, Invalid, Problem, Result},
        merge::{self, Edit, KeyState},
        names::ConfigId,
        sensitive::Sensitive,
        undo::{BasedEdit, KeyStep},
    },
    formats,
    storage::{Conn, LiveConfig, NewEdit},
};

/// Edits of one config to be saved in a change.
#[derive(Clone, Debug)]
pub struct Save {
    /// The config.
    pub config: ConfigId,
    /// The change to save in. `None` takes the author's open change on this config, or a new one.
    pub change: Option<ChangeId>,
    /// The release that the author saw, 0 if there was none. `None` takes the live one.
    pub base: Option<u64>,
    /// The version of the change that the author saw. `None` if there was no open change.
    pub version: Option<u64>,
    /// The edits, each with a key of its own. The empty key is the whole text.
    pub edits: Vec<(String, Edit)>,
}

/// The result of saving.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The change, as it is now.
    pub change: Change,
}

/// Edits of many configs for a new change.
struct SaveAll {
    message: String,
    saves: Vec<Save>,
}

impl Work for SaveAll {
    const NAME: &'static str = "save";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<WorkOutcome> {
        let change = service.save_in(tx, actor, Some(self.message.clone()), self.saves.clone()).await?;
        service.check_size(tx, &change).await?;
        Ok(WorkOutcome::of(change.id, Vec::new()))
    }
}

impl Service {
    /// Saves edits in a change of the actor. An edit that equals the live content is removed instead.
    ///
    /// # Errors
    /// [`Error::Conflict`] if a key was changed since `base`, or by the author elsewhere since `version`;
    /// [`Error::Invalid`] with a pointer; [`Error::NotFound`], [`Error::Forbidden`], [`Error::State`],
    /// [`Error::Unavailable`].
    pub async fn save(&self, actor: &Actor, save: Save) -> Result<Saved> {
        retry_conflicts(|| {
            let (service, actor, save) = (self.clone(), actor.clone(), save.clone());
            async move {
                let mut tx = service.db.write().await?;
                let change = service.save_in(&mut tx, &actor, None, vec![save]).await?;
                service.check_size(&mut tx, &change).await?;
                tx.commit().await?;
                Ok(Saved { change })
            }
        })
        .await
    }

    /// Saves edits of many configs in one new change, all or none. An item without a comment keeps its present comment,
    /// because programs send values without comments.
    ///
    /// # Errors
    /// Those of [`Service::save`], with the conflicts of all configs. Pointers begin with `/edits/<n>`.
    pub async fn save_all(
        &self,
        actor: &Actor,
        message: String,
        saves: Vec<Save>,
        idempotency: Option<Idempotency>,
    ) -> Result<ChangeId> {
        Ok(self.run_once(actor, idempotency, SaveAll { message, saves }).await?.change)
    }

    /// Saves in a transaction. The caller checks the size: [`Service::check_size`] does, and so does publishing.
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
        let (mut conflicts, mut named) = (Vec::new(), HashSet::new());
        for (n, save) in saves.into_iter().enumerate() {
            let prefix = if many { format!("/edits/{n}") } else { String::new() };
            let may = actor.may_edit(&save.config)?;
            let mut into = match change.take() {
                Some(change) => change,
                None => self.change_for(tx, actor, &save).await?,
            };
            // A new change has no earlier edits of a config that comes for the first time.
            let is_first = named.insert(save.config.clone()) && many;
            match self.save_one(tx, &may, &mut into, save, many, is_first).await {
                Err(Error::Conflict(found)) => conflicts.extend(found),
                saved => saved.map_err(|e| with_prefix(e, &prefix))?,
            }
            change = Some(into);
        }
        if !conflicts.is_empty() {
            return Err(Error::Conflict(conflicts));
        }
        change.ok_or_else(|| Invalid::new("/edits", Problem::Required).into())
    }

    /// Returns the change to save in: the named one, the author's open one on this config, or a new one.
    async fn change_for(&self, tx: &mut Conn, actor: &Actor, save: &Save) -> Result<Change> {
        if let Some(id) = &save.change {
            return self.own_open_change(tx, actor, id).await;
        }
        match tx.open_change_of(&actor.id, &save.config).await? {
            Some(change) => self.own_open_change(tx, actor, &change.id).await,
            None => self.open_change(tx, actor, String::new()).await,
        }
    }

    /// Opens a change of the actor.
    pub(super) async fn open_change(&self, tx: &mut Conn, actor: &Actor, message: String) -> Result<Change> {
        let change = new_change(actor, message, now());
        tx.insert_change(&change).await?;
        Ok(change)
    }

    /// Checks that the change fits into one etcd transaction.
    pub(super) async fn check_size(&self, tx: &mut Conn, change: &Change) -> Result<()> {
        let configs = self.assemble(tx, change).await?;
        validation::entries(change, &change.author_name, &configs).map(drop)
    }

    async fn save_one(
        &self,
        tx: &mut Conn,
        may: &May<access::EditConfig>,
        change: &mut Change,
        save: Save,
        by_program: bool,
        is_first: bool,
    ) -> Result<()> {
        let id = may.on();
        let live_config = self.open_live_config(tx, id).await?;
        let there = match change.version {
            _ if is_first => Vec::new(),
            0 => Vec::new(),
            _ => tx.edits(&change.id).await?,
        };
        let edits = self.check_edits(tx, &live_config, save, &there, by_program).await?;
        change.version += 1;
        change.updated_at = now();
        let earlier: HashMap<&str, &ChangeEdit> =
            there.iter().filter(|e| e.config == *id).map(|e| (e.key.as_str(), e)).collect();
        let (mut added, mut reverted, mut effect) = (Vec::new(), Vec::new(), Vec::new());
        for (n, (key, edit)) in edits.iter().enumerate() {
            let position = change.version.saturating_mul(100_000) + n as u64;
            let new = NewEdit { key, edit, base: live_config.live, version: change.version, position };
            let (is_live, before) = (is_live(&live_config.content, key, edit), earlier.get(key.as_str()));
            let before = before.map(|before| BasedEdit::from(*before));
            let after = (!is_live).then(|| BasedEdit { edit: edit.clone(), base: live_config.live });
            match (is_live, before.is_some()) {
                (true, true) => reverted.push(key.as_str()),
                (true, false) => {}
                (false, true) => tx.replace_edit(may, &change.id, &new, now()).await?,
                (false, false) => added.push(new),
            }
            if before != after {
                effect.push(KeyStep { key: key.clone(), before, after });
            }
        }
        tx.delete_edits(may, &change.id, &reverted).await?;
        tx.insert_edits(may, &change.id, &added, now()).await?;
        // Programs do not undo.
        if !by_program {
            tx.insert_step(may, &change.id, change.version, &effect).await?;
        }
        tx.update_change(change).await
    }

    /// Checks the edits of one config against the live content and against earlier edits of the change.
    pub(super) async fn check_edits(
        &self,
        db: &mut Conn,
        live_config: &LiveConfig,
        save: Save,
        earlier_edits: &[ChangeEdit],
        keep_comments: bool,
    ) -> Result<Vec<(String, Edit)>> {
        let Save { config: id, base, version, mut edits, .. } = save;
        let (format, live) = (live_config.location.namespace.format, &live_config.content);
        for (_, edit) in &mut edits {
            if let Edit::Text(text) = edit {
                *text = formats::stored(format, text.expose()).into();
            }
        }
        validation::edits(format, &edits)?;
        let base = match base {
            Some(seq) if seq != live_config.live => &self.content_at(db, &id, seq, format).await?,
            _ => live,
        };
        if keep_comments {
            copy_comments(&mut edits, live);
        }
        let earlier: BTreeMap<&str, &ChangeEdit> =
            earlier_edits.iter().filter(|e| e.config == id).map(|e| (e.key.as_str(), e)).collect();
        let conflicts: Vec<Conflict> = edits
            .iter()
            .filter_map(|(key, edit)| {
                merge::conflict(&id, key, edit, base, live)
                    .or_else(|| own_conflict(&id, key, edit, earlier.get(key.as_str()).copied(), version))
            })
            .collect();
        if conflicts.is_empty() { Ok(edits) } else { Err(Error::Conflict(conflicts)) }
    }
}

/// Returns whether an edit equals the live content.
pub(super) fn is_live(live: &Content, key: &str, edit: &Edit) -> bool {
    KeyState::of(live, key) == KeyState::wanted(edit)
}

/// Copies the live comments to items without a comment.
fn copy_comments(edits: &mut [(String, Edit)], live: &Content) {
    let Some(there) = live.items() else { return };
    for (key, edit) in edits {
        match (edit, there.get(key)) {
            (Edit::Set(item), Some(old)) if item.comment.is_empty() => item.comment.clone_from(&old.comment),
            _ => {}
        }
    }
}

/// Returns a conflict if the author saved this key elsewhere, such as in another tab, after the page was read.
fn own_conflict(
    id: &ConfigId,
    key: &str,
    edit: &Edit,
    earlier: Option<&ChangeEdit>,
    read: Option<u64>,
) -> Option<Conflict> {
    let (earlier, read) = (earlier?, read?);
    (earlier.version > read && KeyState::wanted(&earlier.edit) != KeyState::wanted(edit)).then(|| Conflict {
        config: id.clone(),
        key: key.to_owned(),
        base: None,
        theirs: earlier.edit.value().map(Sensitive::from),
        mine: edit.value().map(Sensitive::from),
    })
}

pub(super) fn with_prefix(error: Error, prefix: &str) -> Error {
    match error {
        Error::Invalid(list) => Error::Invalid(list.into_iter().map(|i| i.under(prefix)).collect()),
        other => other,
    }
}
