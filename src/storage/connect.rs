//! Opening a database: its pool, its session settings, its migrations.

use std::{fs::File, path::Path, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor, MySqlPool,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    sync::{Mutex, oneshot},
    time::timeout,
};

use super::{Connections, Db, Pool, Writer, conn::late, connections::FRESH};
use crate::domain::error::{Error, Part};

/// How long a statement waits for a connection, a writer for its turn, and SQLite for a lock of another process.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 16;
/// How long a node or a command waits for another one that brings the tables up to date.
const MIGRATION_WAIT: Duration = Duration::from_secs(60);
/// How soon a connection that was not just used has to say that it works. One whose far end is gone without a word never
/// says so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// Whether a database URL is of a kind that Trimtab speaks.
#[must_use]
pub fn is_supported(url: &str) -> bool {
    ["sqlite:", "mysql:", "mariadb:"].iter().any(|scheme| url.starts_with(scheme))
}

impl Db {
    /// Opens the database that a URL names and brings its tables up to date, under a lock when several start together.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not answer or refuses; the detail says why.
    pub async fn open(url: &str) -> Result<Self, Error> {
        if url.starts_with("sqlite:") { Self::open_sqlite(url).await } else { Self::open_mysql(url).await }
    }

    async fn open_sqlite(url: &str) -> Result<Self, Error> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged publish survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let lock = migration_lock(options.get_filename()).await?;
        // A file does not hang up.
        let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE).test_before_acquire(false);
        let pool = pool.max_connections(CONNECTIONS).connect_with(options.clone()).await?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await.map_err(migrating)?;
        drop(lock);
        let writer = Arc::new(Mutex::new(Writer::new(options)));
        Ok(Self { pool: Pool::Sqlite { readers: Connections::new(pool), writer }, meter: Arc::default() })
    }

    async fn open_mysql(url: &str) -> Result<Self, Error> {
        let url = url.replacen("mariadb:", "mysql:", 1);
        // Statements have values in them, which the driver would log where one is slow.
        let options = MySqlConnectOptions::from_str(&url)?.disable_statement_logging();
        let pool = MySqlPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            // One that was just used need not be asked whether it is there: a publish takes several in a row.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                let quiet = meta.idle_for > FRESH;
                Box::pin(async move {
                    if quiet {
                        timeout(SIGN_OF_LIFE, connection.ping()).await.unwrap_or_else(|_| Err(late()))?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // Rows are locked by name where it matters; gap locks would only make deadlocks.
                    connection.execute("set session transaction isolation level read committed").await?;
                    connection.execute("set session innodb_lock_wait_timeout = 5").await?;
                    Ok(())
                })
            })
            .connect_with(options)
            .await?;
        migrate_mysql(&pool).await?;
        Ok(Self { pool: Pool::MySql(Connections::new(pool)), meter: Arc::default() })
    }
}

/// Nodes that start together wait for one another. The driver's own lock waits for "-1 seconds", which MariaDB takes for
/// not at all.
async fn migrate_mysql(pool: &MySqlPool) -> Result<(), Error> {
    let mut held = pool.acquire().await?;
    let taken: Option<i64> = sqlx::query_scalar("select get_lock(concat('trimtab.', md5(database())), ?)")
        .bind(MIGRATION_WAIT.as_secs())
        .fetch_one(&mut *held)
        .await?;
    if taken != Some(1) {
        return Err(still_migrating("node"));
    }
    let migrated = sqlx::migrate!("migrations/mysql").set_locking(false).run(&mut *held).await;
    // Ended with its connection, the lock is free whatever went wrong.
    held.close().await?;
    migrated.map_err(migrating)
}

/// The SQLite driver does not lock while it migrates; a command beside a starting server must wait.
async fn migration_lock(database: &Path) -> Result<Option<File>, Error> {
    let (path, (done, locked)) = (database.with_extension("migrating"), oneshot::channel());
    // A thread of its own: one of the runtime's would keep the process that gives up from ending.
    std::thread::spawn(move || {
        let lock = File::create(path).and_then(|file| file.lock().map(|()| file));
        let _ = done.send(lock.ok());
    });
    match timeout(MIGRATION_WAIT, locked).await {
        Ok(lock) => Ok(lock.ok().flatten()),
        Err(_) => Err(still_migrating("process")),
    }
}

fn still_migrating(who: &str) -> Error {
    let detail = format!("another {who} has been migrating for {} s", MIGRATION_WAIT.as_secs());
    Error::Unavailable { part: Part::Database, detail }
}

fn migrating(error: sqlx::migrate::MigrateError) -> Error {
    match error {
        sqlx::migrate::MigrateError::Execute(e) => e.into(),
        other => super::damaged("the list of migrations", other),
    }
}

#[cfg(test)]
mod tests {
    use std::env;

    use sqlx::{AssertSqlSafe, MySqlConnection};
    use tokio::time::sleep;
    use uuid::Uuid;

    use super::*;
    use crate::channel::suite::proxy::Proxy;

    /// A new database, behind a proxy.
    async fn proxied() -> Option<(Db, Proxy)> {
        let Ok(server) = env::var("TRIMTAB_TEST_MYSQL") else {
            println!("skipped: TRIMTAB_TEST_MYSQL names no MariaDB");
            return None;
        };
        let name = format!("trimtab_{}", Uuid::new_v4().simple());
        let mut admin = MySqlConnection::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(format!("create database {name}"))).execute(&mut admin).await.unwrap();
        let (user, place) = server.rsplit_once('@').unwrap();
        let proxy = Proxy::to(place.split('/').next().unwrap()).await;
        let db = Db::open(&format!("{user}@{}/{name}", proxy.endpoint())).await.unwrap();
        Some((db, proxy))
    }

    async fn ask(db: &Db) -> Result<(), Error> {
        db.read().await?.ping().await
    }

    #[tokio::test]
    async fn a_connection_whose_far_end_is_gone_costs_a_moment_and_no_failure() {
        let Some((db, proxy)) = proxied().await else { return };
        ask(&db).await.unwrap();
        sleep(FRESH * 2).await;
        proxy.forget();
        ask(&db).await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_broke_is_not_used_again() {
        let Some((db, proxy)) = proxied().await else { return };
        ask(&db).await.unwrap();
        proxy.cut();
        assert!(matches!(ask(&db).await, Err(Error::Unavailable { .. })), "it was just used, so nobody asked it");
        ask(&db).await.unwrap();
    }
}
