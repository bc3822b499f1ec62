//! The recycle bin: archived environments, applications and namespaces, until they are restored or removed for good.

use std::{fmt, str::FromStr};

use super::{
    access::Pattern,
    change::ChangeId,
    error::{Invalid, Problem, truncate},
    names::{AppName, EnvName, NamespaceName},
    time::Time,
};

/// An object that can be archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinObject {
    /// An environment.
    Env(EnvName),
    /// An application.
    App(AppName),
    /// A namespace of an application.
    Namespace(AppName, NamespaceName),
}

impl BinObject {
    /// Parses the kind and the name of an object.
    ///
    /// # Errors
    /// [`Invalid`] for an unknown kind or an invalid name.
    pub fn parse(kind: &str, name: &str) -> Result<Self, Invalid> {
        match (kind, name.split_once('/')) {
            ("env", _) => name.parse().map(Self::Env),
            ("app", _) => name.parse().map(Self::App),
            ("namespace", Some((app, namespace))) => Ok(Self::Namespace(app.parse()?, namespace.parse()?)),
            ("namespace", None) => Err(NamespaceName::from_str("").expect_err("a name is not empty")),
            _ => {
                let known = ["env", "app", "namespace"].map(str::to_owned).to_vec();
                Err(Invalid::new("/kind", Problem::Unknown { given: truncate(kind), known }))
            }
        }
    }

    /// Returns `env`, `app` or `namespace`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Env(_) => "env",
            Self::App(_) => "app",
            Self::Namespace(..) => "namespace",
        }
    }

    /// Returns the pattern of its configs.
    pub fn scope(&self) -> Pattern {
        match self.clone() {
            Self::Env(env) => Pattern::new(Some(env), None, None),
            Self::App(app) => Pattern::new(None, Some(app), None),
            Self::Namespace(app, namespace) => Pattern::new(None, Some(app), Some(namespace)),
        }
    }
}

/// Writes the name: `prod`, `shop`, `shop/routes`.
impl fmt::Display for BinObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(env) => env.fmt(f),
            Self::App(app) => app.fmt(f),
            Self::Namespace(app, namespace) => write!(f, "{app}/{namespace}"),
        }
    }
}

/// An archived object in the bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// The object.
    pub object: BinObject,
    /// The display name, empty for a namespace.
    pub title: String,
    /// Time when it was archived.
    pub at: Time,
    /// Name of the actor who archived it. Empty if it was archived before this was recorded.
    pub by: String,
}

/// A removal for good. Its identity is a UUIDv7 like that of a change, whose place it has in the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Identity of the removed object.
    pub id: ChangeId,
    /// Name of the actor.
    pub by: String,
    /// Time of the removal.
    pub at: Time,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_parsed_back_from_its_kind_and_name() {
        for (kind, name, scope) in
            [("env", "prod", "prod/*/*"), ("app", "shop", "*/shop/*"), ("namespace", "shop/routes", "*/shop/routes")]
        {
            let object = BinObject::parse(kind, name).unwrap();
            assert_eq!((object.kind(), &*object.to_string(), &*object.scope().to_string()), (kind, name, scope));
        }
        for (kind, name) in [("env", "a/b"), ("app", ""), ("namespace", "shop"), ("namespace", "a/b/c"), ("user", "a")]
        {
            assert!(BinObject::parse(kind, name).is_err(), "{kind} {name}");
        }
    }
}
