//! All texts of the console, in English and Chinese. [`texts!`] takes both in one entry, so a missing translation does
//! not compile. Each text is a method of [`Lang`], so the WASM contains only the texts that it uses.

mod account;
mod apps;
mod bin;
mod changes;
mod config;
mod delivery;
mod editor;
mod exchange;
mod home;
mod imports;
mod people;
mod pictures;
mod problems;
mod search;
mod setup;
mod shell;
mod system;
mod terms;
mod timeline;
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
    /// Returns the value of the `lang` attribute and of the cookie.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// Returns the other language.
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
///
/// Counts have separators: every `usize`, and the argument that chooses the singular. Other numbers, such as the
/// number of a release, have none.
macro_rules! texts {
    ($($name:ident $(($first:ident: $kind:ty $(, $arg:ident: $type:ty)*))?: $en:literal $(| $many:literal)?, $zh:literal;)*) => {
        #[allow(missing_docs, reason = "each text documents itself")]
        #[allow(unused_variables, reason = "some counts only choose the singular")]
        impl $crate::texts::Lang {
            $($crate::texts::text!($name $(($first: $kind $(, $arg: $type)*))?: $en $(| $many)?, $zh);)*
        }
    };
}

/// One text of [`texts!`].
macro_rules! text {
    ($name:ident: $en:literal, $zh:literal) => {
        pub fn $name(self) -> &'static str {
            match self {
                Self::En => $en,
                Self::Zh => $zh,
            }
        }
    };
    ($name:ident($($arg:ident: $type:ty),*): $en:literal, $zh:literal) => {
        pub fn $name(self, $($arg: $type),*) -> String {
            $(let $arg = $crate::texts::Argument::shown($arg);)*
            match self {
                Self::En => format!($en),
                Self::Zh => format!($zh),
            }
        }
    };
    ($name:ident($first:ident: $kind:ty $(, $arg:ident: $type:ty)*): $one:literal | $many:literal, $zh:literal) => {
        pub fn $name(self, $first: $kind $(, $arg: $type)*) -> String {
            let one = $first == 1;
            let $first = $crate::texts::grouped($first);
            $(let $arg = $crate::texts::Argument::shown($arg);)*
            match self {
                Self::En if one => format!($one),
                Self::En => format!($many),
                Self::Zh => format!($zh),
            }
        }
    };
}

/// Writes a whole number with thousands separators. Both languages use commas: 10,000.
pub fn grouped(number: impl fmt::Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if !matches!(text.as_str(), "" | "-") && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An argument of a text.
trait Argument {
    /// The form in which texts show the argument.
    type Shown: fmt::Display;

    /// Returns the argument as texts show it.
    fn shown(self) -> Self::Shown;
}

impl Argument for usize {
    type Shown = String;

    fn shown(self) -> String {
        grouped(self)
    }
}

/// Arguments that texts show as they are.
macro_rules! plain {
    ($($type:ty)*) => {
        $(impl Argument for $type {
            type Shown = Self;

            fn shown(self) -> Self {
                self
            }
        })*
    };
}

plain! { &str u32 u64 i64 }

pub(crate) use {text, texts};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_thousands_separators() {
        let shown = [0, 7, 999, 1000, 10_000, 1_234_567, -100, -1000].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "10,000", "1,234,567", "-100", "-1,000"]);
    }

    #[test]
    fn counts_in_texts_have_separators_and_release_numbers_have_none() {
        assert_eq!(Lang::En.add_edits(10_000), "Add 10,000 edits to my change");
        assert_eq!(Lang::Zh.add_edits(10_000), "将 10,000 处修改加入我的变更");
        assert_eq!(Lang::En.add_edits(1), "Add 1 edit to my change");
        assert_eq!(Lang::En.seen_by_n(1000, 2000), "Seen by 1,000 of 2,000");
        assert_eq!(Lang::En.release_title(1000), "Release 1000");
    }
}
