//! A connection in use. It gives every statement a deadline and measures it.
//!
//! A statement can be interrupted by its deadline, or because the caller was dropped. It may then leave an unread
//! answer or an open transaction behind (transact-rs/sqlx#4385), so its connection is closed and the database rolls
//! back. A connection returns to the pool only if its last statement ended.

use std::{sync::Arc, time::Duration};

use sqlx::{
    FromRow, MySql, Sqlite,
    error::ErrorKind,
    mysql::{MySqlConnection, MySqlRow},
    sqlite::{SqliteConnection, SqliteRow},
};
use tokio::{
    runtime::Handle,
    sync::OwnedMutexGuard,
    time::{Instant, timeout_at},
};
use tracing::Span;

use super::{
    Writer,
    batch::{Batch, SqlValue},
    connections::{PooledConn, try_roll_back},
    is_deadlock, is_unavailable, on,
};
use crate::{
    domain::error::Error,
    metrics,
    traces::{self, DbRoundTrip},
};

/// Timeout of a statement. It exceeds the databases' own lock timeouts, so that their errors arrive first.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);
/// Maximum time that a connection is in use, or a transaction open.
const MAX_USE: Duration = Duration::from_secs(20);

/// A connection for reading, or a transaction for writing. Every statement is one of its methods.
/// A transaction that is dropped without [`Conn::commit`] is rolled back.
#[derive(Debug)]
pub struct Conn {
    /// `None` only during the drop.
    acquired: Option<AcquiredConn>,
    batch: Batch,
    /// Whether it is a transaction.
    is_transaction: bool,
    watch: StatementGuard,
}

#[derive(Debug)]
pub(super) enum AcquiredConn {
    Sqlite(PooledConn<Sqlite>),
    Writer(OwnedMutexGuard<Writer>),
    MySql(PooledConn<MySql>),
}

pub(super) enum RawConn<'a> {
    Sqlite(&'a mut SqliteConnection),
    MySql(&'a mut MySqlConnection),
}

impl Conn {
    pub(super) fn new(on: AcquiredConn, meter: Arc<metrics::SqlMetrics>) -> Self {
        let database = match on {
            AcquiredConn::Sqlite(_) | AcquiredConn::Writer(_) => "sqlite",
            AcquiredConn::MySql(_) => "mysql",
        };
        let watch = StatementGuard {
            deadline: Instant::now() + MAX_USE,
            interrupted: false,
            open: false,
            failed: false,
            may_be_broken: false,
            meter,
            database,
            transaction: Span::none(),
        };
        Self { acquired: Some(on), batch: Batch::default(), is_transaction: false, watch }
    }

    /// Queues the statement that begins a transaction.
    pub(super) fn begin(mut self) -> Self {
        let begin = match self.acquired {
            Some(AcquiredConn::Writer(_)) => "begin immediate",
            _ => "start transaction",
        };
        self.batch.add(begin, Vec::new());
        self.is_transaction = true;
        self.watch.transaction = traces::transaction(self.watch.database);
        self
    }

    /// Queues the statements that begin a transaction for reading, whose statements all see the same state.
    pub(super) fn begin_snapshot(mut self) -> Self {
        if let Some(AcquiredConn::MySql(_)) = self.acquired {
            // A session reads what is committed before each statement. The level is for the next transaction alone.
            self.batch.add("set transaction isolation level repeatable read", Vec::new());
            self.batch.add("start transaction read only", Vec::new());
        } else {
            self.batch.add("begin", Vec::new());
        }
        self.is_transaction = true;
        self.watch.transaction = traces::transaction(self.watch.database);
        self
    }

    /// Commits this transaction.
    ///
    /// # Errors
    /// The errors of any deferred statement. After [`Error::Unavailable`] the transaction may or may not be committed.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.is_transaction {
            let began = Instant::now();
            self.batch.add("commit", Vec::new());
            self.flush().await?;
            self.watch.open = false;
            self.watch.meter.commit.observe(began.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Defers a statement of this transaction until the next statement that returns a result, or the commit. If the
    /// deferred statement fails, that later statement returns the error, and the transaction accepts no further one.
    pub(super) async fn defer(&mut self, sql: &'static str, values: Vec<SqlValue>) -> Result<(), Error> {
        debug_assert!(self.is_transaction, "a deferred statement needs a transaction, otherwise it is never sent");
        self.batch.add(sql, values);
        if self.batch.is_large() {
            self.flush().await?;
        }
        Ok(())
    }

    /// Queries a row, together with the deferred statements.
    pub(super) async fn query_row<T>(
        &mut self,
        sql: &'static str,
        values: Vec<SqlValue>,
    ) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow>,
    {
        self.batch.add(sql, values);
        let (batch, raw, watch) = self.take_batch();
        let summary = batch.trace_summary();
        let answer = match raw {
            RawConn::Sqlite(c) => watch.statement(summary, batch.query_sqlite(c)).await,
            RawConn::MySql(c) => watch.statement(summary, batch.query_mysql(c)).await,
        };
        watch.failed |= watch.open && answer.is_err();
        answer
    }

    /// Sends the deferred statements.
    pub(super) async fn flush(&mut self) -> Result<(), sqlx::Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (batch, raw, watch) = self.take_batch();
        let summary = batch.trace_summary();
        let sent = match raw {
            RawConn::Sqlite(c) => watch.statement(summary, batch.run_sqlite(c)).await,
            RawConn::MySql(c) => watch.statement(summary, batch.run_mysql(c)).await,
        };
        // Some of them may have run, so no later statement can rely on their effects.
        watch.failed |= sent.is_err();
        sent
    }

    fn take_batch(&mut self) -> (Batch, RawConn<'_>, &mut StatementGuard) {
        let batch = std::mem::take(&mut self.batch);
        // The transaction may be open even if this statement is interrupted.
        self.watch.open = self.is_transaction;
        let (raw, watch) = self.raw();
        (batch, raw, watch)
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not.
    pub async fn ping(&mut self) -> Result<(), Error> {
        on!(self, c => sqlx::query("select 1").execute(c).await.map(|_| ())).map_err(Error::from)
    }

    pub(super) fn raw(&mut self) -> (RawConn<'_>, &mut StatementGuard) {
        let raw = match self.acquired.as_mut().expect("a connection is present until it is dropped") {
            AcquiredConn::Sqlite(lent) => RawConn::Sqlite(lent.raw()),
            AcquiredConn::Writer(writer) => RawConn::Sqlite(writer.raw()),
            AcquiredConn::MySql(lent) => RawConn::MySql(lent.raw()),
        };
        (raw, &mut self.watch)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // Without a runtime the process is ending, which closes its connections.
        let (Some(on), Ok(runtime)) = (self.acquired.take(), Handle::try_current()) else { return };
        let StatementGuard { open, interrupted: cut, may_be_broken: doubtful, .. } = self.watch;
        match on {
            AcquiredConn::Sqlite(lent) if cut => lent.close(),
            AcquiredConn::MySql(lent) if cut => lent.close(),
            AcquiredConn::Sqlite(lent) => lent.release(open, doubtful, &runtime),
            AcquiredConn::MySql(lent) => lent.release(open, doubtful, &runtime),
            AcquiredConn::Writer(mut writer) if cut => writer.discard(),
            // The lock is held until the rollback, so the next writer waits for it.
            AcquiredConn::Writer(writer) if open => drop(runtime.spawn(roll_back(writer))),
            AcquiredConn::Writer(mut writer) if doubtful => writer.discard(),
            AcquiredConn::Writer(_) => {}
        }
    }
}

async fn roll_back(mut writer: OwnedMutexGuard<Writer>) {
    if !try_roll_back::<Sqlite>(writer.raw()).await {
        writer.discard();
    }
}

/// The deadline of a connection, and the outcome of its statements.
#[derive(Debug)]
pub(super) struct StatementGuard {
    deadline: Instant,
    /// A statement began and did not end.
    interrupted: bool,
    /// A transaction may be open.
    open: bool,
    /// Part of the transaction did not run, so it must not be committed.
    failed: bool,
    /// A statement failed, so the connection may be broken.
    may_be_broken: bool,
    meter: Arc<metrics::SqlMetrics>,
    database: &'static str,
    /// Parent span of all statements of the transaction, if it is traced.
    transaction: Span,
}

impl StatementGuard {
    /// Runs one statement within its deadline.
    pub(super) async fn statement<T>(
        &mut self,
        round_trip: DbRoundTrip,
        run: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        if self.interrupted {
            return Err(timed_out());
        }
        if self.failed {
            return Err(sqlx::Error::Protocol("a statement before this one failed".into()));
        }
        self.interrupted = true;
        let began = Instant::now();
        // Not entered: the SQLite driver would carry the span to its own thread and keep it there after the statement.
        let span = traces::sql(&self.transaction, self.database, &round_trip);
        let done = timeout_at(self.deadline.min(began + STATEMENT_TIMEOUT), run).await;
        self.meter.statement.observe(began.elapsed().as_secs_f64());
        let Ok(done) = done else {
            self.meter.failed(metrics::SqlFailure::Timeout);
            traces::failed(&span, metrics::SqlFailure::Timeout.name());
            return Err(timed_out());
        };
        self.interrupted = false;
        if let Err(error) = &done {
            self.may_be_broken = true;
            self.meter.failed(kind(error));
            traces::failed(&span, kind(error).name());
        }
        done
    }
}

pub(super) fn timed_out() -> sqlx::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time").into()
}

fn kind(error: &sqlx::Error) -> metrics::SqlFailure {
    match error {
        sqlx::Error::Database(d) if d.kind() == ErrorKind::UniqueViolation || is_deadlock(&**d) => {
            metrics::SqlFailure::Conflict
        }
        sqlx::Error::Database(d) if !is_unavailable(&**d) => metrics::SqlFailure::Fault,
        sqlx::Error::ColumnDecode { .. } => metrics::SqlFailure::Fault,
        _ => metrics::SqlFailure::Unreachable,
    }
}
