//! SQL, and nothing else has any. Each statement stands once and runs on both databases; what they want differently is
//! in [`connect`] and in `migrations/`. A row is locked by updating it to what it is, which both understand. Functions that write take a [`May`](crate::domain::access::May): proof that somebody asked.

mod accounts;
mod apps;
mod audit;
mod changes;
mod connect;
mod due;
mod places;
mod releases;
mod sessions;
mod tokens;

use std::sync::Arc;

use sqlx::{
    MySql, MySqlPool, Sqlite, SqlitePool, Transaction,
    error::DatabaseError,
    mysql::MySqlConnection,
    pool::PoolConnection,
    sqlite::{SqliteConnection, SqliteError},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::domain::error::{Error, Part, State};

pub use accounts::UserRow;
pub use apps::{App, Env, Namespace};
pub use audit::Event;
pub use changes::NewEdit;
use connect::PATIENCE;
pub use connect::is_supported;
pub use due::{Due, Expected};
pub use places::{Place, Standing};

/// The database of this installation.
#[derive(Clone, Debug)]
pub struct Db {
    pool: Pool,
}

#[derive(Clone, Debug)]
enum Pool {
    Sqlite {
        pool: SqlitePool,
        /// One connection that does not wait for the disk.
        unsynced: SqlitePool,
        /// One writer at a time; waiting here is fair, waiting in SQLite is a busy loop.
        gate: Arc<Semaphore>,
    },
    MySql(MySqlPool),
}

/// A connection to read with, or a transaction to write in. Every statement is a method of this.
/// A transaction that is dropped without [`Conn::commit`] is rolled back.
#[derive(Debug)]
pub struct Conn {
    on: On,
    _gate: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum On {
    Sqlite(PoolConnection<Sqlite>),
    MySql(PoolConnection<MySql>),
    SqliteTx(Transaction<'static, Sqlite>),
    MySqlTx(Transaction<'static, MySql>),
}

enum Raw<'a> {
    Sqlite(&'a mut SqliteConnection),
    MySql(&'a mut MySqlConnection),
}

/// Runs one expression on whichever database it is: the statement stands once, both drivers type-check it.
macro_rules! on {
    ($conn:expr, $c:ident => $run:expr) => {
        match $conn.raw() {
            $crate::storage::Raw::Sqlite($c) => $run,
            $crate::storage::Raw::MySql($c) => $run,
        }
    };
}
use on;

impl Db {
    /// A connection to read with.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn read(&self) -> Result<Conn, Error> {
        let on = match &self.pool {
            Pool::Sqlite { pool, .. } => On::Sqlite(pool.acquire().await?),
            Pool::MySql(pool) => On::MySql(pool.acquire().await?),
        };
        Ok(Conn { on, _gate: None })
    }

    /// A transaction to read and write in. Run it in a task of its own (`service::detached`): a future that is
    /// dropped while it begins can leave an open transaction in the pool (transact-rs/sqlx#4385).
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn write(&self) -> Result<Conn, Error> {
        match &self.pool {
            Pool::Sqlite { pool, gate, .. } => write_sqlite(pool, gate).await,
            Pool::MySql(pool) => Ok(Conn { on: On::MySqlTx(pool.begin().await?), _gate: None }),
        }
    }

    /// The same, where a power cut may undo what is committed: for what can be found out again. Nothing else undoes it,
    /// and [`Db::write`] makes all that was committed before it safe, too.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_unsynced(&self) -> Result<Conn, Error> {
        match &self.pool {
            Pool::Sqlite { unsynced, gate, .. } => write_sqlite(unsynced, gate).await,
            Pool::MySql(_) => self.write().await,
        }
    }

    /// Ends all connections; statements under way are finished first.
    pub async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { pool, unsynced, .. } => {
                unsynced.close().await;
                pool.close().await;
            }
            Pool::MySql(pool) => pool.close().await,
        }
    }
}

impl Conn {
    /// Makes everything written in this transaction true.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then it is not known whether it is.
    pub async fn commit(self) -> Result<(), Error> {
        match self.on {
            On::SqliteTx(tx) => tx.commit().await?,
            On::MySqlTx(tx) => tx.commit().await?,
            On::Sqlite(_) | On::MySql(_) => {}
        }
        Ok(())
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub async fn ping(&mut self) -> Result<(), Error> {
        on!(self, c => sqlx::query("select 1").execute(c).await.map(|_| ())).map_err(Error::from)
    }

    fn raw(&mut self) -> Raw<'_> {
        match &mut self.on {
            On::Sqlite(c) => Raw::Sqlite(c),
            On::MySql(c) => Raw::MySql(c),
            On::SqliteTx(c) => Raw::Sqlite(c),
            On::MySqlTx(c) => Raw::MySql(c),
        }
    }
}

async fn write_sqlite(pool: &SqlitePool, gate: &Arc<Semaphore>) -> Result<Conn, Error> {
    let turn = timeout(PATIENCE, gate.clone().acquire_owned()).await.map_err(|_| queued())?;
    let turn = turn.map_err(|_| closed())?;
    Ok(Conn { on: On::SqliteTx(pool.begin_with("begin immediate").await?), _gate: Some(turn) })
}

fn queued() -> Error {
    Error::Unavailable { part: Part::Database, detail: "too much is being written".into() }
}

fn closed() -> Error {
    Error::Unavailable { part: Part::Database, detail: "it is being closed".into() }
}

/// A database that does not answer is something to be told and waited for; anything else is a fault of ours, whose
/// cause goes to the log and not to the user.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        let away = match &error {
            E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Tls(_) | E::Protocol(_) => true,
            // Two made the same thing at the same time, or each held what the other one wanted: `service::again`.
            E::Database(d) if d.is_unique_violation() || is_deadlock(&**d) => return Self::State(State::InProgress),
            E::Database(d) => is_away(&**d),
            _ => false,
        };
        if away {
            tracing::warn!(error = %error, "the database did not answer");
            let detail = match &error {
                E::PoolTimedOut => "no free connection in time".to_owned(),
                other => other.to_string(),
            };
            return Self::Unavailable { part: Part::Database, detail };
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        tracing::error!(error = %error, fault.id = %id, "a statement failed");
        Self::Internal(id)
    }
}

/// MySQL ended the transaction because two waited for one another. SQLite has one writer at a time.
fn is_deadlock(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<SqliteError>().is_none() && error.code().as_deref() == Some("40001")
}

/// SQLite: busy, locked, read-only, disk I/O, full, cannot open; the low byte of its extended codes.
/// MySQL: shutting down, read-only, gone, lock wait.
fn is_away(error: &dyn DatabaseError) -> bool {
    let code = error.code();
    match error.try_downcast_ref::<SqliteError>() {
        Some(_) => {
            code.and_then(|c| c.parse::<u32>().ok()).is_some_and(|c| matches!(c & 0xff, 5 | 6 | 8 | 10 | 13 | 14))
        }
        None => matches!(code.as_deref(), Some("08S01" | "70100" | "HY000")),
    }
}

/// A stored text that is no longer what it was written as: the table was changed by another hand.
fn damaged(what: &str, error: impl std::fmt::Display) -> Error {
    let id = uuid::Uuid::new_v4().simple().to_string();
    tracing::error!(error = %error, fault.id = %id, "{what} in the database cannot be read");
    Error::Internal(id)
}

/// Reads back a name, pattern or state that was valid when it was stored.
fn parsed<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, Error>
where
    T::Err: std::fmt::Debug,
{
    text.parse().map_err(|e| damaged(what, format!("{e:?}")))
}

/// Numbers in SQL are signed; ours are counts.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}
