//! The outbox: releases that are accepted and not yet in the channel. Written by publishing, drained by `delivery`.

use sqlx::AssertSqlSafe;

use super::{Conn, count, damaged, later, on, parsed, releases::content, signed};
use crate::domain::{
    change::ChangeId,
    entry::{Entry, Identity, Meta},
    error::Result,
    names::{ConfigId, EnvName},
    time::Time,
};

/// A release that is due.
#[derive(Debug)]
pub struct Due {
    /// Of which config.
    pub config: ConfigId,
    /// Its number.
    pub seq: u64,
    /// The change that made it.
    pub change: ChangeId,
    /// Since when it is due.
    pub accepted_at: Time,
    /// It with its document, unless what is stored of it cannot be read.
    pub entry: Result<Entry>,
}

impl From<Entry> for Due {
    fn from(entry: Entry) -> Self {
        let (meta, config) = (&entry.meta, entry.config.clone());
        Self { config, seq: meta.seq, change: meta.change.clone(), accepted_at: meta.published_at, entry: Ok(entry) }
    }
}

/// A live release, as the channel should hold it.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Of which config.
    pub config: ConfigId,
    /// Its identity.
    pub identity: Identity,
    /// Whether it was delivered; else it is still due.
    pub delivered: bool,
}

#[derive(sqlx::FromRow)]
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

impl EntryRow {
    fn due(self) -> Result<Due> {
        let config = ConfigId::parse(&self.env, &self.app, &self.namespace).map_err(|e| damaged("a config", e))?;
        let change: ChangeId = parsed("a change", &self.change_id)?;
        let (seq, accepted_at) = (count(self.seq), Time(self.accepted_at));
        let entry = self.entry(config.clone(), change.clone());
        Ok(Due { config, seq, change, accepted_at, entry })
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

#[derive(sqlx::FromRow)]
struct IdentityRow {
    env: String,
    app: String,
    namespace: String,
    seq: i64,
    sha256: String,
    format: String,
    change_id: String,
    accepted_at: i64,
    due: Option<i64>,
}

impl IdentityRow {
    fn expected(self) -> Result<Expected> {
        let config = ConfigId::parse(&self.env, &self.app, &self.namespace).map_err(|e| damaged("a config", e))?;
        let identity = Identity {
            seq: count(self.seq),
            sha256: self.sha256,
            format: parsed("a format", &self.format)?,
            published_at: Time(self.accepted_at),
            change: parsed("a change", &self.change_id)?,
        };
        Ok(Expected { config, identity, delivered: self.due.is_none() })
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

/// Releases that a statement asks for. There are few such statements, however many releases, so that they stay prepared: one
/// that is prepared for a single use is closed after it, and as long as the server does not acknowledge that, which takes 40
/// ms, the next statement on the connection stays on this side.
struct Listed<'a> {
    of: &'a [(ConfigId, u64)],
    /// Number of releases that the statement has room for.
    room: usize,
}

impl<'a> Listed<'a> {
    const ROOMS: [usize; 3] = [1, 10, 100];

    /// At least one.
    fn of(of: &'a [(ConfigId, u64)]) -> Self {
        let rooms = Self::ROOMS.into_iter().find(|room| of.len() <= *room);
        Self { of, room: rooms.unwrap_or_else(|| of.len().next_multiple_of(100)) }
    }

    fn condition(&self) -> String {
        vec!["(r.env = ? and r.app = ? and r.namespace = ? and r.seq = ?)"; self.room].join(" or ")
    }

    /// Each, and the last one again until the room is full.
    fn each(&self) -> impl Iterator<Item = &'a (ConfigId, u64)> {
        self.of.iter().chain(self.of.last().into_iter().cycle()).take(self.room)
    }
}

impl Conn {
    /// Environments with something due, with the number of releases and the time of the oldest.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn due_envs(&mut self) -> Result<Vec<(EnvName, u64, Time)>> {
        let rows: Vec<(String, i64, i64)> = on!(self, c => sqlx::query_as(
            "select env, count(*), min(accepted_at) from due group by env order by env"
        ).fetch_all(c).await)?;
        rows.into_iter().map(|(env, n, at)| Ok((parsed("an environment", &env)?, count(n), Time(at)))).collect()
    }

    /// What is due in an environment, the oldest change first: at most `limit` releases, of changes that come after
    /// `after` in this order.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn due(&mut self, env: &EnvName, after: Option<&(Time, ChangeId)>, limit: u32) -> Result<Vec<Due>> {
        let (at, change) = after.map_or((i64::MIN, ""), |(at, change)| (at.0, change.as_str()));
        let rows: Vec<EntryRow> = on!(self, c => sqlx::query_as(
            due!(
                "due d cross join releases r on r.env = d.env and r.app = d.app and r.namespace = d.namespace and r.seq = d.seq \
                 where d.env = ? and (r.accepted_at > ? or (r.accepted_at = ? and r.change_id > ?)) \
                 order by r.accepted_at, r.change_id, r.app, r.namespace limit ?"
            )
        ).bind(env.as_str()).bind(at).bind(at).bind(change).bind(limit).fetch_all(c).await)?;
        rows.into_iter().map(EntryRow::due).collect()
    }

    /// The live release of every config: what the channel should hold.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn expected(&mut self) -> Result<Vec<Expected>> {
        let rows: Vec<IdentityRow> = on!(self, c => sqlx::query_as(
            "select r.env, r.app, r.namespace, r.seq, r.sha256, r.format, r.change_id, r.accepted_at, d.seq as due \
             from configs c cross join releases r on r.env = c.env and r.app = c.app and r.namespace = c.namespace and r.seq = c.live \
             left join due d on d.env = r.env and d.app = r.app and d.namespace = r.namespace and d.seq = r.seq"
        ).fetch_all(c).await)?;
        rows.into_iter().map(IdentityRow::expected).collect()
    }

    /// Reads the identities of some releases, at least one; missing ones are left out. In any order.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn identities(&mut self, of: &[(ConfigId, u64)]) -> Result<Vec<(ConfigId, Identity)>> {
        let some = Listed::of(of);
        let sql = format!(
            "select r.env, r.app, r.namespace, r.seq, r.sha256, r.format, r.change_id, r.accepted_at, null as due \
             from releases r where {}",
            some.condition()
        );
        let rows: Vec<IdentityRow> = on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone()));
            for (id, seq) in some.each() {
                query = query.bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(*seq));
            }
            query.fetch_all(c).await
        })?;
        rows.into_iter().map(|row| row.expected().map(|known| (known.config, known.identity))).collect()
    }

    /// Whether the release of this number is this one; `None` when there is none.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn knows(&mut self, id: &ConfigId, there: &Identity) -> Result<Option<bool>> {
        let of = [(id.clone(), there.seq)];
        let Some((_, known)) = self.identities(&of).await?.pop() else { return Ok(None) };
        if known == *there {
            return Ok(Some(true));
        }
        // A repair may have changed its bytes. What cannot be read is another one.
        Ok(Some(matches!(self.entries(&of).await?.pop(), Some(Ok(entry)) if entry.is(there))))
    }

    /// The latest release of a config that was delivered, with its document.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn latest_delivered(&mut self, id: &ConfigId) -> Result<Option<Entry>> {
        let (seq,): (Option<i64>,) = on!(self, c => sqlx::query_as(
            "select max(seq) from deliveries where env = ? and app = ? and namespace = ?"
        ).bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).fetch_one(c).await)?;
        match seq {
            Some(seq) => self.entry(id, count(seq)).await,
            None => Ok(None),
        }
    }

    /// One release with its document, for a channel that lost it.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn entry(&mut self, id: &ConfigId, seq: u64) -> Result<Option<Entry>> {
        self.entries(&[(id.clone(), seq)]).await?.pop().transpose()
    }

    /// Some releases with their documents, at least one is asked for: those that there are, in any order; each unless what
    /// is stored of it cannot be read.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn entries(&mut self, of: &[(ConfigId, u64)]) -> Result<Vec<Result<Entry>>> {
        let some = Listed::of(of);
        let sql = format!("{}{}", due!("releases r where "), some.condition());
        let rows: Vec<EntryRow> = on!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql.clone()));
            for (id, seq) in some.each() {
                query = query.bind(id.env.as_str()).bind(id.app.as_str()).bind(id.namespace.as_str()).bind(signed(*seq));
            }
            query.fetch_all(c).await
        })?;
        Ok(rows.into_iter().map(|row| row.due()?.entry).collect())
    }

    /// Marks releases as delivered. Told twice, the first time stands.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn mark_delivered(&mut self, of: &[(ConfigId, u64)], revision: i64, now: Time) -> Result<()> {
        for (id, seq) in of {
            later!(
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
            later!(
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

    /// How many releases of a change are still due, and the highest revision of those that are not.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn delivery_of(&mut self, change: &ChangeId) -> Result<(u64, Option<i64>)> {
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
    fn few_statements_ask_for_any_number_of_releases() {
        let releases: Vec<(ConfigId, u64)> = (1..=250).map(|seq| ("dev/shop/a".parse().unwrap(), seq)).collect();
        for (many, room) in [(1, 1), (2, 10), (10, 10), (11, 100), (100, 100), (101, 200), (250, 300)] {
            let listed = Listed::of(&releases[..many]);
            assert_eq!((listed.room, listed.condition().matches(" or ").count() + 1), (room, room), "{many}");
            let asked: Vec<u64> = listed.each().map(|(_, seq)| *seq).collect();
            assert_eq!(asked.len(), room);
            assert!(
                asked[..many].iter().copied().eq(1..=many as u64)
                    && asked[many..].iter().all(|seq| *seq == many as u64)
            );
        }
    }
}
