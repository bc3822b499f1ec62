//! Saved actions on the edits of a config, which their author can undo and redo.

use serde::{Deserialize, Serialize};

use super::{change::ChangeEdit, merge::Edit};

/// The effect of an action on one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStep {
    /// The key; empty for a whole text.
    pub key: String,
    /// Its edit before the action.
    pub before: Option<BasedEdit>,
    /// Its edit after the action.
    pub after: Option<BasedEdit>,
}

/// An edit, and the number of the release that it is based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasedEdit {
    /// The edit.
    pub edit: Edit,
    /// Number of the release.
    pub base: u64,
}

impl From<&ChangeEdit> for BasedEdit {
    fn from(there: &ChangeEdit) -> Self {
        Self { edit: there.edit.clone(), base: there.base }
    }
}

/// The way through the actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoDirection {
    /// Takes back the last action.
    Undo,
    /// Does the action again that was undone last.
    Redo,
}

impl KeyStep {
    /// Returns the edit that the key must have now, and the one that it gets.
    pub fn pass(&self, direction: UndoDirection) -> (Option<&BasedEdit>, Option<&BasedEdit>) {
        match direction {
            UndoDirection::Undo => (self.after.as_ref(), self.before.as_ref()),
            UndoDirection::Redo => (self.before.as_ref(), self.after.as_ref()),
        }
    }
}
