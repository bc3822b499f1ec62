//! Explains why a database cannot be opened, in one line for people, with advice. The line names the server or the
//! file and never the password.

use std::{
    fmt::Display,
    fs::OpenOptions,
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

use sqlx::{
    Connection, Error, MySqlConnection,
    migrate::MigrateError,
    mysql::{MySqlConnectOptions, MySqlDatabaseError},
    sqlite::SqliteError,
};
use tokio::{
    net::{TcpStream, lookup_host},
    sync::Mutex,
    time::{Instant, timeout},
};

/// Timeout of the DNS look-up and of the test connection that find out why a server does not answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Timeout of the test log-in after a request waited in vain for a connection. Short, because that request still waits.
const LOGIN_PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// Time for which the result of a test log-in is reused, so that it adds no load to a busy server.
const DIAGNOSIS_TTL: Duration = Duration::from_secs(10);

/// Returns the address of a MySQL database without the password.
pub(super) fn mysql_address(options: &MySqlConnectOptions) -> String {
    let (user, database) = (options.get_username(), options.get_database().unwrap_or_default());
    match options.get_socket() {
        Some(socket) => format!("mysql://{user}@{}/{database}", socket.display()),
        None => format!("mysql://{user}@{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

/// Explains why the connection to a MySQL server failed.
pub(super) async fn mysql(options: &MySqlConnectOptions, error: &Error) -> String {
    match error {
        Error::Io(error) => unreachable_mysql(options, error).await,
        Error::Tls(why) => tls_failed(why),
        // The driver sends no password over an unencrypted connection.
        Error::Configuration(why) if why.to_string().contains("mysql-rsa") => {
            "this user's password may be sent over TLS only; turn TLS on at the server, and do not set ssl-mode=DISABLED in \
             database.url"
                .into()
        }
        Error::Configuration(why) => tls_failed(why),
        Error::Protocol(why) => {
            format!(
                "the answer is not that of a supported MySQL server ({why}); correct the address in database.url"
            )
        }
        other => mysql_statement(options, other),
    }
}

fn tls_failed(why: &dyn Display) -> String {
    format!("TLS failed ({why}); check ssl-mode and ssl-ca in database.url")
}

/// Explains an error of a MySQL server, at the log-in or in a migration.
pub(super) fn mysql_statement(options: &MySqlConnectOptions, error: &Error) -> String {
    let Some(refusal) = error.as_database_error().and_then(|e| e.try_downcast_ref::<MySqlDatabaseError>()) else {
        return error.to_string();
    };
    let (user, database) = (options.get_username(), options.get_database().unwrap_or_default());
    let advice = match refusal.number() {
        1044 | 1142 => format!("grant the user all on {database}.*"),
        1045 | 1698 => "correct the user and the password in database.url".into(),
        1049 => format!("create it: create database {database} character set utf8mb4"),
        1040 | 1203 | 1226 => "raise the limit of connections at the server".into(),
        1129 | 1130 => format!("allow the user {user} to connect from this host"),
        1251 | 1524 | 2059 => "give the user a password of caching_sha2_password or mysql_native_password".into(),
        1290 | 1836 | 3032 => "name a server in database.url that can be written to".into(),
        3159 => "do not set ssl-mode=DISABLED in database.url".into(),
        _ => return format!("the server refuses: {}", refusal.message()),
    };
    format!("{}; {advice}", refusal.message())
}

/// Explains why no connection was possible.
async fn unreachable_mysql(options: &MySqlConnectOptions, error: &io::Error) -> String {
    if let Some(socket) = options.get_socket() {
        return format!("{} is no socket of a running server ({error})", socket.display());
    }
    let (host, port) = (options.get_host(), options.get_port());
    let looked_up = timeout(PROBE_TIMEOUT, lookup_host((host, port))).await;
    if !matches!(looked_up, Ok(Ok(_))) {
        return format!("the name {host} cannot be resolved; correct the host in database.url");
    }
    match error.kind() {
        // An untrusted certificate, or an unreadable file of ssl-ca, ssl-cert or ssl-key.
        ErrorKind::InvalidData | ErrorKind::NotFound | ErrorKind::PermissionDenied => tls_failed(error),
        ErrorKind::ConnectionRefused => {
            format!("connection refused by {host}:{port}; start the server, or correct the address in database.url")
        }
        ErrorKind::TimedOut if matches!(timeout(PROBE_TIMEOUT, TcpStream::connect((host, port))).await, Ok(Ok(_))) => {
            format!("{host}:{port} accepts connections but sends nothing; it is not a MySQL server, or it hangs")
        }
        ErrorKind::TimedOut => {
            format!("no answer from {host}:{port}; is it the right address, or is a firewall between?")
        }
        _ => format!("the connection to {host}:{port} broke ({error}); is it a MySQL server?"),
    }
}

/// Finds out why no MySQL connection became available in time. The driver's pool retries while the server refuses, and
/// then reports no more than a timeout.
#[derive(Debug)]
pub(super) struct TimeoutDiagnosis {
    options: MySqlConnectOptions,
    last: Mutex<Option<(Instant, Option<String>)>>,
}

impl TimeoutDiagnosis {
    pub fn from(options: MySqlConnectOptions) -> Self {
        Self { options, last: Mutex::default() }
    }

    /// Diagnoses the timeout with a complete log-in, because MySQL counts aborted ones against this host.
    pub async fn error(&self) -> Error {
        // Another task is diagnosing.
        let Ok(mut said) = self.last.try_lock() else { return Error::PoolTimedOut };
        let known = said.take().filter(|(at, _)| at.elapsed() < DIAGNOSIS_TTL);
        let (at, why) = match known {
            Some(known) => known,
            None => (Instant::now(), self.probe().await),
        };
        *said = Some((at, why.clone()));
        why.map_or(Error::PoolTimedOut, |why| Error::Io(io::Error::other(why)))
    }

    /// Returns `None` if the server accepts the log-in (all connections are in use) or does not answer.
    async fn probe(&self) -> Option<String> {
        match timeout(LOGIN_PROBE_TIMEOUT, MySqlConnection::connect_with(&self.options)).await {
            Ok(Ok(connection)) => {
                let _ = timeout(LOGIN_PROBE_TIMEOUT, connection.close()).await;
                None
            }
            Ok(Err(error)) => Some(mysql(&self.options, &error).await),
            Err(_) => None,
        }
    }
}

/// Explains why an SQLite file cannot be used.
pub(super) fn sqlite(file: &Path, error: &Error) -> String {
    let code =
        error.as_database_error().filter(|e| e.try_downcast_ref::<SqliteError>().is_some()).and_then(|e| e.code());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    // The low byte of SQLite's extended codes.
    match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
        Some(5 | 6) => "another process keeps it locked".into(),
        Some(11) => "it is damaged; restore it from a backup".into(),
        Some(13) => "the disk is full".into(),
        Some(26) => "it is not an SQLite database; name another file in database.url".into(),
        Some(8 | 10 | 14) if folder.is_some_and(|folder| !folder.is_dir()) => {
            "its folder does not exist; create it, or correct the path in database.url".into()
        }
        Some(8 | 10 | 14) => {
            let opened = OpenOptions::new().read(true).write(true).open(file);
            let why = opened.err().map_or_else(|| error.to_string(), |error| error.to_string());
            format!("it cannot be written ({why}); let this user write the file and its folder")
        }
        _ => error.to_string(),
    }
}

/// Explains why the migrations failed; `statement` explains an error of the database.
pub(super) fn migration(error: &MigrateError, statement: impl Fn(&Error) -> String) -> String {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            format!("its tables cannot be brought up to date: {}", statement(error))
        }
        MigrateError::VersionMissing(version) => {
            format!("its tables are those of a newer Trimtab (migration {version}); run that version")
        }
        MigrateError::Dirty(version) => {
            format!("migration {version} stopped half-way; restore a backup from before the upgrade")
        }
        other => format!("its tables are not those of Trimtab ({other}); name another database in database.url"),
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf};

    use sqlx::{AssertSqlSafe, Executor, SqliteConnection};
    use tokio::{io::AsyncWriteExt, net::TcpListener};
    use uuid::Uuid;

    use super::{super::Db, *};
    use crate::prerequisites;

    const PASSWORD: &str = "canary";

    /// Opens a database that cannot be opened and returns the explanation.
    async fn refusal(url: &str) -> String {
        let said = Db::open(url).await.expect_err("the database cannot be opened");
        assert!(!said.contains(PASSWORD) && !said.contains('\n'), "{said}");
        said
    }

    async fn explain(url: &str, parts: &[&str]) {
        let said = refusal(url).await;
        for part in parts {
            assert!(said.contains(part), "{part:?} is not in {said:?}");
        }
    }

    fn mysql(place: &str) -> String {
        format!("mysql://ana:{PASSWORD}@{place}")
    }

    #[tokio::test]
    async fn unreachable_mysql_server_is_explained() {
        let place = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let closed = format!("{place}/trimtab");
        explain(&mysql(&closed), &[&format!("mysql://ana@{closed}"), "connection refused"]).await;
        explain(&mysql("nowhere.invalid/trimtab"), &["nowhere.invalid", "cannot be resolved"]).await;
        explain(&mysql(&place.to_string()), &["no database is named"]).await;
        explain(&mysql("h:port/trimtab"), &["database.url cannot be read", "port"]).await;
        let socket = format!("{}?socket=/nowhere/mysql.sock", mysql("localhost/trimtab"));
        explain(&socket, &["/nowhere/mysql.sock", "no socket"]).await;
    }

    #[tokio::test]
    async fn refusing_server_is_distinguished_from_a_busy_one() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = silent.local_addr().unwrap();
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(place.port());
        let none_came = TimeoutDiagnosis::from(options.clone());
        assert!(matches!(none_came.error().await, Error::PoolTimedOut));
        drop(silent);
        assert!(matches!(none_came.error().await, Error::PoolTimedOut), "one test log-in serves all waiting requests");
        let refused = TimeoutDiagnosis::from(options).error().await.to_string();
        assert!(refused.contains(&format!("connection refused by {place}")), "{refused}");
    }

    #[tokio::test]
    async fn server_that_is_not_mysql_is_explained() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = silent.local_addr().unwrap().to_string();
        explain(&mysql(&format!("{place}/trimtab")), &[&place, "sends nothing"]).await;

        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = other.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = other.accept().await {
                let _ = client.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
            }
        });
        explain(&mysql(&format!("{place}/trimtab")), &[&place, "MySQL server"]).await;
    }

    /// Returns root's connection to the test server, and the server's `host:port`.
    async fn server() -> Option<(MySqlConnection, String)> {
        let url = prerequisites::server("TRIMTAB_TEST_MYSQL")?;
        let socket = env::var("TRIMTAB_TEST_MYSQL_SOCKET").unwrap();
        let root = sqlx::mysql::MySqlConnectOptions::new().socket(socket).username("root");
        let place = url.rsplit_once('@').unwrap().1.split('/').next().unwrap().to_owned();
        Some((MySqlConnection::connect_with(&root).await.unwrap(), place))
    }

    #[tokio::test]
    async fn refusal_of_a_mysql_server_is_explained_with_advice() {
        let Some((mut root, place)) = server().await else { return };
        let user = format!("user_{}", &Uuid::new_v4().simple().to_string()[..12]);
        let name = format!("trimtab_{user}");
        for statement in [
            format!("create database {name}"),
            format!("create user {user}@'%' identified by '{PASSWORD}'"),
            format!("grant select on {name}.* to {user}@'%'"),
        ] {
            root.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        let url = format!("mysql://{user}:{PASSWORD}@{place}/{name}");
        let (version,): (String,) = sqlx::query_as("select version()").fetch_one(&mut root).await.unwrap();
        // Must run before the first log-in: afterwards MySQL caches the password's hash and does not need TLS. MariaDB's
        // passwords never need it.
        let without_tls = format!("{url}?ssl-mode=DISABLED");
        match version.contains("MariaDB") {
            true => explain(&without_tls, &["CREATE command denied"]).await,
            false => explain(&without_tls, &[&place, "TLS", "ssl-mode"]).await,
        }
        explain(&url, &["CREATE command denied", &format!("grant the user all on {name}.*")]).await;
        explain(&url.replace(PASSWORD, "wrong"), &["Access denied", "correct the user and the password"]).await;
        explain(&format!("mysql://{user}:{PASSWORD}@{place}/mysql"), &["grant the user all on mysql.*"]).await;
        // A server without TLS, or with a self-signed certificate.
        explain(&format!("{url}?ssl-mode=VERIFY_IDENTITY"), &[&place, "TLS failed", "ssl-ca"]).await;
        explain(&format!("{url}?ssl-mode=VERIFY_CA&ssl-ca=/nowhere/ca.pem"), &[&place, "TLS failed", "ssl-ca"]).await;
        root.execute(AssertSqlSafe(format!("grant all on `trimtab_none%`.* to {user}@'%'"))).await.unwrap();
        explain(&url.replace(&name, "trimtab_none"), &["create it: create database trimtab_none"]).await;

        root.execute(AssertSqlSafe(format!("grant all on {name}.* to {user}@'%'"))).await.unwrap();
        Db::open(&url).await.unwrap().close().await;
        for (change, part) in [
            (
                "insert into _sqlx_migrations select 9999, 'later', now(), 1, checksum, 1 from _sqlx_migrations limit 1",
                "newer",
            ),
            ("update _sqlx_migrations set success = 0 where version = 9999", "half-way"),
        ] {
            root.execute(AssertSqlSafe(format!("use {name}"))).await.unwrap();
            root.execute(change).await.unwrap();
            explain(&url, &[part, "9999"]).await;
        }
    }

    #[tokio::test]
    async fn unusable_sqlite_file_is_explained() {
        let folder = env::temp_dir().join(format!("trimtab-open-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).unwrap();
        let file = |name: &str| folder.join(name);
        let url = |path: PathBuf| format!("sqlite://{}", path.display());
        explain(&url(folder.clone()), &[&folder.display().to_string(), "is a folder"]).await;
        explain(&url(file("missing/trimtab.db")), &["missing/trimtab.db", "folder does not exist"]).await;
        fs::write(file("notes.txt"), "Dear diary, ".repeat(100)).unwrap();
        explain(&url(file("notes.txt")), &["notes.txt", "not an SQLite database"]).await;
        // Even root cannot create a file in /sys.
        explain("sqlite:///sys/trimtab.db", &["/sys/trimtab.db", "cannot be written"]).await;

        let good = url(file("trimtab.db"));
        Db::open(&good).await.unwrap().close().await;
        let mut other = SqliteConnection::connect(&good).await.unwrap();
        other.execute("insert into _sqlx_migrations select 9999, 'later', installed_on, 1, checksum, 1 from _sqlx_migrations limit 1").await.unwrap();
        explain(&good, &["trimtab.db", "newer Trimtab", "9999"]).await;
        other.execute("drop table _sqlx_migrations").await.unwrap();
        explain(&good, &["trimtab.db", "already exists"]).await;
        other.close().await.unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }
}
