//! Opening a database: its pool, its session settings, its migrations.

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

use super::{Connections, Db, PATIENCE, Pool, Writer, conn::late, connections::FRESH, open_error};
use crate::private;

const CONNECTIONS: u32 = 16;
/// Statements that stay prepared on a connection.
const STATEMENTS: usize = 256;
/// How long a node or a command waits for another one that brings the tables up to date.
const MIGRATION_WAIT: Duration = Duration::from_secs(60);
/// Pause before a server that refuses connections is tried again at the start.
const CONNECT_RETRY: Duration = Duration::from_millis(200);
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
    /// Why it cannot be used and what to do, in one line for people that names the database and never the password.
    pub async fn open(url: &str) -> Result<Self, String> {
        if url.starts_with("sqlite:") { Self::open_sqlite(url).await } else { Self::open_mysql(url).await }
    }

    async fn open_sqlite(url: &str) -> Result<Self, String> {
        let options = SqliteConnectOptions::from_str(url)
            .map_err(unreadable)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // An acknowledged publish survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .disable_statement_logging();
        let file = options.get_filename().to_owned();
        let refused = |why: String| format!("database {}: {why}", file.display());
        let statement = |error: &sqlx::Error| open_error::sqlite(&file, error);
        if file.is_dir() {
            return Err(refused("it is a folder; name a file in database.url".into()));
        }
        private_files(&file);
        let lock = migration_lock(&file).await.map_err(refused)?;
        // A file does not hang up.
        let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE).test_before_acquire(false);
        let pool = pool.max_connections(CONNECTIONS).connect_with(options.clone()).await;
        let pool = pool.map_err(|error| refused(statement(&error)))?;
        let migrated = sqlx::migrate!("migrations/sqlite").run(&pool).await;
        migrated.map_err(|error| refused(open_error::migration(&error, statement)))?;
        drop(lock);
        let writer = Arc::new(Mutex::new(Writer::new(options)));
        Ok(Self { pool: Pool::Sqlite { readers: Connections::new(pool), writer }, meter: Arc::default() })
    }

    async fn open_mysql(url: &str) -> Result<Self, String> {
        let url = url.replacen("mariadb:", "mysql:", 1);
        // Statements have values in them, which the driver would log where one is slow.
        let options = MySqlConnectOptions::from_str(&url).map_err(unreadable)?.disable_statement_logging();
        // More than there are, so that none is closed to make room: see `due::Listed`.
        let options = options.statement_cache_capacity(STATEMENTS);
        migrate_mysql(&options)
            .await
            .map_err(|why| format!("database {}: {why}", open_error::mysql_place(&options)))?;
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
            .connect_lazy_with(options.clone());
        Ok(Self {
            pool: Pool::MySql(Connections::new(pool), Arc::new(open_error::NoneCame::from(options))),
            meter: Arc::default(),
        })
    }
}

/// A URL that the driver cannot read. Its error does not repeat the URL.
fn unreadable(error: sqlx::Error) -> String {
    format!("database.url cannot be read: {error}")
}

/// Brings the tables up to date over a connection of its own. Nodes that start together wait for one another. The
/// driver's own lock waits for "-1 seconds", which MariaDB takes for not at all.
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
    let lock = sqlx::query_scalar("select get_lock(?, ?)").bind(lock_name(&database)).bind(MIGRATION_WAIT.as_secs());
    let taken: Option<i64> = lock.fetch_one(&mut held).await.map_err(statement)?;
    if taken != Some(1) {
        return Err(still_migrating("node"));
    }
    let migrated = sqlx::migrate!("migrations/mysql").set_locking(false).run(&mut held).await;
    // Ended with its connection, the lock is free whatever went wrong.
    let closed = held.close().await;
    migrated.map_err(|error| open_error::mysql_migration(options, &error))?;
    closed.map_err(statement)
}

/// Connects without the pool, which hides why it cannot. A server that refuses is tried until [`PATIENCE`] is over, because
/// it may be starting.
async fn connect_mysql(options: &MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        match timeout_at(end, MySqlConnection::connect_with(options)).await {
            Ok(Err(sqlx::Error::Io(error)))
                if error.kind() == ErrorKind::ConnectionRefused && Instant::now() + CONNECT_RETRY < end =>
            {
                sleep(CONNECT_RETRY).await;
            }
            Ok(connected) => return connected,
            Err(_) => return Err(late()),
        }
    }
}

/// Returns the name of the lock around the migrations of a database. Versions that asked the server for its `md5` take
/// the same one, so old and new nodes exclude each other during an upgrade. MySQL 9 has no `md5`, and a name has at most
/// 64 characters.
fn lock_name(database: &str) -> String {
    format!("trimtab.{}", HEXLOWER.encode(&Md5::digest(database)))
}

/// Makes the files of an SQLite database readable for their owner alone. SQLite makes those beside the database with the
/// permissions of the database.
fn private_files(database: &Path) {
    let path = database.display();
    // A folder that is not there is SQLite's to complain about.
    if let Err(error) = private::options().append(true).create(true).open(database) {
        tracing::debug!(%path, %error, "the database was not made");
    }
    for beside in ["", "-wal", "-shm", "-journal"] {
        let mut name = database.as_os_str().to_owned();
        name.push(beside);
        if let Err(error) = private::tighten(Path::new(&name)) {
            tracing::warn!(path = %name.display(), %error, "other users of this machine may read this file");
        }
    }
}

/// The SQLite driver does not lock while it migrates; a command beside a starting server must wait.
async fn migration_lock(database: &Path) -> Result<Option<File>, String> {
    let (path, (done, locked)) = (database.with_extension("migrating"), oneshot::channel());
    // A thread of its own: one of the runtime's would keep the process that gives up from ending.
    std::thread::spawn(move || {
        let opened = private::options().write(true).create(true).truncate(false).open(path);
        let lock = opened.and_then(|file| file.lock().map(|()| file));
        let _ = done.send(lock.ok());
    });
    match timeout(MIGRATION_WAIT, locked).await {
        Ok(lock) => Ok(lock.ok().flatten()),
        Err(_) => Err(still_migrating("process")),
    }
}

fn still_migrating(who: &str) -> String {
    format!("another {who} has been migrating for {} s", MIGRATION_WAIT.as_secs())
}

#[cfg(test)]
pub(super) mod tests {
    use std::{env, pin::pin};

    use sqlx::{AssertSqlSafe, MySqlConnection};
    use tokio::time::sleep;
    use uuid::Uuid;

    use super::*;
    use crate::{
        channel::suite::proxy::Proxy,
        domain::{access::Role, error::Error},
    };

    #[test]
    fn migration_lock_has_the_name_that_older_versions_take() {
        // select concat('trimtab.', md5('trimtab'))
        assert_eq!(lock_name("trimtab"), "trimtab.3eaac87872d581d681017241183a5001");
    }

    /// The URL of the test server, the name of a new database on it, and a connection to that.
    pub(in crate::storage) async fn database() -> Option<(String, String, MySqlConnection)> {
        let Ok(server) = env::var("TRIMTAB_TEST_MYSQL") else {
            println!("skipped: TRIMTAB_TEST_MYSQL names no server");
            return None;
        };
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
        let version: String = sqlx::query_scalar("select version()").fetch_one(&mut older).await.unwrap();
        if !version.contains("MariaDB") {
            println!("skipped: without the function md5 no older version starts");
            return;
        }
        let lock = "select get_lock(concat('trimtab.', md5(database())), 0)";
        assert_eq!(sqlx::query_scalar::<_, i64>(lock).fetch_one(&mut older).await.unwrap(), 1);
        let url = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
        let mut opening = pin!(Db::open(&url));
        let waiting = "select count(*) from information_schema.processlist where db = ? and state = 'User lock'";
        let waits = async {
            while sqlx::query_scalar::<_, i64>(waiting).bind(&name).fetch_one(&mut older).await.unwrap() == 0 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            _ = &mut opening => panic!("it did not wait"),
            () = waits => {}
        }
        older.close().await.unwrap();
        opening.await.unwrap().close().await;
    }

    /// The version before roles became names of sets.
    const BEFORE_GRANTS: i64 = 4;
    const ANA: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    /// Statements that make a user with roles in [`BEFORE_GRANTS`].
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
    async fn roles_of_an_older_sqlite_database_stay() {
        let file = env::temp_dir().join(format!("trimtab-older-{}.db", Uuid::new_v4().simple()));
        let url = format!("sqlite:{}", file.display());
        let mut older = SqliteConnectOptions::from_str(&url).unwrap().create_if_missing(true).connect().await.unwrap();
        sqlx::migrate!("migrations/sqlite").run_to(BEFORE_GRANTS, &mut older).await.unwrap();
        for statement in user_with_roles() {
            older.execute(statement).await.unwrap();
        }
        older.close().await.unwrap();
        check_roles(&url).await;
        std::fs::remove_file(file).unwrap();
    }

    #[tokio::test]
    async fn roles_of_an_older_mysql_database_stay() {
        let Some((server, name, mut older)) = database().await else { return };
        sqlx::migrate!("migrations/mysql").set_locking(false).run_to(BEFORE_GRANTS, &mut older).await.unwrap();
        for statement in user_with_roles() {
            older.execute(statement).await.unwrap();
        }
        older.close().await.unwrap();
        check_roles(&format!("{}/{name}", server.rsplit_once('/').unwrap().0)).await;
    }

    /// A new database, behind a proxy.
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
