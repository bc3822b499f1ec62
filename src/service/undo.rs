//! Undo and redo of actions on the edits of a config.

use std::collections::HashMap;

use super::{Service, now, retry_conflicts};
use crate::{
    domain::{
        access::{self, Actor, May},
        change::{Change, ChangeEdit, ChangeId},
        error::{Error, Result, StateConflict},
        names::ConfigId,
        undo::{BasedEdit, KeyStep, UndoDirection},
    },
    storage::{Conn, NewEdit, SavedStep},
};

/// The actions on a config that its page offers to undo and redo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoState {
    /// The change.
    pub change: ChangeId,
    /// The version of the change.
    pub version: u64,
    /// The last action.
    pub undo: Option<SavedStep>,
    /// The action that was undone last.
    pub redo: Option<SavedStep>,
}

impl UndoState {
    /// Returns the state of `change`, or of the change with the first action.
    pub(super) fn of(steps: Vec<SavedStep>, change: Option<&ChangeId>) -> Option<Self> {
        let change = change.or(steps.first().map(|step| &step.change))?.clone();
        let steps: Vec<SavedStep> = steps.into_iter().filter(|step| step.change == change).collect();
        let version = steps.first()?.version;
        let undo = next(&steps, UndoDirection::Undo).cloned();
        let redo = next(&steps, UndoDirection::Redo).cloned();
        Some(Self { change, version, undo, redo })
    }
}

/// Returns the action that is undone or redone next. The last action is the first of `steps`.
fn next(steps: &[SavedStep], direction: UndoDirection) -> Option<&SavedStep> {
    match direction {
        UndoDirection::Undo => steps.iter().find(|step| !step.undone),
        UndoDirection::Redo => steps.iter().rev().find(|step| step.undone),
    }
}

impl Service {
    /// Undoes the actor's last action on a config in a change, or redoes the last undone one. Returns a key of it.
    ///
    /// # Errors
    /// [`Error::State`] with `EditedElsewhere` if the change has another version than the page showed, and with
    /// `NothingToUndo`; those of [`Service::revert`].
    pub async fn undo(
        &self,
        actor: &Actor,
        config: &ConfigId,
        change: &ChangeId,
        version: u64,
        direction: UndoDirection,
    ) -> Result<String> {
        retry_conflicts(|| {
            let (service, actor, config, change) = (self.clone(), actor.clone(), config.clone(), change.clone());
            async move {
                let may = actor.may_edit(&config)?;
                let mut tx = service.db.write().await?;
                let mut change = service.own_open_change(&mut tx, &actor, &change).await?;
                service.open_live_config(&mut tx, &config).await?;
                if change.version != version {
                    return Err(Error::State(StateConflict::EditedElsewhere));
                }
                let steps = tx.steps(&actor.id, &config).await?;
                let steps: Vec<SavedStep> = steps.into_iter().filter(|step| step.change == change.id).collect();
                let step = next(&steps, direction).ok_or(Error::State(StateConflict::NothingToUndo))?;
                service.pass(&mut tx, &may, &mut change, step, direction).await?;
                service.check_size(&mut tx, &change).await?;
                tx.commit().await?;
                Ok(step.key.clone())
            }
        })
        .await
    }

    /// Sets the edits of a change to those before or after an action.
    async fn pass(
        &self,
        tx: &mut Conn,
        may: &May<access::EditConfig>,
        change: &mut Change,
        step: &SavedStep,
        direction: UndoDirection,
    ) -> Result<()> {
        let effect = tx.step_effect(&change.id, may.on(), step.step).await?;
        let there = tx.edits(&change.id).await?;
        let there: HashMap<&str, &ChangeEdit> =
            there.iter().filter(|edit| edit.config == *may.on()).map(|edit| (edit.key.as_str(), edit)).collect();
        change.version += 1;
        change.updated_at = now();
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for (n, key) in effect.iter().enumerate() {
            let (from, to) = key.pass(direction);
            let present = there.get(key.key.as_str());
            if present.map(|edit| &edit.edit) != from.map(|from| &from.edit) {
                return Err(Error::State(StateConflict::NothingToUndo));
            }
            let position = change.version.saturating_mul(100_000) + n as u64;
            let new = to.map(|BasedEdit { edit, base }| NewEdit {
                key: &key.key,
                edit,
                base: *base,
                version: change.version,
                position,
            });
            match (new, present) {
                (Some(new), Some(_)) => tx.replace_edit(may, &change.id, &new, now()).await?,
                (Some(new), None) => added.push(new),
                (None, Some(_)) => removed.push(key.key.as_str()),
                (None, None) => {}
            }
        }
        tx.delete_edits(may, &change.id, &removed).await?;
        tx.insert_edits(may, &change.id, &added, now()).await?;
        tx.set_undone(may, &change.id, step.step, direction == UndoDirection::Undo).await?;
        tx.update_change(change).await
    }
}

/// Returns the effect of removing these edits from a change.
pub(super) fn removal<'a>(edits: impl Iterator<Item = &'a ChangeEdit>) -> Vec<KeyStep> {
    edits.map(|edit| KeyStep { key: edit.key.clone(), before: Some(edit.into()), after: None }).collect()
}
