//! The limits: what the same libraries, database and etcd do when there is nothing of Trimtab around.

use std::{collections::HashMap, env, io::Write, process::Stdio, time::Duration};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    routing::get,
    serve::ListenerExt,
};
use etcd_client::Client;
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
};

use crate::{figures::Result, node::Place};

/// A bare axum server with some fixed answers, in a process of its own.
pub struct Bare {
    child: Child,
    /// Where it listens.
    pub url: String,
}

/// An answer that was given before.
pub struct Answer {
    path: &'static str,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// Keeps an answer, to be given again at this path.
    pub async fn of(path: &'static str, response: reqwest::Response) -> Result<Self> {
        let (status, mut headers) = (response.status(), response.headers().clone());
        // These are made anew by whoever answers.
        for own in ["date", "content-length", "transfer-encoding"] {
            headers.remove(own);
        }
        Ok(Self { path, status, headers, body: response.bytes().await? })
    }

    fn json(&self) -> Result<Value> {
        let mut headers = HashMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.as_str(), value.to_str()?);
        }
        let body = std::str::from_utf8(&self.body)?;
        Ok(json!({"path": self.path, "status": self.status.as_u16(), "headers": headers, "body": body}))
    }
}

impl Bare {
    /// Starts one.
    pub async fn start(answers: &[Answer]) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("bare").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let answers: Vec<Value> = answers.iter().map(Answer::json).collect::<Result<_>>()?;
        let mut stdin = child.stdin.take().ok_or("no stdin")?;
        stdin.write_all(&serde_json::to_vec(&answers)?).await?;
        drop(stdin);
        let mut lines = BufReader::new(child.stdout.take().ok_or("no stdout")?).lines();
        let url = lines.next_line().await?.ok_or("the bare server does not start")?;
        Ok(Self { child, url })
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| "the bare server has ended".into())
    }
}

/// The other side of [`Bare::start`]: `trimtab-bench bare`. Besides the answers it has `/wait`, which never answers.
pub async fn serve() -> Result<()> {
    let answers: Vec<Value> = serde_json::from_reader(std::io::stdin())?;
    let never = || async { tokio::time::sleep(Duration::from_secs(3600)).await };
    let mut router = Router::new().route("/wait", get(never));
    for answer in answers {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let status = StatusCode::from_u16(u16::try_from(answer["status"].as_u64().unwrap_or(200))?)?;
        let mut headers = HeaderMap::new();
        for (name, value) in answer["headers"].as_object().into_iter().flatten() {
            let name = HeaderName::try_from(name)?;
            headers.insert(name, HeaderValue::try_from(value.as_str().unwrap_or_default())?);
        }
        let body = Bytes::from(text("body"));
        let handler = move || {
            let answer = (status, headers.clone(), body.clone());
            async move { answer }
        };
        router = router.route(&text("path"), get(handler));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    let quick = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(quick, router).await?)
}

/// A connection to a database.
pub enum Sql {
    /// To a file.
    Sqlite(SqliteConnection),
    /// To MariaDB or MySQL.
    MySql(MySqlConnection),
}

impl Sql {
    /// To the server's own database, to see what is accepted.
    pub async fn of(place: &Place) -> Result<Self> {
        Ok(match place.database.starts_with("sqlite:") {
            true => Self::Sqlite(SqliteConnection::connect(&place.database).await?),
            false => Self::MySql(MySqlConnection::connect(&place.database).await?),
        })
    }

    /// To one beside it, as safe on the disk, with a table to insert into.
    pub async fn bare(place: &Place) -> Result<Self> {
        let Some(file) = place.database.strip_prefix("sqlite://") else {
            let mut mysql = MySqlConnection::connect(&place.database).await?;
            mysql.execute("create database trimtab_bare").await?;
            mysql.execute("use trimtab_bare").await?;
            mysql.execute("create table bare (id integer auto_increment primary key, document mediumtext)").await?;
            return Ok(Self::MySql(mysql));
        };
        let options = SqliteConnectOptions::new()
            .filename(format!("{file}.bare"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut sqlite = SqliteConnection::connect_with(&options).await?;
        sqlite.execute("create table bare (id integer primary key, document text)").await?;
        Ok(Self::Sqlite(sqlite))
    }

    /// One insert in a transaction of its own.
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

    /// The number of the newest release, where there is one config.
    pub async fn newest(&mut self) -> Result<i64> {
        const NEWEST: &str = "select live from configs";
        Ok(match self {
            Self::Sqlite(sqlite) => sqlx::query_scalar(NEWEST).fetch_one(sqlite).await?,
            Self::MySql(mysql) => sqlx::query_scalar(NEWEST).fetch_one(mysql).await?,
        })
    }
}

/// Makes the test MariaDB as careful as a real one: a commit is on the disk.
pub async fn careful_mariadb() -> Result<()> {
    let socket = env::var("TRIMTAB_TEST_MYSQL_SOCKET")?;
    let mut root = MySqlConnection::connect_with(&MySqlConnectOptions::new().socket(socket).username("root")).await?;
    root.execute("set global innodb_flush_log_at_trx_commit = 1").await?;
    Ok(root.close().await?)
}

/// A connection that puts into etcd.
pub struct Puts(Client);

impl Puts {
    /// Connects; none without an etcd.
    pub async fn open(place: &Place) -> Result<Option<Self>> {
        let Some(etcd) = &place.etcd else { return Ok(None) };
        Ok(Some(Self(Client::connect([etcd], None).await?)))
    }

    /// One put.
    pub async fn put(&mut self, document: &str) -> Result<()> {
        self.0.put("bare/document", document, None).await?;
        Ok(())
    }
}
