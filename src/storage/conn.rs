//! A connection in use: every statement has its deadline here, and is measured here.
//!
//! A statement that is cut off, by its deadline or because nobody waits for it any more, may have left anything behind:
//! an answer that is still to come, or an open transaction (transact-rs/sqlx#4385). So its connection is closed, which
//! the database takes for a roll-back; only one whose last statement ended goes back to the pool.

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

/// How long a statement may take: longer than the databases wait for a lock, so that they can say so themselves.
const STATEMENT: Duration = Duration::from_secs(8);
/// How long a connection may be used in all, or a transaction be open.
const WHOLE: Duration = Duration::from_secs(20);

/// A connection to read with, or a transaction to write in. Every statement is a method of this.
/// A transaction that is dropped without [`Conn::commit`] is rolled back.
#[derive(Debug)]
pub struct Conn {
    /// Until this is dropped.
    on: Option<On>,
    batch: Batch,
    /// It is a transaction.
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

    /// Begins a transaction, with its first statement.
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

    /// Makes everything written in this transaction true.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: then it is not known whether it is. As any statement that came later.
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

    /// Has a statement of this transaction run before the next one that is waited for, or with the commit. If it fails,
    /// that one says so, and nothing more can be done in this transaction.
    pub(super) async fn later(&mut self, sql: &'static str, values: Vec<Value>) -> Result<(), Error> {
        debug_assert!(self.writes, "without a transaction nothing would send it");
        self.batch.add(sql, values);
        if self.batch.is_large() {
            self.send().await?;
        }
        Ok(())
    }

    /// Asks for a row, together with what is to run before.
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

    /// Sends what is to run before the next statement.
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
        // Some of them may have run, so what would follow stands on nothing.
        watch.failed |= sent.is_err();
        sent
    }

    fn take_batch(&mut self) -> (Batch, Raw<'_>, &mut Watch) {
        let batch = std::mem::take(&mut self.batch);
        // Even a transaction that is cut off now may be open.
        self.watch.open = self.writes;
        let (raw, watch) = self.raw();
        (batch, raw, watch)
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub async fn ping(&mut self) -> Result<(), Error> {
        on!(self, c => sqlx::query("select 1").execute(c).await.map(|_| ())).map_err(Error::from)
    }

    pub(super) fn raw(&mut self) -> (Raw<'_>, &mut Watch) {
        let raw = match self.on.as_mut().expect("a connection is there until it is dropped") {
            On::Sqlite(lent) => Raw::Sqlite(lent.raw()),
            On::Writer(writer) => Raw::Sqlite(writer.raw()),
            On::MySql(lent) => Raw::MySql(lent.raw()),
        };
        (raw, &mut self.watch)
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        // Without a runtime, at the end of the process, connections end by themselves.
        let (Some(on), Ok(runtime)) = (self.on.take(), Handle::try_current()) else { return };
        let Watch { open, cut, doubtful, .. } = self.watch;
        match on {
            On::Sqlite(lent) if cut => lent.close(),
            On::MySql(lent) if cut => lent.close(),
            On::Sqlite(lent) => lent.give_back(open, doubtful, &runtime),
            On::MySql(lent) => lent.give_back(open, doubtful, &runtime),
            On::Writer(mut writer) if cut => writer.give_up(),
            // The next writer's turn comes when this one is rolled back.
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

/// The deadline of a connection, and what became of its statements.
#[derive(Debug)]
pub(super) struct Watch {
    until: Instant,
    /// A statement began and did not end.
    cut: bool,
    /// A transaction may be open.
    open: bool,
    /// Part of it did not run, so it must not be committed.
    failed: bool,
    /// A statement failed: the connection may work no more.
    doubtful: bool,
    meter: Arc<metrics::Sql>,
    database: &'static str,
    /// Around all statements of a transaction, if it is told of.
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
        // Not entered: the driver for SQLite would take it along to its own thread, and leave it there after it ended here.
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
