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
    batch::{Batch, Value},
    connections::{Lent, is_rolled_back},
    is_away, is_deadlock, on,
};
use crate::{
    domain::error::Error,
    metrics,
    traces::{self, Asked},
};

/// Timeout of a statement. It exceeds the databases' own lock timeouts, so that their errors arrive first.
const STATEMENT: Duration = Duration::from_secs(8);
/// Maximum time that a connection is in use, or a transaction open.
const WHOLE: Duration = Duration::from_secs(20);

/// A connection for reading, or a transaction for writing. Every statement is one of its methods.
/// A transaction that is dropped without [`Conn::commit`] is rolled back.
#[derive(Debug)]
pub struct Conn {
    /// `None` only during the drop.
    on: Option<On>,
    batch: Batch,
    /// Whether it is a transaction.
    writes: bool,
    watch: Watch,
}

#[derive(Debug)]
pub(super) enum On {
    Sqlite(Lent<Sqlite>),
    Writer(OwnedMutexGuard<Writer>),
    MySql(Lent<MySql>),
}

pub(super) enum Raw<'a> {
    Sqlite(&'a mut SqliteConnection),
    MySql(&'a mut MySqlConnection),
}

impl Conn {
    pub(super) fn new(on: On, meter: Arc<metrics::Sql>) -> Self {
        let database = match on {
            On::Sqlite(_) | On::Writer(_) => "sqlite",
            On::MySql(_) => "mysql",
        };
        let watch = Watch {
            until: Instant::now() + WHOLE,
            cut: false,
            open: false,
            failed: false,
            doubtful: false,
            meter,
            database,
            transaction: Span::none(),
        };
        Self { on: Some(on), batch: Batch::default(), writes: false, watch }
    }

    /// Queues the statement that begins a transaction.
    pub(super) fn begin(mut self) -> Self {
        let begin = match self.on {
            Some(On::Writer(_)) => "begin immediate",
            _ => "start transaction",
        };
        self.batch.add(begin, Vec::new());
        self.writes = true;
        self.watch.transaction = traces::transaction(self.watch.database);
        self
    }

    /// Commits this transaction.
    ///
    /// # Errors
    /// The errors of any deferred statement. After [`Error::Unavailable`] the transaction may or may not be committed.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.writes {
            let began = Instant::now();
            self.batch.add("commit", Vec::new());
            self.send().await?;
            self.watch.open = false;
            self.watch.meter.commit.observe(began.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Defers a statement of this transaction until the next one that returns a result, or the commit. If it fails,
    /// that one returns the error, and the transaction accepts no further statement.
    pub(super) async fn later(&mut self, sql: &'static str, values: Vec<Value>) -> Result<(), Error> {
        debug_assert!(self.writes, "a deferred statement needs a transaction, otherwise it is never sent");
        self.batch.add(sql, values);
        if self.batch.is_large() {
            self.send().await?;
        }
        Ok(())
    }

    /// Queries a row, together with the deferred statements.
    pub(super) async fn ask<T>(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Option<T>, sqlx::Error>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, MySqlRow>,
    {
        self.batch.add(sql, values);
        let (batch, raw, watch) = self.take_batch();
        let asked = batch.asked();
        let answer = match raw {
            Raw::Sqlite(c) => watch.statement(asked, batch.ask_sqlite(c)).await,
            Raw::MySql(c) => watch.statement(asked, batch.ask_mysql(c)).await,
        };
        watch.failed |= watch.open && answer.is_err();
        answer
    }

    /// Sends the deferred statements.
    pub(super) async fn send(&mut self) -> Result<(), sqlx::Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (batch, raw, watch) = self.take_batch();
        let asked = batch.asked();
        let sent = match raw {
            Raw::Sqlite(c) => watch.statement(asked, batch.sqlite(c)).await,
            Raw::MySql(c) => watch.statement(asked, batch.mysql(c)).await,
        };
        // Some of them may have run, so no later statement can rely on their effects.
        watch.failed |= sent.is_err();
        sent
    }

    fn take_batch(&mut self) -> (Batch, Raw<'_>, &mut Watch) {
        let batch = std::mem::take(&mut self.batch);
        // The transaction may be open even if this statement is interrupted.
        self.watch.open = self.writes;
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

    pub(super) fn raw(&mut self) -> (Raw<'_>, &mut Watch) {
        let raw = match self.on.as_mut().expect("a connection is present until it is dropped") {
            On::Sqlite(lent) => Raw::Sqlite(lent.raw()),
            On::Writer(writer) => Raw::Sqlite(writer.raw()),
            On::MySql(lent) => Raw::MySql(lent.raw()),
        };
        (raw, &mut self.watch)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // Without a runtime the process is ending, which closes its connections.
        let (Some(on), Ok(runtime)) = (self.on.take(), Handle::try_current()) else { return };
        let Watch { open, cut, doubtful, .. } = self.watch;
        match on {
            On::Sqlite(lent) if cut => lent.close(),
            On::MySql(lent) if cut => lent.close(),
            On::Sqlite(lent) => lent.give_back(open, doubtful, &runtime),
            On::MySql(lent) => lent.give_back(open, doubtful, &runtime),
            On::Writer(mut writer) if cut => writer.give_up(),
            // The lock is held until the roll-back, so the next writer waits for it.
            On::Writer(writer) if open => drop(runtime.spawn(roll_back(writer))),
            On::Writer(mut writer) if doubtful => writer.give_up(),
            On::Writer(_) => {}
        }
    }
}

async fn roll_back(mut writer: OwnedMutexGuard<Writer>) {
    if !is_rolled_back::<Sqlite>(writer.raw()).await {
        writer.give_up();
    }
}

/// The deadline of a connection, and the outcome of its statements.
#[derive(Debug)]
pub(super) struct Watch {
    until: Instant,
    /// A statement began and did not end.
    cut: bool,
    /// A transaction may be open.
    open: bool,
    /// Part of the transaction did not run, so it must not be committed.
    failed: bool,
    /// A statement failed, so the connection may be broken.
    doubtful: bool,
    meter: Arc<metrics::Sql>,
    database: &'static str,
    /// Parent span of all statements of the transaction, if it is traced.
    transaction: Span,
}

impl Watch {
    /// Runs one statement within its deadline.
    pub(super) async fn statement<T>(
        &mut self,
        asked: Asked,
        run: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        if self.cut {
            return Err(late());
        }
        if self.failed {
            return Err(sqlx::Error::Protocol("a statement before this one failed".into()));
        }
        self.cut = true;
        let began = Instant::now();
        // Not entered: the SQLite driver would carry the span to its own thread and keep it there after the statement.
        let span = traces::sql(&self.transaction, self.database, &asked);
        let done = timeout_at(self.until.min(began + STATEMENT), run).await;
        self.meter.statement.observe(began.elapsed().as_secs_f64());
        let Ok(done) = done else {
            self.meter.failed(metrics::SqlFailure::Late);
            traces::failed(&span, metrics::SqlFailure::Late.name());
            return Err(late());
        };
        self.cut = false;
        if let Err(error) = &done {
            self.doubtful = true;
            self.meter.failed(kind(error));
            traces::failed(&span, kind(error).name());
        }
        done
    }
}

pub(super) fn late() -> sqlx::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time").into()
}

fn kind(error: &sqlx::Error) -> metrics::SqlFailure {
    match error {
        sqlx::Error::Database(d) if d.kind() == ErrorKind::UniqueViolation || is_deadlock(&**d) => {
            metrics::SqlFailure::Conflict
        }
        sqlx::Error::Database(d) if !is_away(&**d) => metrics::SqlFailure::Fault,
        _ => metrics::SqlFailure::Away,
    }
}
