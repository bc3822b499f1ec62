//! A whole installation for a test, on either set-up, and helper functions for common steps.

pub mod prerequisites;

use std::{
    path::PathBuf,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use sqlx::Connection;
use tokio_util::sync::CancellationToken;
use trimtab::{
    channel::{Channel, EtcdSettings},
    delivery::Publisher,
    domain::{
        access::{Actor, Pattern, Role},
        content::{Content, Format, Item},
        error::Result,
        merge::Edit,
        names::ConfigId,
        release::{Delivery, Published},
    },
    fast_path::FastPath,
    service::{Dispatch, PublishRequest, PutApp, PutEnv, PutNamespace, Save, Service},
    storage::Db,
};

/// Runs each test on SQLite with the in-process channel and on MariaDB or MySQL with etcd.
#[macro_export]
macro_rules! on_both_set_ups {
    ($($(#[$doc:meta])* async fn $name:ident($site:ident: Site) $body:block)*) => {
        $(mod $name {
            use super::*;
            async fn run($site: Site) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                run(Site::embedded().await).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn cluster() {
                if let Some(site) = Site::cluster().await {
                    run(site).await;
                }
            }
        })*
    };
}

/// An installation: a database, a channel, a service and a running publisher.
pub struct Site {
    pub service: Service,
    pub db: Db,
    pub channel: Channel,
    pub database: Database,
    pub root: String,
    dispatch: Arc<Dispatch>,
    stop: CancellationToken,
}

/// Address of a test's database, and its folder, which is removed with the last clone.
#[derive(Clone)]
pub struct Database {
    pub url: String,
    dir: Option<Arc<Folder>>,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Timeout of waits for an event. It only ends a hung test.
pub const LONG: Duration = Duration::from_secs(40);

/// Polls a condition until it is true, at most [`LONG`].
pub async fn eventually(what: &str, is_so: impl AsyncFnMut() -> bool) {
    within(LONG, what, is_so).await;
}

/// Polls a condition until it is true, at most for `limit`.
pub async fn within(limit: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(limit, wait).await.unwrap_or_else(|_| panic!("{what}: not within {limit:?}"));
}

fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    format!("{}_{}_{}", std::process::id(), nanos % 1_000_000_000, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the addresses of the database and of etcd. Without them the test is skipped.
pub fn servers() -> Option<(String, String)> {
    prerequisites::server("TRIMTAB_TEST_MYSQL").zip(prerequisites::server("TRIMTAB_TEST_ETCD"))
}

impl Database {
    pub fn sqlite() -> Self {
        let dir = std::env::temp_dir().join(format!("trimtab-test-{}", unique()));
        std::fs::create_dir_all(&dir).unwrap();
        let url = format!("sqlite://{}", dir.join("trimtab.db").display());
        Self { url, dir: Some(Arc::new(Folder(dir))) }
    }

    pub async fn mysql(server: &str) -> Self {
        let (base, _) = server.rsplit_once('/').unwrap();
        let name = format!("trimtab_{}", unique());
        let mut admin = sqlx::MySqlConnection::connect(server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}"))).execute(&mut admin).await.unwrap();
        Self { url: format!("{base}/{name}"), dir: None }
    }

    /// Keeps the folder of another database alive as long as this one.
    pub fn sharing_folder(self, other: &Self) -> Self {
        Self { dir: other.dir.clone(), ..self }
    }

    /// Returns the folder of an SQLite database.
    pub fn folder(&self) -> Option<&std::path::Path> {
        self.dir.as_ref().map(|d| d.0.as_path())
    }
}

impl Site {
    pub async fn embedded() -> Self {
        Self::start(Database::sqlite(), Channel::local(), String::new()).await
    }

    pub async fn cluster() -> Option<Self> {
        let (mysql, etcd) = servers()?;
        let root = format!("test-{}", unique());
        let channel = Channel::etcd(etcd_settings(&etcd, &root)).await.unwrap();
        Some(Self::start(Database::mysql(&mysql).await, channel, root).await)
    }

    /// Starts an installation on SQLite and this etcd, whose publisher waits for `pause` after a failure.
    pub async fn beside(etcd: &str, pause: Duration) -> Self {
        let channel = Channel::etcd(etcd_settings(etcd, "trimtab")).await.unwrap();
        Self::start_with(Database::sqlite(), channel, String::new(), |publisher| publisher.with_back_off(pause, pause))
            .await
    }

    /// Starts another node on the same database and channel.
    pub async fn another_node(&self) -> Self {
        let channel = if self.root.is_empty() {
            self.channel.clone()
        } else {
            let (_, etcd) = servers().unwrap();
            Channel::etcd(etcd_settings(&etcd, &self.root)).await.unwrap()
        };
        Self::start(self.database.clone(), channel, self.root.clone()).await
    }

    /// Stops the publisher: accepted releases stay in the outbox until [`Site::deliver`].
    pub async fn accepting_only(self) -> Self {
        self.stop.cancel();
        let dispatch = dispatch();
        let service = Service::new(self.db.clone(), dispatch.clone()).with_delivery_timeout(Duration::ZERO);
        Self {
            service,
            dispatch,
            db: self.db.clone(),
            channel: self.channel.clone(),
            database: self.database.clone(),
            root: self.root.clone(),
            stop: CancellationToken::new(),
        }
    }

    async fn start(database: Database, channel: Channel, root: String) -> Self {
        Self::start_with(database, channel, root, |publisher| publisher).await
    }

    async fn start_with(
        database: Database,
        channel: Channel,
        root: String,
        publisher: impl FnOnce(Publisher) -> Publisher,
    ) -> Self {
        let db = Db::open(&database.url).await.unwrap();
        let (dispatch, stop) = (dispatch(), CancellationToken::new());
        let new = Publisher::new(db.clone(), channel.clone(), dispatch.clone(), stop.clone());
        tokio::spawn(publisher(new).run());
        Self { service: Service::new(db.clone(), dispatch.clone()), db, channel, database, root, dispatch, stop }
    }

    /// Returns the parts that publishing and delivery share on this node.
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    /// Returns another publisher of this node, without running tasks, for single steps of a test.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.db.clone(), self.channel.clone(), self.dispatch.clone(), CancellationToken::new())
    }

    /// Drains the outbox once, as the publisher of another node.
    pub async fn deliver(&self) {
        Publisher::new(self.db.clone(), self.channel.clone(), dispatch(), CancellationToken::new())
            .drain_once()
            .await
            .unwrap();
    }

    /// Waits until the outbox is empty. A publish is answered a moment earlier.
    pub async fn wait_until_recorded(&self) {
        let is_empty = async || self.db.read().await.unwrap().outbox_envs().await.unwrap().is_empty();
        eventually("the outbox drains", is_empty).await;
    }

    /// Waits until the outbox is empty, then returns the releases of a change.
    pub async fn publication(&self, change: &trimtab::domain::change::ChangeId) -> Published {
        self.wait_until_recorded().await;
        self.service.change(ana(), change).await.unwrap().published.expect("the change is published")
    }

    /// Creates the environments dev and prod (protected), and the applications shop and mail, each with the namespaces
    /// application (keys) and routes.yaml.
    pub async fn with_shop(self) -> Self {
        let shell = Actor::shell();
        for (n, name) in ["dev", "prod"].into_iter().enumerate() {
            let put = PutEnv {
                name: name.parse().unwrap(),
                title: None,
                position: Some(n as i32),
                protected: Some(name == "prod"),
                archived: None,
            };
            self.service.put_env(&shell, put).await.unwrap();
        }
        for app in ["shop", "mail"] {
            let put = PutApp { name: app.parse().unwrap(), title: None, description: None, archived: None };
            self.service.put_app(&shell, put).await.unwrap();
            for (name, format) in [("application", Format::Kv), ("routes.yaml", Format::Yaml)] {
                let put = PutNamespace {
                    app: app.parse().unwrap(),
                    name: name.parse().unwrap(),
                    format: Some(format),
                    description: None,
                    archived: None,
                };
                self.service.put_namespace(&shell, put).await.unwrap();
            }
        }
        self
    }

    /// Returns number and document of a config's release in the channel.
    pub async fn in_channel(&self, id: &str) -> Option<(u64, String)> {
        let listing = self.channel.list().await.unwrap();
        assert!(listing.damaged.is_empty(), "{:?}", listing.damaged);
        let entry = listing.entries.into_iter().find(|e| e.config == config(id))?;
        Some((entry.meta.seq, entry.document.expose().to_owned()))
    }

    /// Saves and publishes one key in one call.
    pub async fn publish_key(&self, actor: &Actor, id: &str, key: &str, value: &str) -> Published {
        let saves = vec![save(id, vec![set(key, value)])];
        self.service.save_and_publish(actor, "test".into(), confirm(id), saves, None).await.unwrap()
    }

    /// Publishes a change with the difference that its author sees.
    pub async fn publish(&self, actor: &Actor, change: &trimtab::domain::change::ChangeId) -> Result<Published> {
        let view = self.service.change(actor, change).await?;
        let env = view.configs.first().map(|c| c.config.env.to_string()).unwrap_or_default();
        let publish = PublishRequest {
            change: change.clone(),
            diff_sha256: Some(view.diff_sha256),
            message: Some("test".into()),
            confirm: env,
            idempotency: None,
        };
        self.service.publish(actor, publish).await
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Returns whether the suite runs with the fast path of delivery. Servers started by tests read the same variable.
pub fn is_fast_path_on() -> bool {
    !std::env::var("TRIMTAB_FAST_PATH").is_ok_and(|setting| setting == "off")
}

/// Returns the dispatch of a new node.
pub fn dispatch() -> Arc<Dispatch> {
    Arc::new(Dispatch::new(FastPath::new(is_fast_path_on())))
}

pub fn etcd_settings(endpoint: &str, root: &str) -> EtcdSettings {
    EtcdSettings {
        endpoints: vec![endpoint.to_owned()],
        root: root.to_owned(),
        remembers_writes: is_fast_path_on(),
        ..EtcdSettings::default()
    }
}

pub fn config(id: &str) -> ConfigId {
    id.parse().unwrap()
}

fn confirm(id: &str) -> String {
    config(id).env.to_string()
}

/// Returns a user with roles, which need not exist in the database.
pub fn user_with_roles(name: &str, roles: &[(&str, Role)]) -> Actor {
    let roles: Vec<_> = roles.iter().map(|(p, r)| (p.parse::<Pattern>().unwrap(), r.clone())).collect();
    Actor::user(name, name, false, &roles)
}

/// Returns a user who may publish everything.
pub fn ana() -> &'static Actor {
    static ANA: LazyLock<Actor> = LazyLock::new(|| user_with_roles("ana", &[("*/*/*", Role::PUBLISHER)]));
    &ANA
}

/// Returns another user who may publish everything.
pub fn marek() -> &'static Actor {
    static MAREK: LazyLock<Actor> = LazyLock::new(|| user_with_roles("marek", &[("*/*/*", Role::PUBLISHER)]));
    &MAREK
}

pub fn set(key: &str, value: &str) -> (String, Edit) {
    (key.to_owned(), Edit::Set(Item::string(value)))
}

pub fn remove(key: &str) -> (String, Edit) {
    (key.to_owned(), Edit::Remove)
}

pub fn text(text: &str) -> (String, Edit) {
    (String::new(), Edit::Text(text.into()))
}

/// Returns edits on the live release, whichever that is.
pub fn save(id: &str, edits: Vec<(String, Edit)>) -> Save {
    Save { config: config(id), change: None, base: None, version: None, edits }
}

/// Returns edits that were made on the release `base`.
pub fn save_on(id: &str, base: u64, edits: Vec<(String, Edit)>) -> Save {
    Save { base: Some(base), ..save(id, edits) }
}

pub fn value<'a>(content: &'a Content, key: &str) -> Option<&'a str> {
    content.items()?.get(key).map(|i| i.value.expose())
}

pub fn assert_delivered(published: &Published) {
    assert!(matches!(published.delivery, Delivery::Delivered { .. }), "{:?}", published.delivery);
}

/// Runs SQL on a database, past the server.
pub async fn execute(database: &Database, sql: &str) {
    let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()));
    if database.url.starts_with("sqlite") {
        sql.execute(&mut sqlx::SqliteConnection::connect(&database.url).await.unwrap()).await.unwrap();
    } else {
        sql.execute(&mut sqlx::MySqlConnection::connect(&database.url).await.unwrap()).await.unwrap();
    }
}

/// Returns the result of a `count` query.
pub async fn count(database: &Database, sql: &str) -> i64 {
    one(database, sql).await
}

/// Returns the single value of a query's result.
pub async fn one<T>(database: &Database, sql: &str) -> T
where
    T: Send + Unpin,
    (T,): for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + for<'r> sqlx::FromRow<'r, sqlx::mysql::MySqlRow>,
{
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    if database.url.starts_with("sqlite") {
        let mut on = sqlx::SqliteConnection::connect(&database.url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut on).await.unwrap()
    } else {
        let mut on = sqlx::MySqlConnection::connect(&database.url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut on).await.unwrap()
    }
}

/// The server renews its table of transactions only if nobody has read it for this long: a client that polls faster
/// sees ended transactions forever (`CACHE_MIN_IDLE_TIME_NS` in `trx0i_s.cc` of MySQL and MariaDB, 0.1 s).
const TABLE_MAX_AGE: Duration = Duration::from_millis(120);
/// Held while the table becomes old enough and is read.
static TABLE_OF_TRANSACTIONS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Returns the open transactions of a database on the server, with their statements and ages. SQLite cannot list them,
/// so there the result is empty.
pub async fn open_transactions(database: &Database) -> Vec<String> {
    if database.url.starts_with("sqlite") {
        return Vec::new();
    }
    let socket = std::env::var("TRIMTAB_TEST_MYSQL_SOCKET").unwrap();
    let root = sqlx::mysql::MySqlConnectOptions::new().socket(socket).username("root");
    let mut root = sqlx::MySqlConnection::connect_with(&root).await.unwrap();
    let (_, name) = database.url.rsplit_once('/').unwrap();
    let _one_at_a_time = TABLE_OF_TRANSACTIONS.lock().await;
    tokio::time::sleep(TABLE_MAX_AGE).await;
    sqlx::query_scalar(
        "select concat_ws(' ', p.id, p.command, p.state, p.time, t.trx_state, t.trx_started, left(p.info, 200)) \
         from information_schema.innodb_trx t \
         join information_schema.processlist p on p.id = t.trx_mysql_thread_id where p.db = ?",
    )
    .bind(name)
    .fetch_all(&mut root)
    .await
    .unwrap()
}
