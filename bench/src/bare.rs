//! The limits: performance of the same libraries, database and etcd without Trimtab.

use std::{collections::HashMap, convert::Infallible, env, io::Write, process::Stdio, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
    routing::{get, post},
    serve::ListenerExt,
};
use etcd_client::Client;
use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{
    Connection, Executor, MySqlConnection, SqliteConnection,
    mysql::MySqlConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::{Mutex, watch},
};

use crate::{figures::Result, node::SetUp};

/// A bare axum server with fixed answers, in its own process.
pub struct Bare {
    child: Child,
    /// Address of the server.
    pub url: String,
}

/// A recorded answer.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answer {
    path: String,
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Answer {
    /// Records an answer, which is repeated at this path.
    pub async fn of(path: &str, response: reqwest::Response) -> Result<Self> {
        let (status, headers) = (response.status().as_u16(), repeatable(response.headers())?);
        Ok(Self { path: path.to_owned(), status, headers, body: String::from_utf8(response.bytes().await?.into())? })
    }

    /// Returns the length of the body.
    pub fn length(&self) -> usize {
        self.body.len()
    }

    /// Returns the body as an event of a stream with these headers.
    pub fn as_event(&self, path: &str, headers: &HeaderMap) -> Result<Self> {
        let body = format!("event: config\nid: 00000000-1\ndata: {}\n\n", self.body);
        Ok(Self { path: path.to_owned(), status: self.status, headers: repeatable(headers)?, body })
    }
}

/// Returns the headers without those that a server sets for each answer.
fn repeatable(headers: &HeaderMap) -> Result<HashMap<String, String>> {
    let own = ["date", "content-length", "transfer-encoding"];
    let fixed = headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    fixed.map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned()))).collect()
}

impl Bare {
    /// Starts a server with these answers.
    pub async fn start(answers: &[Answer]) -> Result<Self> {
        Self::spawn("bare", &answers).await
    }

    /// Starts a server whose `POST` of [`PUBLISH`] commits this document and, where there is an etcd, puts it.
    pub async fn publisher(set_up: &SetUp, document: &str) -> Result<Self> {
        // Its own file, so that its writes do not invalidate the page cache of the other bare connection.
        let database =
            if set_up.etcd.is_none() { format!("{}-http", set_up.database) } else { set_up.database.clone() };
        let what = json!({"database": database, "etcd": set_up.etcd, "document": document});
        Self::spawn("bare-publisher", &what).await
    }

    async fn spawn(kind: &str, what: &impl Serialize) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg(kind).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().ok_or("no stdin")?;
        stdin.write_all(&serde_json::to_vec(what)?).await?;
        drop(stdin);
        let mut lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
        let url = lines.next_line().await?.ok_or("the bare server does not start")?;
        Ok(Self { child, url })
    }

    /// Returns the process id.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| "the bare server has ended".into())
    }
}

/// Path of a publish, with [`Bare::publisher`].
pub const PUBLISH: &str = "/publish";
/// Path of a long poll, which is answered after `POST /wake`.
pub const WAIT: &str = "/wait";
/// Path of a stream, which gets an event at once and after each `POST /wake`.
pub const EVENTS: &str = "/events";

/// Runs the server of [`Bare::start`]: `trimtab-bench bare`.
pub async fn serve() -> Result<()> {
    let answers: Vec<Answer> = serde_json::from_reader(std::io::stdin())?;
    let bell = Arc::new(watch::Sender::new(()));
    let ringing = bell.clone();
    let mut router = Router::new().route("/wake", post(async move || ringing.send_replace(())));
    for Answer { path, status, headers, body } in answers {
        let (status, headers) = (StatusCode::from_u16(status)?, HeaderMap::try_from(&headers)?);
        let (body, bell) = (Bytes::from(body), bell.clone());
        let handler = match &*path {
            WAIT => get(move || {
                let (answer, mut rung) = ((status, headers.clone(), body.clone()), bell.subscribe());
                async move {
                    let _ = rung.changed().await;
                    answer
                }
            }),
            EVENTS => get(move || {
                let rung = bell.subscribe();
                let events = stream::unfold((rung, body.clone(), true), async |(mut rung, event, first)| {
                    if !first {
                        rung.changed().await.ok()?;
                    }
                    Some((Ok::<_, Infallible>(event.clone()), (rung, event, false)))
                });
                let answer = (status, headers.clone(), Body::from_stream(events));
                async move { answer }
            }),
            _ => get(move || {
                let answer = (status, headers.clone(), body.clone());
                async move { answer }
            }),
        };
        router = router.route(&path, handler);
    }
    listen(router).await
}

/// Runs the server of [`Bare::publisher`]: `trimtab-bench bare-publisher`.
pub async fn publish() -> Result<()> {
    let what: Value = serde_json::from_reader(std::io::stdin())?;
    let text = |name: &str| what[name].as_str().map(str::to_owned);
    let puts = Puts::open(text("etcd").as_deref()).await?;
    let sql = Sql::bare(&text("database").ok_or("no database")?).await?;
    let (both, document) = (Arc::new(Mutex::new((sql, puts))), text("document").ok_or("no document")?);
    let publish = post(async move |_: Bytes| {
        let (sql, puts) = &mut *both.lock().await;
        let done = async {
            sql.commit(&document).await?;
            if let Some(puts) = puts { puts.put(&document).await } else { Ok(()) }
        };
        if done.await.is_ok() { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
    });
    listen(Router::new().route(PUBLISH, publish)).await
}

async fn listen(router: Router) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let quick = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(quick, router).await?)
}

/// A connection to a database.
pub enum Sql {
    /// Connection to a file.
    Sqlite(SqliteConnection),
    /// Connection to MariaDB or MySQL.
    MySql(MySqlConnection),
}

impl Sql {
    /// Connects to the server's own database, to see its releases.
    pub async fn of(set_up: &SetUp) -> Result<Self> {
        Ok(match set_up.database.starts_with("sqlite:") {
            true => Self::Sqlite(SqliteConnection::connect(&set_up.database).await?),
            false => Self::MySql(MySqlConnection::connect(&set_up.database).await?),
        })
    }

    /// Connects to a separate database with the same durability, and creates a table.
    pub async fn bare(database: &str) -> Result<Self> {
        let Some(file) = database.strip_prefix("sqlite://") else {
            let mut mysql = MySqlConnection::connect(database).await?;
            mysql.execute("create database if not exists trimtab_bare").await?;
            mysql.execute("use trimtab_bare").await?;
            let table = "create table if not exists bare (id integer auto_increment primary key, document mediumtext)";
            mysql.execute(table).await?;
            return Ok(Self::MySql(mysql));
        };
        let options = SqliteConnectOptions::new()
            .filename(format!("{file}.bare"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut sqlite = SqliteConnection::connect_with(&options).await?;
        sqlite.execute("create table if not exists bare (id integer primary key, document text)").await?;
        Ok(Self::Sqlite(sqlite))
    }

    /// Inserts a row in its own transaction.
    pub async fn commit(&mut self, document: &str) -> Result<()> {
        const INSERT: &str = "insert into bare (document) values (?)";
        match self {
            Self::Sqlite(sqlite) => {
                let mut tx = sqlite.begin_with("begin immediate").await?;
                sqlx::query(INSERT).bind(document).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }
            Self::MySql(mysql) => {
                let mut tx = mysql.begin().await?;
                sqlx::query(INSERT).bind(document).execute(&mut *tx).await?;
                Ok(tx.commit().await?)
            }
        }
    }

    /// Returns the number of the newest release, where there is one config.
    pub async fn newest(&mut self) -> Result<i64> {
        const NEWEST: &str = "select live from configs";
        Ok(match self {
            Self::Sqlite(sqlite) => sqlx::query_scalar(NEWEST).fetch_one(sqlite).await?,
            Self::MySql(mysql) => sqlx::query_scalar(NEWEST).fetch_one(mysql).await?,
        })
    }
}

/// Creates a database on the server of this URL.
pub async fn new_database(server: &str, name: &str) -> Result<()> {
    let mut mysql = MySqlConnection::connect(server).await?;
    mysql.execute(sqlx::AssertSqlSafe(format!("create database {name} character set utf8mb4"))).await?;
    Ok(mysql.close().await?)
}

/// Makes the test MariaDB as durable as a real one: it syncs each commit to the disk.
pub async fn careful_mariadb() -> Result<()> {
    let socket = env::var("TRIMTAB_TEST_MYSQL_SOCKET")?;
    let mut root = MySqlConnection::connect_with(&MySqlConnectOptions::new().socket(socket).username("root")).await?;
    root.execute("set global innodb_flush_log_at_trx_commit = 1").await?;
    Ok(root.close().await?)
}

/// A connection that puts into etcd.
pub struct Puts(Client);

impl Puts {
    /// Connects to etcd, if there is one.
    pub async fn open(etcd: Option<&str>) -> Result<Option<Self>> {
        let Some(etcd) = etcd else { return Ok(None) };
        Ok(Some(Self(Client::connect([etcd], None).await?)))
    }

    /// Puts a document.
    pub async fn put(&mut self, document: &str) -> Result<()> {
        self.0.put("bare/document", document, None).await?;
        Ok(())
    }
}
