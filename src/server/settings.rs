//! Settings: defaults, file, environment and flags, each overriding the ones before. Each value has its origin.

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use axum::http::Uri;
use similar::get_close_matches;

use super::telemetry::{self, LogFormat};
use crate::{auth::rate::Rate, channel::EtcdSettings, storage, traces};

/// A setting that exists.
struct KnownSetting {
    name: &'static str,
    default: &'static str,
    secret: bool,
    about: &'static str,
}

const fn known(name: &'static str, default: &'static str, about: &'static str) -> KnownSetting {
    KnownSetting { name, default, secret: false, about }
}

const fn secret(name: &'static str, about: &'static str) -> KnownSetting {
    KnownSetting { name, default: "", secret: true, about }
}

const KNOWN: [KnownSetting; 25] = [
    known("listen", "127.0.0.1:3000", "address and port to listen on; port 0 takes any free port"),
    known(
        "public_url",
        "",
        "address of the console for browsers, as https://config.example.org; empty: http:// and listen",
    ),
    known("data_dir", "./data", "folder of the SQLite file, the last known good and the lock file"),
    known("node", "", "name of this node on pages and in traces; empty: the host name"),
    known("role", "console", "console serves everything; reader serves only the read endpoints and needs etcd"),
    secret("database.url", "mysql://user:password@host:3306/database, or sqlite://FILE; empty: <data_dir>/trimtab.db"),
    known("etcd.endpoints", "", "members of etcd, host:port, comma-separated; empty: in-process channel without etcd"),
    known("etcd.root", "trimtab", "prefix of all keys in etcd"),
    known("etcd.username", "", "etcd user"),
    secret("etcd.password", "password of the etcd user"),
    known("etcd.ca", "", "PEM file of the certificate authority of etcd; turns TLS on"),
    known("etcd.cert", "", "PEM file of the client certificate for etcd"),
    known("etcd.key", "", "PEM file of the client certificate's private key"),
    known("proxies", "", "IP addresses of trusted proxies, comma-separated; only their X-Forwarded-For counts"),
    known("rates.reads", "10000", "maximum reads per second and token; 0: no limit"),
    known("rates.writes", "200", "maximum calls of the write API per second and token; 0: no limit"),
    known("rates.pages", "50", "maximum requests to the console per second and user; 0: no limit"),
    known("rates.log_in", "5", "maximum log-ins per second and address; 0: no limit"),
    known(
        "bin.days",
        "30",
        "days after which archived applications, namespaces and environments are removed for good; 0: never",
    ),
    known("log", "info", "log filter, as info,hyper=debug; libraries log only warnings unless the filter names them"),
    known("log_format", "text", "text or json"),
    known("otlp.endpoint", "", "OpenTelemetry collector for traces (gRPC), as http://collector:4317; empty: no traces"),
    secret("otlp.headers", "headers for the collector, name=value, comma-separated"),
    known("otlp.sample", "1", "share of traces that are sent, from 0 to 1"),
    known("fast_path", "on", "for tests and diagnosis: off makes publishes slower and changes no result"),
];

/// Environment variables with the prefix `TRIMTAB_` that are not settings. Tests and build scripts use some. Kubernetes
/// sets others in every container near a service with the name "trimtab".
const IGNORED_NAMES: [&str; 9] =
    ["TEST_", "SERVERS", "CACHE", "ONLY", "STEP_MINUTES", "BIN", "SERVICE_", "PORT_", "PORT"];

/// Maximum of `bin.days`: a century.
const MAX_BIN_DAYS: u32 = 36_500;

/// The origin of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The built-in default.
    Default,
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A command-line flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}

/// A setting that cannot be used. Its text has the name, the origin and the reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(String);

/// The role of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// Serves all endpoints.
    Console,
    /// Serves only the read endpoints. Needs etcd, but no database.
    Reader,
}

/// Maximum rates of requests. The defaults are no limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSettings {
    /// Reads with one token.
    pub reads: Rate,
    /// Calls of the write API with one token.
    pub writes: Rate,
    /// Requests of one user to the console.
    pub pages: Rate,
    /// Log-ins from one address.
    pub log_in: Rate,
}

/// The checked settings of this process.
#[derive(Clone)]
pub struct Settings {
    /// Address and port of the listener.
    pub listen: SocketAddr,
    /// Address of the console for browsers, if it is set.
    pub public_url: Option<String>,
    /// The folder of the SQLite file and the lock file.
    pub data_dir: PathBuf,
    /// The role of this process.
    pub role: NodeRole,
    /// The database. The URL may contain a password.
    pub database_url: String,
    /// Settings of etcd. `None` without etcd.
    pub etcd: Option<EtcdSettings>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub proxies: Vec<std::net::IpAddr>,
    /// Maximum rates of requests.
    pub rates: RateSettings,
    /// Days for which archived objects are kept. 0 keeps them for ever.
    pub bin_days: u32,
    /// Filter of the log.
    pub log: String,
    /// Format of the log.
    pub log_format: LogFormat,
    /// Whether the fast path of delivery is on (`crate::fast_path`).
    pub fast_path: bool,
    /// The collector of traces, if there is one.
    pub collector: Option<traces::Collector>,
    values: BTreeMap<&'static str, (String, Origin)>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl Settings {
    /// Reads the settings from `file` or else `trimtab.toml` if it exists, then from the environment and the flags.
    ///
    /// # Errors
    /// Fails at the first unknown or invalid setting, with its origin, and with the nearest name if it is unknown.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, SettingsError> {
        let mut values: BTreeMap<&'static str, (String, Origin)> =
            KNOWN.iter().map(|k| (k.name, (k.default.to_owned(), Origin::Default))).collect();
        let default = Path::new("trimtab.toml");
        if let Some(path) = file.or_else(|| default.exists().then_some(default)) {
            for (name, value) in from_file(path)? {
                set(&mut values, &name, value, Origin::File(path.to_owned()))?;
            }
        }
        for (name, value) in environment {
            let Some(rest) = name.strip_prefix("TRIMTAB_") else { continue };
            if IGNORED_NAMES.iter().any(|f| rest == *f || (f.ends_with('_') && rest.starts_with(f))) {
                continue;
            }
            let key = rest.to_lowercase().replace("__", ".");
            set(&mut values, &key, value, Origin::Environment(name))?;
        }
        for (name, value) in flags {
            set(&mut values, name, value.clone(), Origin::Flag(name.replace(['.', '_'], "-")))?;
        }
        Self::check(values)
    }

    /// Returns all settings, one per line, with their origins. Secrets are masked.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for known in &KNOWN {
            let (value, origin) = &self.values[known.name];
            let shown = match known.name {
                "database.url" => masked_url(&self.database_url),
                _ if known.secret && !value.is_empty() => "******".to_owned(),
                _ => format!("{value:?}"),
            };
            text.push_str(&format!("{:<16} = {shown:<34} # {origin}; {}\n", known.name, known.about));
        }
        text
    }

    fn check(values: BTreeMap<&'static str, (String, Origin)>) -> Result<Self, SettingsError> {
        let text = |name: &str| values[name].0.trim().to_owned();
        let given = |name: &str| Some(text(name)).filter(|t| !t.is_empty());
        let wrong = |name: &str, what: &str| {
            let (value, origin) = &values[name];
            SettingsError(format!("{name} = {value:?} ({origin}): {what}"))
        };
        let data_dir = PathBuf::from(text("data_dir"));
        let database_url =
            given("database.url").unwrap_or_else(|| format!("sqlite://{}", data_dir.join("trimtab.db").display()));
        if !storage::is_supported(&database_url) {
            let origin = &values["database.url"].1;
            return Err(SettingsError(format!("database.url ({origin}): must begin with sqlite:, mysql: or mariadb:")));
        }
        let endpoints: Vec<String> = list(&text("etcd.endpoints"));
        if endpoints.is_empty() && given("etcd.endpoints").is_some() {
            return Err(wrong("etcd.endpoints", "names no member; leave it empty for the in-process channel"));
        }
        let role = match text("role").as_str() {
            "console" => NodeRole::Console,
            "reader" if endpoints.is_empty() => {
                let what = "a reader node needs etcd, but etcd.endpoints is empty; set it to the etcd of the consoles";
                return Err(wrong("role", what));
            }
            "reader" => NodeRole::Reader,
            _ => return Err(wrong("role", "must be console or reader")),
        };
        if endpoints.is_empty() && !database_url.starts_with("sqlite:") {
            return Err(SettingsError(
                "database.url is MySQL, but etcd.endpoints is empty: several nodes on one database need etcd to \
                 reach each other's readers. Set etcd.endpoints, or use SQLite on one node."
                    .into(),
            ));
        }
        let fast_path = match text("fast_path").as_str() {
            "on" => true,
            "off" => false,
            _ => return Err(wrong("fast_path", "must be on or off")),
        };
        let path = |name: &str| given(name).map(PathBuf::from);
        let node = given("node").unwrap_or_else(|| gethostname::gethostname().to_string_lossy().into_owned());
        let etcd = (!endpoints.is_empty()).then(|| EtcdSettings {
            endpoints,
            root: text("etcd.root").trim_matches('/').to_owned(),
            username: given("etcd.username"),
            password: given("etcd.password").map(Into::into),
            ca: path("etcd.ca"),
            cert: path("etcd.cert"),
            key: path("etcd.key"),
            node: node.clone(),
            remembers_writes: fast_path,
            ..EtcdSettings::default()
        });
        if let Some(etcd) = &etcd {
            etcd.check_root().map_err(|fault| wrong("etcd.root", &fault.to_string()))?;
            // The value is not repeated, because an address may contain a password.
            let origin = &values["etcd.endpoints"].1;
            let refused = |fault| SettingsError(format!("etcd.endpoints ({origin}): {fault}"));
            etcd.check_endpoints().map_err(refused)?;
        }
        let collector = match given("otlp.endpoint") {
            Some(address) => {
                // Values are not repeated, because they may contain a password.
                let refused =
                    |name: &str, fault: String| SettingsError(format!("{name} ({}): {fault}", values[name].1));
                let sample = text("otlp.sample").parse::<f64>().ok().filter(|part| (0.0..=1.0).contains(part));
                Some(traces::Collector {
                    endpoint: traces::endpoint(&address).map_err(|fault| refused("otlp.endpoint", fault))?,
                    headers: traces::headers(&text("otlp.headers")).map_err(|fault| refused("otlp.headers", fault))?,
                    sample: sample.ok_or_else(|| wrong("otlp.sample", "must be a number from 0 to 1"))?,
                    node,
                })
            }
            None => None,
        };
        let rate = |name: &str| match text(name).parse() {
            Ok(requests) => Ok(Rate::per_second(requests)),
            Err(_) => Err(wrong(name, "must be a whole number of requests a second; 0 is no limit")),
        };
        Ok(Self {
            rates: RateSettings {
                reads: rate("rates.reads")?,
                writes: rate("rates.writes")?,
                pages: rate("rates.pages")?,
                log_in: rate("rates.log_in")?,
            },
            bin_days: match text("bin.days").parse() {
                Ok(days @ 0..=MAX_BIN_DAYS) => days,
                _ => return Err(wrong("bin.days", "must be a whole number of days up to 36500; 0 is never")),
            },
            listen: text("listen")
                .parse()
                .map_err(|_| wrong("listen", "must be an address and a port, as 127.0.0.1:3000"))?,
            public_url: match given("public_url") {
                Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                    Some(url.trim_end_matches('/').to_owned())
                }
                Some(_) => return Err(wrong("public_url", "must begin with http:// or https://")),
                None => None,
            },
            role,
            proxies: list(&text("proxies"))
                .iter()
                .map(|p| p.parse().map_err(|_| wrong("proxies", "must be IP addresses, comma-separated")))
                .collect::<Result<_, _>>()?,
            log: match telemetry::filter(&text("log")) {
                Ok(_) => text("log"),
                Err(what) => return Err(wrong("log", &what)),
            },
            log_format: match text("log_format").as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err(wrong("log_format", "must be text or json")),
            },
            fast_path,
            collector,
            data_dir,
            database_url,
            etcd,
            values,
        })
    }
}

fn set(
    values: &mut BTreeMap<&'static str, (String, Origin)>,
    name: &str,
    value: String,
    origin: Origin,
) -> Result<(), SettingsError> {
    if let Some(known) = KNOWN.iter().find(|k| k.name == name) {
        values.insert(known.name, (value, origin));
        return Ok(());
    }
    let names: Vec<&str> = KNOWN.iter().map(|k| k.name).collect();
    let nearest = get_close_matches(name, &names, 1, 0.4);
    let hint =
        nearest.first().map_or_else(|| format!("known are: {}", names.join(", ")), |n| format!("did you mean {n}?"));
    Err(SettingsError(format!("unknown setting {name:?} ({origin}); {hint}")))
}

fn from_file(path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let wrong = |what: String| SettingsError(format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    let table: toml::Table = text.parse().map_err(|e: toml::de::Error| {
        let before = text.get(..e.span().unwrap_or_default().start).unwrap_or_default();
        let (line, column) =
            (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
        let what = e.message().split_whitespace().collect::<Vec<_>>().join(" ");
        wrong(format!("line {line}, column {column}: {what}"))
    })?;
    let mut found = Vec::new();
    flatten("", &table, &mut found).map_err(wrong)?;
    Ok(found)
}

fn flatten(prefix: &str, table: &toml::Table, found: &mut Vec<(String, String)>) -> Result<(), String> {
    for (name, value) in table {
        let name = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{name}."), inner, found)?,
            toml::Value::String(text) => found.push((name, text.clone())),
            toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
                found.push((name, value.to_string()));
            }
            toml::Value::Array(all) if all.iter().all(toml::Value::is_str) => {
                let all: Vec<&str> = all.iter().filter_map(toml::Value::as_str).collect();
                found.push((name, all.join(",")));
            }
            _ => return Err(format!("{name} must be a text or a list of texts")),
        }
    }
    Ok(())
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// Returns whether a web address has a loopback host.
pub(super) fn has_loopback_host(url: &str) -> bool {
    let host = url.parse::<Uri>().ok().and_then(|url| Some(url.host()?.trim_matches(['[', ']']).to_owned()));
    host.is_some_and(|host| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    })
}

/// Returns a database URL with its password masked.
fn masked_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:******@{host}")
        }
        None => url.to_owned(),
    }
}

/// Returns the table of all settings in docs/configuration.md. `has_flag` tells whether a setting has a
/// command-line flag.
#[cfg(test)]
pub(crate) fn reference(has_flag: impl Fn(&str) -> bool) -> String {
    let mut table = "| setting | environment variable | flag | default | meaning |\n|---|---|---|---|---|\n".to_owned();
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    for known in &KNOWN {
        let name = known.name;
        let variable = format!("TRIMTAB_{}", name.replace('.', "__").to_uppercase());
        let flag = if has_flag(name) { format!("--{}", name.replace('_', "-")) } else { String::new() };
        let secret = if known.secret { "; secret" } else { "" };
        table.push_str(&format!(
            "| `{name}` | `{variable}` | {} | {} | {}{secret} |\n",
            code(&flag),
            code(known.default),
            known.about.replace('<', "&lt;"),
        ));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(env: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Settings::load(Some(Path::new("/dev/null")), env, &[])
    }

    #[test]
    fn defaults_are_sqlite_without_etcd() {
        let settings = load(&[]).unwrap();
        assert_eq!(settings.listen.to_string(), "127.0.0.1:3000");
        assert_eq!(settings.database_url, "sqlite://./data/trimtab.db");
        assert!(settings.etcd.is_none());
    }

    #[test]
    fn flags_win_over_the_environment_and_the_environment_over_the_file() {
        let dir = std::env::temp_dir().join(format!("trimtab-settings-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = dir.join("t.toml");
        std::fs::write(
            &file,
            "log = 'debug'\nlisten = '0.0.0.0:1'\n[etcd]\nendpoints = ['a:1', 'b:2']\n[otlp]\nsample = 0.5\n",
        )
        .unwrap();
        let env = [("TRIMTAB_LISTEN".to_owned(), "0.0.0.0:2".to_owned())];
        let settings = Settings::load(Some(&file), env.into_iter(), &[("listen", "0.0.0.0:3".into())]).unwrap();
        assert_eq!((settings.listen.port(), settings.log.as_str()), (3, "debug"));
        assert_eq!(settings.etcd.unwrap().endpoints, ["a:1", "b:2"]);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn an_unknown_setting_is_named_with_the_nearest_known_one() {
        let said = load(&[("TRIMTAB_DATABASE__ULR", "x")]).unwrap_err().to_string();
        assert!(said.contains("database.ulr") && said.contains("did you mean database.url?"), "{said}");
        assert!(load(&[("TRIMTAB_TEST_ETCD", "x"), ("TRIMTAB_SERVICE_HOST", "x"), ("TRIMTAB_PORT", "tcp://")]).is_ok());
    }

    #[test]
    fn mysql_without_etcd_is_refused_and_sqlite_with_etcd_is_not() {
        let mysql = ("TRIMTAB_DATABASE__URL", "mysql://u:hidden@h/d");
        assert!(load(&[mysql]).unwrap_err().to_string().contains("etcd.endpoints"));
        let etcd = ("TRIMTAB_ETCD__ENDPOINTS", "127.0.0.1:2379");
        assert!(load(&[etcd]).is_ok() && load(&[mysql, etcd]).is_ok());
    }

    #[test]
    fn a_root_that_is_too_long_for_its_keys_is_refused() {
        let load = |root: &str| load(&[("TRIMTAB_ETCD__ENDPOINTS", "h:1"), ("TRIMTAB_ETCD__ROOT", root)]);
        assert!(load("/trimtab/").is_ok() && load(&"r".repeat(32)).is_ok());
        for wrong in ["/", "two words", "a//b", &"r".repeat(33)] {
            assert!(load(wrong).unwrap_err().to_string().contains("etcd.root"), "{wrong}");
        }
    }

    #[test]
    fn malformed_etcd_endpoints_are_refused() {
        for wrong in ["nonsense", "127.0.0.1", "http://h:1/path", ",", "h:1,h"] {
            let said = load(&[("TRIMTAB_ETCD__ENDPOINTS", wrong)]).unwrap_err().to_string();
            assert!(said.contains("etcd.endpoints") && said.contains("TRIMTAB_ETCD__ENDPOINTS"), "{wrong}: {said}");
        }
        let said = load(&[("TRIMTAB_ETCD__ENDPOINTS", "http://u:canary@h:1")]).unwrap_err().to_string();
        assert!(said.contains("etcd.password") && !said.contains("canary"), "{said}");
    }

    #[test]
    fn reader_role_needs_etcd_and_unknown_roles_are_refused() {
        for role in ["reader", "writer", ""] {
            assert!(load(&[("TRIMTAB_ROLE", role)]).unwrap_err().to_string().starts_with("role = "), "{role}");
        }
        let reader = load(&[("TRIMTAB_ROLE", "reader"), ("TRIMTAB_ETCD__ENDPOINTS", "127.0.0.1:2379")]);
        assert_eq!(reader.unwrap().role, NodeRole::Reader);
    }

    #[test]
    fn traces_need_a_collector_and_valid_settings() {
        let load =
            |more: &[(&str, &str)]| load(&[&[("TRIMTAB_OTLP__ENDPOINT", "http://collector:4317")], more].concat());
        assert!(super::tests::load(&[]).unwrap().collector.is_none());
        let collector = load(&[("TRIMTAB_OTLP__SAMPLE", "0.25"), ("TRIMTAB_NODE", "one")]).unwrap().collector.unwrap();
        assert_eq!((collector.sample, collector.node.as_str()), (0.25, "one"));
        for wrong in ["", "all", "1.1", "-0.1", "NaN"] {
            let said = load(&[("TRIMTAB_OTLP__SAMPLE", wrong)]).unwrap_err().to_string();
            assert!(said.starts_with("otlp.sample = "), "{said}");
        }
        for (name, wrong) in [("ENDPOINT", "http://me:canary@h:1"), ("HEADERS", "canary")] {
            let name = format!("TRIMTAB_OTLP__{name}");
            let said = load(&[(&name, wrong)]).unwrap_err().to_string();
            assert!(said.starts_with("otlp.") && said.contains(&name) && !said.contains("canary"), "{said}");
        }
    }

    #[test]
    fn rates_are_whole_numbers_and_generous_by_default() {
        assert_eq!(load(&[]).unwrap().rates.reads, Rate::per_second(10_000));
        assert_eq!(load(&[("TRIMTAB_RATES__PAGES", "0")]).unwrap().rates.pages, Rate::default());
        for wrong in ["", "-1", "1.5", "fast", "99999999999"] {
            let said = load(&[("TRIMTAB_RATES__LOG_IN", wrong)]).unwrap_err().to_string();
            assert!(said.starts_with("rates.log_in = "), "{said}");
        }
    }

    #[test]
    fn the_bin_keeps_for_a_whole_number_of_days() {
        assert_eq!(load(&[]).unwrap().bin_days, 30);
        assert_eq!(load(&[("TRIMTAB_BIN__DAYS", "0")]).unwrap().bin_days, 0);
        for wrong in ["", "-1", "1.5", "never", "36501"] {
            let said = load(&[("TRIMTAB_BIN__DAYS", wrong)]).unwrap_err().to_string();
            assert!(said.starts_with("bin.days = "), "{said}");
        }
    }

    #[test]
    fn malformed_log_filter_is_refused_with_its_origin() {
        let said = load(&[("TRIMTAB_LOG", "info,=,x=y")]).unwrap_err().to_string();
        assert!(said.starts_with("log = ") && said.contains("TRIMTAB_LOG"), "{said}");
    }

    #[test]
    fn malformed_toml_file_is_refused_in_one_line() {
        let file = std::env::temp_dir().join(format!("trimtab-broken-{}.toml", std::process::id()));
        std::fs::write(&file, "log = 'debug'\nlisten = 0.0.0.0:1\n").unwrap();
        let said = Settings::load(Some(&file), std::iter::empty(), &[]).unwrap_err().to_string();
        std::fs::remove_file(&file).unwrap();
        assert!(said.starts_with(&format!("{}: line 2, column ", file.display())), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    #[test]
    fn secrets_are_masked_when_settings_are_shown() {
        let settings = load(&[
            ("TRIMTAB_DATABASE__URL", "mysql://u:canary1@h/d"),
            ("TRIMTAB_ETCD__ENDPOINTS", "h:1"),
            ("TRIMTAB_ETCD__PASSWORD", "canary2"),
            ("TRIMTAB_OTLP__ENDPOINT", "https://otlp.example.org"),
            ("TRIMTAB_OTLP__HEADERS", "api-key=canary3"),
        ]);
        let shown = format!("{:?}", settings.unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }
}
