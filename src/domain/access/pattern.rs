//! Patterns: sets of configs, for grants and tokens.

use std::{fmt, str::FromStr};

use crate::domain::{
    error::{Invalid, Problem, Result, truncate},
    names::{AppName, ConfigId, EnvName, NamespaceName, serde_as_text},
};

/// A set of configs: `env/app/namespace`, each a name or `*`. Roles and tokens use the same type as their scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    env: Option<EnvName>,
    app: Option<AppName>,
    namespace: Option<NamespaceName>,
}

impl Pattern {
    /// Returns the pattern of these parts; `None` matches any name.
    pub fn new(env: Option<EnvName>, app: Option<AppName>, namespace: Option<NamespaceName>) -> Self {
        Self { env, app, namespace }
    }

    /// Returns the narrowest pattern that covers all of these configs.
    pub fn spanning<'a>(configs: impl IntoIterator<Item = &'a ConfigId>) -> Self {
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

    /// Returns the environment that it is limited to.
    pub fn env(&self) -> Option<&EnvName> {
        self.env.as_ref()
    }

    /// Returns the application that it is limited to.
    pub fn app(&self) -> Option<&AppName> {
        self.app.as_ref()
    }

    /// Returns the namespace that it is limited to.
    pub fn namespace(&self) -> Option<&NamespaceName> {
        self.namespace.as_ref()
    }

    /// Returns the config if it covers exactly one.
    pub fn config(&self) -> Option<ConfigId> {
        let Self { env, app, namespace } = self.clone();
        Some(ConfigId { env: env?, app: app?, namespace: namespace? })
    }

    /// Returns the number of wildcard parts.
    pub fn wildcard_count(&self) -> usize {
        [self.env.is_none(), self.app.is_none(), self.namespace.is_none()].into_iter().map(usize::from).sum()
    }

    /// Returns whether it covers this config.
    pub fn covers(&self, config: &ConfigId) -> bool {
        self.covers_any_of(&config.env, &config.app) && self.namespace.as_ref().is_none_or(|n| *n == config.namespace)
    }

    /// Returns whether it covers any config of this application in this environment.
    pub fn covers_any_of(&self, env: &EnvName, app: &AppName) -> bool {
        self.env.as_ref().is_none_or(|e| e == env) && self.covers_any_of_app(app)
    }

    /// Returns whether it covers every config that `other` covers.
    pub fn contains(&self, other: &Self) -> bool {
        fn part<T: PartialEq>(outer: Option<&T>, inner: Option<&T>) -> bool {
            outer.is_none() || outer == inner
        }
        part(self.env.as_ref(), other.env.as_ref())
            && part(self.app.as_ref(), other.app.as_ref())
            && part(self.namespace.as_ref(), other.namespace.as_ref())
    }

    /// Returns whether any config can be covered by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn part<T: PartialEq>(one: Option<&T>, other: Option<&T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        part(self.env.as_ref(), other.env.as_ref())
            && part(self.app.as_ref(), other.app.as_ref())
            && part(self.namespace.as_ref(), other.namespace.as_ref())
    }

    /// Returns whether it covers any config of this application.
    pub fn covers_any_of_app(&self, app: &AppName) -> bool {
        self.app.as_ref().is_none_or(|a| a == app)
    }

    /// Returns whether it covers any config of this namespace.
    pub fn covers_any_of_namespace(&self, app: &AppName, namespace: &NamespaceName) -> bool {
        self.covers_any_of_app(app) && self.namespace.as_ref().is_none_or(|n| n == namespace)
    }

    /// Returns whether it covers all configs of this application.
    pub fn covers_whole_app(&self, app: &AppName) -> bool {
        self.env.is_none() && self.namespace.is_none() && self.covers_any_of_app(app)
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
        fn part<T: FromStr>(text: &str) -> Option<Option<T>> {
            if text == "*" { Some(None) } else { text.parse().ok().map(Some) }
        }
        let parse = || match text.split('/').collect::<Vec<_>>()[..] {
            [env, app, namespace] => Some(Self { env: part(env)?, app: part(app)?, namespace: part(namespace)? }),
            _ => None,
        };
        parse().ok_or_else(|| Invalid::new("/pattern", Problem::Pattern { text: truncate(text) }))
    }
}

serde_as_text!(Pattern);

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn part(name: Option<&impl fmt::Display>) -> String {
            name.map_or_else(|| "*".into(), ToString::to_string)
        }
        write!(f, "{}/{}/{}", part(self.env.as_ref()), part(self.app.as_ref()), part(self.namespace.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> ConfigId {
        text.parse().unwrap()
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
    fn pattern_around_configs_is_the_narrowest() {
        let around = |configs: &[&str]| Pattern::spanning(&configs.iter().map(|c| config(c)).collect::<Vec<_>>());
        for (configs, text, breadth) in [
            (&["prod/shop/a"][..], "prod/shop/a", 0),
            (&["prod/shop/a", "prod/shop/b"], "prod/shop/*", 1),
            (&["prod/shop/a", "dev/shop/b", "dev/shop/a"], "*/shop/*", 2),
            (&["prod/shop/a", "dev/mail/b"], "*/*/*", 3),
        ] {
            let around = around(configs);
            assert_eq!((around.to_string(), around.wildcard_count()), (text.to_owned(), breadth));
            assert_eq!(around.config(), (breadth == 0).then(|| config(text)));
        }
    }
}
