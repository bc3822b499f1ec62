//! Settings of the connection to etcd: addresses, credentials and timeouts.

use std::{
    net::Ipv6Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use etcd_client::{Certificate, ConnectOptions, Identity, TlsOptions};
use tokio::fs;

use super::{super::ChannelError, keys::Keys};
use crate::domain::sensitive::Sensitive;

/// Time to live of a lock's lease. A dead holder blocks the others for this time, and a live holder may be delayed for
/// this time without losing the lock. etcd's minimum is 2 s.
const LOCK_TTL: Duration = Duration::from_secs(6);
/// Timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of a request.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout of a listing's page, which may be many megabytes.
const PAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum silence of a watch before its progress is requested. HTTP/2 pings are no substitute: etcd accepts one in 5 s
/// and closes connections with more.
const MAX_SILENCE: Duration = Duration::from_secs(2);

/// Timeouts of the channel. Tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Time to live of a lock's lease: 6 s.
    pub ttl: Duration,
    /// Timeout of a connection attempt: 2 s.
    pub connect: Duration,
    /// Timeout of a request: 3 s. A delivery takes up to three requests: a read, a write and, if the outcome of the
    /// write is unknown, another read.
    pub call: Duration,
    /// Timeout of a listing's page: 10 s.
    pub page: Duration,
    /// Silence of a watch after which its progress is requested: 2 s. The response must come within `call`.
    pub silence: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { ttl: LOCK_TTL, connect: CONNECT_TIMEOUT, call: CALL_TIMEOUT, page: PAGE_TIMEOUT, silence: MAX_SILENCE }
    }
}

/// Settings of the connection to etcd. With authentication, a console's user needs to read and write `<root>/`. A
/// reader node's user needs to read it and to write `<root>/nodes/names/` and `<root>/nodes/answers/`. A program that
/// reads documents itself gets `<root>/config/` only, without the hashes of tokens.
#[derive(Clone, Debug)]
pub struct EtcdSettings {
    /// Members, each as `host:port` or a URL.
    pub endpoints: Vec<String>,
    /// Prefix of all keys: `trimtab`.
    pub root: String,
    /// User name. Requires `password`.
    pub username: Option<String>,
    /// Password of the user.
    pub password: Option<Sensitive>,
    /// PEM file of the authority that signed the members' certificates. Enables TLS.
    pub ca: Option<PathBuf>,
    /// PEM file of a client certificate. Requires `key`.
    pub cert: Option<PathBuf>,
    /// PEM file of the client certificate's key.
    pub key: Option<PathBuf>,
    /// Name of this node, shown for locks and readers. If empty, locks have no name.
    pub node: String,
    /// Timeouts.
    pub timing: Timing,
    /// Whether a delivery guesses the state of etcd from this node's last writes (`crate::fast_path`).
    pub remembers_writes: bool,
}

impl Default for EtcdSettings {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            root: "trimtab".into(),
            username: None,
            password: None,
            ca: None,
            cert: None,
            key: None,
            node: String::new(),
            timing: Timing::default(),
            remembers_writes: true,
        }
    }
}

impl EtcdSettings {
    /// Checks the addresses of the members.
    ///
    /// # Errors
    /// The reason why they are refused.
    pub fn check_endpoints(&self) -> Result<(), ChannelError> {
        self.urls().map(drop)
    }

    /// Checks the root.
    ///
    /// # Errors
    /// The reason why it is refused.
    pub fn check_root(&self) -> Result<(), ChannelError> {
        Keys::new(&self.root).map(drop)
    }

    /// Returns the URLs of the members. A missing scheme follows from the other settings.
    pub(super) fn urls(&self) -> Result<Vec<String>, ChannelError> {
        if self.endpoints.is_empty() {
            return refused("etcd.endpoints names no member");
        }
        self.endpoints.iter().map(|endpoint| self.url(endpoint.trim().trim_end_matches('/'))).collect()
    }

    fn url(&self, endpoint: &str) -> Result<String, ChannelError> {
        let tls = self.ca.is_some();
        if endpoint.contains('@') {
            // The message does not repeat the endpoint, which may hold a password.
            return refused("etcd.endpoints: user and password belong in etcd.username and etcd.password");
        }
        let member = endpoint.split_once("://").map_or(endpoint, |(_, member)| member);
        match endpoint.split_once("://") {
            None if endpoint.is_empty() => refused("etcd.endpoints names an empty member"),
            Some(("http", _)) if tls => refused(format!("{endpoint} is not TLS, but etcd.ca is set")),
            Some(("https", _)) if !tls => refused(format!("{endpoint} needs etcd.ca")),
            Some((scheme, _)) if !matches!(scheme, "http" | "https") => {
                refused(format!("{endpoint} is neither http nor https"))
            }
            _ if !is_host_and_port(member) => {
                refused(format!("etcd.endpoints: {endpoint:?} is not a host and a port such as 10.0.0.1:2379"))
            }
            None => Ok(format!("{}://{endpoint}", if tls { "https" } else { "http" })),
            Some(_) => Ok(endpoint.to_owned()),
        }
    }

    pub(super) async fn options(&self) -> Result<ConnectOptions, ChannelError> {
        let mut options = ConnectOptions::new()
            .with_connect_timeout(self.timing.connect)
            // An isolated member then ends its watches and refuses requests, instead of falling behind silently.
            .with_require_leader(true)
            .with_auto_token_refresh(true);
        match (&self.username, &self.password) {
            (None, None) => {}
            (Some(name), Some(password)) => options = options.with_user(name, password.expose()),
            _ => return refused("etcd.username and etcd.password go together"),
        }
        if let Some(tls) = self.tls().await? {
            options = options.with_tls(tls);
        }
        Ok(options)
    }

    async fn tls(&self) -> Result<Option<TlsOptions>, ChannelError> {
        let tls = match &self.ca {
            None if self.cert.is_some() || self.key.is_some() => return refused("etcd.cert needs etcd.ca"),
            None => return Ok(None),
            Some(ca) => TlsOptions::new().ca_certificate(Certificate::from_pem(read(ca).await?)),
        };
        match (&self.cert, &self.key) {
            (None, None) => Ok(Some(tls)),
            (Some(cert), Some(key)) => Ok(Some(tls.identity(Identity::from_pem(read(cert).await?, read(key).await?)))),
            _ => refused("etcd.cert and etcd.key go together"),
        }
    }
}

/// Returns whether a text is `host:port`, `address:port` or `[address]:port`.
fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let plain = |host: &str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.map_or_else(|| plain(host), |bare| bare.parse::<Ipv6Addr>().is_ok());
    host && port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

async fn read(pem: &Path) -> Result<Vec<u8>, ChannelError> {
    fs::read(pem).await.or_else(|error| refused(format!("{}: {error}", pem.display())))
}

fn refused<T>(why: impl Into<String>) -> Result<T, ChannelError> {
    Err(ChannelError::Refused(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(endpoints: &[&str]) -> EtcdSettings {
        EtcdSettings { endpoints: endpoints.iter().map(|&e| e.to_owned()).collect(), ..EtcdSettings::default() }
    }

    #[test]
    fn members_without_a_scheme_get_the_one_for_the_settings() {
        let plain = settings(&["a:2379", " http://b:2379/ ", "[::1]:2379"]);
        assert_eq!(plain.urls().unwrap(), ["http://a:2379", "http://b:2379", "http://[::1]:2379"]);
        let tls = EtcdSettings { ca: Some("ca.pem".into()), ..settings(&["a:2379", "https://b:2379"]) };
        assert_eq!(tls.urls().unwrap(), ["https://a:2379", "https://b:2379"]);
    }

    #[tokio::test]
    async fn contradictory_settings_are_refused_by_name() {
        let tls = EtcdSettings { ca: Some("/nowhere/ca.pem".into()), ..settings(&["http://a:2379"]) };
        let user = EtcdSettings { username: Some("root".into()), ..settings(&["a:2379"]) };
        let cert = EtcdSettings { cert: Some("cert.pem".into()), ..settings(&["a:2379"]) };
        for (error, names) in [
            (settings(&[]).urls().unwrap_err(), "etcd.endpoints"),
            (settings(&["https://a:2379"]).urls().unwrap_err(), "etcd.ca"),
            (settings(&["nonsense"]).urls().unwrap_err(), "etcd.endpoints"),
            (settings(&["127.0.0.1"]).urls().unwrap_err(), "127.0.0.1"),
            (settings(&["h:0"]).urls().unwrap_err(), "h:0"),
            (settings(&["::1:2379"]).urls().unwrap_err(), "::1:2379"),
            (settings(&["http://h:1/path"]).urls().unwrap_err(), "http://h:1/path"),
            (settings(&["ftp://a"]).urls().unwrap_err(), "ftp://a"),
            (tls.urls().unwrap_err(), "etcd.ca"),
            (tls.options().await.unwrap_err(), "/nowhere/ca.pem"),
            (user.options().await.unwrap_err(), "etcd.password"),
            (cert.options().await.unwrap_err(), "etcd.cert"),
        ] {
            assert!(matches!(&error, ChannelError::Refused(why) if why.contains(names)), "{error} names {names}");
        }
    }

    #[tokio::test]
    async fn passwords_are_never_shown() {
        let user = EtcdSettings {
            username: Some("root".into()),
            password: Some("hunter2".into()),
            ..settings(&["http://root:hunter2@a:2379"])
        };
        assert!(!format!("{:?}", user.urls()).contains("hunter2"));
        let user = EtcdSettings { endpoints: vec!["a:2379".into()], ..user };
        assert!(!format!("{user:?}").contains("hunter2"));
        assert!(!format!("{:?}", super::super::Etcd::new(user).await.unwrap()).contains("hunter2"));
    }
}
