//! Opens a database: its pool, session settings and migrations.

use std::{fs::File, io::ErrorKind, path::Path, str::FromStr, sync::Arc, time::Duration};

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use sqlx::{
    ConnectOptions, Connection, Executor, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    sync::{Mutex, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    ACQUIRE_TIMEOUT, ConnectionPool, Db, Pool, Writer, conn::timed_out, connections::MAX_IDLE_WITHOUT_PING, migrations,
    open_error,
};
use crate::private;

const MAX_CONNECTIONS: u32 = 16;
/// Maximum number of prepared statements per connection.
const MAX_CACHED_STATEMENTS: usize = 256;
/// Timeout for the migrations of another node or command to finish.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(60);
/// Delay before the next attempt to connect to a server that refuses connections at start-up.
const CONNECT_RETRY_DELAY: Duration = Duration::from_millis(200);
/// Timeout of the ping of an idle connection. A peer that vanished without closing the connection never answers.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns whether the scheme of a database URL is supported.
pub fn is_supported(url: &str) -> bool {
    ["sqlite:", "mysql:", "mariadb:"].iter().any(|scheme| url.starts_with(scheme))
}

impl Db {
    /// Opens the database of a URL and migrates its tables, under a lock in case several processes start together.
    ///
    /// # Errors
    /// One line for people: the reason and what to do. It names the database and never the password.
    pub async fn open(url: &str) -> Result<Self, String> {
        if url.starts_with("sqlite:") { Self::open_sqlite(url).await } else { Self::open_mysql(url).await }
    }

    async fn open_sqlite(url: &str) -> Result<Self, String> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(unreadable)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged publish survives a power failure.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .disable_statement_logging();
        let file = options.get_filename().to_owned();
        let refused = |why: String| format!("database {}: {why}", file.display());
        let statement = |error: &sqlx::Error| open_error::sqlite(&file, error);
        if file.is_dir() {
            return Err(refused("it is a folder; name a file in database.url".into()));
        }
        private_files(&file);
        let lock = migration_lock(&file).await.map_err(refused)?;
        // A file has no connection that can break.
        let pool = SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(false);
        let pool = pool.max_connections(MAX_CONNECTIONS).connect_with(options.clone()).await;
        let pool = pool.map_err(|error| refused(statement(&error)))?;
        let migrated = migrations::sqlite().run(&pool).await;
        migrated.map_err(|error| refused(open_error::migration(&error, statement)))?;
        drop(lock);
        let writer = Arc::new(Mutex::new(Writer::new(options)));
        Ok(Self { pool: Pool::Sqlite { readers: ConnectionPool::new(pool), writer }, meter: Arc::default() })
    }

    async fn open_mysql(url: &str) -> Result<Self, String> {
        let url = url.replacen("mariadb:", "mysql:", 1);
        // The driver would log slow statements, with their values.
        let options = MySqlConnectOptions::from_str(&url).map_err(unreadable)?.disable_statement_logging();
        // Trimtab has fewer statements than this, so none is evicted: see `outbox::ReleaseQuery`.
        let options = options.statement_cache_capacity(MAX_CACHED_STATEMENTS);
        migrate_mysql(&options)
            .await
            .map_err(|why| format!("database {}: {why}", open_error::mysql_address(&options)))?;
        let pool = MySqlPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A connection that was just used needs no ping: a publish acquires several in a row.
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                let quiet = meta.idle_for > MAX_IDLE_WITHOUT_PING;
                Box::pin(async move {
                    if quiet {
                        timeout(PING_TIMEOUT, connection.ping()).await.unwrap_or_else(|_| Err(timed_out()))?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    // Rows that matter are locked explicitly; gap locks would only cause deadlocks.
                    connection.execute("set session transaction isolation level read committed").await?;
                    connection.execute("set session innodb_lock_wait_timeout = 5").await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options.clone());
        Ok(Self {
            pool: Pool::MySql(ConnectionPool::new(pool), Arc::new(open_error::TimeoutDiagnosis::from(options))),
            meter: Arc::default(),
        })
    }
}

/// Explains a URL that the driver cannot parse, without repeating the URL.
fn unreadable(error: sqlx::Error) -> String {
    format!("database.url cannot be read: {error}")
}

/// Migrates the tables over a separate connection. Nodes that start together wait for one another. The driver's own
/// lock is not used: it has a timeout of -1 s, which MariaDB takes for no wait at all.
async fn migrate_mysql(options: &MySqlConnectOptions) -> Result<(), String> {
    if options.get_database().is_none_or(str::is_empty) {
        return Err("no database is named; database.url ends in /DATABASE".into());
    }
    let mut held = match connect_mysql(options).await {
        Ok(held) => held,
        Err(error) => return Err(open_error::mysql(options, &error).await),
    };
    let statement = |error: sqlx::Error| open_error::mysql_statement(options, &error);
    let database: String = sqlx::query_scalar("select database()").fetch_one(&mut held).await.map_err(statement)?;
    let lock = sqlx::query_scalar("select get_lock(?, ?)").bind(lock_name(&database)).bind(MIGRATION_TIMEOUT.as_secs());
    let taken: Option<i64> = lock.fetch_one(&mut held).await.map_err(statement)?;
    if taken != Some(1) {
        return Err(still_migrating("node"));
    }
    let migrated = migrations::mysql().set_locking(false).run(&mut held).await;
    // Closing the connection releases the lock, even after an error.
    let closed = held.close().await;
    migrated.map_err(|error| open_error::migration(&error, |error| open_error::mysql_statement(options, error)))?;
    closed.map_err(statement)
}

/// Connects without the pool, which hides the reason of a failure. Retries a server that refuses until
/// [`ACQUIRE_TIMEOUT`] is over, because it may be starting.
async fn connect_mysql(options: &MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    let end = Instant::now() + ACQUIRE_TIMEOUT;
    loop {
        match timeout_at(end, MySqlConnection::connect_with(options)).await {
            Ok(Err(sqlx::Error::Io(error)))
                if error.kind() == ErrorKind::ConnectionRefused && Instant::now() + CONNECT_RETRY_DELAY < end =>
            {
                sleep(CONNECT_RETRY_DELAY).await;
            }
            Ok(connected) => return connected,
            Err(_) => return Err(timed_out()),
        }
    }
}

/// Returns the name of the lock around the migrations of a database. Older versions compute the same name with the
/// server's `md5`, so old and new nodes exclude each other during an upgrade. MySQL 9 has no `md5`, and a name has at
/// most 64 characters.
fn lock_name(database: &str) -> String {
    format!("trimtab.{}", HEXLOWER.encode(&Md5::digest(database)))
}

/// Restricts the files of an SQLite database to their owner. SQLite gives the files beside the database the same
/// permissions.
fn private_files(database: &Path) {
    let path = database.display();
    // SQLite reports a missing folder itself.
    if let Err(error) = private::options().append(true).create(true).open(database) {
        tracing::debug!(%path, %error, "the database file could not be created");
    }
    for beside in ["", "-wal", "-shm", "-journal"] {
        let mut name = database.as_os_str().to_owned();
        name.push(beside);
        if let Err(error) = private::restrict_to_owner(Path::new(&name)) {
            tracing::warn!(path = %name.display(), %error, "other users of this machine may read this file");
        }
    }
}

/// Takes the lock for a migration, because the SQLite driver has none and commands may run beside a starting server.
async fn migration_lock(database: &Path) -> Result<Option<File>, String> {
    let (path, (done, locked)) = (database.with_extension("migrating"), oneshot::channel());
    // A separate thread, because a blocked thread of the runtime would keep a process from exiting after the timeout.
    std::thread::spawn(move || {
        let opened = private::options().write(true).create(true).truncate(false).open(path);
        let lock = opened.and_then(|file| file.lock().map(|()| file));
        let _ = done.send(lock.ok());
    });
    match timeout(MIGRATION_TIMEOUT, locked).await {
        Ok(lock) => Ok(lock.ok().flatten()),
        Err(_) => Err(still_migrating("process")),
    }
}

fn still_migrating(who: &str) -> String {
    format!("another {who} has been migrating for {} s", MIGRATION_TIMEOUT.as_secs())
}

#[cfg(test)]
pub(super) mod tests {
    use std::{env, pin::pin};

    use sqlx::{AssertSqlSafe, MySqlConnection};
    use tokio::time::{self, sleep};
    use uuid::Uuid;

    use super::*;
    use crate::{
        channel::suite::proxy::Proxy,
        domain::{access::Role, error::Error},
        prerequisites,
    };

    #[test]
    fn migration_lock_has_the_name_that_older_versions_take() {
        // select concat('trimtab.', md5('trimtab'))
        assert_eq!(lock_name("trimtab"), "trimtab.3eaac87872d581d681017241183a5001");
    }

    /// Returns the URL of the test server, the name of a new database on it, and a connection to that database.
    pub(in crate::storage) async fn database() -> Option<(String, String, MySqlConnection)> {
        let server = prerequisites::server("TRIMTAB_TEST_MYSQL")?;
        let name = format!("trimtab_{}", Uuid::new_v4().simple());
        let mut connection = MySqlConnection::connect(&server).await.unwrap();
        for statement in ["create database", "use"] {
            connection.execute(AssertSqlSafe(format!("{statement} {name}"))).await.unwrap();
        }
        Some((server, name, connection))
    }

    #[tokio::test]
    async fn start_waits_for_the_migration_of_an_older_version() {
        let Some((server, name, mut older)) = database().await else { return };
        let lock = sqlx::query_scalar::<_, i64>("select get_lock(?, 0)").bind(lock_name(&name));
        assert_eq!(lock.fetch_one(&mut older).await.unwrap(), 1);
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let mut opening = pin!(Db::open(&url));
        let waiting = "select count(*) from information_schema.processlist where db = ? and state = 'User lock'";
        let waits = async {
            while sqlx::query_scalar::<_, i64>(waiting).bind(&name).fetch_one(&mut older).await.unwrap() == 0 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            _ = &mut opening => panic!("the start did not wait for the lock"),
            () = waits => {}
        }
        older.close().await.unwrap();
        opening.await.unwrap().close().await;
    }

    /// The last version before the table of grants.
    const BEFORE_GRANTS: i64 = 4;
    const ANA: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    /// Returns statements that create a user with roles in the version [`BEFORE_GRANTS`].
    fn user_with_roles() -> [AssertSqlSafe<String>; 2] {
        [
            format!(
                "insert into users (id, name, password, administrator, created_at) values ('{ANA}', 'ana', '', 0, 0)"
            ),
            format!("insert into roles values ('{ANA}', 'dev/shop/*', 'editor'), ('{ANA}', '*/*/*', 'viewer')"),
        ]
        .map(AssertSqlSafe)
    }

    async fn check_roles(url: &str) {
        let db = Db::open(url).await.unwrap();
        let roles = db.read().await.unwrap().roles(ANA).await.unwrap();
        let expected = [("*/*/*", Role::VIEWER), ("dev/shop/*", Role::EDITOR)];
        assert_eq!(roles, expected.map(|(pattern, role)| (pattern.parse().unwrap(), role)));
        db.close().await;
    }

    #[tokio::test]
    async fn roles_of_an_older_sqlite_database_are_kept() {
        let file = env::temp_dir().join(format!("trimtab-older-{}.db", Uuid::new_v4().simple()));
        let url = format!("sqlite:{}", file.display());
        let mut older = SqliteConnectOptions::from_str(&url).unwrap().create_if_missing(true).connect().await.unwrap();
        migrations::sqlite().run_to(BEFORE_GRANTS, &mut older).await.unwrap();
        for statement in user_with_roles() {
            older.execute(statement).await.unwrap();
        }
        older.close().await.unwrap();
        check_roles(&url).await;
        std::fs::remove_file(file).unwrap();
    }

    #[tokio::test]
    async fn roles_of_an_older_mysql_database_are_kept() {
        let Some((server, name, mut older)) = database().await else { return };
        migrations::mysql().set_locking(false).run_to(BEFORE_GRANTS, &mut older).await.unwrap();
        for statement in user_with_roles() {
            older.execute(statement).await.unwrap();
        }
        older.close().await.unwrap();
        check_roles(&format!("{}/{name}", server.rsplit_once('/').unwrap().0)).await;
    }

    /// Opens a new database behind a proxy.
    async fn proxied() -> Option<(Db, Proxy)> {
        let (server, name, _) = database().await?;
        let (user, place) = server.rsplit_once('@').unwrap();
        let proxy = Proxy::to(place.split('/').next().unwrap()).await;
        let db = Db::open(&format!("{user}@{}/{name}", proxy.endpoint())).await.unwrap();
        Some((db, proxy))
    }

    async fn ask(db: &Db) -> Result<(), Error> {
        db.read().await?.ping().await
    }

    #[tokio::test]
    async fn a_vanished_peer_is_replaced_without_an_error() {
        let Some((db, proxy)) = proxied().await else { return };
        ask(&db).await.unwrap();
        time::pause();
        time::advance(MAX_IDLE_WITHOUT_PING).await;
        time::resume();
        proxy.silence();
        ask(&db).await.unwrap();
    }

    #[tokio::test]
    async fn a_broken_connection_is_not_reused() {
        let Some((db, proxy)) = proxied().await else { return };
        ask(&db).await.unwrap();
        proxy.cut();
        assert!(matches!(ask(&db).await, Err(Error::Unavailable { .. })), "a recently used connection is not pinged");
        ask(&db).await.unwrap();
    }
}
