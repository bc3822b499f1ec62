//! Archived objects, and their removal for good.

use sqlx::{AssertSqlSafe, FromRow, Result as SqlResult};

use super::{Conn, count, defer, on, parsed, row::AnyRow, signed};
use crate::domain::{
    access::{May, Remove},
    bin::{Archived, BinObject, Removal},
    change::Change,
    entry::Entry,
    error::Result,
    names::{ConfigId, EnvName},
    time::Time,
};

/// A removal in the channel, from the columns of `removals`.
#[derive(Debug)]
pub(super) struct RemovalRow(pub Entry);

impl<R: AnyRow> FromRow<'_, R> for RemovalRow {
    fn from_row(row: &R) -> SqlResult<Self> {
        let removal =
            Removal { id: row.parsed("object_id")?, by: row.text("removed_by")?, at: row.time("removed_at")? };
        Ok(Self(Entry::removal(row.config()?, row.number("seq")?, &removal)))
    }
}

struct ArchivedRow {
    kind: String,
    /// Empty unless it is a namespace.
    app: String,
    name: String,
    title: String,
    at: Time,
    by: Option<String>,
}

impl<R: AnyRow> FromRow<'_, R> for ArchivedRow {
    fn from_row(row: &R) -> SqlResult<Self> {
        Ok(Self {
            kind: row.text("kind")?,
            app: row.text("app")?,
            name: row.text("name")?,
            title: row.text("title")?,
            at: row.time("archived_at")?,
            by: row.optional_text("archived_by")?,
        })
    }
}

impl ArchivedRow {
    fn archived(self) -> Result<Archived> {
        let name = if self.app.is_empty() { self.name } else { format!("{}/{}", self.app, self.name) };
        let object = BinObject::parse(&self.kind, &name).map_err(|e| super::damaged("an archived object", e))?;
        Ok(Archived { object, title: self.title, at: self.at, by: self.by.unwrap_or_default() })
    }
}

/// Returns the condition that a row of a table with `env`, `app` and `namespace` belongs to an object, with its values.
fn belongs_to(object: &BinObject) -> (&'static str, Vec<&str>) {
    match object {
        BinObject::Env(env) => ("env = ?", vec![env.as_str()]),
        BinObject::App(app) => ("app = ?", vec![app.as_str()]),
        BinObject::Namespace(app, namespace) => ("app = ? and namespace = ?", vec![app.as_str(), namespace.as_str()]),
    }
}

/// Defers a statement for the rows of one config. Its condition is completed with the three names of the config, whose
/// values follow the given ones.
macro_rules! of_config {
    ($conn:expr, $id:expr, $before:literal $(, $value:expr)*) => {
        defer!(
            $conn,
            concat!($before, " env = ? and app = ? and namespace = ?"),
            $($value,)*
            $id.env.as_str(),
            $id.app.as_str(),
            $id.namespace.as_str(),
        )
    };
}

impl Conn {
    /// Returns a page of all archived objects, the last archived first, skipping `offset` of them.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn archived(&mut self, limit: u32, offset: u32) -> Result<Vec<Archived>> {
        self.archived_before(Time(i64::MAX), false, limit, offset).await
    }

    /// Returns at most `limit` objects that were archived before a time by a known actor.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn expired(&mut self, before: Time, limit: u32) -> Result<Vec<Archived>> {
        self.archived_before(before, true, limit, 0).await
    }

    async fn archived_before(&mut self, before: Time, known: bool, limit: u32, offset: u32) -> Result<Vec<Archived>> {
        let rows: Vec<ArchivedRow> = on!(self, c => sqlx::query_as(
            "select kind, app, name, title, archived_at, archived_by from (\
             select 'env' as kind, '' as app, name, title, archived_at, archived_by from envs where archived_at < ? \
             union all select 'app', '', name, title, archived_at, archived_by from apps where archived_at < ? \
             union all select 'namespace', app, name, '', archived_at, archived_by from namespaces where archived_at < ?\
             ) as objects where archived_by is not null or ? = 0 order by archived_at desc, kind, app, name limit ? offset ?"
        ).bind(before.0).bind(before.0).bind(before.0).bind(i64::from(known)).bind(limit).bind(offset).fetch_all(c).await)?;
        rows.into_iter().map(ArchivedRow::archived).collect()
    }

    /// Locks an object until this transaction ends, and returns it if it is archived. Returns `None` if it is not or
    /// does not exist.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn lock_archived(&mut self, object: &BinObject) -> Result<Option<Archived>> {
        match object {
            BinObject::Env(env) => {
                defer!(self, "update envs set position = position where name = ?", env.as_str())?;
            }
            BinObject::App(app) => defer!(self, "update apps set title = title where name = ?", app.as_str())?,
            BinObject::Namespace(app, namespace) => {
                // A publish of one of its configs reads its row, too.
                defer!(self, "update apps set title = title where name = ?", app.as_str())?;
                defer!(
                    self,
                    "update namespaces set format = format where app = ? and name = ?",
                    app.as_str(),
                    namespace.as_str()
                )?;
            }
        }
        self.archived_object(object).await
    }

    /// Returns an object if it is archived. Returns `None` if it is not or does not exist.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn archived_object(&mut self, object: &BinObject) -> Result<Option<Archived>> {
        let row: Option<ArchivedRow> = match object {
            BinObject::Env(env) => on!(self, c => sqlx::query_as(
                "select 'env' as kind, '' as app, name, title, archived_at, archived_by from envs \
                 where name = ? and archived_at is not null"
            ).bind(env.as_str()).fetch_optional(c).await)?,
            BinObject::App(app) => on!(self, c => sqlx::query_as(
                "select 'app' as kind, '' as app, name, title, archived_at, archived_by from apps \
                 where name = ? and archived_at is not null"
            ).bind(app.as_str()).fetch_optional(c).await)?,
            BinObject::Namespace(app, namespace) => on!(self, c => sqlx::query_as(
                "select 'namespace' as kind, app, name, '' as title, archived_at, archived_by from namespaces \
                 where app = ? and name = ? and archived_at is not null"
            ).bind(app.as_str()).bind(namespace.as_str()).fetch_optional(c).await)?,
        };
        row.map(ArchivedRow::archived).transpose()
    }

    /// Returns the configs of an object that have a release or an edit, ordered by name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn configs_of(&mut self, object: &BinObject) -> Result<Vec<ConfigId>> {
        let (condition, values) = belongs_to(object);
        let sql = format!(
            "select env, app, namespace from configs where {condition} \
             union select env, app, namespace from edits where {condition} order by env, app, namespace"
        );
        let rows: Vec<(String, String, String)> = on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone()));
            for value in values.iter().chain(&values) {
                query = query.bind(*value);
            }
            query.fetch_all(c).await
        })?;
        let config = |(env, app, namespace): (String, String, String)| {
            ConfigId::parse(&env, &app, &namespace).map_err(|e| super::damaged("a config", e))
        };
        rows.into_iter().map(config).collect()
    }

    /// Returns the open changes that edit configs of an object, last edited first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn open_changes_of(&mut self, object: &BinObject, limit: u32) -> Result<Vec<Change>> {
        let (condition, values) = belongs_to(object);
        let sql = format!(
            "select c.id, c.author, c.author_name, c.message, c.state, c.version, c.created_at, c.updated_at \
             from changes c where c.state = 'open' and exists (select 1 from edits where change_id = c.id and {condition}) \
             order by c.updated_at desc limit ?"
        );
        Ok(on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone()));
            for value in &values {
                query = query.bind(*value);
            }
            query.bind(limit).fetch_all(c).await
        })?)
    }

    /// Inserts the identity under which a removed object is kept.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_removed_object(
        &mut self,
        _: &May<Remove, ()>,
        what: &Archived,
        removal: &Removal,
    ) -> Result<()> {
        defer!(
            self,
            "insert into removed_objects (id, kind, name, title, archived_at, archived_by, removed_at, removed_by) \
             values (?, ?, ?, ?, ?, ?, ?, ?)",
            removal.id.as_str(),
            what.object.kind(),
            what.object.to_string(),
            &what.title,
            what.at.0,
            &what.by,
            removal.at.0,
            &removal.by,
        )
    }

    /// Removes a config. Its releases are kept under the identity of the removed object, its edits are deleted, and its
    /// removal from the channel is due.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn remove_config(&mut self, _: &May<Remove, ()>, id: &ConfigId, removal: &Removal) -> Result<()> {
        let object = removal.id.as_str();
        // Waits for a publish that began before the object was archived.
        of_config!(self, id, "update configs set live = live where")?;
        of_config!(
            self,
            id,
            "insert into removals (env, app, namespace, seq, object_id, removed_at, removed_by, due) \
             select env, app, namespace, live + 1, ?, ?, ?, 1 from configs where live > 0 and",
            object,
            removal.at.0,
            &removal.by
        )?;
        of_config!(
            self,
            id,
            "insert into removed_releases (object_id, env, app, namespace, seq, format, content, sha256, author_id, \
             author, message, change_id, rolled_back_to, accepted_at) \
             select ?, env, app, namespace, seq, format, content, sha256, author_id, author, message, change_id, \
             rolled_back_to, accepted_at from releases where",
            object
        )?;
        of_config!(self, id, "delete from due where")?;
        of_config!(self, id, "delete from deliveries where")?;
        of_config!(self, id, "delete from releases where")?;
        of_config!(self, id, "delete from configs where")?;
        // A page of such a change shows another difference now, so its author reviews it again.
        defer!(
            self,
            "update changes set version = version + 1, updated_at = ? where state = 'open' \
             and id in (select change_id from edits where env = ? and app = ? and namespace = ?)",
            removal.at.0,
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
        )?;
        of_config!(self, id, "delete from edit_steps where")?;
        of_config!(self, id, "delete from favourites where")?;
        of_config!(self, id, "delete from edits where")
    }

    /// Deletes the row of a removed object, with the namespaces of an application.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_object(&mut self, _: &May<Remove, ()>, object: &BinObject) -> Result<()> {
        match object {
            BinObject::Env(env) => defer!(self, "delete from envs where name = ?", env.as_str()),
            BinObject::App(app) => {
                defer!(self, "delete from favourites where app = ?", app.as_str())?;
                defer!(self, "delete from namespaces where app = ?", app.as_str())?;
                defer!(self, "delete from apps where name = ?", app.as_str())
            }
            BinObject::Namespace(app, namespace) => {
                defer!(self, "delete from namespaces where app = ? and name = ?", app.as_str(), namespace.as_str())
            }
        }
    }

    /// Returns at most `limit` removals of an environment that are not in the channel yet, ordered by name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn due_removals(&mut self, env: &EnvName, limit: u32) -> Result<Vec<Entry>> {
        let rows: Vec<RemovalRow> = on!(self, c => sqlx::query_as(
            "select env, app, namespace, seq, object_id, removed_at, removed_by from removals \
             where due = 1 and env = ? order by app, namespace, seq limit ?"
        ).bind(env.as_str()).bind(limit).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Returns the latest removal of each config. The channel should hold it, unless it holds a release of a later config
    /// with the name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn expected_removals(&mut self) -> Result<Vec<Entry>> {
        let rows: Vec<RemovalRow> = on!(self, c => sqlx::query_as(
            "select env, app, namespace, seq, object_id, removed_at, removed_by from removals m where not exists \
             (select 1 from removals l where l.env = m.env and l.app = m.app and l.namespace = m.namespace and l.seq > m.seq)"
        ).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Records that a removal is in the channel. A repeated call changes nothing.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn mark_removed(&mut self, removal: &Entry) -> Result<()> {
        of_config!(self, removal.config, "update removals set due = 0 where seq = ? and", signed(removal.meta.seq))
    }

    /// Returns the removed objects with a name, the last removed first, each with its identity and the number of its
    /// releases.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn removed_objects(&mut self, object: &BinObject) -> Result<Vec<(Removal, u64)>> {
        let rows: Vec<(String, String, i64, i64)> = on!(self, c => sqlx::query_as(
            "select o.id, o.removed_by, o.removed_at, count(r.seq) from removed_objects o \
             left join removed_releases r on r.object_id = o.id where o.kind = ? and o.name = ? \
             group by o.id, o.removed_by, o.removed_at order by o.id desc limit 100"
        ).bind(object.kind()).bind(object.to_string()).fetch_all(c).await)?;
        let removed = |(id, by, at, releases): (String, String, i64, i64)| {
            Ok((Removal { id: parsed("a removal", &id)?, by, at: Time(at) }, count(releases)))
        };
        rows.into_iter().map(removed).collect()
    }
}
