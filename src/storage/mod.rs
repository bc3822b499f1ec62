//! SQL access; no other module contains SQL. Each statement is written once and runs on both databases. Differences
//! between the databases are in [`connect`] and in `migrations/`. A row is locked by an update that changes nothing,
//! which both databases support. `cross join` fixes the join order: SQLite has no row statistics and would otherwise
//! scan all releases. Functions that write take a [`May`](crate::domain::access::May) as evidence of authorisation.

mod accounts;
mod apps;
mod audit;
mod batch;
mod bin;
mod changes;
mod conn;
mod connect;
mod connections;
mod favourites;
mod live_config;
mod migrations;
mod open_error;
mod outbox;
mod releases;
mod row;
mod search;
mod secrets;
mod sessions;
mod tokens;
mod undo;
mod writer;

use std::{sync::Arc, time::Duration};

use sqlx::{MySql, Sqlite, error::DatabaseError, sqlite::SqliteError};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tracing::Instrument;

use crate::{
    domain::error::{Dependency, Error, StateConflict},
    metrics, traces,
};

pub use accounts::UserRow;
pub use changes::NewEdit;
use conn::AcquiredConn;
pub use conn::Conn;
pub use connect::is_supported;
use connections::{ConnectionPool, PooledConn};
pub use live_config::{ConfigLocation, KnownRelease, LiveConfig, LiveRelease};
use open_error::TimeoutDiagnosis;
pub use outbox::{ExpectedRelease, OutboxRelease};
pub use search::{FoundEdit, TouchedConfigs};
pub use undo::SavedStep;
use writer::Writer;

/// Timeout for acquiring a connection, the SQLite writer, or an SQLite lock that another process holds.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Log target of the database driver.
pub const DRIVER: &str = "sqlx";

/// The database of this installation.
#[derive(Clone, Debug)]
pub struct Db {
    pool: Pool,
    meter: Arc<metrics::SqlMetrics>,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite {
        readers: ConnectionPool<Sqlite>,
        /// Only one task writes at a time. This queue is fair; SQLite itself would poll for its lock. All writes use
        /// one connection, because its cache then holds the pages written last.
        writer: Arc<Mutex<Writer>>,
    },
    MySql(ConnectionPool<MySql>, Arc<TimeoutDiagnosis>),
}

/// Runs one statement on either database within its deadline. The source line is compiled for both drivers, so both
/// check its types.
macro_rules! on {
    ($conn:expr, $c:ident => $run:expr) => {
        match $conn.flush().await {
            Err(error) => Err(error),
            Ok(()) => {
                fn here() {}
                let round_trip = $crate::traces::DbRoundTrip::Function(std::any::type_name_of_val(&here));
                let (raw, watch) = $conn.raw();
                match raw {
                    $crate::storage::conn::RawConn::Sqlite($c) => watch.statement(round_trip, async { $run }).await,
                    $crate::storage::conn::RawConn::MySql($c) => watch.statement(round_trip, async { $run }).await,
                }
            }
        }
    };
}
use on;

/// Defers a statement of a transaction, with these values, whose result is not needed: see [`Conn::defer`].
macro_rules! defer {
    ($conn:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $conn.defer($sql, vec![$($crate::storage::batch::SqlValue::from($value)),*]).await
    };
}
use defer;

/// Queries a row with these values, together with the deferred statements before it: see [`Conn::query_row`].
macro_rules! query_row {
    ($conn:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        $conn.query_row($sql, vec![$($crate::storage::batch::SqlValue::from($value)),*]).await
    };
}
use query_row;

impl Db {
    /// Returns a connection for reading.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer. Statements on the connection return the same errors.
    pub async fn read(&self) -> Result<Conn, Error> {
        match &self.pool {
            Pool::Sqlite { readers, .. } => self.connect(readers.acquire(), AcquiredConn::Sqlite).await,
            Pool::MySql(all, none_came) => self.connect(acquire_mysql(all, none_came), AcquiredConn::MySql).await,
        }
    }

    /// Returns a connection for reading. All its statements see the database as the first one does.
    ///
    /// # Errors
    /// Those of [`Db::read`].
    pub async fn read_snapshot(&self) -> Result<Conn, Error> {
        Ok(self.read().await?.begin_snapshot())
    }

    /// Begins a transaction. Run it in a task of its own (`service::detached`), so that it ends even if the caller is
    /// dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer. Its statements return the same errors.
    pub async fn write(&self) -> Result<Conn, Error> {
        match &self.pool {
            Pool::Sqlite { writer, .. } => {
                let turn = timeout(ACQUIRE_TIMEOUT, writer.clone().lock_owned()).instrument(traces::wait_for_turn());
                let mut turn = turn.await.map_err(|_| writer_timeout())?;
                let opened = async {
                    let open = timeout(ACQUIRE_TIMEOUT, turn.open()).await;
                    open.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| turn)
                };
                Ok(self.connect(opened, AcquiredConn::Writer).await?.begin())
            }
            Pool::MySql(all, none_came) => {
                Ok(self.connect(acquire_mysql(all, none_came), AcquiredConn::MySql).await?.begin())
            }
        }
    }

    async fn connect<C>(
        &self,
        acquire: impl Future<Output = Result<C, sqlx::Error>>,
        on: fn(C) -> AcquiredConn,
    ) -> Result<Conn, Error> {
        let began = Instant::now();
        let conn = acquire.instrument(traces::wait_for_connection()).await;
        self.meter.acquire.observe(began.elapsed().as_secs_f64());
        let conn = conn.inspect_err(|_| self.meter.failed(metrics::SqlFailure::Unreachable))?;
        Ok(Conn::new(on(conn), self.meter.clone()))
    }

    /// Returns whether only one transaction can write at a time.
    pub fn has_one_writer(&self) -> bool {
        matches!(self.pool, Pool::Sqlite { .. })
    }

    /// Returns the metrics of this database's connections.
    pub fn meter(&self) -> &metrics::SqlMetrics {
        &self.meter
    }

    /// Closes all connections after their current statements end.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { readers, writer } => {
                writer.lock().await.close();
                readers.close().await;
            }
            Pool::MySql(all, _) => all.close().await,
        }
    }
}

async fn acquire_mysql(
    all: &ConnectionPool<MySql>,
    diagnosis: &TimeoutDiagnosis,
) -> Result<PooledConn<MySql>, sqlx::Error> {
    match all.acquire().await {
        Err(sqlx::Error::PoolTimedOut) => Err(diagnosis.error().await),
        lent => lent,
    }
}

fn writer_timeout() -> Error {
    Error::Unavailable { part: Dependency::Database, detail: "too many writes are waiting".into() }
}

/// An unreachable database is reported to the caller, who can retry. Any other error is a defect: its cause is logged
/// and not shown to the user.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let is_temporary = match &error {
            E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Tls(_) | E::Protocol(_) => true,
            // Two transactions inserted the same row, or deadlocked: `service::retry_conflicts` retries.
            E::Database(d) if d.is_unique_violation() || is_deadlock(&**d) => {
                return Self::State(StateConflict::InProgress);
            }
            E::Database(d) => is_unavailable(&**d),
            _ => false,
        };
        if is_temporary {
            tracing::warn!(error = %error, "the database did not answer");
            let detail = match &error {
                E::PoolTimedOut => "no free connection in time".to_owned(),
                other => other.to_string(),
            };
            return Self::Unavailable { part: Dependency::Database, detail };
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        tracing::error!(error = %error, fault.id = %id, "an SQL statement failed");
        Self::Internal(id)
    }
}

/// Returns whether MySQL rolled the transaction back because of a deadlock. SQLite has one writer at a time, so it
/// cannot deadlock.
fn is_deadlock(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<SqliteError>().is_none() && error.code().as_deref() == Some("40001")
}

/// Returns whether the database refused the statement only for now. The codes of SQLite (low byte of the extended code)
/// are busy, locked, read-only, disk I/O, full and cannot open. Those of MySQL are shutting down, read-only, connection
/// lost and lock wait timeout.
fn is_unavailable(error: &dyn DatabaseError) -> bool {
    let code = error.code();
    match error.try_downcast_ref::<SqliteError>() {
        Some(_) => {
            code.and_then(|c| c.parse::<u32>().ok()).is_some_and(|c| matches!(c & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
        }
        None => matches!(code.as_deref(), Some("08S01" | "70100" | "HY000")),
    }
}

/// Logs a stored text that cannot be read back, because something other than Trimtab changed the table.
fn damaged(what: &str, error: impl std::fmt::Display) -> Error {
    let id = uuid::Uuid::new_v4().simple().to_string();
    tracing::error!(error = %error, fault.id = %id, "{what} in the database is invalid");
    Error::Internal(id)
}

/// Parses a name, pattern or state that was valid when it was stored.
fn parsed<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Debug,
{
    text.parse().map_err(|e| damaged(what, format!("{e:?}")))
}

/// Converts a count to the signed integers of SQL.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
