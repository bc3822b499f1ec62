//! The outbox: accepted releases that are not yet delivered. Publishing fills it and `delivery` drains it.

use sqlx::{AssertSqlSafe, FromRow};

use super::{Conn, bin::RemovalRow, count, damaged, defer, on, parsed, releases::content, row::AnyRow, signed};
use crate::domain::{
    change::ChangeId,
    entry::{Entry, Identity, Meta},
    error::Result,
    names::{ConfigId, EnvName},
    time::Time,
};

/// A release in the outbox.
#[derive(Debug)]
pub struct OutboxRelease {
    /// Its config.
    pub config: ConfigId,
    /// Its number.
    pub seq: u64,
    /// The change that made it.
    pub change: ChangeId,
    /// Time when it was accepted.
    pub accepted_at: Time,
    /// The release with its document, or an error if the stored content cannot be read.
    pub entry: Result<Entry>,
}

impl From<Entry> for OutboxRelease {
    fn from(entry: Entry) -> Self {
        let (meta, config) = (&entry.meta, entry.config.clone());
        Self { config, seq: meta.seq, change: meta.change.clone(), accepted_at: meta.published_at, entry: Ok(entry) }
    }
}

/// A live release that the channel should hold.
#[derive(Clone, Debug)]
pub struct ExpectedRelease {
    /// Its config.
    pub config: ConfigId,
    /// Its identity.
    pub identity: Identity,
    /// Whether it is delivered; if not, it is in the outbox.
    pub delivered: bool,
}

struct EntryRow {
    env: String,
    app: String,
    namespace: String,
    seq: i64,
    format: String,
    content: String,
    sha256: String,
    author: String,
    message: String,
    change_id: String,
    accepted_at: i64,
}

impl<R: AnyRow> FromRow<'_, R> for EntryRow {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            env: row.text("env")?,
            app: row.text("app")?,
            namespace: row.text("namespace")?,
            seq: row.integer("seq")?.unwrap_or_default(),
            format: row.text("format")?,
            content: row.text("content")?,
            sha256: row.text("sha256")?,
            author: row.text("author")?,
            message: row.text("message")?,
            change_id: row.text("change_id")?,
            accepted_at: row.time("accepted_at")?.0,
        })
    }
}

impl EntryRow {
    fn outbox_release(self) -> Result<OutboxRelease> {
        let config = ConfigId::parse(&self.env, &self.app, &self.namespace).map_err(|e| damaged("a config", e))?;
        let change: ChangeId = parsed("a change", &self.change_id)?;
        let (seq, accepted_at) = (count(self.seq), Time(self.accepted_at));
        let entry = self.entry(config.clone(), change.clone());
        Ok(OutboxRelease { config, seq, change, accepted_at, entry })
    }

    fn entry(self, config: ConfigId, change: ChangeId) -> Result<Entry> {
        let format = parsed("a format", &self.format)?;
        let meta = Meta {
            seq: count(self.seq),
            sha256: self.sha256,
            format,
            author: self.author,
            message: self.message,
            published_at: Time(self.accepted_at),
            change,
        };
        let document = content(format, self.content)?.shared_document();
        Ok(Entry { config, meta: meta.into(), document })
    }
}

impl<R: AnyRow> FromRow<'_, R> for ExpectedRelease {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        let identity = Identity {
            seq: row.number("seq")?,
            sha256: row.text("sha256")?,
            format: row.parsed("format")?,
            published_at: row.time("accepted_at")?,
            change: row.parsed("change_id")?,
        };
        Ok(Self { config: row.config()?, identity, delivered: row.integer("due")?.is_none() })
    }
}

macro_rules! due {
    ($tail:literal) => {
        concat!(
            "select r.env, r.app, r.namespace, r.seq, r.format, r.content, r.sha256, r.author, r.message, ",
            "r.change_id, r.accepted_at from ",
            $tail
        )
    };
}

/// Releases to query. The number of distinct statements is small, so that they stay prepared. The driver closes a
/// statement that is prepared for a single use. Until the server acknowledges that, which takes 40 ms, the next
/// statement on the connection is not sent.
struct ReleaseQuery<'a> {
    of: &'a [(ConfigId, u64)],
    /// Number of releases that the statement has placeholders for.
    slots: usize,
}

impl<'a> ReleaseQuery<'a> {
    const SLOT_COUNTS: [usize; 3] = [1, 10, 100];

    /// Selects the statement for at least one release.
    fn of(of: &'a [(ConfigId, u64)]) -> Self {
        let slots = Self::SLOT_COUNTS.into_iter().find(|room| of.len() <= *room);
        Self { of, slots: slots.unwrap_or_else(|| of.len().next_multiple_of(100)) }
    }

    fn condition(&self) -> String {
        vec!["(r.env = ? and r.app = ? and r.namespace = ? and r.seq = ?)"; self.slots].join(" or ")
    }

    /// Returns the releases, and the last one repeated for each spare placeholder.
    fn each(&self) -> impl Iterator<Item = &'a (ConfigId, u64)> {
        self.of.iter().chain(self.of.last().into_iter().cycle()).take(self.slots)
    }
}

impl Conn {
    /// Returns the environments with outbox rows, each with the number of releases and removals, and the time of the
    /// oldest.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn outbox_envs(&mut self) -> Result<Vec<(EnvName, u64, Time)>> {
        let rows: Vec<(String, i64, i64)> = on!(self, c => sqlx::query_as(
            "select env, count(*), min(at) from (select env, accepted_at as at from due \
             union all select env, removed_at from removals where due = 1) as waiting group by env order by env"
        ).fetch_all(c).await)?;
        rows.into_iter().map(|(env, n, at)| Ok((parsed("an environment", &env)?, count(n), Time(at)))).collect()
    }

    /// Returns at most `limit` releases in the outbox of an environment, oldest change first, starting after the change
    /// `after`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn outbox(
        &mut self,
        env: &EnvName,
        after: Option<&(Time, ChangeId)>,
        limit: u32,
    ) -> Result<Vec<OutboxRelease>> {
        let (at, change) = after.map_or((i64::MIN, ""), |(at, change)| (at.0, change.as_str()));
        let rows: Vec<EntryRow> = on!(self, c => sqlx::query_as(
            due!(
                "due d cross join releases r on r.env = d.env and r.app = d.app and r.namespace = d.namespace and r.seq = d.seq \
                 where d.env = ? and (r.accepted_at > ? or (r.accepted_at = ? and r.change_id > ?)) \
                 order by r.accepted_at, r.change_id, r.app, r.namespace limit ?"
            )
        ).bind(env.as_str()).bind(at).bind(at).bind(change).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(EntryRow::outbox_release).collect()
    }

    /// Returns the live release of every config, which the channel should hold.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn expected_releases(&mut self) -> Result<Vec<ExpectedRelease>> {
        Ok(on!(self, c => sqlx::query_as(
            "select r.env, r.app, r.namespace, r.seq, r.sha256, r.format, r.change_id, r.accepted_at, d.seq as due \
             from configs c cross join releases r on r.env = c.env and r.app = c.app and r.namespace = c.namespace and r.seq = c.live \
             left join due d on d.env = r.env and d.app = r.app and d.namespace = r.namespace and d.seq = r.seq"
        ).fetch_all(c).await)?)
    }

    /// Returns the identities of the given releases and removals that exist, in any order. At least one must be given.
    /// Releases of removed configs count, because the channel holds them until their removal is delivered.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn identities(&mut self, of: &[(ConfigId, u64)]) -> Result<Vec<(ConfigId, Identity)>> {
        let mut found = self.identities_in("releases", of).await?;
        if found.len() < of.len() {
            let others: Vec<_> = of
                .iter()
                .filter(|(id, seq)| !found.iter().any(|(config, known)| config == id && known.seq == *seq))
                .cloned()
                .collect();
            if !others.is_empty() {
                found.extend(self.identities_in("removed_releases", &others).await?);
                found.extend(
                    self.removals(&others)
                        .await?
                        .into_iter()
                        .map(|entry| (entry.config.clone(), entry.meta.identity())),
                );
            }
        }
        Ok(found)
    }

    async fn identities_in(&mut self, table: &str, of: &[(ConfigId, u64)]) -> Result<Vec<(ConfigId, Identity)>> {
        let some = ReleaseQuery::of(of);
        let sql = format!(
            "select r.env, r.app, r.namespace, r.seq, r.sha256, r.format, r.change_id, r.accepted_at, null as due \
             from {table} r where {}",
            some.condition()
        );
        let rows: Vec<ExpectedRelease> = on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone()));
            for (id, seq) in some.each() {
                query = query.bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(*seq));
            }
            query.fetch_all(c).await
        })?;
        Ok(rows.into_iter().map(|known| (known.config, known.identity)).collect())
    }

    /// Returns the removals with these numbers, in any order.
    async fn removals(&mut self, of: &[(ConfigId, u64)]) -> Result<Vec<Entry>> {
        let some = ReleaseQuery::of(of);
        let sql = format!(
            "select r.env, r.app, r.namespace, r.seq, r.object_id, r.removed_at, r.removed_by, r.due from removals r where {}",
            some.condition()
        );
        let rows: Vec<RemovalRow> = on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone()));
            for (id, seq) in some.each() {
                query = query.bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(*seq));
            }
            query.fetch_all(c).await
        })?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Returns whether the stored release of this number is the given one, or `None` if there is no such number.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn is_stored_release(&mut self, id: &ConfigId, identity: &Identity) -> Result<Option<bool>> {
        let of = [(id.clone(), identity.seq)];
        let Some((_, known)) = self.identities(&of).await?.pop() else { return Ok(None) };
        if known == *identity {
            return Ok(Some(true));
        }
        // A repair may have changed the bytes of the document. An unreadable release is not the given one.
        Ok(Some(matches!(self.entries(&of).await?.pop(), Some(Ok(entry)) if entry.has_identity(identity))))
    }

    /// Returns the latest delivered release of a config, with its document.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn latest_delivered(&mut self, id: &ConfigId) -> Result<Option<Entry>> {
        let (seq,): (Option<i64>,) = on!(self, c => sqlx::query_as(
            "select max(seq) from deliveries where env = ? and app = ? and namespace = ?"
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).fetch_one(c).await)?;
        match seq {
            Some(seq) => self.entry(id, count(seq)).await,
            None => Ok(None),
        }
    }

    /// Returns a release with its document.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn entry(&mut self, id: &ConfigId, seq: u64) -> Result<Option<Entry>> {
        self.entries(&[(id.clone(), seq)]).await?.pop().transpose()
    }

    /// Returns the given releases that exist, with their documents, in any order. At least one must be given. A release
    /// with unreadable content is an error in the list.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn entries(&mut self, of: &[(ConfigId, u64)]) -> Result<Vec<Result<Entry>>> {
        let some = ReleaseQuery::of(of);
        let sql = format!("{}{}", due!("releases r where "), some.condition());
        let rows: Vec<EntryRow> = on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone()));
            for (id, seq) in some.each() {
                query = query.bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(*seq));
            }
            query.fetch_all(c).await
        })?;
        Ok(rows.into_iter().map(|row| row.outbox_release()?.entry).collect())
    }

    /// Moves releases from the outbox to the deliveries. A repeated call changes nothing.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn mark_delivered(&mut self, of: &[(ConfigId, u64)], revision: i64, now: Time) -> Result<()> {
        for (id, seq) in of {
            defer!(
                self,
                "insert into deliveries (env, app, namespace, seq, delivered_at, revision) \
                 select env, app, namespace, seq, ?, ? from due where env = ? and app = ? and namespace = ? and seq = ?",
                now.0,
                revision,
                id.env.as_str(),
                id.app.as_str(),
                id.namespace.as_str(),
                signed(*seq),
            )?;
            defer!(
                self,
                "delete from due where env = ? and app = ? and namespace = ? and seq = ?",
                id.env.as_str(),
                id.app.as_str(),
                id.namespace.as_str(),
                signed(*seq),
            )?;
        }
        Ok(())
    }

    /// Returns the number of undelivered releases of a change, and the highest revision of the delivered ones.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn delivery_of_change(&mut self, change: &ChangeId) -> Result<(u64, Option<i64>)> {
        let (due, revision): (i64, Option<i64>) = on!(self, c => sqlx::query_as(
            "select count(*) - count(d.seq), max(d.revision) from releases r left join deliveries d \
             on d.env = r.env and d.app = r.app and d.namespace = r.namespace and d.seq = r.seq where r.change_id = ?"
        ).bind(change.as_str()).fetch_one(c).await)?;
        Ok((count(due), revision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_of_distinct_statements_is_bounded() {
        let releases: Vec<(ConfigId, u64)> = (1..=250).map(|seq| ("dev/shop/a".parse().unwrap(), seq)).collect();
        for (many, room) in [(1, 1), (2, 10), (10, 10), (11, 100), (100, 100), (101, 200), (250, 300)] {
            let listed = ReleaseQuery::of(&releases[..many]);
            assert_eq!((listed.slots, listed.condition().matches(" or ").count() + 1), (room, room), "{many}");
            let asked: Vec<u64> = listed.each().map(|(_, seq)| *seq).collect();
            assert_eq!(asked.len(), room);
            assert!(
                asked[..many].iter().copied().eq(1..=many as u64)
                    && asked[many..].iter().all(|seq| *seq == many as u64)
            );
        }
    }
}
