//! The location of a config, and its live content.

use std::sync::Arc;

use sqlx::FromRow;

use super::{Conn, count, on, parsed, query_row, releases::content, row::AnyRow};
use crate::{
    compute,
    domain::{
        catalog::{Env, Namespace},
        change::ChangeId,
        content::Content,
        error::Result,
        names::ConfigId,
        time::Time,
    },
};

/// The location of a config.
#[derive(Clone, Debug)]
pub struct ConfigLocation {
    /// Its environment.
    pub env: Env,
    /// Its namespace.
    pub namespace: Namespace,
    /// Time when its application was archived.
    pub app_archived_at: Option<Time>,
}

impl ConfigLocation {
    /// Returns whether the environment, the namespace or the application is archived.
    pub fn is_archived(&self) -> bool {
        self.env.archived_at.or(self.namespace.archived_at).or(self.app_archived_at).is_some()
    }
}

/// A config: its location and its live content.
#[derive(Clone, Debug)]
pub struct LiveConfig {
    /// Its location.
    pub location: ConfigLocation,
    /// Whether it never had a release.
    pub is_new: bool,
    /// Number of the live release, 0 before the first.
    pub live: u64,
    /// The highest number that was given: that of the live release, or of the removal of an earlier config with this
    /// name.
    pub last: u64,
    /// Live content, empty before the first release.
    pub content: Content,
    /// Origin of the live release, if there is one.
    pub latest: Option<LiveRelease>,
}

/// The live release, identified by its change: after a database was restored, a number can be given a second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveRelease {
    /// The change that made it.
    pub change: ChangeId,
    /// Time when it was accepted.
    pub accepted_at: Time,
}

/// A release whose content is in memory and need not be read.
#[derive(Clone, Debug)]
pub struct KnownRelease {
    /// The change that made it.
    pub change: ChangeId,
    /// Its content.
    pub content: Arc<Content>,
}

impl<R: AnyRow> FromRow<'_, R> for ConfigLocation {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        let (env, namespace) = (Env::from_row(row)?, Namespace::from_row(row)?);
        Ok(Self { env, namespace, app_archived_at: row.optional_time("app_archived_at")? })
    }
}

struct LiveConfigRow {
    location: ConfigLocation,
    live: Option<i64>,
    last: Option<i64>,
    written_in: Option<String>,
    content: Option<String>,
    change_id: Option<String>,
    accepted_at: Option<i64>,
}

impl<R: AnyRow> FromRow<'_, R> for LiveConfigRow {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            location: ConfigLocation::from_row(row)?,
            live: row.integer("live")?,
            last: row.integer("last")?,
            written_in: row.optional_text("written_in")?,
            content: row.optional_text("content")?,
            change_id: row.optional_text("change_id")?,
            accepted_at: row.integer("accepted_at")?,
        })
    }
}

impl LiveConfigRow {
    /// Returns the size of the live content in bytes.
    fn bytes(&self, known: Option<&KnownRelease>) -> usize {
        self.content.as_ref().map_or_else(|| known.map_or(0, |known| known.content.bytes()), String::len)
    }

    fn live_config(self, known: Option<&KnownRelease>) -> Result<LiveConfig> {
        let location = self.location;
        let content = match (self.written_in, self.content, known) {
            (Some(format), Some(text), _) => content(parsed("a format", &format)?, text)?,
            (Some(_), None, Some(known)) => (*known.content).clone(),
            _ => Content::empty(location.namespace.format),
        };
        let latest = match (self.change_id, self.accepted_at) {
            (Some(change), Some(at)) => {
                Some(LiveRelease { change: parsed("a change", &change)?, accepted_at: Time(at) })
            }
            _ => None,
        };
        let (is_new, live) = (self.live.is_none(), self.live.map_or(0, count));
        let last = live.max(self.last.map_or(0, count));
        Ok(LiveConfig { location, is_new, live, last, content, latest })
    }
}

/// Selects the columns of a [`ConfigLocation`] for one config, with optional further columns and joins.
macro_rules! location {
    ($columns:literal, $joins:literal) => {
        concat!(
            "select e.name as env, e.title, e.position, e.protected, e.archived_at as env_archived_at, n.app, ",
            "n.name as namespace, n.format, n.description, n.archived_at as namespace_archived_at, ",
            "a.archived_at as app_archived_at",
            $columns,
            " from envs e join namespaces n on n.app = ? and n.name = ? join apps a on a.name = n.app ",
            $joins,
            " where e.name = ?"
        )
    };
}

impl Conn {
    /// Returns the location of a config, or `None` if its environment, application or namespace does not exist.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn location(&mut self, of: &ConfigId) -> Result<Option<ConfigLocation>> {
        Ok(on!(self, c => sqlx::query_as(location!("", ""))
            .bind(of.app.as_str()).bind(of.namespace.as_str()).bind(of.env.as_str()).fetch_optional(c).await)?)
    }

    /// Returns the location and the live content of a config in one statement, for a publish. The content is not read
    /// if the live release is the `known` one.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn live_config(&mut self, of: &ConfigId, known: Option<&KnownRelease>) -> Result<Option<LiveConfig>> {
        let row: Option<LiveConfigRow> = query_row!(
            self,
            location!(
                ", c.live, (select max(m.seq) from removals m where m.env = e.name and m.app = n.app and m.namespace = n.name) \
                 as last, r.format as written_in, \
                 case when r.change_id = ? then null else r.content end as content, r.change_id, r.accepted_at",
                "left join configs c on c.env = e.name and c.app = n.app and c.namespace = n.name \
                 left join releases r on r.env = c.env and r.app = c.app and r.namespace = c.namespace and r.seq = c.live"
            ),
            known.map_or("", |known| known.change.as_str()),
            of.app.as_str(),
            of.namespace.as_str(),
            of.env.as_str(),
        )?;
        let Some(row) = row else { return Ok(None) };
        compute::weigh(row.bytes(known)).await;
        row.live_config(known).map(Some)
    }
}
