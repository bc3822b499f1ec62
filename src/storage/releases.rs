//! Releases, which are immutable. Pending and completed deliveries are stored in tables of their own.

use sqlx::FromRow;

use super::{Conn, count, damaged, defer, on, parsed, row::AnyRow, signed};
use crate::{
    compute,
    domain::{
        access::{May, Publish},
        change::ChangeId,
        content::{Content, Format},
        error::Result,
        names::{AppName, ConfigId, EnvName, NamespaceName},
        release::{Release, ReleasePosition},
        time::Time,
    },
};

impl<R: AnyRow> FromRow<'_, R> for Release {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            config: row.config()?,
            seq: row.number("seq")?,
            previous: row.number("before_seq")?,
            format: row.parsed("format")?,
            sha256: row.text("sha256")?,
            author: row.text("author")?,
            message: row.text("message")?,
            change: row.parsed("change_id")?,
            rolled_back_to: row.integer("rolled_back_to")?.map(count),
            accepted_at: row.time("accepted_at")?,
            delivered_at: row.optional_time("delivered_at")?,
            revision: row.integer("revision")?,
        })
    }
}

/// Parses a stored content.
pub(super) fn content(format: Format, text: String) -> Result<Content> {
    match format {
        Format::Kv => serde_json::from_str(&text).map(Content::Kv).map_err(|e| damaged("a release", e)),
        _ => Ok(Content::Text(text.into())),
    }
}

fn stored(content: &Content) -> String {
    match content {
        Content::Kv(items) => serde_json::to_string(items).expect("items are JSON"),
        Content::Text(text) => text.expose().to_owned(),
    }
}

/// Selects a column of the delivery of release `r`.
macro_rules! delivery {
    ($column:literal) => {
        concat!(
            "(select d.",
            $column,
            " from deliveries d where d.env = r.env and d.app = r.app and d.namespace = r.namespace and d.seq = r.seq) as ",
            $column
        )
    };
}

/// Selects the columns of a [`Release`]: `releases!("releases r where …")` is the whole statement. The previous
/// number is looked up, because numbers have gaps where a channel was ahead of the database.
macro_rules! releases {
    ($tail:literal) => {
        concat!(
            "select r.env, r.app, r.namespace, r.seq, coalesce((select max(b.seq) from releases b where b.env = r.env ",
            "and b.app = r.app and b.namespace = r.namespace and b.seq < r.seq), 0) as before_seq, r.format, r.sha256, ",
            "r.author, r.message, r.change_id, r.rolled_back_to, r.accepted_at, ",
            delivery!("delivered_at"),
            ", ",
            delivery!("revision"),
            " from ",
            $tail
        )
    };
}

impl Conn {
    /// Locks a config until this transaction ends, if it has a release; otherwise see [`Conn::insert_config`].
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn lock_config(&mut self, may: &May<Publish>) -> Result<()> {
        let id = may.on();
        defer!(
            self,
            "update configs set live = live where env = ? and app = ? and namespace = ?",
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
        )
    }

    /// Inserts the row of a config before its first release, and locks it until this transaction ends. If another
    /// transaction inserts it at the same time, this one ends with
    /// [`Error::State`](crate::domain::error::Error::State), `InProgress`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_config(&mut self, may: &May<Publish>) -> Result<()> {
        let id = may.on();
        defer!(
            self,
            "insert into configs (env, app, namespace, live) values (?, ?, ?, 0)",
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
        )
    }

    /// Returns the number of a config's live release, 0 before the first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn live_seq(&mut self, id: &ConfigId) -> Result<u64> {
        let row: Option<(i64,)> = on!(self, c => sqlx::query_as(
            "select live from configs where env = ? and app = ? and namespace = ?"
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).fetch_optional(c).await)?;
        Ok(row.map_or(0, |(seq,)| count(seq)))
    }

    /// Inserts the next release of the config that `may` names, and its outbox row. This transaction must have locked
    /// the config. `author` is the actor's id.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_release(
        &mut self,
        may: &May<Publish>,
        new: &Release,
        author: &str,
        content: &Content,
    ) -> Result<()> {
        let id = may.on();
        defer!(
            self,
            "insert into releases (env, app, namespace, seq, format, content, sha256, author_id, author, message, \
             change_id, rolled_back_to, accepted_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
            signed(new.seq),
            new.format.as_str(),
            stored(content),
            &new.sha256,
            author,
            &new.author,
            &new.message,
            new.change.as_str(),
            new.rolled_back_to.map(signed),
            new.accepted_at.0,
        )?;
        defer!(
            self,
            "insert into due (env, app, namespace, seq, accepted_at) values (?, ?, ?, ?, ?)",
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
            signed(new.seq),
            new.accepted_at.0,
        )?;
        defer!(
            self,
            "update configs set live = ? where env = ? and app = ? and namespace = ?",
            signed(new.seq),
            id.env.as_str(),
            id.app.as_str(),
            id.namespace.as_str(),
        )
    }

    /// Returns a release without its content.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn release(&mut self, id: &ConfigId, seq: u64) -> Result<Option<Release>> {
        Ok(on!(self, c => sqlx::query_as(
            releases!("releases r where r.env = ? and r.app = ? and r.namespace = ? and r.seq = ?")
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(seq))
            .fetch_optional(c).await)?)
    }

    /// Returns the content of a release.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn content(&mut self, id: &ConfigId, seq: u64) -> Result<Option<Content>> {
        let row: Option<(String, String)> = on!(self, c => sqlx::query_as(
            "select format, content from releases where env = ? and app = ? and namespace = ? and seq = ?"
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(seq))
            .fetch_optional(c).await)?;
        let Some((format, text)) = row else { return Ok(None) };
        compute::weigh(text.len()).await;
        content(parsed("a format", &format)?, text).map(Some)
    }

    /// Returns a page of a config's releases before number `before`, newest first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn releases(&mut self, id: &ConfigId, before: Option<u64>, limit: u32) -> Result<Vec<Release>> {
        Ok(on!(self, c => sqlx::query_as(
            releases!(
                "releases r where r.env = ? and r.app = ? and r.namespace = ? and r.seq < ? order by r.seq desc limit ?"
            )
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str())
            .bind(before.map_or(i64::MAX, signed)).bind(limit).fetch_all(c).await)?)
    }

    /// Returns number, author and time of a config's releases, from number `from` on.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn release_authors(&mut self, id: &ConfigId, from: u64) -> Result<Vec<(u64, (String, Time))>> {
        let rows: Vec<(i64, String, i64)> = on!(self, c => sqlx::query_as(
            "select seq, author, accepted_at from releases where env = ? and app = ? and namespace = ? and seq >= ?"
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(from))
            .fetch_all(c).await)?;
        Ok(rows.into_iter().map(|(seq, author, at)| (count(seq), (author, Time(at)))).collect())
    }

    /// Returns the releases of a change.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn releases_of_change(&mut self, id: &ChangeId) -> Result<Vec<Release>> {
        Ok(on!(self, c => sqlx::query_as(
            releases!("releases r where r.change_id = ? order by r.env, r.app, r.namespace")
        ).bind(id.as_str()).fetch_all(c).await)?)
    }

    /// Returns the newest releases of all configs, newest first, skipping `offset` of them.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn latest_releases(&mut self, limit: u32, offset: u32) -> Result<Vec<Release>> {
        Ok(on!(self, c => sqlx::query_as(
            releases!("releases r order by r.accepted_at desc limit ? offset ?")
        ).bind(limit).bind(offset).fetch_all(c).await)?)
    }

    /// Returns the newest releases of an environment, newest first.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn releases_in(&mut self, env: &EnvName, limit: u32) -> Result<Vec<Release>> {
        Ok(on!(self, c => sqlx::query_as(
            releases!("releases r where r.env = ? order by r.accepted_at desc limit ?")
        ).bind(env.as_str()).bind(limit).fetch_all(c).await)?)
    }

    /// Returns the releases of an application before a position, newest first. With a namespace, only its releases.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn releases_of_app(
        &mut self,
        app: &AppName,
        namespace: Option<&NamespaceName>,
        before: Option<&ReleasePosition>,
        limit: u32,
    ) -> Result<Vec<Release>> {
        let namespace = namespace.map_or("", NamespaceName::as_str);
        let (at, env, of, seq) = before.map_or((i64::MAX, "", "", 0), |position| {
            (position.accepted_at.0, position.env.as_str(), position.namespace.as_str(), signed(position.seq))
        });
        // MySQL compares tuples without the index, so the time is also compared alone.
        Ok(on!(self, c => sqlx::query_as(
            releases!(
                "releases r where r.app = ? and (? = '' or r.namespace = ?) and r.accepted_at <= ? \
                 and (r.accepted_at, r.env, r.namespace, r.seq) < (?, ?, ?, ?) \
                 order by r.accepted_at desc, r.env desc, r.namespace desc, r.seq desc limit ?"
            )
        ).bind(app.as_str()).bind(namespace).bind(namespace).bind(at).bind(at).bind(env).bind(of).bind(seq)
            .bind(limit).fetch_all(c).await)?)
    }

    /// Returns the live release of each config of an application, without content.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn live_releases(&mut self, app: &AppName) -> Result<Vec<Release>> {
        Ok(on!(self, c => sqlx::query_as(
            releases!(
                "configs c cross join releases r on r.env = c.env and r.app = c.app and r.namespace = c.namespace \
                 and r.seq = c.live where c.app = ?"
            )
        ).bind(app.as_str()).fetch_all(c).await)?)
    }
}
