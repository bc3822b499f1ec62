//! Who may do what. An [`Actor`] is asked and answers with a [`May`], which the storage functions that write
//! demand: code that has not asked does not compile.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    change::{self, ChangeId},
    error::{Error, Invalid, Need, Problem, Result, excerpt},
    names::{AppName, ConfigId, EnvName, NamespaceName, is_name},
};

/// What a person or token may do with the configs that a pattern names; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees configs, changes and releases.
    Viewer,
    /// Edits in changes of its own.
    Editor,
    /// Publishes and rolls back.
    Publisher,
    /// Manages namespaces, tokens and people.
    Owner,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Editor, Self::Publisher, Self::Owner];

    /// `viewer`, `editor`, `publisher` or `owner`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Publisher => "publisher",
            Self::Owner => "owner",
        }
    }
}

impl FromStr for Role {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|r| r.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.iter().map(|r| r.as_str().to_owned()).collect();
            Invalid::new("/role", Problem::Unknown { given: excerpt(text), known })
        })
    }
}

/// Which configs: `env/app/namespace`, each a name or `*`. The same type scopes roles and tokens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    env: Option<EnvName>,
    app: Option<AppName>,
    namespace: Option<NamespaceName>,
}

impl Pattern {
    /// A pattern of parts; none stands for all.
    #[must_use]
    pub fn new(env: Option<EnvName>, app: Option<AppName>, namespace: Option<NamespaceName>) -> Self {
        Self { env, app, namespace }
    }

    /// The narrowest one that names all of these configs.
    #[must_use]
    pub fn around<'a>(configs: impl IntoIterator<Item = &'a ConfigId>) -> Self {
        fn both<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<T> {
            one.filter(|one| Some(one) == other.as_ref())
        }
        let patterns = configs.into_iter().map(Self::from);
        let around = patterns.reduce(|a, b| Self {
            env: both(a.env, b.env),
            app: both(a.app, b.app),
            namespace: both(a.namespace, b.namespace),
        });
        around.unwrap_or_else(|| Self::new(None, None, None))
    }

    /// The environment that it is limited to.
    #[must_use]
    pub fn env(&self) -> Option<&EnvName> {
        self.env.as_ref()
    }

    /// The application that it is limited to.
    #[must_use]
    pub fn app(&self) -> Option<&AppName> {
        self.app.as_ref()
    }

    /// The namespace that it is limited to.
    #[must_use]
    pub fn namespace(&self) -> Option<&NamespaceName> {
        self.namespace.as_ref()
    }

    /// The config, when it names just one.
    #[must_use]
    pub fn config(&self) -> Option<ConfigId> {
        let Self { env, app, namespace } = self.clone();
        Some(ConfigId { env: env?, app: app?, namespace: namespace? })
    }

    /// How many of its parts stand for all.
    #[must_use]
    pub fn breadth(&self) -> usize {
        [self.env.is_none(), self.app.is_none(), self.namespace.is_none()].into_iter().map(usize::from).sum()
    }

    /// Whether it names this config.
    #[must_use]
    pub fn covers(&self, config: &ConfigId) -> bool {
        self.covers_app(&config.env, &config.app) && self.namespace.as_ref().is_none_or(|n| *n == config.namespace)
    }

    /// Whether it names some config of this application in this environment.
    #[must_use]
    pub fn touches(&self, env: &EnvName, app: &AppName) -> bool {
        self.covers_app(env, app)
    }

    /// Whether everything that `other` names is named by this one.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        fn part<T: PartialEq>(outer: Option<&T>, inner: Option<&T>) -> bool {
            outer.is_none() || outer == inner
        }
        part(self.env.as_ref(), other.env.as_ref())
            && part(self.app.as_ref(), other.app.as_ref())
            && part(self.namespace.as_ref(), other.namespace.as_ref())
    }

    /// Whether something may be named by both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        fn part<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        part(self.env.as_ref(), other.env.as_ref())
            && part(self.app.as_ref(), other.app.as_ref())
            && part(self.namespace.as_ref(), other.namespace.as_ref())
    }

    fn covers_app(&self, env: &EnvName, app: &AppName) -> bool {
        self.env.as_ref().is_none_or(|e| e == env) && self.app.as_ref().is_none_or(|a| a == app)
    }
}

impl From<&ConfigId> for Pattern {
    fn from(config: &ConfigId) -> Self {
        let ConfigId { env, app, namespace } = config.clone();
        Self { env: Some(env), app: Some(app), namespace: Some(namespace) }
    }
}

impl FromStr for Pattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("/pattern", Problem::Pattern { text: excerpt(text) });
        let parts: Vec<&str> = text.split('/').collect();
        let [env, app, namespace] = parts[..] else {
            return Err(wrong());
        };
        if [env, app, namespace].iter().any(|p| *p != "*" && !is_name(p)) {
            return Err(wrong());
        }
        let named = |part: &str| (part != "*").then(|| part.to_owned());
        Ok(Self {
            env: named(env).map(|n| n.parse()).transpose()?,
            app: named(app).map(|n| n.parse()).transpose()?,
            namespace: named(namespace).map(|n| n.parse()).transpose()?,
        })
    }
}

impl TryFrom<String> for Pattern {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |p: Option<&str>| p.unwrap_or("*").to_owned();
        write!(
            f,
            "{}/{}/{}",
            part(self.env.as_ref().map(EnvName::as_str)),
            part(self.app.as_ref().map(AppName::as_str)),
            part(self.namespace.as_ref().map(NamespaceName::as_str))
        )
    }
}

/// Who is asking: a person, an automation token, or the shell of the machine itself.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Stable identity: `user:<id>`, `token:<id>`, `shell` or `system`.
    pub id: String,
    /// The name that stands in changes, releases and the audit.
    pub name: String,
    administrator: bool,
    creator: bool,
    roles: Vec<(Pattern, Role)>,
}

impl Actor {
    /// A person who has logged in.
    #[must_use]
    pub fn user(id: &str, name: &str, administrator: bool, roles: Vec<(Pattern, Role)>) -> Self {
        Self { id: format!("user:{id}"), name: name.into(), administrator, creator: administrator, roles }
    }

    /// An automation token: it publishes what its patterns name; `creator` lets it make environments, and applications
    /// and namespaces that its patterns name, or any when it has none. It changes what exists only where a pattern
    /// names the whole application, and never an environment.
    #[must_use]
    pub fn token(id: &str, name: &str, creator: bool, write: &[Pattern]) -> Self {
        let roles = write.iter().map(|p| (p.clone(), Role::Publisher)).collect();
        Self { id: format!("token:{id}"), name: format!("token {name}"), administrator: false, creator, roles }
    }

    /// The command line on the server's own machine: whoever reads its settings owns the database anyway.
    #[must_use]
    pub fn shell() -> Self {
        Self { id: "shell".into(), name: "command line".into(), administrator: true, creator: true, roles: Vec::new() }
    }

    /// The server itself, where it notes what it found. It may nothing.
    #[must_use]
    pub fn system() -> Self {
        Self { id: "system".into(), name: "Trimtab".into(), administrator: false, creator: false, roles: Vec::new() }
    }

    /// Whether this is an administrator.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        self.administrator
    }

    /// The strongest role on a config; none when the actor may not even know of it.
    #[must_use]
    pub fn role(&self, config: &ConfigId) -> Option<Role> {
        if self.administrator {
            return Some(Role::Owner);
        }
        self.roles.iter().filter(|(p, _)| p.covers(config)).map(|(_, role)| *role).max()
    }

    /// Whether the actor may see anything of what a pattern names.
    #[must_use]
    pub fn sees(&self, scope: &Pattern) -> bool {
        self.administrator || self.roles.iter().any(|(p, _)| p.meets(scope))
    }

    /// Whether the actor may see anything of an application.
    #[must_use]
    pub fn sees_app(&self, app: &AppName) -> bool {
        self.administrator || self.creates(app) || self.names_app(app)
    }

    /// Whether the actor may see anything of an application in an environment.
    #[must_use]
    pub fn sees_env(&self, app: &AppName, env: &EnvName) -> bool {
        self.owns(app) || self.roles.iter().any(|(p, _)| p.touches(env, app))
    }

    /// Whether the actor may see anything of a namespace.
    #[must_use]
    pub fn sees_namespace(&self, app: &AppName, namespace: &NamespaceName) -> bool {
        let names = |p: &Pattern| {
            p.app.as_ref().is_none_or(|a| a == app) && p.namespace.as_ref().is_none_or(|n| n == namespace)
        };
        self.owns(app) || self.roles.iter().any(|(p, _)| names(p))
    }

    /// Whether the actor may see anything of an environment.
    #[must_use]
    pub fn sees_some_of(&self, env: &EnvName) -> bool {
        self.administrator || self.roles.iter().any(|(p, _)| p.env.as_ref().is_none_or(|e| e == env))
    }

    /// Whether there is anything that the actor may edit.
    #[must_use]
    pub fn edits_something(&self) -> bool {
        self.administrator || self.roles.iter().any(|(_, role)| *role >= Role::Editor)
    }

    fn names_app(&self, app: &AppName) -> bool {
        self.roles.iter().any(|(p, _)| p.app.as_ref().is_none_or(|a| a == app))
    }

    /// Whether this makes applications of any name.
    fn creates_all(&self) -> bool {
        self.administrator || (self.creator && self.roles.is_empty())
    }

    /// Whether this makes applications, and this one too: an automation token with `--admin` prepares the applications
    /// that it writes to.
    fn creates(&self, app: &AppName) -> bool {
        self.creates_all() || (self.creator && self.names_app(app))
    }

    /// Whether the actor owns an application in every environment. A token with `--admin` owns those that one of its
    /// patterns names as a whole: what changes an application changes it in all environments.
    fn owns(&self, app: &AppName) -> bool {
        let all = |p: &Pattern| p.env.is_none() && p.namespace.is_none() && p.app.as_ref().is_none_or(|a| a == app);
        let owner = |(p, role): &(Pattern, Role)| (*role == Role::Owner || self.creator) && all(p);
        self.creates_all() || self.roles.iter().any(owner)
    }

    /// Permission to see a config.
    ///
    /// # Errors
    /// [`Error::NotFound`]: whether it exists is not told.
    pub fn may_view(&self, config: &ConfigId) -> Result<May<View>> {
        self.at_least(Role::Viewer, Need::View, config)
    }

    /// Permission to edit a config in a change.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the right to see it, else [`Error::Forbidden`].
    pub fn may_edit(&self, config: &ConfigId) -> Result<May<Change>> {
        self.at_least(Role::Editor, Need::Edit, config)
    }

    /// Permission to publish a config.
    ///
    /// # Errors
    /// As [`Actor::may_edit`].
    pub fn may_publish(&self, config: &ConfigId) -> Result<May<Publish>> {
        self.at_least(Role::Publisher, Need::Publish, config)
    }

    /// Permission to discard a change. Its author may; where the author is `absent` (cannot log in any more, or is no
    /// person), so may an administrator and whoever owns all configs that it touches.
    ///
    /// # Errors
    /// [`Error::Forbidden`]. Whether the actor may see the change has been checked.
    pub fn may_discard(
        &self,
        change: &change::Change,
        absent: bool,
        touched: &[ConfigId],
    ) -> Result<May<Discard, ChangeId>> {
        let owns_all =
            self.administrator || (!touched.is_empty() && touched.iter().all(|config| self.owns_config(config)));
        match absent {
            _ if change.author == self.id => {}
            true if owns_all => {}
            true => return Err(Error::Forbidden(Need::Own)),
            false => return Err(Error::Forbidden(Need::Author)),
        }
        Ok(May::new(change.id.clone()))
    }

    /// Whether the actor owns a config. An automation token with `--admin` owns what its patterns name.
    fn owns_config(&self, config: &ConfigId) -> bool {
        match self.role(config) {
            Some(Role::Owner) => true,
            Some(_) => self.creates(&config.app),
            None => false,
        }
    }

    /// Permission to manage an application: its namespaces, its description. Needs to own it in every environment.
    ///
    /// # Errors
    /// As [`Actor::may_edit`].
    pub fn may_own(&self, app: &AppName) -> Result<May<Own, AppName>> {
        if self.owns(app) {
            return Ok(May::new(app.clone()));
        }
        Err(if self.sees_app(app) { Error::Forbidden(Need::Own) } else { Error::NotFound(app.to_string()) })
    }

    /// Permission to make a namespace of an application. Owners have it, and tokens that make what they write to.
    ///
    /// # Errors
    /// As [`Actor::may_edit`].
    pub fn may_add(&self, app: &AppName, namespace: &NamespaceName) -> Result<May<Add, (AppName, NamespaceName)>> {
        let names = |p: &Pattern| {
            p.app.as_ref().is_none_or(|a| a == app) && p.namespace.as_ref().is_none_or(|n| n == namespace)
        };
        if !(self.creator && self.roles.iter().any(|(p, _)| names(p))) {
            self.may_own(app)?;
        }
        Ok(May::new((app.clone(), namespace.clone())))
    }

    /// Permission to make applications and environments. Whoever has it may not change those that exist.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn may_create(&self) -> Result<May<Create, ()>> {
        if self.creator { Ok(May::new(())) } else { Err(Error::Forbidden(Need::Administer)) }
    }

    /// Permission to manage users, all tokens, and the environments that exist.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn may_administer(&self) -> Result<May<Administer, ()>> {
        if self.administrator { Ok(May::new(())) } else { Err(Error::Forbidden(Need::Administer)) }
    }

    /// Permission to hand out and revoke a token with these patterns: the actor owns all that they name.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn may_grant(&self, patterns: &[Pattern]) -> Result<May<GrantToken, ()>> {
        let owns = |wanted: &Pattern| self.roles.iter().any(|(p, role)| *role == Role::Owner && p.contains(wanted));
        if self.administrator || (!patterns.is_empty() && patterns.iter().all(owns)) {
            return Ok(May::new(()));
        }
        Err(Error::Forbidden(Need::Own))
    }

    fn at_least<What>(&self, role: Role, need: Need, config: &ConfigId) -> Result<May<What>> {
        match self.role(config) {
            Some(has) if has >= role => Ok(May::new(config.clone())),
            Some(_) => Err(Error::Forbidden(need)),
            None => Err(Error::NotFound(config.to_string())),
        }
    }
}

/// To see.
#[derive(Debug)]
pub enum View {}
/// To edit in a change.
#[derive(Debug)]
pub enum Change {}
/// To publish and roll back.
#[derive(Debug)]
pub enum Publish {}
/// To discard a change.
#[derive(Debug)]
pub enum Discard {}
/// To manage an application.
#[derive(Debug)]
pub enum Own {}
/// To make a namespace.
#[derive(Debug)]
pub enum Add {}
/// To create applications and environments.
#[derive(Debug)]
pub enum Create {}
/// To manage users and the environments that exist.
#[derive(Debug)]
pub enum Administer {}
/// To hand out and revoke tokens.
#[derive(Debug)]
pub enum GrantToken {}

/// Proof that an actor may do `What` to the object inside. Only an [`Actor`] makes one, and the object that was
/// authorised is the object that is then worked on: there is no second spelling to get wrong.
#[derive(Clone, Debug)]
pub struct May<What, On = ConfigId> {
    on: On,
    what: PhantomData<fn() -> What>,
}

impl<What, On> May<What, On> {
    fn new(on: On) -> Self {
        Self { on, what: PhantomData }
    }

    /// The object.
    pub fn on(&self) -> &On {
        &self.on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ConfigId {
        text.parse().unwrap()
    }

    fn someone(roles: &[(&str, Role)]) -> Actor {
        Actor::user("1", "ana", false, roles.iter().map(|(p, r)| (p.parse().unwrap(), *r)).collect())
    }

    #[test]
    fn patterns_are_three_parts() {
        for good in ["*/*/*", "prod/shop/*", "*/shop/application"] {
            assert_eq!(good.parse::<Pattern>().unwrap().to_string(), good);
        }
        for bad in ["", "*", "prod", "prod/shop", "prod/shop/app*", "prod/shop/a/b", "prod/Shop/*"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
        let shop: Pattern = "*/shop/*".parse().unwrap();
        assert!(shop.contains(&"prod/shop/*".parse().unwrap()) && !shop.contains(&"*/*/*".parse().unwrap()));
    }

    #[test]
    fn of_a_pattern_is_seen_what_a_role_names_too() {
        let ana = someone(&[("dev/shop/*", Role::Viewer), ("*/mail/inbox", Role::Viewer)]);
        for (text, sees) in [
            ("*/*/*", true),
            ("dev/*/*", true),
            ("prod/*/*", true),
            ("*/shop/*", true),
            ("prod/shop/*", false),
            ("prod/mail/*", true),
            ("prod/mail/outbox", false),
            ("*/*/outbox", true),
            ("prod/*/outbox", false),
            ("*/else/*", false),
        ] {
            assert_eq!(ana.sees(&text.parse().unwrap()), sees, "{text}");
        }
        assert!(!someone(&[]).sees(&"*/*/*".parse().unwrap()) && Actor::shell().sees(&"prod/*/*".parse().unwrap()));
    }

    #[test]
    fn a_pattern_around_configs_is_the_narrowest() {
        let around = |configs: &[&str]| Pattern::around(&configs.iter().map(|c| config(c)).collect::<Vec<_>>());
        for (configs, text, breadth) in [
            (&["prod/shop/a"][..], "prod/shop/a", 0),
            (&["prod/shop/a", "prod/shop/b"], "prod/shop/*", 1),
            (&["prod/shop/a", "dev/shop/b", "dev/shop/a"], "*/shop/*", 2),
            (&["prod/shop/a", "dev/mail/b"], "*/*/*", 3),
        ] {
            let around = around(configs);
            assert_eq!((around.to_string(), around.breadth()), (text.to_owned(), breadth));
            assert_eq!(around.config(), (breadth == 0).then(|| config(text)));
        }
    }

    #[test]
    fn what_may_not_be_seen_does_not_exist() {
        let ana = someone(&[("dev/shop/*", Role::Editor)]);
        assert!(ana.may_edit(&config("dev/shop/application")).is_ok());
        assert_eq!(ana.may_publish(&config("dev/shop/application")).unwrap_err(), Error::Forbidden(Need::Publish));
        assert!(matches!(ana.may_view(&config("prod/shop/application")), Err(Error::NotFound(_))));
        assert!(matches!(ana.may_publish(&config("dev/mail/application")), Err(Error::NotFound(_))));
    }

    #[test]
    fn the_strongest_role_counts() {
        let ana = someone(&[("*/*/*", Role::Viewer), ("dev/*/*", Role::Publisher)]);
        assert_eq!(ana.role(&config("dev/shop/a")), Some(Role::Publisher));
        assert_eq!(ana.role(&config("prod/shop/a")), Some(Role::Viewer));
    }

    #[test]
    fn a_creator_owns_what_its_patterns_name() {
        let token = |creator, patterns: &[&str]| {
            let patterns: Vec<Pattern> = patterns.iter().map(|p| p.parse().unwrap()).collect();
            Actor::token("1", "pipeline", creator, &patterns)
        };
        let (shop, mail): (AppName, AppName) = ("shop".parse().unwrap(), "mail".parse().unwrap());
        let of_shop = token(true, &["*/shop/*"]);
        assert!(of_shop.may_create().is_ok() && of_shop.may_own(&shop).is_ok() && of_shop.sees_app(&shop));
        assert!(of_shop.may_administer().is_err(), "environments that exist are not its own");
        assert!(!of_shop.sees_app(&mail));
        assert_eq!(of_shop.may_own(&mail).unwrap_err(), Error::NotFound("mail".into()));
        for of_all in [token(true, &[]), token(true, &["*/*/*"])] {
            assert!(of_all.may_own(&shop).is_ok() && of_all.sees_app(&mail));
        }
        assert_eq!(token(false, &["*/shop/*"]).may_own(&shop).unwrap_err(), Error::Forbidden(Need::Own));
        let (here, other): (NamespaceName, NamespaceName) = ("here".parse().unwrap(), "other".parse().unwrap());
        for part in ["dev/shop/*", "*/shop/here", "dev/shop/here"] {
            let of_a_part = token(true, &[part]);
            assert_eq!(of_a_part.may_own(&shop).unwrap_err(), Error::Forbidden(Need::Own), "{part}");
            assert!(of_a_part.may_add(&shop, &here).is_ok(), "{part}");
            assert_eq!(of_a_part.may_add(&shop, &other).is_ok(), part == "dev/shop/*", "{part}");
            assert_eq!(of_a_part.may_add(&mail, &here).unwrap_err(), Error::NotFound("mail".into()), "{part}");
        }
        let root = Actor::user("1", "root", true, vec![("dev/shop/*".parse().unwrap(), Role::Viewer)]);
        assert!(root.may_own(&mail).is_ok() && root.sees_app(&mail));
    }

    #[test]
    fn places_are_seen_where_something_in_them_is() {
        let ana = someone(&[("dev/shop/application", Role::Viewer)]);
        let (shop, mail): (AppName, AppName) = ("shop".parse().unwrap(), "mail".parse().unwrap());
        let (dev, prod): (EnvName, EnvName) = ("dev".parse().unwrap(), "prod".parse().unwrap());
        assert!(ana.sees_env(&shop, &dev) && !ana.sees_env(&shop, &prod) && !ana.sees_env(&mail, &dev));
        let (here, other) = ("application".parse().unwrap(), "other".parse().unwrap());
        assert!(ana.sees_namespace(&shop, &here) && !ana.sees_namespace(&shop, &other));
        assert!(!ana.sees_namespace(&mail, &here));
        assert!(ana.sees_some_of(&dev) && !ana.sees_some_of(&prod));
    }

    #[test]
    fn a_change_is_discarded_by_its_author_or_by_owners_of_all_that_it_touches() {
        let ana = someone(&[("*/shop/*", Role::Editor)]);
        let of = |author: &str| change::Change {
            id: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            author: author.into(),
            author_name: author.into(),
            message: String::new(),
            state: change::ChangeState::Open,
            version: 1,
            created_at: crate::domain::time::Time(0),
            updated_at: crate::domain::time::Time(0),
        };
        let (shop, both) = ([config("dev/shop/a")], [config("dev/shop/a"), config("dev/mail/a")]);
        assert!(ana.may_discard(&of("user:1"), false, &both).is_ok());
        let owner = Actor::user("2", "lin", false, vec![("*/shop/*".parse().unwrap(), Role::Owner)]);
        let root = Actor::user("3", "root", true, Vec::new());
        let creator = Actor::token("4", "ci", true, &["dev/shop/*".parse().unwrap()]);
        for owner in [&owner, &root, &creator] {
            assert!(owner.may_discard(&of("user:1"), true, &shop).is_ok());
            assert_eq!(owner.may_discard(&of("user:1"), false, &shop).unwrap_err(), Error::Forbidden(Need::Author));
        }
        let publisher = Actor::token("5", "ci", false, &["dev/shop/*".parse().unwrap()]);
        for less in [&owner, &creator, &publisher] {
            assert_eq!(less.may_discard(&of("user:1"), true, &both).unwrap_err(), Error::Forbidden(Need::Own));
        }
        assert!(creator.may_discard(&of("user:1"), true, &[config("prod/shop/a")]).is_err());
        assert!(
            owner.may_discard(&of("user:1"), true, &[]).is_err() && root.may_discard(&of("user:1"), true, &[]).is_ok()
        );
    }

    #[test]
    fn nobody_hands_out_more_than_is_theirs() {
        let owner = someone(&[("*/shop/*", Role::Owner)]);
        let patterns = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<Pattern>>();
        assert!(owner.may_grant(&patterns(&["prod/shop/*"])).is_ok());
        assert!(owner.may_grant(&patterns(&["prod/shop/*", "prod/mail/*"])).is_err());
        assert!(owner.may_grant(&[]).is_err());
        assert!(someone(&[("*/shop/*", Role::Publisher)]).may_grant(&patterns(&["prod/shop/*"])).is_err());
    }
}
