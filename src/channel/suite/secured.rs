//! A separate etcd with TLS, client certificates and users, like a production cluster.

use std::{env::temp_dir, path::PathBuf, process::Stdio, time::Duration};

use etcd_client::{Client, ConnectOptions, Permission, TlsOptions};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::timeout,
};
use uuid::Uuid;

use super::{
    super::{Channel, ChannelError, EtcdSettings, RegistryEvent, RegistryFilter, TokenList},
    TEST_TIMEOUT, env, eventually, next, small,
};
use crate::prerequisites;

const PASSWORD: &str = "hunter2";
/// Delay that exceeds the time to live of an idle token.
const TOKEN: Duration = Duration::from_secs(3);

/// Command that installs etcd and openssl.
const INSTALL: &str = "tools/setup.sh test";

/// A server. Dropping this stops it and removes its folder.
struct Secured {
    _process: Child,
    folder: PathBuf,
    endpoint: String,
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Secured {
    /// Starts the server. `trimtab` may read and write `trimtab/`, `reader` may read it and write names and replies,
    /// `silent` may read it, `application` may read documents, `stranger` nothing. Idle tokens live for 1 s.
    async fn start() -> Option<Self> {
        let folder = temp_dir().join(format!("trimtab-{}", Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        certificates(&folder).await?;
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let endpoint = format!("https://127.0.0.1:{port}");
        let file = |name: &str| folder.join(name);
        let process = Command::new("etcd")
            .arg("--data-dir")
            .arg(file("data"))
            .args(["--listen-client-urls", &endpoint, "--advertise-client-urls", &endpoint])
            .args(["--listen-peer-urls", "http://127.0.0.1:0", "--logger", "zap", "--log-level", "error"])
            .arg("--cert-file")
            .arg(file("cert.pem"))
            .arg("--key-file")
            .arg(file("key.pem"))
            .arg("--trusted-ca-file")
            .arg(file("cert.pem"))
            .args(["--client-cert-auth", "--auth-token-ttl", "1"])
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(process) = process else {
            prerequisites::skip("etcd is not on the path", INSTALL);
            return None;
        };
        let secured = Self { _process: process, folder, endpoint };
        let channel = secured.channel(None).await;
        eventually("etcd is up", async || channel.check().await.is_ok()).await;
        secured.users().await;
        Some(secured)
    }

    async fn users(&self) {
        let pem = |name: &str| std::fs::read(self.folder.join(name)).unwrap();
        let tls = TlsOptions::new()
            .ca_certificate(etcd_client::Certificate::from_pem(pem("cert.pem")))
            .identity(etcd_client::Identity::from_pem(pem("cert.pem"), pem("key.pem")));
        let options = ConnectOptions::new().with_tls(tls);
        let mut etcd = Client::connect([&self.endpoint], Some(options)).await.unwrap();
        for (user, rights) in [
            ("trimtab", vec![Permission::read_write("trimtab/")]),
            (
                "reader",
                vec![
                    Permission::read("trimtab/"),
                    Permission::write("trimtab/nodes/answers/"),
                    Permission::write("trimtab/nodes/names/"),
                ],
            ),
            ("silent", vec![Permission::read("trimtab/")]),
            ("application", vec![Permission::read("trimtab/config/")]),
            ("stranger", vec![]),
            ("root", vec![]),
        ] {
            etcd.user_add(user, PASSWORD, None).await.unwrap();
            etcd.role_add(user).await.unwrap();
            etcd.user_grant_role(user, user).await.unwrap();
            for rights in rights {
                etcd.role_grant_permission(user, rights.with_prefix()).await.unwrap();
            }
        }
        etcd.auth_enable().await.unwrap();
    }

    async fn channel(&self, user: Option<(&str, &str)>) -> Channel {
        Channel::etcd(self.settings(&self.endpoint, user)).await.unwrap()
    }

    fn settings(&self, endpoint: &str, user: Option<(&str, &str)>) -> EtcdSettings {
        let pem = |name: &str| Some(self.folder.join(name));
        EtcdSettings {
            endpoints: vec![endpoint.into()],
            username: user.map(|(name, _)| name.into()),
            password: user.map(|(_, password)| password.into()),
            ca: pem("cert.pem"),
            cert: pem("cert.pem"),
            key: pem("key.pem"),
            ..EtcdSettings::default()
        }
    }
}

/// Makes one certificate for the authority, the server and the client.
async fn certificates(folder: &std::path::Path) -> Option<()> {
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=nobody -keyout key.pem -out cert.pem".split(' '))
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .current_dir(folder)
        .output()
        .await;
    if made.is_ok_and(|made| made.status.success()) {
        return Some(());
    }
    prerequisites::skip("openssl made no certificate", INSTALL);
    None
}

fn is_refused<T: std::fmt::Debug>(answer: &Result<T, ChannelError>) -> bool {
    matches!(answer, Err(ChannelError::Refused(why)) if !why.contains("hunter"))
}

#[tokio::test]
async fn with_tls_and_a_user_everything_works() {
    let Some(secured) = Secured::start().await else { return };
    let channel = secured.channel(Some(("trimtab", PASSWORD))).await;
    let lock = channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    let mut watch = channel.watch(channel.head().await.unwrap().revision).await.unwrap();
    channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 1)]);
    assert!(channel.holder(&env("prod")).await.unwrap().is_some());
    assert!(!channel.has_waiters(&lock).await);

    let reader = secured.channel(Some(("reader", PASSWORD))).await;
    assert_eq!(reader.list().await.unwrap().entries, [small("a/x", 1)]);
    let mut watch = reader.watch(reader.head().await.unwrap().revision).await.unwrap();
    channel.deliver(&lock, &[small("a/x", 2)]).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 2)]);
    assert!(is_refused(&reader.lock(&env("dev"), TEST_TIMEOUT).await));

    let list = TokenList { version: 1, tokens: Vec::new() };
    assert!(channel.put_tokens(&list, 0).await.unwrap());
    let there = reader.tokens(0).await.unwrap();
    assert_eq!(there.list, Some(list.clone()));
    assert!(is_refused(&reader.put_tokens(&list, there.list_revision).await));
    let application = secured.channel(Some(("application", PASSWORD))).await;
    assert!(application.check().await.is_ok());
    assert!(is_refused(&application.tokens(0).await), "a user that reads documents reads no hashes of tokens");
    assert!(is_refused(&application.watch_tokens(1).await));

    for (name, password) in [("stranger", PASSWORD), ("trimtab", "hunter3"), ("nobody", PASSWORD)] {
        let channel = secured.channel(Some((name, password))).await;
        assert!(is_refused(&channel.list().await), "{name}");
        assert!(is_refused(&channel.watch(1).await), "{name}");
        assert!(is_refused(&channel.lock(&env("dev"), TEST_TIMEOUT).await), "{name}");
    }
}

#[tokio::test]
async fn a_reader_node_may_reply_but_not_query() {
    let Some(secured) = Secured::start().await else { return };
    let registry = async |user| secured.channel(Some((user, PASSWORD))).await.node_registry().unwrap();
    let (console, reader, silent) = (registry("trimtab").await, registry("reader").await, registry("silent").await);
    let scope = "*/*/*".parse().unwrap();
    let mut watch = console.watch(RegistryFilter::All, console.list().await.unwrap().revision).await.unwrap();
    let member = reader.join(true).await.unwrap();
    member.write_reply(&scope, "{}").await.unwrap();
    assert!(is_refused(&member.write_query(&scope, 4096).await));
    let asking = console.join(false).await.unwrap();
    asking.write_query(&scope, 4096).await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 4 {
        heard.extend(timeout(TEST_TIMEOUT, watch.next()).await.expect("events in time").unwrap());
    }
    assert!(matches!(
        heard[..],
        [
            RegistryEvent::Joined(..),
            RegistryEvent::Replied { .. },
            RegistryEvent::Joined(..),
            RegistryEvent::Queried { .. }
        ]
    ));

    // Without permission to write, a node sees the queries but is not registered.
    assert!(is_refused(&silent.join(true).await));
    assert_eq!(silent.list().await.unwrap().events.len(), 3);
    assert!(silent.watch(RegistryFilter::Queries, 1).await.is_ok());
    let application = registry("application").await;
    assert!(is_refused(&application.list().await) && is_refused(&application.watch(RegistryFilter::All, 1).await));
}

#[tokio::test]
async fn an_expired_token_is_renewed() {
    let Some(secured) = Secured::start().await else { return };
    let channel = secured.channel(Some(("trimtab", PASSWORD))).await;
    // The lock is kept alive meanwhile.
    let lock = channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    tokio::time::sleep(TOKEN).await;
    channel.deliver(&lock, &[small("a/x", 1)]).await.unwrap();
    tokio::time::sleep(TOKEN).await;
    let mut watch = channel.watch(1).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 1)]);
    tokio::time::sleep(TOKEN).await;
    lock.release().await;
    tokio::time::sleep(TOKEN).await;
    let lock = channel.lock(&env("prod"), TEST_TIMEOUT).await.unwrap();
    channel.deliver(&lock, &[small("a/x", 2)]).await.unwrap();
    assert_eq!(next(&mut watch).await.unwrap(), [small("a/x", 2)], "a watch outlives its token");
}

/// Checks a channel with these settings, and returns the error's text.
async fn complaint(settings: EtcdSettings) -> String {
    let channel = Channel::etcd(settings).await.unwrap();
    channel.check().await.expect_err("these settings are wrong").to_string()
}

#[tokio::test]
async fn errors_name_the_endpoint_and_the_remedy() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let plain = |endpoint: &str| EtcdSettings { endpoints: vec![endpoint.to_owned()], ..EtcdSettings::default() };
    let mut found = vec![
        (complaint(plain(&closed)).await, vec![closed, "Connection refused".into(), "etcd.endpoints".into()]),
        (
            complaint(plain("nowhere.invalid:2379")).await,
            vec!["http://nowhere.invalid:2379".into(), "lookup".into(), "etcd.endpoints".into()],
        ),
    ];
    let (shared, secured) = (prerequisites::server("TRIMTAB_TEST_ETCD"), Secured::start().await);
    if let Some(endpoint) = shared.clone() {
        let (name, password) = (Some("ana".into()), Some(PASSWORD.into()));
        let user = EtcdSettings { username: name, password, ..plain(&endpoint) };
        found.push((complaint(user).await, vec![endpoint, "remove etcd.username".into()]));
    }
    if let Some(secured) = secured {
        let of = async |user| secured.channel(user).await.check().await.unwrap_err().to_string();
        let endpoint = secured.endpoint.clone();
        for (user, advice) in [
            (Some(("trimtab", "hunter3")), "correct etcd.username and etcd.password"),
            (Some(("nobody", PASSWORD)), "correct etcd.username and etcd.password"),
            (Some(("stranger", PASSWORD)), "grant the user"),
            // etcd takes the name in the certificate, which is no user.
            (None, "grant the user"),
        ] {
            found.push((of(user).await, vec![endpoint.clone(), advice.into()]));
        }
        let without_tls = endpoint.replace("https://", "http://");
        found.push((complaint(plain(&without_tls)).await, vec![without_tls, "write https://".into()]));
        if let Some(plain) = shared {
            let with_tls = format!("https://{plain}");
            found.push((complaint(secured.settings(&with_tls, None)).await, vec![with_tls, "write http://".into()]));
        }
    }
    let is_clear = |(said, parts): &(String, Vec<String>)| {
        parts.iter().all(|part| said.contains(part)) && !said.contains(PASSWORD) && !said.contains('\n')
    };
    found.retain(|one| !is_clear(one));
    assert!(found.is_empty(), "not clear: {found:#?}");
}
