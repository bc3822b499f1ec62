//! The audit events.
//!
//! Each event is stored as three texts, the [`AuditRow`]. The texts of an event are the same in every version, so that
//! rows of all versions can be searched alike.
//! A row can be parsed back to its event. A row that this version does not know is shown unchanged.

use std::{borrow::Cow, fmt, str::FromStr};

use super::{
    access::Pattern,
    bin::BinObject,
    change::ChangeId,
    content::Format,
    drift::{DriftKind, KeptSide},
    names::{AppName, ConfigId, EnvName, NamespaceName, is_name},
    token::TokenKind,
};

/// The stored texts of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The action: `publish`, `token.create` …
    pub action: Cow<'static, str>,
    /// The object of the action.
    pub object: String,
    /// Details for people, in English.
    pub detail: String,
}

/// An event. It never contains values, passwords or tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the objects and states that their types and names say")]
pub enum Event {
    EnvCreated {
        env: EnvName,
        protected: bool,
        archived: bool,
    },
    EnvChanged {
        env: EnvName,
        protected: bool,
        archived: bool,
    },
    /// All environments, in their new order.
    EnvsOrdered {
        envs: Vec<EnvName>,
    },
    AppCreated {
        app: AppName,
    },
    AppChanged {
        app: AppName,
    },
    NamespaceCreated {
        app: AppName,
        namespace: NamespaceName,
        format: Format,
    },
    NamespaceChanged {
        app: AppName,
        namespace: NamespaceName,
        format: Format,
    },
    /// An archived object was removed for good. `id` is its identity, under which its releases are kept.
    ObjectRemoved {
        object: BinObject,
        id: ChangeId,
        configs: u64,
    },
    /// The releases are those of the published change, with their numbers.
    ChangePublished {
        change: ChangeId,
        releases: Vec<(ConfigId, u64)>,
    },
    /// `author` is the author's name if another actor discarded the change.
    ChangeDiscarded {
        change: ChangeId,
        author: Option<String>,
    },
    /// Release `seq` has the content of release `to`.
    RolledBack {
        config: ConfigId,
        seq: u64,
        to: u64,
    },
    /// The live release `seq` was written into the channel again.
    ReleaseRepaired {
        config: ConfigId,
        seq: u64,
    },
    DriftFound {
        config: ConfigId,
        kind: DriftKind,
    },
    /// An administrator decided which side to keep. Release `seq` is the result.
    DriftResolved {
        config: ConfigId,
        seq: u64,
        kept_side: KeptSide,
    },
    /// An administrator requested a comparison of the channel with the database.
    ChannelCompared {
        env: EnvName,
    },
    LockFreed {
        env: EnvName,
    },
    TokenCreated {
        id: String,
        kind: TokenKind,
        patterns: Vec<Pattern>,
    },
    TokenRevoked {
        id: String,
        kind: TokenKind,
        patterns: Vec<Pattern>,
    },
    LoggedIn {
        user: String,
    },
    /// A user changed their own password.
    PasswordChanged {
        user: String,
    },
    /// A user ended all of their own sessions.
    SessionsEnded {
        user: String,
    },
    UserCreated {
        user: String,
        rights: Rights,
    },
    UserChanged {
        user: String,
        rights: Rights,
        disabled: bool,
    },
    /// Another actor set a user's password, and with `administrator` also granted administrator rights.
    PasswordReset {
        user: String,
        administrator: bool,
    },
}

/// The rights of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Whether the user is an administrator.
    pub administrator: bool,
    /// Names of roles, each with the pattern of the configs it applies to.
    pub roles: Vec<(String, Pattern)>,
}

impl Event {
    /// Parses an event from the texts of its row.
    fn read(AuditRow { action, object, detail }: &AuditRow) -> Option<Self> {
        let user = || object.clone();
        Some(match &**action {
            "env.create" | "env.change" => {
                let env = object.parse().ok()?;
                let (protected, archived) = detail.strip_prefix("protected: ")?.split_once(", archived: ")?;
                let (protected, archived) = (protected.parse().ok()?, archived.parse().ok()?);
                match &**action {
                    "env.create" => Self::EnvCreated { env, protected, archived },
                    _ => Self::EnvChanged { env, protected, archived },
                }
            }
            "env.order" => Self::EnvsOrdered { envs: list(object, " ", parsed)? },
            "app.create" => Self::AppCreated { app: parsed(object)? },
            "app.change" => Self::AppChanged { app: parsed(object)? },
            "namespace.create" | "namespace.change" => {
                let (app, namespace) = object.split_once('/')?;
                let (app, namespace) = (parsed(app)?, parsed(namespace)?);
                let format = parsed(detail.strip_prefix("format: ")?)?;
                match &**action {
                    "namespace.create" => Self::NamespaceCreated { app, namespace, format },
                    _ => Self::NamespaceChanged { app, namespace, format },
                }
            }
            "env.remove" | "app.remove" | "namespace.remove" => {
                let object = BinObject::parse(action.strip_suffix(".remove")?, object).ok()?;
                let (id, configs) = detail.strip_prefix("kept as ")?.split_once(", configs: ")?;
                Self::ObjectRemoved { object, id: parsed(id)?, configs: parsed(configs)? }
            }
            "publish" => Self::ChangePublished { change: parsed(object)?, releases: list(detail, ", ", pair)? },
            "change.discard" => {
                let author = detail.strip_prefix("of ").map(str::to_owned);
                Self::ChangeDiscarded { change: parsed(object)?, author }
            }
            "rollback" => {
                let (seq, to) = detail.strip_prefix("release ")?.split_once(" = release ")?;
                Self::RolledBack { config: parsed(object)?, seq: parsed(seq)?, to: parsed(to)? }
            }
            "channel.repair" => {
                let seq = parsed(detail.strip_prefix("release ")?)?;
                Self::ReleaseRepaired { config: parsed(object)?, seq }
            }
            "channel.drift" => Self::DriftFound { config: parsed(object)?, kind: DriftKind::read(detail)? },
            "channel.settle" => {
                let (seq, side) = detail.strip_prefix("release ")?.split_once(": ")?;
                let kept_side = [KeptSide::Channel, KeptSide::Database]
                    .into_iter()
                    .find(|kept_side| kept_side_text(*kept_side) == side)?;
                Self::DriftResolved { config: parsed(object)?, seq: parsed(seq)?, kept_side }
            }
            "channel.compare" => Self::ChannelCompared { env: parsed(object)? },
            "lock.free" => Self::LockFreed { env: parsed(object)? },
            "token.create" | "token.revoke" => {
                let (kind, patterns) = detail.split_once(' ')?;
                let kind = TokenKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
                let (id, patterns) = (object.clone(), list(patterns, ", ", parsed)?);
                match &**action {
                    "token.create" => Self::TokenCreated { id, kind, patterns },
                    _ => Self::TokenRevoked { id, kind, patterns },
                }
            }
            "login" => Self::LoggedIn { user: user() },
            "password.change" => Self::PasswordChanged { user: user() },
            "sessions.end" => Self::SessionsEnded { user: user() },
            "user.create" => Self::UserCreated { user: user(), rights: Rights::read(detail)? },
            "user.change" => {
                let rights = detail.strip_suffix(DISABLED);
                let (rights, disabled) = (Rights::read(rights.unwrap_or(detail))?, rights.is_some());
                Self::UserChanged { user: user(), rights, disabled }
            }
            "user.password" => Self::PasswordReset { user: user(), administrator: detail == ADMINISTRATOR },
            _ => return None,
        })
    }
}

impl From<&Event> for AuditRow {
    fn from(event: &Event) -> Self {
        use Event as E;
        let row = |action, object: &dyn fmt::Display, detail| (action, object.to_string(), detail);
        let states = |protected, archived| format!("protected: {protected}, archived: {archived}");
        let scope = |kind: &TokenKind, patterns| format!("{} {}", kind.as_str(), joined(patterns, ", "));
        let none = String::new;
        let (action, object, detail) = match event {
            E::EnvCreated { env, protected, archived } => row("env.create", env, states(protected, archived)),
            E::EnvChanged { env, protected, archived } => row("env.change", env, states(protected, archived)),
            E::EnvsOrdered { envs } => row("env.order", &joined(envs, " "), none()),
            E::AppCreated { app } => row("app.create", app, none()),
            E::AppChanged { app } => row("app.change", app, none()),
            E::NamespaceCreated { app, namespace, format } => {
                row("namespace.create", &format_args!("{app}/{namespace}"), format!("format: {format}"))
            }
            E::NamespaceChanged { app, namespace, format } => {
                row("namespace.change", &format_args!("{app}/{namespace}"), format!("format: {format}"))
            }
            E::ObjectRemoved { object, id, configs } => {
                let action = match object {
                    BinObject::Env(_) => "env.remove",
                    BinObject::App(_) => "app.remove",
                    BinObject::Namespace(..) => "namespace.remove",
                };
                row(action, object, format!("kept as {id}, configs: {configs}"))
            }
            E::ChangePublished { change, releases } => {
                let releases = releases.iter().map(|(config, seq)| format!("{config} {seq}"));
                row("publish", change, joined(releases, ", "))
            }
            E::ChangeDiscarded { change, author } => {
                row("change.discard", change, author.as_ref().map_or_else(none, |author| format!("of {author}")))
            }
            E::RolledBack { config, seq, to } => row("rollback", config, format!("release {seq} = release {to}")),
            E::ReleaseRepaired { config, seq } => row("channel.repair", config, format!("release {seq}")),
            E::DriftFound { config, kind } => row("channel.drift", config, kind.to_string()),
            E::DriftResolved { config, seq, kept_side } => {
                row("channel.settle", config, format!("release {seq}: {}", kept_side_text(*kept_side)))
            }
            E::ChannelCompared { env } => row("channel.compare", env, none()),
            E::LockFreed { env } => row("lock.free", env, none()),
            E::TokenCreated { id, kind, patterns } => row("token.create", id, scope(kind, patterns)),
            E::TokenRevoked { id, kind, patterns } => row("token.revoke", id, scope(kind, patterns)),
            E::LoggedIn { user } => row("login", user, none()),
            E::PasswordChanged { user } => row("password.change", user, none()),
            E::SessionsEnded { user } => row("sessions.end", user, none()),
            E::UserCreated { user, rights } => row("user.create", user, rights.text()),
            E::UserChanged { user, rights, disabled } => {
                row("user.change", user, rights.text() + if *disabled { DISABLED } else { "" })
            }
            E::PasswordReset { user, administrator } => {
                row("user.password", user, if *administrator { ADMINISTRATOR.into() } else { none() })
            }
        };
        Self { action: action.into(), object, detail }
    }
}

impl TryFrom<AuditRow> for Event {
    type Error = AuditRow;

    /// Parses an event.
    ///
    /// # Errors
    /// The unchanged row, if this version would write it differently.
    fn try_from(row: AuditRow) -> Result<Self, AuditRow> {
        match Self::read(&row) {
            Some(event) if AuditRow::from(&event) == row => Ok(event),
            _ => Err(row),
        }
    }
}

impl Rights {
    fn text(&self) -> String {
        let roles = self.roles.iter().map(|(role, pattern)| format!("{role} {pattern}"));
        joined(self.administrator.then(|| ADMINISTRATOR.to_owned()).into_iter().chain(roles), ", ")
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(", ").filter(|part| !part.is_empty()).peekable();
        let administrator = parts.next_if_eq(&ADMINISTRATOR).is_some();
        let roles: Vec<(String, Pattern)> = parts.map(pair).collect::<Option<_>>()?;
        roles.iter().all(|(role, _)| is_name(role)).then_some(Self { administrator, roles })
    }
}

const ADMINISTRATOR: &str = "administrator";
const DISABLED: &str = ", disabled";

fn kept_side_text(kept_side: KeptSide) -> &'static str {
    match kept_side {
        KeptSide::Channel => "the channel counts",
        KeptSide::Database => "the database counts",
    }
}

fn joined<T: ToString>(parts: impl IntoIterator<Item = T>, between: &str) -> String {
    parts.into_iter().map(|part| part.to_string()).collect::<Vec<_>>().join(between)
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Parses two values separated by a blank.
fn pair<A: FromStr, B: FromStr>(text: &str) -> Option<(A, B)> {
    let (a, b) = text.split_once(' ')?;
    Some((parsed(a)?, parsed(b)?))
}

/// Parses a list; the empty text is the empty list.
fn list<T>(text: &str, between: &str, read: fn(&str) -> Option<T>) -> Option<Vec<T>> {
    if text.is_empty() { Some(Vec::new()) } else { text.split(between).map(read).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGE: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
    const SHOP: &str = "prod/shop/application";

    fn name<T: FromStr>(text: &str) -> T {
        parsed(text).unwrap()
    }

    /// Returns every variant with its row. Such rows exist in the databases of installations.
    fn all() -> Vec<(Event, [&'static str; 3])> {
        let rights = |administrator, roles: &[(&str, &str)]| {
            let roles = roles.iter().map(|(role, pattern)| ((*role).to_owned(), name(pattern))).collect();
            Rights { administrator, roles }
        };
        let drift = |kind| Event::DriftFound { config: name(SHOP), kind };
        let resolved = |kept_side| Event::DriftResolved { config: name(SHOP), seq: 8, kept_side };
        let discarded =
            |author: Option<&str>| Event::ChangeDiscarded { change: name(CHANGE), author: author.map(str::to_owned) };
        let changed = |rights, disabled| Event::UserChanged { user: "ana".into(), rights, disabled };
        let reset = |administrator| Event::PasswordReset { user: "ana".into(), administrator };
        let patterns = |texts: &[&str]| texts.iter().map(|text| name(text)).collect();
        let (env, app, namespace) = (|| name("prod"), || name("shop"), || name("routes"));
        let removed = |kind, of| Event::ObjectRemoved {
            object: BinObject::parse(kind, of).unwrap(),
            id: name(CHANGE),
            configs: 12,
        };
        let removal = "kept as 01890a5d-ac96-774b-bcce-b302099a8057, configs: 12";
        vec![
            (
                Event::EnvCreated { env: env(), protected: true, archived: false },
                ["env.create", "prod", "protected: true, archived: false"],
            ),
            (
                Event::EnvChanged { env: env(), protected: false, archived: true },
                ["env.change", "prod", "protected: false, archived: true"],
            ),
            (Event::EnvsOrdered { envs: vec![name("dev"), env()] }, ["env.order", "dev prod", ""]),
            (Event::AppCreated { app: app() }, ["app.create", "shop", ""]),
            (Event::AppChanged { app: app() }, ["app.change", "shop", ""]),
            (
                Event::NamespaceCreated { app: app(), namespace: namespace(), format: Format::Yaml },
                ["namespace.create", "shop/routes", "format: yaml"],
            ),
            (
                Event::NamespaceChanged { app: app(), namespace: namespace(), format: Format::Kv },
                ["namespace.change", "shop/routes", "format: kv"],
            ),
            (removed("env", "prod"), ["env.remove", "prod", removal]),
            (removed("app", "shop"), ["app.remove", "shop", removal]),
            (removed("namespace", "shop/routes"), ["namespace.remove", "shop/routes", removal]),
            (
                Event::ChangePublished {
                    change: name(CHANGE),
                    releases: vec![(name("dev/shop/routes"), 1), (name(SHOP), 12)],
                },
                ["publish", CHANGE, "dev/shop/routes 1, prod/shop/application 12"],
            ),
            (discarded(None), ["change.discard", CHANGE, ""]),
            (discarded(Some("token of ana, old")), ["change.discard", CHANGE, "of token of ana, old"]),
            (Event::RolledBack { config: name(SHOP), seq: 7, to: 3 }, ["rollback", SHOP, "release 7 = release 3"]),
            (Event::ReleaseRepaired { config: name(SHOP), seq: 7 }, ["channel.repair", SHOP, "release 7"]),
            (
                drift(DriftKind::Foreign { seq: 7 }),
                ["channel.drift", SHOP, "release 7 lies in the channel in other bytes"],
            ),
            (
                drift(DriftKind::Ahead { live: 0, seq: 7 }),
                ["channel.drift", SHOP, "the channel holds release 7, the database 0"],
            ),
            (
                drift(DriftKind::Held { live: 6, seq: 7 }),
                [
                    "channel.drift",
                    SHOP,
                    "a reader node holds release 7, the database 6, and the channel none that is later",
                ],
            ),
            (resolved(KeptSide::Channel), ["channel.settle", SHOP, "release 8: the channel counts"]),
            (resolved(KeptSide::Database), ["channel.settle", SHOP, "release 8: the database counts"]),
            (Event::ChannelCompared { env: env() }, ["channel.compare", "prod", ""]),
            (Event::LockFreed { env: env() }, ["lock.free", "prod", ""]),
            (
                Event::TokenCreated {
                    id: "4fd1".into(),
                    kind: TokenKind::Read,
                    patterns: patterns(&["prod/shop/*", "*/mail/*"]),
                },
                ["token.create", "4fd1", "read prod/shop/*, */mail/*"],
            ),
            (
                Event::TokenRevoked { id: "4fd1".into(), kind: TokenKind::Automation, patterns: Vec::new() },
                ["token.revoke", "4fd1", "automation "],
            ),
            (Event::LoggedIn { user: "ana ruiz".into() }, ["login", "ana ruiz", ""]),
            (Event::PasswordChanged { user: "ana".into() }, ["password.change", "ana", ""]),
            (Event::SessionsEnded { user: "ana".into() }, ["sessions.end", "ana", ""]),
            (
                Event::UserCreated {
                    user: "ana".into(),
                    rights: rights(true, &[("owner", "*/shop/*"), ("viewer", "*/*/*")]),
                },
                ["user.create", "ana", "administrator, owner */shop/*, viewer */*/*"],
            ),
            (
                changed(rights(false, &[("editor", SHOP)]), false),
                ["user.change", "ana", "editor prod/shop/application"],
            ),
            (changed(rights(false, &[]), true), ["user.change", "ana", ", disabled"]),
            (changed(rights(true, &[]), true), ["user.change", "ana", "administrator, disabled"]),
            (reset(false), ["user.password", "ana", ""]),
            (reset(true), ["user.password", "ana", "administrator"]),
        ]
    }

    fn row([action, object, detail]: [&str; 3]) -> AuditRow {
        AuditRow { action: action.to_owned().into(), object: object.into(), detail: detail.into() }
    }

    #[test]
    fn stored_texts_do_not_change_and_are_read_back() {
        for (event, texts) in all() {
            assert_eq!(AuditRow::from(&event), row(texts));
            assert_eq!(Event::try_from(row(texts)), Ok(event));
        }
    }

    #[test]
    fn every_variant_is_listed() {
        let mut actions: Vec<_> = all().into_iter().map(|(_, [action, ..])| action).collect();
        actions.sort_unstable();
        actions.dedup();
        // The number of variants of `Event`. A removal has an action for each of three kinds.
        assert_eq!(actions.len(), 24 + 2);
    }

    #[test]
    fn unknown_rows_are_returned_unchanged() {
        for texts in [
            ["approve", CHANGE, "by ana"],
            ["publish", "no change", ""],
            ["login", "ana", "from elsewhere"],
            ["rollback", SHOP, "release 07 = release 3"],
            ["channel.drift", SHOP, "release 7"],
            ["user.create", "ana", "administrator,owner */*/*"],
            ["token.create", "4fd1", "secret prod/shop/*"],
        ] {
            assert_eq!(Event::try_from(row(texts)), Err(row(texts)));
        }
    }
}
