//! Context of a page, read from its request: language, theme, user, refused form, message.

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, Uri, header, request::Parts},
};

use super::status_banners::SystemProblems;
use crate::{
    api::{self, response::own_path},
    components::{I, RefusedForm},
    http::cookies::cookie,
    texts::Lang,
};

/// The user of a page, as the frame shows them. The layer in `routes.rs` puts it into the response's extensions.
#[derive(Clone, Debug)]
pub struct PageUser {
    /// The user's name.
    pub name: String,
    /// One or two letters of it.
    pub initials: String,
    /// Whether the user sees users, tokens of all applications, and the audit.
    pub administrator: bool,
    /// Number of the user's open changes.
    pub changes_open: u32,
    /// Entries of the sidebar that the user may see.
    pub nav: Vec<NavEntry>,
    /// Current problems of the system.
    pub problems: SystemProblems,
}

/// An entry of the sidebar.
#[derive(Clone, Copy, Debug)]
pub struct NavEntry {
    /// Path of its page.
    pub href: &'static str,
    /// Its icon.
    pub icon: I,
    /// Its name.
    pub title: fn(Lang) -> &'static str,
    /// Whether a phone shows it without opening "More".
    pub is_main: bool,
    /// Whether the page belongs to it.
    pub is_current: bool,
    /// Number of the user's open changes beside it, or 0.
    pub open_changes: u32,
}

impl PageUser {
    /// Creates the user of a page. The initials are those of the first and the last word of the name.
    pub fn new(name: impl Into<String>, administrator: bool, changes_open: u32) -> Self {
        let name = name.into();
        let mut words = name.split([' ', '.', '-', '_']).filter_map(|word| word.chars().next());
        let initials: String = words.next().into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect();
        Self { name, initials, administrator, changes_open, nav: Vec::new(), problems: SystemProblems::default() }
    }
}

/// A chosen theme. Without one, pages follow the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are clear")]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    /// Returns the value of `data-theme` and of the cookie.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Flash message for the page in this response, when a form's page is swapped without a redirect.
#[derive(Clone, Debug)]
pub struct Flash(pub String);

/// Context of a page, read from its request.
#[derive(Clone, Debug)]
pub struct PageContext {
    /// Language, from the cookie or else from `Accept-Language`.
    pub lang: Lang,
    /// Theme, from the cookie.
    pub theme: Option<Theme>,
    /// Whether single-key shortcuts are switched off, from the cookie.
    pub no_keys: bool,
    /// Path and query of the page.
    pub path: String,
    /// Whether the page is at the address of a server function, because it is the response to a post.
    pub at_function: bool,
    /// The logged-in user.
    pub viewer: Option<PageUser>,
    /// A refused form, to be filled in again.
    pub refused: Option<RefusedForm>,
    /// Flash message.
    pub flash: Option<String>,
    /// Headers of the request, for the cookie of the flash message.
    pub(super) headers: HeaderMap,
}

impl PageContext {
    /// Reads the context from a request.
    pub fn of(request: &Request) -> Self {
        Self::new(request.uri(), request.headers(), request.extensions())
    }

    /// Reads the context from a request whose body was taken.
    pub fn of_parts(parts: &Parts) -> Self {
        Self::new(&parts.uri, &parts.headers, &parts.extensions)
    }

    fn new(uri: &Uri, headers: &HeaderMap, extensions: &Extensions) -> Self {
        let path = uri.path_and_query().map_or("/", |p| p.as_str());
        Self {
            lang: lang(headers),
            theme: match cookie(headers, "theme") {
                Some("light") => Some(Theme::Light),
                Some("dark") => Some(Theme::Dark),
                _ => None,
            },
            no_keys: cookie(headers, "keys") == Some("off"),
            at_function: extensions.get::<RefusedForm>().is_some() || path.starts_with(api::PREFIX),
            path: own_path(path).unwrap_or("/").to_owned(),
            viewer: extensions.get::<PageUser>().cloned(),
            refused: extensions.get::<RefusedForm>().cloned(),
            flash: extensions.get::<Flash>().map(|f| f.0.clone()),
            headers: headers.clone(),
        }
    }
}

/// Returns the language of a request: from the cookie, else from `Accept-Language`, else the default.
pub fn lang(headers: &HeaderMap) -> Lang {
    let chosen = cookie(headers, "lang").and_then(|text| text.parse().ok());
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    chosen.or_else(|| accepted.and_then(preferred)).unwrap_or_default()
}

/// Returns the supported language with the highest weight in an `Accept-Language` (RFC 9110, 12.5.4).
fn preferred(accepted: &str) -> Option<Lang> {
    let ranges = accepted.split(',').filter_map(|range| {
        let mut parts = range.split(';');
        let primary = parts.next()?.trim().split('-').next()?.to_ascii_lowercase();
        let weight = parts.find_map(|p| p.trim().strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok())?;
        Some((primary.parse::<Lang>().ok()?, weight))
    });
    let best = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.filter(|(_, weight)| *weight > 0.0).map(|(lang, _)| lang)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_is_the_preferred_one() {
        assert_eq!(preferred("zh-CN,zh;q=0.9,en;q=0.8"), Some(Lang::Zh));
        assert_eq!(preferred("de, en-GB;q=0.7, zh;q=0.9"), Some(Lang::Zh));
        assert_eq!(preferred("en,zh"), Some(Lang::En));
        assert_eq!(preferred("fr, de"), None);
        assert_eq!(preferred("zh;q=0"), None);
    }

    #[test]
    fn initials_are_those_of_the_first_and_last_word() {
        assert_eq!(PageUser::new("Lin Wei", false, 0).initials, "LW");
        assert_eq!(PageUser::new("ana.maria.ruiz", false, 0).initials, "AR");
        assert_eq!(PageUser::new("root", false, 0).initials, "R");
        assert_eq!(PageUser::new("李伟", false, 0).initials, "李");
    }
}
