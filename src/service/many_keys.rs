//! Actions on many keys of a config at once: those that a user selected on its page.

use std::collections::HashSet;

use super::{
    ConfigView, CopyKeys, Exported, FormBase, Saved, Service, filter_words, item_rows, now, other_edits,
    retry_conflicts, undo,
};
use crate::{
    domain::{
        access::Actor,
        change::{ChangeEdit, ChangeId},
        content::Items,
        error::{Error, Invalid, Problem, Result, StateConflict},
        merge::Edit,
        names::ConfigId,
    },
    formats::{self, ItemFormat},
    storage::NewEdit,
};

/// The keys that a user selected on the page of a config.
#[derive(Clone, Debug)]
pub enum SelectedKeys {
    /// These keys. One that the page does not list is ignored.
    These(Vec<String>),
    /// All keys that the filter lists.
    Listed {
        /// The filter of the page.
        filter: String,
        /// Keys that are not selected.
        except: Vec<String>,
    },
}

impl SelectedKeys {
    /// Returns the selected keys in the order of the page.
    ///
    /// # Errors
    /// [`Error::Invalid`] at `/keys` if there are none.
    fn of(&self, view: &ConfigView) -> Result<Vec<String>> {
        let others = other_edits(view);
        let rows = item_rows(view, &others).into_iter();
        let keys: Vec<String> = match self {
            Self::These(keys) => {
                let keys: HashSet<&str> = keys.iter().map(String::as_str).collect();
                rows.filter(|row| keys.contains(row.key)).map(|row| row.key.to_owned()).collect()
            }
            Self::Listed { filter, except } => {
                let words = filter_words(filter);
                let except: HashSet<&str> = except.iter().map(String::as_str).collect();
                let listed = rows.filter(|row| row.has(&words) && !except.contains(row.key));
                listed.map(|row| row.key.to_owned()).collect()
            }
        };
        if keys.is_empty() { Err(Invalid::new("/keys", Problem::Required).into()) } else { Ok(keys) }
    }
}

impl Service {
    /// Saves the removal of the selected keys in the author's change.
    ///
    /// # Errors
    /// Those of [`Service::save`]; [`Error::Invalid`] at `/keys` if no key is selected.
    pub async fn remove_items(&self, actor: &Actor, at: FormBase, selected: &SelectedKeys) -> Result<Saved> {
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let edits = selected.of(&view)?.into_iter().map(|key| (key, Edit::Remove)).collect();
        self.save(actor, at.save(edits)).await
    }

    /// Removes the edits of the selected keys from the author's change.
    ///
    /// # Errors
    /// [`Error::State`] with `NoEdits` if none of the keys is edited; those of [`Service::revert`] and
    /// [`Service::remove_items`].
    pub async fn revert_items(&self, actor: &Actor, at: FormBase, selected: &SelectedKeys) -> Result<()> {
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let keys = selected.of(&view)?;
        let id = view.mine.ok_or(Error::State(StateConflict::NoEdits))?.change.id;
        retry_conflicts(|| {
            let (service, actor, config, id, keys) =
                (self.clone(), actor.clone(), at.config.clone(), id.clone(), keys.clone());
            async move { service.revert_keys(&actor, &config, &id, &keys).await }
        })
        .await
    }

    async fn revert_keys(&self, actor: &Actor, config: &ConfigId, id: &ChangeId, keys: &[String]) -> Result<()> {
        let may = actor.may_edit(config)?;
        let mut tx = self.db.write().await?;
        let mut change = self.own_open_change(&mut tx, actor, id).await?;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let chosen: HashSet<&str> = keys.iter().copied().collect();
        let there = tx.edits(id).await?;
        let is_chosen = |edit: &&ChangeEdit| edit.config == *config && chosen.contains(edit.key.as_str());
        let effect = undo::removal(there.iter().filter(is_chosen));
        if tx.delete_edits(&may, id, &keys).await? == 0 {
            return Err(Error::State(StateConflict::NoEdits));
        }
        change.version += 1;
        change.updated_at = now();
        tx.insert_step(&may, id, change.version, &effect).await?;
        tx.update_change(&change).await?;
        tx.commit().await
    }

    /// Moves the edits of the selected keys to another open change of the author, or to a new one. They keep the
    /// release that they are based on.
    ///
    /// # Errors
    /// [`Error::State`] with `NoEdits` if none of the keys is edited, and with `EditedInTarget` if the other change
    /// edits one of them; those of [`Service::revert`] and [`Service::remove_items`].
    pub async fn move_edits(
        &self,
        actor: &Actor,
        at: FormBase,
        selected: &SelectedKeys,
        to: Option<ChangeId>,
    ) -> Result<ChangeId> {
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let keys: HashSet<String> = selected.of(&view)?.into_iter().collect();
        let from = view.mine.ok_or(Error::State(StateConflict::NoEdits))?.change.id;
        retry_conflicts(|| {
            let (service, actor, config, keys, from, to) =
                (self.clone(), actor.clone(), at.config.clone(), keys.clone(), from.clone(), to.clone());
            async move { service.move_keys(&actor, &config, &keys, &from, to).await }
        })
        .await
    }

    async fn move_keys(
        &self,
        actor: &Actor,
        config: &ConfigId,
        keys: &HashSet<String>,
        from: &ChangeId,
        to: Option<ChangeId>,
    ) -> Result<ChangeId> {
        let may = actor.may_edit(config)?;
        let mut tx = self.db.write().await?;
        // In the order of their ids, so that two requests never wait for each other.
        let first = match &to {
            Some(to) if to < from => Some(self.own_open_change(&mut tx, actor, to).await?),
            _ => None,
        };
        let mut source = self.own_open_change(&mut tx, actor, from).await?;
        let mut target = match (first, to) {
            (Some(target), _) => target,
            (None, Some(to)) => self.own_open_change(&mut tx, actor, &to).await?,
            (None, None) => self.open_change(&mut tx, actor, String::new()).await?,
        };
        let is_moved = |edit: &ChangeEdit| edit.config == *config && keys.contains(&edit.key);
        let moved: Vec<ChangeEdit> = tx.edits(from).await?.into_iter().filter(is_moved).collect();
        if moved.is_empty() {
            return Err(Error::State(StateConflict::NoEdits));
        }
        if tx.edits(&target.id).await?.iter().any(is_moved) {
            return Err(Error::State(StateConflict::EditedInTarget));
        }
        for change in [&mut source, &mut target] {
            change.version += 1;
            change.updated_at = now();
        }
        let version = target.version;
        let new = moved.iter().zip(0..).map(|(edit, n)| {
            let position = version.saturating_mul(100_000) + n;
            NewEdit { key: &edit.key, edit: &edit.edit, base: edit.base, version, position }
        });
        let new: Vec<NewEdit<'_>> = new.collect();
        let moved_keys: Vec<&str> = moved.iter().map(|edit| edit.key.as_str()).collect();
        tx.delete_edits(&may, from, &moved_keys).await?;
        tx.insert_edits(&may, &target.id, &new, now()).await?;
        // To undo it in one change would not undo it in the other.
        tx.forget_steps(&may, from).await?;
        tx.forget_steps(&may, &target.id).await?;
        tx.update_change(&source).await?;
        tx.update_change(&target).await?;
        self.check_size(&mut tx, &target).await?;
        tx.commit().await?;
        Ok(target.id)
    }

    /// Copies the selected keys, as the author sees them, to other configs, into a new change. `copy.keys` is ignored.
    ///
    /// # Errors
    /// Those of [`Service::copy_keys`] and [`Service::remove_items`].
    pub async fn copy_items(
        &self,
        actor: &Actor,
        at: &FormBase,
        selected: &SelectedKeys,
        copy: CopyKeys,
        message: impl FnOnce(usize) -> String,
    ) -> Result<ChangeId> {
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let keys = selected.of(&view)?;
        self.copy_items_of(actor, view.author_content(), CopyKeys { keys, ..copy }, message).await
    }

    /// Writes the selected keys, as the author sees them, as a file in the named format.
    ///
    /// # Errors
    /// Those of [`Service::export`] and [`Service::remove_items`].
    pub async fn export_items(
        &self,
        actor: &Actor,
        config: &ConfigId,
        change: Option<&ChangeId>,
        selected: &SelectedKeys,
        format: &str,
    ) -> Result<Exported> {
        let view = self.config(actor, config, change).await?;
        let (keys, source) = (selected.of(&view)?, format.parse::<ItemFormat>()?);
        let items = view.author_content().items();
        let chosen = keys.into_iter().filter_map(|key| Some((key.clone(), items?.get(&key)?.clone())));
        let chosen: Items = chosen.collect();
        let text = formats::write(source, &chosen).map_err(Error::Invalid)?;
        Ok(Exported { text: text.into(), media: source.media() })
    }
}
