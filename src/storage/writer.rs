//! The connection for all writes to SQLite.

use sqlx::{
    Connection, Error,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};

/// A connection that is opened at the first write, and again after it was closed.
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

    /// Opens the connection unless it is open.
    pub async fn open(&mut self) -> Result<(), Error> {
        if self.closed {
            return Err(Error::PoolClosed);
        }
        if self.open.is_none() {
            self.open = Some(SqliteConnection::connect_with(&self.options).await?);
        }
        Ok(())
    }

    /// Returns the connection, between [`Writer::open`] and [`Writer::discard`].
    pub fn raw(&mut self) -> &mut SqliteConnection {
        self.open.as_mut().expect("the connection is open during a write")
    }

    /// Closes a connection that may have an open transaction, which SQLite rolls back.
    pub fn discard(&mut self) {
        self.open = None;
    }

    /// Closes the connection for good.
    pub fn close(&mut self) {
        self.closed = true;
        self.discard();
    }
}
