//! Actors: people, tokens and the machine itself, and their rights.

use super::{
    Add, Administer, Change, Create, Discard, GrantToken, May, Own, Pattern, Permission, PermissionSet, Publish, Role,
    View,
};
use crate::domain::{
    change::{self, ChangeId},
    error::{Error, Need, Result},
    names::{AppName, ConfigId, EnvName, NamespaceName},
};

/// Permissions of an automation token for the configs that it names. Only people approve changes.
const TOKEN: PermissionSet = PermissionSet::of(&[Permission::View, Permission::Edit, Permission::Publish]);

/// The author of a request: a person, an automation token, or the shell of the machine itself.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Stable identity: `user:<id>`, `token:<id>`, `shell` or `system`.
    pub id: String,
    /// The name that stands in changes, releases and the audit.
    pub name: String,
    administrator: bool,
    creator: bool,
    grants: Vec<(Pattern, PermissionSet)>,
}

impl Actor {
    /// A person who has logged in.
    #[must_use]
    pub fn user(id: &str, name: &str, administrator: bool, roles: &[(Pattern, Role)]) -> Self {
        let grants = roles.iter().map(|(pattern, role)| (pattern.clone(), role.permissions())).collect();
        Self { id: format!("user:{id}"), name: name.into(), administrator, creator: administrator, grants }
    }

    /// An automation token: it publishes what its patterns name; `creator` lets it make environments, and applications
    /// and namespaces that its patterns name, or any when it has none. It changes what exists only where a pattern
    /// names the whole application, and never an environment.
    #[must_use]
    pub fn token(id: &str, name: &str, creator: bool, write: &[Pattern]) -> Self {
        let grants = write.iter().map(|p| (p.clone(), TOKEN)).collect();
        Self { id: format!("token:{id}"), name: format!("token {name}"), administrator: false, creator, grants }
    }

    /// The command line on the server's own machine: whoever reads its settings owns the database anyway.
    #[must_use]
    pub fn shell() -> Self {
        Self { id: "shell".into(), name: "command line".into(), administrator: true, creator: true, grants: Vec::new() }
    }

    /// The server itself, where it notes what it found. It may nothing.
    #[must_use]
    pub fn system() -> Self {
        Self { id: "system".into(), name: "Trimtab".into(), administrator: false, creator: false, grants: Vec::new() }
    }

    /// Whether this is an administrator.
    #[must_use]
    pub fn is_administrator(&self) -> bool {
        self.administrator
    }

    /// Everything that the actor may do with a config. Without [`Permission::View`] it does not exist for the actor.
    #[must_use]
    pub fn permissions(&self, config: &ConfigId) -> PermissionSet {
        let all = if self.administrator { Role::OWNER.permissions() } else { PermissionSet::NONE };
        let grants = self.grants.iter().filter(|(p, _)| p.covers(config));
        grants.fold(all, |sum, (_, permissions)| sum.union(*permissions))
    }

    /// Whether the actor may see anything of what a pattern names.
    #[must_use]
    pub fn sees(&self, scope: &Pattern) -> bool {
        self.administrator || self.views(|p| p.meets(scope))
    }

    /// Whether the actor may see anything of an application.
    #[must_use]
    pub fn sees_app(&self, app: &AppName) -> bool {
        self.administrator || self.creates(app) || self.views(|p| p.names_app(app))
    }

    /// Whether the actor may see anything of an application in an environment.
    #[must_use]
    pub fn sees_env(&self, app: &AppName, env: &EnvName) -> bool {
        self.owns(app) || self.views(|p| p.touches(env, app))
    }

    /// Whether the actor may see anything of a namespace.
    #[must_use]
    pub fn sees_namespace(&self, app: &AppName, namespace: &NamespaceName) -> bool {
        self.owns(app) || self.views(|p| p.names_namespace(app, namespace))
    }

    /// Whether the actor may see anything of an environment.
    #[must_use]
    pub fn sees_some_of(&self, env: &EnvName) -> bool {
        self.administrator || self.views(|p| p.env().is_none_or(|e| e == env))
    }

    /// Whether there is anything that the actor may edit.
    #[must_use]
    pub fn edits_something(&self) -> bool {
        self.administrator || self.grants.iter().any(|(_, permissions)| permissions.contains(Permission::Edit))
    }

    /// Whether a grant to view is about such a pattern.
    fn views(&self, about: impl Fn(&Pattern) -> bool) -> bool {
        self.grants.iter().any(|(p, permissions)| permissions.contains(Permission::View) && about(p))
    }

    /// Whether this makes applications of any name.
    fn creates_all(&self) -> bool {
        self.administrator || (self.creator && self.grants.is_empty())
    }

    /// Whether this makes applications, and this one too: an automation token with `--admin` prepares the applications
    /// that it writes to.
    fn creates(&self, app: &AppName) -> bool {
        self.creates_all() || (self.creator && self.grants.iter().any(|(p, _)| p.names_app(app)))
    }

    /// Whether the actor owns an application in every environment. A token with `--admin` owns those that one of its
    /// patterns names as a whole: what changes an application changes it in all environments.
    fn owns(&self, app: &AppName) -> bool {
        let may_own = |permissions: &PermissionSet| permissions.contains(Permission::Own) || self.creator;
        self.creates_all() || self.grants.iter().any(|(p, permissions)| may_own(permissions) && p.names_whole_app(app))
    }

    /// Permission to see a config.
    ///
    /// # Errors
    /// [`Error::NotFound`]: whether it exists is not told.
    pub fn may_view(&self, config: &ConfigId) -> Result<May<View>> {
        self.having(Permission::View, Need::View, config)
    }

    /// Permission to edit a config in a change.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the right to see it, else [`Error::Forbidden`].
    pub fn may_edit(&self, config: &ConfigId) -> Result<May<Change>> {
        self.having(Permission::Edit, Need::Edit, config)
    }

    /// Permission to publish a config.
    ///
    /// # Errors
    /// As [`Actor::may_edit`].
    pub fn may_publish(&self, config: &ConfigId) -> Result<May<Publish>> {
        self.having(Permission::Publish, Need::Publish, config)
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
        let permissions = self.permissions(config);
        permissions.contains(Permission::Own) || (permissions.contains(Permission::View) && self.creates(&config.app))
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
        if !(self.creator && self.grants.iter().any(|(p, _)| p.names_namespace(app, namespace))) {
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
        let owned = self.grants.iter().filter(|(_, permissions)| permissions.contains(Permission::Own));
        let owned: Vec<&Pattern> = owned.map(|(pattern, _)| pattern).collect();
        let owns = |wanted: &Pattern| owned.iter().any(|pattern| pattern.contains(wanted));
        if self.administrator || (!patterns.is_empty() && patterns.iter().all(owns)) {
            return Ok(May::new(()));
        }
        Err(Error::Forbidden(Need::Own))
    }

    fn having<What>(&self, permission: Permission, need: Need, config: &ConfigId) -> Result<May<What>> {
        let permissions = self.permissions(config);
        match permissions.contains(Permission::View) {
            true if permissions.contains(permission) => Ok(May::new(config.clone())),
            true => Err(Error::Forbidden(need)),
            false => Err(Error::NotFound(config.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ConfigId {
        text.parse().unwrap()
    }

    fn someone(roles: &[(&str, Role)]) -> Actor {
        let roles: Vec<_> = roles.iter().map(|(p, r)| (p.parse().unwrap(), r.clone())).collect();
        Actor::user("1", "ana", false, &roles)
    }

    #[test]
    fn of_a_pattern_is_seen_what_a_role_names_too() {
        let ana = someone(&[("dev/shop/*", Role::VIEWER), ("*/mail/inbox", Role::VIEWER)]);
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
    fn what_may_not_be_seen_does_not_exist() {
        let ana = someone(&[("dev/shop/*", Role::EDITOR)]);
        assert!(ana.may_edit(&config("dev/shop/application")).is_ok());
        assert_eq!(ana.may_publish(&config("dev/shop/application")).unwrap_err(), Error::Forbidden(Need::Publish));
        assert!(matches!(ana.may_view(&config("prod/shop/application")), Err(Error::NotFound(_))));
        assert!(matches!(ana.may_publish(&config("dev/mail/application")), Err(Error::NotFound(_))));
    }

    #[test]
    fn the_strongest_role_counts() {
        let ana = someone(&[("*/*/*", Role::VIEWER), ("dev/*/*", Role::PUBLISHER)]);
        assert_eq!(ana.permissions(&config("dev/shop/a")), Role::PUBLISHER.permissions());
        assert_eq!(ana.permissions(&config("prod/shop/a")), Role::VIEWER.permissions());
        let root = Actor::user("2", "root", true, &[]);
        assert_eq!(root.permissions(&config("dev/shop/a")), Role::OWNER.permissions());
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
        let root = Actor::user("1", "root", true, &[("dev/shop/*".parse().unwrap(), Role::VIEWER)]);
        assert!(root.may_own(&mail).is_ok() && root.sees_app(&mail));
    }

    #[test]
    fn places_are_seen_where_something_in_them_is() {
        let ana = someone(&[("dev/shop/application", Role::VIEWER)]);
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
        let ana = someone(&[("*/shop/*", Role::EDITOR)]);
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
        let owner = Actor::user("2", "lin", false, &[("*/shop/*".parse().unwrap(), Role::OWNER)]);
        let root = Actor::user("3", "root", true, &[]);
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
        let owner = someone(&[("*/shop/*", Role::OWNER)]);
        let patterns = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<Pattern>>();
        assert!(owner.may_grant(&patterns(&["prod/shop/*"])).is_ok());
        assert!(owner.may_grant(&patterns(&["prod/shop/*", "prod/mail/*"])).is_err());
        assert!(owner.may_grant(&[]).is_err());
        assert!(someone(&[("*/shop/*", Role::PUBLISHER)]).may_grant(&patterns(&["prod/shop/*"])).is_err());
    }

    #[test]
    fn permissions_of_several_roles_add_up() {
        let own_role = |permission| Role::stored("own role".into(), PermissionSet::of(&[permission]));
        let roles = [
            ("*/shop/*".parse().unwrap(), own_role(Permission::View)),
            ("dev/*/*".parse().unwrap(), own_role(Permission::Publish)),
            ("dev/shop/*".parse().unwrap(), own_role(Permission::Reveal)),
        ];
        let ana = Actor::user("1", "ana", false, &roles);
        assert_eq!(ana.permissions(&config("dev/shop/a")).to_string(), "view publish reveal");
        assert!(ana.may_publish(&config("dev/shop/a")).is_ok() && ana.may_edit(&config("dev/shop/a")).is_err());
        assert!(matches!(ana.may_publish(&config("dev/mail/a")), Err(Error::NotFound(_))), "it may not be seen");
        assert!(!ana.sees_app(&"mail".parse().unwrap()));
    }

    #[test]
    fn tokens_approve_nothing() {
        let token = Actor::token("1", "pipeline", true, &["*/*/*".parse().unwrap()]);
        assert_eq!(token.permissions(&config("dev/shop/a")).to_string(), "view edit publish");
    }
}
