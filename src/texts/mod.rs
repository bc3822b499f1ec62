//! Every word that a person reads, in English and Chinese. Both stand in one line of [`texts!`], so a missing one
//! does not compile; each is a method of [`Lang`], so the browser's part carries only the words that it uses.

mod account;
mod apps;
mod changes;
mod config;
mod delivery;
mod home;
mod people;
mod problems;
mod setup;
mod shell;
mod tokens;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A language of the console.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese, simplified.
    Zh,
}

impl Lang {
    /// The value of the `lang` attribute and of the cookie.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }
}

impl Lang {
    /// The other language.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::En => Self::Zh,
            Self::Zh => Self::En,
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Lang {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            _ => Err(()),
        }
    }
}

/// Defines texts as methods of [`Lang`]:
/// `log_in: "Log in", "登录";`, with arguments `keys_of(app: &str): "Keys of {app}", "{app} 的键";`, and with an
/// English singular `keys(n: usize): "{n} key" | "{n} keys", "{n} 个键";` (chosen by the first argument).
macro_rules! texts {
    ($($name:ident $(($first:ident: $kind:ty $(, $arg:ident: $type:ty)*))?: $en:literal $(| $many:literal)?, $zh:literal;)*) => {
        #[allow(missing_docs, reason = "each text says itself what it is")]
        impl $crate::texts::Lang {
            $($crate::texts::text!($name $(($first: $kind $(, $arg: $type)*))?: $en $(| $many)?, $zh);)*
        }
    };
}

/// One text of [`texts!`].
macro_rules! text {
    ($name:ident: $en:literal, $zh:literal) => {
        #[must_use]
        pub fn $name(self) -> &'static str {
            match self {
                Self::En => $en,
                Self::Zh => $zh,
            }
        }
    };
    ($name:ident($($arg:ident: $type:ty),*): $en:literal, $zh:literal) => {
        #[must_use]
        pub fn $name(self, $($arg: $type),*) -> String {
            match self {
                Self::En => format!($en),
                Self::Zh => format!($zh),
            }
        }
    };
    ($name:ident($first:ident: $kind:ty $(, $arg:ident: $type:ty)*): $one:literal | $many:literal, $zh:literal) => {
        #[must_use]
        pub fn $name(self, $first: $kind $(, $arg: $type)*) -> String {
            match self {
                Self::En if $first == 1 => format!($one),
                Self::En => format!($many),
                Self::Zh => format!($zh),
            }
        }
    };
}

pub(crate) use {text, texts};
