//! Names of applications, environments, namespaces and configs. They are parsed once, where they enter the system.

use std::{fmt, str::FromStr, sync::Arc};

use super::problem::{Invalid, Problem};

/// Returns whether `text` is a name: `[a-z0-9][a-z0-9._-]{0,63}`.
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8, first: bool| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || (!first && matches!(b, b'.' | b'_' | b'-'))
    };
    (1..=64).contains(&text.len()) && text.bytes().enumerate().all(|(i, b)| fits(b, i == 0))
}

/// Serialises a type as its text.
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use serde_as_text;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $pointer:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "ssr", schema(as = Name, value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{0,63}$"))]
        #[cfg_attr(feature = "ssr", schema(description = "The name of an environment, application or namespace."))]
        pub struct $name(
            // Shared, because a reader holds many copies of each name.
            Arc<str>,
        );

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                match text {
                    "" => Err(Invalid::new($pointer, Problem::Required)),
                    _ if is_name(text) => Ok(Self(text.into())),
                    _ => Err(Invalid::new($pointer, Problem::Name { name: super::error::truncate(text) })),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_as_text!($name);
    };
}

name!(
    /// The name of an application: a program that reads configuration.
    AppName,
    "/app"
);
name!(
    /// The name of an environment: `dev`, `staging`, `prod` …
    EnvName,
    "/env"
);
name!(
    /// The name of a namespace: one document of an application.
    NamespaceName,
    "/namespace"
);

/// A config: one namespace of one application in one environment. Written `env/app/namespace`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConfigId {
    /// The environment.
    pub env: EnvName,
    /// The application.
    pub app: AppName,
    /// The namespace.
    pub namespace: NamespaceName,
}

impl ConfigId {
    /// Parses the three names of a config.
    ///
    /// # Errors
    /// The problem of the first invalid name.
    pub fn parse(env: &str, app: &str, namespace: &str) -> Result<Self, Invalid> {
        Ok(Self { env: env.parse()?, app: app.parse()?, namespace: namespace.parse()? })
    }
}

#[cfg(feature = "ssr")]
impl utoipa::PartialSchema for ConfigId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let text = utoipa::openapi::Object::builder().schema_type(utoipa::openapi::Type::String);
        text.description(Some("env/app/namespace")).examples(["prod/shop/application"]).into()
    }
}

#[cfg(feature = "ssr")]
impl utoipa::ToSchema for ConfigId {}

impl FromStr for ConfigId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(env), Some(app), Some(namespace), None) => Self::parse(env, app, namespace),
            _ => Err(Invalid::new("/config", Problem::Config { text: super::error::truncate(text) })),
        }
    }
}

serde_as_text!(ConfigId);

impl fmt::Display for ConfigId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.env, self.app, self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_short_and_never_a_path() {
        for good in ["a", "0", "shop", "mail-2.eu_west", &"a".repeat(64)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "-a", "_a", "A", "a/b", "a b", "é", "a\0", "a%2f", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_config_is_three_names() {
        let id: ConfigId = "prod/shop/application".parse().unwrap();
        assert_eq!(id.to_string(), "prod/shop/application");
        for bad in ["prod/shop", "prod/shop/a/b", "prod//a", "/prod/shop/a", "prod/shop/A"] {
            assert!(bad.parse::<ConfigId>().is_err(), "{bad}");
        }
    }
}
