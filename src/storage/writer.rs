//! The connection on which everything is written to SQLite.

use sqlx::{
    Connection, Error,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

/// A connection that is opened when somebody writes, and again after it was given up.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    open: Option<SqliteConnection>,
    closed: bool,
}

impl Writer {
    pub fn new(options: SqliteConnectOptions) -> Self {
        Self { options, open: None, closed: false }
    }

    /// Sees to it that there is a connection.
    pub async fn open(&mut self) -> Result<(), Error> {
        if self.closed {
            return Err(Error::PoolClosed);
        }
        if self.open.is_none() {
            self.open = Some(SqliteConnection::connect_with(&self.options).await?);
        }
        Ok(())
    }

    /// The connection, between [`Writer::open`] and [`Writer::give_up`].
    pub fn raw(&mut self) -> &mut SqliteConnection {
        self.open.as_mut().expect("it is open while somebody writes")
    }

    /// Gives up a connection that may be in the middle of something. SQLite rolls back what it had begun.
    pub fn give_up(&mut self) {
        self.open = None;
    }

    /// Gives it up for good.
    pub fn close(&mut self) {
        self.closed = true;
        self.give_up();
    }
}
