//! Actors (people, tokens, the command line and the server itself) and their rights.

use super::{
    AddNamespace, Administer, Create, Discard, EditConfig, GrantToken, May, Own, Pattern, Permission, PermissionSet,
    Publish, Remove, Role, View,
};
use crate::domain::{
    change::{self, ChangeId},
    error::{Error, Need, Result},
    names::{AppName, ConfigId, EnvName, NamespaceName},
};

/// Permissions of an automation token for the configs of its patterns. Only people approve changes.
const TOKEN_PERMISSIONS: PermissionSet = PermissionSet::of(&[Permission::View, Permission::Edit, Permission::Publish]);

/// Id of the server itself.
const SYSTEM: &str = "system";

/// The author of a request: a person, an automation token, the command line or the server.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Stable id: `user:<id>`, `token:<id>`, `shell` or `system`.
    pub id: String,
    /// Name in changes, releases and the audit.
    pub name: String,
    administrator: bool,
    creator: bool,
    grants: Vec<(Pattern, PermissionSet)>,
}

impl Actor {
    /// Returns the actor of a logged-in person.
    pub fn user(id: &str, name: &str, administrator: bool, roles: &[(Pattern, Role)]) -> Self {
        let grants = roles.iter().map(|(pattern, role)| (pattern.clone(), role.permissions())).collect();
        Self { id: format!("user:{id}"), name: name.into(), administrator, creator: administrator, grants }
    }

    /// Returns the actor of an automation token, which may publish the configs of its patterns. With `creator` it may
    /// also create environments, and the applications and namespaces that its patterns cover. Without patterns it may
    /// create all of them. It may change an existing application only if a pattern covers all of it, and an existing
    /// environment never.
    pub fn token(id: &str, name: &str, creator: bool, write: &[Pattern]) -> Self {
        let grants = write.iter().map(|p| (p.clone(), TOKEN_PERMISSIONS)).collect();
        Self { id: format!("token:{id}"), name: format!("token {name}"), administrator: false, creator, grants }
    }

    /// Returns the actor of the command line. It has all rights, because its user has access to the database anyway.
    pub fn shell() -> Self {
        Self { id: "shell".into(), name: "command line".into(), administrator: true, creator: true, grants: Vec::new() }
    }

    /// Returns the server itself as the actor of audit events. It has no rights.
    pub fn system() -> Self {
        Self { id: SYSTEM.into(), name: "Trimtab".into(), administrator: false, creator: false, grants: Vec::new() }
    }

    /// Returns whether this is an administrator.
    pub fn is_administrator(&self) -> bool {
        self.administrator
    }

    /// Returns all permissions for a config. It must look non-existent to an actor without [`Permission::View`].
    pub fn permissions(&self, config: &ConfigId) -> PermissionSet {
        let all = if self.administrator { Role::OWNER.permissions() } else { PermissionSet::NONE };
        let grants = self.grants.iter().filter(|(p, _)| p.covers(config));
        grants.fold(all, |sum, (_, permissions)| sum.union(*permissions))
    }

    /// Returns whether the actor may see any config that a pattern covers.
    pub fn sees(&self, scope: &Pattern) -> bool {
        self.administrator || self.has_view_grant(|p| p.overlaps(scope))
    }

    /// Returns whether the actor may see anything of an application.
    pub fn sees_app(&self, app: &AppName) -> bool {
        self.administrator || self.creates(app) || self.has_view_grant(|p| p.covers_any_of_app(app))
    }

    /// Returns whether the actor may see anything of an application in an environment.
    pub fn sees_env(&self, app: &AppName, env: &EnvName) -> bool {
        self.owns(app) || self.has_view_grant(|p| p.covers_any_of(env, app))
    }

    /// Returns whether the actor may see anything of a namespace.
    pub fn sees_namespace(&self, app: &AppName, namespace: &NamespaceName) -> bool {
        self.owns(app) || self.has_view_grant(|p| p.covers_any_of_namespace(app, namespace))
    }

    /// Returns whether the actor may see anything of an environment.
    pub fn sees_any_of_env(&self, env: &EnvName) -> bool {
        self.administrator || self.has_view_grant(|p| p.env().is_none_or(|e| e == env))
    }

    /// Returns whether the actor may edit any config.
    pub fn edits_any(&self) -> bool {
        self.administrator || self.grants.iter().any(|(_, permissions)| permissions.contains(Permission::Edit))
    }

    /// Returns whether the actor may publish any config.
    pub fn publishes_any(&self) -> bool {
        self.administrator || self.grants.iter().any(|(_, permissions)| permissions.contains(Permission::Publish))
    }

    /// Returns whether a grant to view has a pattern that fulfils `about`.
    fn has_view_grant(&self, about: impl Fn(&Pattern) -> bool) -> bool {
        self.grants.iter().any(|(p, permissions)| permissions.contains(Permission::View) && about(p))
    }

    /// Returns whether the actor may create applications of any name.
    fn creates_all(&self) -> bool {
        self.administrator || (self.creator && self.grants.is_empty())
    }

    /// Returns whether the actor may create this application. An automation token with `--admin` may create the
    /// applications of its patterns.
    fn creates(&self, app: &AppName) -> bool {
        self.creates_all() || (self.creator && self.grants.iter().any(|(p, _)| p.covers_any_of_app(app)))
    }

    /// Returns whether the actor owns an application in every environment. An application can be changed only in all of
    /// them, so a token with `--admin` owns an application if one of its patterns covers all of it.
    fn owns(&self, app: &AppName) -> bool {
        let may_own = |permissions: &PermissionSet| permissions.contains(Permission::Own) || self.creator;
        self.creates_all() || self.grants.iter().any(|(p, permissions)| may_own(permissions) && p.covers_whole_app(app))
    }

    /// Authorises seeing a config.
    ///
    /// # Errors
    /// [`Error::NotFound`], whether or not the config exists.
    pub fn may_view(&self, config: &ConfigId) -> Result<May<View>> {
        self.authorise(Permission::View, Need::View, config)
    }

    /// Authorises editing a config in a change.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the actor may not see the config, else [`Error::Forbidden`].
    pub fn may_edit(&self, config: &ConfigId) -> Result<May<EditConfig>> {
        self.authorise(Permission::Edit, Need::Edit, config)
    }

    /// Authorises publishing a config.
    ///
    /// # Errors
    /// Those of [`Actor::may_edit`].
    pub fn may_publish(&self, config: &ConfigId) -> Result<May<Publish>> {
        self.authorise(Permission::Publish, Need::Publish, config)
    }

    /// Authorises discarding a change. Its author may. If the author is `absent` (disabled, or no person), an
    /// administrator and an owner of all touched configs may, too.
    ///
    /// # Errors
    /// [`Error::Forbidden`]. The caller has checked that the actor may see the change.
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

    /// Returns whether the actor owns a config. An automation token with `--admin` owns the configs of its patterns.
    fn owns_config(&self, config: &ConfigId) -> bool {
        let permissions = self.permissions(config);
        permissions.contains(Permission::Own) || (permissions.contains(Permission::View) && self.creates(&config.app))
    }

    /// Authorises managing an application, with its namespaces. The actor must own it in every environment.
    ///
    /// # Errors
    /// Those of [`Actor::may_edit`].
    pub fn may_own(&self, app: &AppName) -> Result<May<Own, AppName>> {
        if self.owns(app) {
            return Ok(May::new(app.clone()));
        }
        Err(if self.sees_app(app) { Error::Forbidden(Need::Own) } else { Error::NotFound(app.to_string()) })
    }

    /// Authorises creating a namespace of an application, for its owners and for creator tokens within their patterns.
    ///
    /// # Errors
    /// Those of [`Actor::may_edit`].
    pub fn may_add(
        &self,
        app: &AppName,
        namespace: &NamespaceName,
    ) -> Result<May<AddNamespace, (AppName, NamespaceName)>> {
        if !(self.creator && self.grants.iter().any(|(p, _)| p.covers_any_of_namespace(app, namespace))) {
            self.may_own(app)?;
        }
        Ok(May::new((app.clone(), namespace.clone())))
    }

    /// Authorises creating applications and environments, but not changing existing ones.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the actor may not.
    pub fn may_create(&self) -> Result<May<Create, ()>> {
        if self.creator { Ok(May::new(())) } else { Err(Error::Forbidden(Need::Administer)) }
    }

    /// Authorises managing users, all tokens, and existing environments.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the actor is no administrator.
    pub fn may_administer(&self) -> Result<May<Administer, ()>> {
        if self.administrator { Ok(May::new(())) } else { Err(Error::Forbidden(Need::Administer)) }
    }

    /// Authorises removing archived objects for good: for administrators, and for the server itself after the time that
    /// the bin keeps them.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for any other actor.
    pub fn may_remove(&self) -> Result<May<Remove, ()>> {
        if self.administrator || self.id == SYSTEM {
            return Ok(May::new(()));
        }
        Err(Error::Forbidden(Need::Administer))
    }

    /// Authorises granting and revoking a token with these patterns. The actor must own all configs that they cover.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the actor does not.
    pub fn may_grant(&self, patterns: &[Pattern]) -> Result<May<GrantToken, ()>> {
        let owned = self.grants.iter().filter(|(_, permissions)| permissions.contains(Permission::Own));
        let owned: Vec<&Pattern> = owned.map(|(pattern, _)| pattern).collect();
        let owns = |wanted: &Pattern| owned.iter().any(|pattern| pattern.contains(wanted));
        if self.administrator || (!patterns.is_empty() && patterns.iter().all(owns)) {
            return Ok(May::new(()));
        }
        Err(Error::Forbidden(Need::Own))
    }

    fn authorise<What>(&self, permission: Permission, need: Need, config: &ConfigId) -> Result<May<What>> {
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

    fn user_with_roles(roles: &[(&str, Role)]) -> Actor {
        let roles: Vec<_> = roles.iter().map(|(p, r)| (p.parse().unwrap(), r.clone())).collect();
        Actor::user("1", "ana", false, &roles)
    }

    #[test]
    fn a_pattern_is_seen_if_it_overlaps_a_role() {
        let ana = user_with_roles(&[("dev/shop/*", Role::VIEWER), ("*/mail/inbox", Role::VIEWER)]);
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
        assert!(
            !user_with_roles(&[]).sees(&"*/*/*".parse().unwrap()) && Actor::shell().sees(&"prod/*/*".parse().unwrap())
        );
    }

    #[test]
    fn an_invisible_config_looks_non_existent() {
        let ana = user_with_roles(&[("dev/shop/*", Role::EDITOR)]);
        assert!(ana.may_edit(&config("dev/shop/application")).is_ok());
        assert_eq!(ana.may_publish(&config("dev/shop/application")).unwrap_err(), Error::Forbidden(Need::Publish));
        assert!(matches!(ana.may_view(&config("prod/shop/application")), Err(Error::NotFound(_))));
        assert!(matches!(ana.may_publish(&config("dev/mail/application")), Err(Error::NotFound(_))));
    }

    #[test]
    fn the_strongest_role_applies() {
        let ana = user_with_roles(&[("*/*/*", Role::VIEWER), ("dev/*/*", Role::PUBLISHER)]);
        assert_eq!(ana.permissions(&config("dev/shop/a")), Role::PUBLISHER.permissions());
        assert_eq!(ana.permissions(&config("prod/shop/a")), Role::VIEWER.permissions());
        let root = Actor::user("2", "root", true, &[]);
        assert_eq!(root.permissions(&config("dev/shop/a")), Role::OWNER.permissions());
    }

    #[test]
    fn a_creator_owns_the_applications_of_its_patterns() {
        let token = |creator, patterns: &[&str]| {
            let patterns: Vec<Pattern> = patterns.iter().map(|p| p.parse().unwrap()).collect();
            Actor::token("1", "pipeline", creator, &patterns)
        };
        let (shop, mail): (AppName, AppName) = ("shop".parse().unwrap(), "mail".parse().unwrap());
        let of_shop = token(true, &["*/shop/*"]);
        assert!(of_shop.may_create().is_ok() && of_shop.may_own(&shop).is_ok() && of_shop.sees_app(&shop));
        assert!(of_shop.may_administer().is_err(), "it must not change existing environments");
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
    fn a_container_is_visible_if_anything_in_it_is() {
        let ana = user_with_roles(&[("dev/shop/application", Role::VIEWER)]);
        let (shop, mail): (AppName, AppName) = ("shop".parse().unwrap(), "mail".parse().unwrap());
        let (dev, prod): (EnvName, EnvName) = ("dev".parse().unwrap(), "prod".parse().unwrap());
        assert!(ana.sees_env(&shop, &dev) && !ana.sees_env(&shop, &prod) && !ana.sees_env(&mail, &dev));
        let (here, other) = ("application".parse().unwrap(), "other".parse().unwrap());
        assert!(ana.sees_namespace(&shop, &here) && !ana.sees_namespace(&shop, &other));
        assert!(!ana.sees_namespace(&mail, &here));
        assert!(ana.sees_any_of_env(&dev) && !ana.sees_any_of_env(&prod));
    }

    #[test]
    fn a_change_is_discarded_by_its_author_or_by_owners_of_all_touched_configs() {
        let ana = user_with_roles(&[("*/shop/*", Role::EDITOR)]);
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
    fn nobody_grants_more_than_they_own() {
        let owner = user_with_roles(&[("*/shop/*", Role::OWNER)]);
        let patterns = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<Pattern>>();
        assert!(owner.may_grant(&patterns(&["prod/shop/*"])).is_ok());
        assert!(owner.may_grant(&patterns(&["prod/shop/*", "prod/mail/*"])).is_err());
        assert!(owner.may_grant(&[]).is_err());
        assert!(user_with_roles(&[("*/shop/*", Role::PUBLISHER)]).may_grant(&patterns(&["prod/shop/*"])).is_err());
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
        assert!(matches!(ana.may_publish(&config("dev/mail/a")), Err(Error::NotFound(_))), "the config is invisible");
        assert!(!ana.sees_app(&"mail".parse().unwrap()));
    }

    #[test]
    fn tokens_cannot_approve() {
        let token = Actor::token("1", "pipeline", true, &["*/*/*".parse().unwrap()]);
        assert_eq!(token.permissions(&config("dev/shop/a")).to_string(), "view edit publish");
    }
}
