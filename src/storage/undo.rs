//! The last actions on the edits of open changes.

use sqlx::FromRow;

use super::{Conn, count, damaged, defer, on, row::AnyRow, signed};
use crate::domain::{
    access::{self, May},
    change::ChangeId,
    error::Result,
    names::ConfigId,
    undo::KeyStep,
};

/// Maximum number of actions that are kept for one config in a change, and of the bytes of their effects.
const MAX_STEPS: usize = 50;
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Maximum number of actions on one config that are read, in all changes of an author.
const READ_STEPS: u32 = 4 * MAX_STEPS as u32;

/// A saved action without its effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedStep {
    /// The change.
    pub change: ChangeId,
    /// The present version of the change.
    pub version: u64,
    /// The version of the change that the action made. It names the action.
    pub step: u64,
    /// Whether it is undone.
    pub undone: bool,
    /// The number of its keys.
    pub keys: u64,
    /// One of them.
    pub key: String,
}

impl<R: AnyRow> FromRow<'_, R> for SavedStep {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            change: row.parsed("change_id")?,
            version: row.number("version")?,
            step: row.number("step")?,
            undone: row.boolean("undone")?,
            keys: row.number("key_count")?,
            key: row.text("item_key")?,
        })
    }
}

impl Conn {
    /// Returns an author's last actions on a config in all open changes, the last edited change and the last action
    /// first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn steps(&mut self, author: &str, id: &ConfigId) -> Result<Vec<SavedStep>> {
        Ok(on!(self, c => sqlx::query_as(
            "select s.change_id, c.version, s.step, s.undone, s.key_count, s.item_key from edit_steps s \
             join changes c on c.id = s.change_id where s.env = ? and s.app = ? and s.namespace = ? \
             and c.author = ? and c.state = 'open' order by c.updated_at desc, c.id, s.step desc limit ?"
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(author).bind(READ_STEPS)
            .fetch_all(c).await)?)
    }

    /// Returns the effect of an action.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn step_effect(&mut self, change: &ChangeId, id: &ConfigId, step: u64) -> Result<Vec<KeyStep>> {
        let (effect,): (String,) = on!(self, c => sqlx::query_as(
            "select effect from edit_steps where change_id = ? and env = ? and app = ? and namespace = ? and step = ?"
        ).bind(change.as_str()).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str())
            .bind(signed(step)).fetch_one(c).await)?;
        serde_json::from_str(&effect).map_err(|e| damaged("an action", e))
    }

    /// Stores an action on the config that `may` names. Undone actions can no longer be redone, and the oldest are
    /// forgotten above the limits.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_step(
        &mut self,
        may: &May<access::EditConfig>,
        change: &ChangeId,
        step: u64,
        effect: &[KeyStep],
    ) -> Result<()> {
        let (id, change) = (may.on(), change.as_str());
        let Some(first) = effect.first() else { return Ok(()) };
        let text = serde_json::to_string(effect).map_err(|e| damaged("an action", e))?;
        let bytes = text.len() as u64;
        let there: Vec<(i64, i64, bool)> = on!(self, c => sqlx::query_as(
            "select step, bytes, undone from edit_steps \
             where change_id = ? and env = ? and app = ? and namespace = ? order by step desc"
        ).bind(change).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).fetch_all(c).await)?;
        // With the new one. Both only grow, so all that are older than the first one above a limit go, too.
        let (mut steps, mut sum) = (1, bytes);
        for (step, size, undone) in there {
            if !undone {
                (steps, sum) = (steps + 1, sum + count(size));
                if steps <= MAX_STEPS && sum <= MAX_BYTES {
                    continue;
                }
            }
            defer!(
                self,
                "delete from edit_steps where change_id = ? and env = ? and app = ? and namespace = ? and step = ?",
                change,
                id.env.as_str(),
                id.app.as_str(),
                id.namespace.as_str(),
                step,
            )?;
        }
        if bytes > MAX_BYTES {
            return Ok(());
        }
        Ok(on!(self, c => sqlx::query(
            "insert into edit_steps (change_id, env, app, namespace, step, undone, key_count, item_key, effect, bytes) \
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).bind(change).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(step))
            .bind(false).bind(signed(effect.len() as u64)).bind(&first.key).bind(&text).bind(signed(bytes))
            .execute(c).await.map(|_| ()))?)
    }

    /// Marks an action as undone, or as done.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn set_undone(
        &mut self,
        may: &May<access::EditConfig>,
        change: &ChangeId,
        step: u64,
        undone: bool,
    ) -> Result<()> {
        let id = may.on();
        defer!(
            self,
            "update edit_steps set undone = ? where change_id = ? and env = ? and app = ? and namespace = ? and step = ?",
            i64::from(undone),
            change.as_str(),
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
            signed(step),
        )
    }

    /// Forgets all actions on the config that `may` names, because another one cannot be undone.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn forget_steps(&mut self, may: &May<access::EditConfig>, change: &ChangeId) -> Result<()> {
        let id = may.on();
        defer!(
            self,
            "delete from edit_steps where change_id = ? and env = ? and app = ? and namespace = ?",
            change.as_str(),
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
        )
    }

    /// Forgets all actions of changes that are no longer open.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn forget_closed_steps(&mut self) -> Result<()> {
        defer!(self, "delete from edit_steps where change_id in (select id from changes where state <> 'open')")
    }
}
