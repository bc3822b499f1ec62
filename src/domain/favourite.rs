//! Favourites: applications and configs that a user marked to find them first.

use std::{fmt, str::FromStr};

use super::{
    names::{AppName, ConfigId, serde_as_text},
    problem::Invalid,
};

/// Maximum number of favourites of a user.
pub const MAX_FAVOURITES: usize = 100;

/// A favourite: `shop`, or `prod/shop/application`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Favourite {
    /// An application.
    App(AppName),
    /// A config.
    Config(ConfigId),
}

impl Favourite {
    /// Returns the application that it is or is part of.
    pub fn app(&self) -> &AppName {
        match self {
            Self::App(app) => app,
            Self::Config(config) => &config.app,
        }
    }
}

impl FromStr for Favourite {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.contains('/') { text.parse().map(Self::Config) } else { text.parse().map(Self::App) }
    }
}

impl fmt::Display for Favourite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(app) => app.fmt(f),
            Self::Config(config) => config.fmt(f),
        }
    }
}

serde_as_text!(Favourite);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_favourite_is_an_application_or_a_config() {
        for text in ["shop", "prod/shop/application"] {
            let favourite: Favourite = text.parse().unwrap();
            assert_eq!((favourite.to_string().as_str(), favourite.app().as_str()), (text, "shop"));
        }
        for text in ["", "/", "prod/shop", "Shop", "prod/shop/a/b"] {
            assert!(text.parse::<Favourite>().is_err(), "{text}");
        }
    }
}
