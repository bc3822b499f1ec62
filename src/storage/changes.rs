//! Changes and their edits.

use sqlx::{AssertSqlSafe, FromRow};

use super::{Conn, count, damaged, defer, on, parsed, query_row, row::AnyRow, signed};
use crate::{
    compute,
    domain::{
        access::{self, May},
        change::{Change, ChangeEdit, ChangeId, ChangeState},
        error::Result,
        merge::Edit,
        names::ConfigId,
        time::Time,
    },
};

/// An edit to store.
#[derive(Clone, Debug)]
pub struct NewEdit<'a> {
    /// The key; empty for a whole text.
    pub key: &'a str,
    /// The edit itself.
    pub edit: &'a Edit,
    /// Number of the release that it is based on.
    pub base: u64,
    /// Version of the change that contains it.
    pub version: u64,
    /// Its place among the edits of the change.
    pub position: u64,
}

impl NewEdit<'_> {
    fn text(&self) -> Result<String> {
        serde_json::to_string(self.edit).map_err(|e| damaged("an edit", e))
    }
}

/// Maximum number of edits in one statement, and of their bytes.
const STATEMENT_ROWS: usize = 200;
const INSERTED_BYTES: usize = 1024 * 1024;

impl<R: AnyRow> FromRow<'_, R> for Change {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parsed("id")?,
            author: row.text("author")?,
            author_name: row.text("author_name")?,
            message: row.text("message")?,
            state: row.variant("state")?,
            version: row.number("version")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

struct EditRow {
    env: String,
    app: String,
    namespace: String,
    item_key: String,
    edit: String,
    base: i64,
    version: i64,
    at: i64,
}

impl<R: AnyRow> FromRow<'_, R> for EditRow {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            env: row.text("env")?,
            app: row.text("app")?,
            namespace: row.text("namespace")?,
            item_key: row.text("item_key")?,
            edit: row.text("edit")?,
            base: row.integer("base")?.unwrap_or_default(),
            version: row.integer("version")?.unwrap_or_default(),
            at: row.time("at")?.0,
        })
    }
}

impl EditRow {
    fn edit(self) -> Result<ChangeEdit> {
        Ok(ChangeEdit {
            config: ConfigId::parse(&self.env, &self.app, &self.namespace).map_err(|e| damaged("a config", e))?,
            key: self.item_key,
            edit: serde_json::from_str(&self.edit).map_err(|e| damaged("an edit", e))?,
            base: count(self.base),
            version: count(self.version),
            at: Time(self.at),
        })
    }
}

macro_rules! changes {
    ($tail:literal) => {
        concat!(
            "select c.id, c.author, c.author_name, c.message, c.state, c.version, c.created_at, c.updated_at ",
            "from changes c ",
            $tail
        )
    };
}
pub(super) use changes;

impl Conn {
    /// Inserts a change.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_change(&mut self, change: &Change) -> Result<()> {
        defer!(
            self,
            "insert into changes (id, author, author_name, message, state, version, created_at, updated_at) \
             values (?, ?, ?, ?, ?, ?, ?, ?)",
            change.id.as_str(),
            &change.author,
            &change.author_name,
            &change.message,
            change.state.as_str(),
            signed(change.version),
            change.created_at.0,
            change.updated_at.0,
        )
    }

    /// Stores the message, state and version of a change.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn update_change(&mut self, change: &Change) -> Result<()> {
        defer!(
            self,
            "update changes set message = ?, state = ?, version = ?, updated_at = ? where id = ?",
            &change.message,
            change.state.as_str(),
            signed(change.version),
            change.updated_at.0,
            change.id.as_str(),
        )
    }

    /// Discards the change that `may` names.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn discard_change(&mut self, may: &May<access::Discard, ChangeId>, now: Time) -> Result<()> {
        defer!(
            self,
            "update changes set state = ?, updated_at = ? where id = ?",
            ChangeState::Discarded.as_str(),
            now.0,
            may.on().as_str(),
        )
    }

    /// Returns a change and locks it until this transaction ends.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn lock_change(&mut self, id: &ChangeId) -> Result<Option<Change>> {
        defer!(self, "update changes set version = version where id = ?", id.as_str())?;
        self.change(id).await
    }

    /// Returns a change.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn change(&mut self, id: &ChangeId) -> Result<Option<Change>> {
        Ok(on!(self, c => sqlx::query_as(changes!("where c.id = ?")).bind(id.as_str())
            .fetch_optional(c).await)?)
    }

    /// Returns a page of an author's open changes, last edited first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_changes_by(&mut self, author: &str, limit: u32) -> Result<Vec<Change>> {
        Ok(on!(self, c => sqlx::query_as(
            changes!("where c.author = ? and c.state = 'open' order by c.updated_at desc limit ?")
        ).bind(author).bind(limit).fetch_all(c).await)?)
    }

    /// Returns the number of an author's open changes that have edits.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn count_open_changes(&mut self, author: &str) -> Result<u64> {
        let (n,): (i64,) = on!(self, c => sqlx::query_as(
            "select count(*) from changes c where c.author = ? and c.state = 'open' \
             and exists (select 1 from edits e where e.change_id = c.id)"
        ).bind(author).fetch_one(c).await)?;
        Ok(count(n))
    }

    /// Returns a page of all open changes, last edited first, starting after `after`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_changes(&mut self, after: Option<&(Time, ChangeId)>, limit: u32) -> Result<Vec<Change>> {
        let (at, id) = after.map_or((i64::MAX, ""), |(at, id)| (at.0, id.as_str()));
        Ok(on!(self, c => sqlx::query_as(changes!(
            "where c.state = 'open' and (c.updated_at < ? or (c.updated_at = ? and c.id < ?)) \
             order by c.updated_at desc, c.id desc limit ?"
        )).bind(at).bind(at).bind(id).bind(limit).fetch_all(c).await)?)
    }

    /// Returns the open changes that edit a config.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_changes_on(&mut self, id: &ConfigId) -> Result<Vec<Change>> {
        Ok(on!(self, c => sqlx::query_as(
            changes!("where c.state = 'open' and exists (select 1 from edits e where e.change_id = c.id \
                      and e.env = ? and e.app = ? and e.namespace = ?) order by c.updated_at desc limit 100")
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).fetch_all(c).await)?)
    }

    /// Returns the open change of an author that edits a config, the last edited if there are several.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_change_of(&mut self, author: &str, id: &ConfigId) -> Result<Option<Change>> {
        Ok(on!(self, c => sqlx::query_as(
            changes!("where c.state = 'open' and c.author = ? and exists (select 1 from edits e \
                      where e.change_id = c.id and e.env = ? and e.app = ? and e.namespace = ?) \
                      order by c.updated_at desc limit 1")
        ).bind(author).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str())
            .fetch_optional(c).await)?)
    }

    /// Counts the edits in open changes of an application, as `(env, namespace, author, author_name, count)`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn pending_counts(&mut self, app: &str) -> Result<Vec<(String, String, String, String, i64)>> {
        Ok(on!(self, c => sqlx::query_as(
            "select e.env, e.namespace, c.author, c.author_name, count(*) from edits e join changes c \
             on c.id = e.change_id where c.state = 'open' and e.app = ? \
             group by e.env, e.namespace, c.author, c.author_name"
        ).bind(app).fetch_all(c).await)?)
    }

    /// Returns the edits of a change, by config, in the order in which they were added.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn edits(&mut self, id: &ChangeId) -> Result<Vec<ChangeEdit>> {
        let rows: Vec<EditRow> = on!(self, c => sqlx::query_as(
            "select env, app, namespace, item_key, edit, base, version, at from edits \
             where change_id = ? order by env, app, namespace, position, item_key"
        ).bind(id.as_str()).fetch_all(c).await)?;
        compute::weigh(rows.iter().map(|row| row.item_key.len() + row.edit.len()).sum()).await;
        rows.into_iter().map(EditRow::edit).collect()
    }

    /// Stores edits of keys of the config that `may` names, which the change does not edit yet. Many share a statement,
    /// because an import has thousands.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_edits(
        &mut self,
        may: &May<access::EditConfig>,
        change: &ChangeId,
        new: &[NewEdit<'_>],
        now: Time,
    ) -> Result<()> {
        let id = may.on();
        let mut left = new;
        while !left.is_empty() {
            let (mut rows, mut bytes) = (Vec::new(), 0);
            while let [first, rest @ ..] = left
                && rows.len() < STATEMENT_ROWS
                && bytes < INSERTED_BYTES
            {
                let edit = first.text()?;
                bytes += edit.len();
                rows.push((first, edit));
                left = rest;
            }
            let sql = format!(
                "insert into edits (change_id, env, app, namespace, item_key, edit, base, version, at, position) values {}",
                vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ")
            );
            // Other numbers of rows are rare. Their statements would displace frequent ones.
            let is_frequent = rows.len() == 1 || rows.len() == STATEMENT_ROWS;
            on!(self, c => {
                let mut query = sqlx::query(AssertSqlSafe(sql.clone())).persistent(is_frequent);
                for (new, edit) in &rows {
                    query = query.bind(change.as_str()).bind(id.env.as_str()).bind(id.app.as_str())
                        .bind(id.namespace.as_str()).bind(new.key).bind(edit).bind(signed(new.base))
                        .bind(signed(new.version)).bind(now.0).bind(signed(new.position));
                }
                query.execute(c).await.map(|_| ())
            })?;
        }
        Ok(())
    }

    /// Replaces the edit of a key that the change edits already. It keeps its position.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn replace_edit(
        &mut self,
        may: &May<access::EditConfig>,
        change: &ChangeId,
        new: &NewEdit<'_>,
        now: Time,
    ) -> Result<()> {
        let (id, edit) = (may.on(), new.text()?);
        Ok(on!(self, c => sqlx::query(
            "update edits set edit = ?, base = ?, version = ?, at = ? \
             where change_id = ? and env = ? and app = ? and namespace = ? and item_key = ?"
        ).bind(&edit).bind(signed(new.base)).bind(signed(new.version)).bind(now.0).bind(change.as_str())
            .bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(new.key)
            .execute(c).await.map(|_| ()))?)
    }

    /// Removes the edits of keys from a change; returns how many existed.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_edits(
        &mut self,
        may: &May<access::EditConfig>,
        change: &ChangeId,
        keys: &[&str],
    ) -> Result<u64> {
        let (id, mut deleted) = (may.on(), 0);
        for keys in keys.chunks(STATEMENT_ROWS) {
            let sql = format!(
                "delete from edits where change_id = ? and env = ? and app = ? and namespace = ? and item_key in ({})",
                vec!["?"; keys.len()].join(", ")
            );
            deleted += on!(self, c => {
                let mut query = sqlx::query(AssertSqlSafe(sql.clone())).persistent(keys.len() == 1)
                    .bind(change.as_str()).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str());
                for key in keys {
                    query = query.bind(*key);
                }
                query.execute(c).await.map(|done| done.rows_affected())
            })?;
        }
        Ok(deleted)
    }

    /// Returns the change of an idempotency key, with the hash of its request.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn idempotent_change(&mut self, actor: &str, key: &str) -> Result<Option<(String, ChangeId)>> {
        let row: Option<(String, String)> = query_row!(
            self,
            "select body_sha256, change_id from idempotency where actor = ? and idem_key = ?",
            actor,
            key
        )?;
        row.map(|(body, change)| Ok((body, parsed("a change", &change)?))).transpose()
    }

    /// Stores the change of an idempotency key. If the key is already stored, the transaction ends with
    /// [`Error::State`](crate::domain::error::Error::State), `InProgress`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_idempotency_key(
        &mut self,
        actor: &str,
        key: &str,
        body: &str,
        change: &ChangeId,
        now: Time,
    ) -> Result<()> {
        defer!(
            self,
            "insert into idempotency (actor, idem_key, body_sha256, change_id, created_at) values (?, ?, ?, ?, ?)",
            actor,
            key,
            body,
            change.as_str(),
            now.0,
        )
    }
}
