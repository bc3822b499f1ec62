//! What a request says about how its page is to be drawn.

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, Uri, header, request::Parts},
};

use super::trouble::Trouble;
use crate::{
    api::{self, shim::own_path},
    components::Refused,
    http::cookies::cookie,
    texts::Lang,
};

/// Who looks at the page. The layer of the sessions puts it into the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The name for people.
    pub name: String,
    /// One or two letters of it.
    pub initials: String,
    /// Sees users, tokens of all applications, and the audit.
    pub administrator: bool,
    /// How many changes of theirs are open.
    pub changes_open: u32,
    /// What does not work as it should, now.
    pub trouble: Trouble,
}

impl Viewer {
    /// A viewer; the initials are those of the first and the last word.
    #[must_use]
    pub fn new(name: impl Into<String>, administrator: bool, changes_open: u32) -> Self {
        let name = name.into();
        let mut words = name.split([' ', '.', '-', '_']).filter_map(|word| word.chars().next());
        let initials: String = words.next().into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect();
        Self { name, initials, administrator, changes_open, trouble: Trouble::default() }
    }
}

/// The theme that was chosen; none follows the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each says itself what it is")]
pub enum Theme {
    Light,
    Dark,
}

impl Theme {
    /// The value of `data-theme` and of the cookie.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A message to show on this very page: a form was exchanged without a redirect.
#[derive(Clone, Debug)]
pub struct Flash(pub String);

/// What a request says about how its page is to be drawn.
#[derive(Clone, Debug)]
pub struct Visit {
    /// From the cookie, else from `Accept-Language`.
    pub lang: Lang,
    /// From the cookie.
    pub theme: Option<Theme>,
    /// Shortcuts of a single key are switched off, by cookie.
    pub no_keys: bool,
    /// Path and query of the page.
    pub path: String,
    /// The page stands at the address of a server function: it came back after a post.
    pub at_function: bool,
    /// Who is logged in.
    pub viewer: Option<Viewer>,
    /// The form that is coming back.
    pub refused: Option<Refused>,
    /// What to say once.
    pub flash: Option<String>,
    /// The headers of the request, for the cookie with what to say once.
    pub(super) headers: HeaderMap,
}

impl Visit {
    /// Reads it from a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self::new(request.uri(), request.headers(), request.extensions())
    }

    /// Reads it from a request whose body was taken.
    #[must_use]
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
            at_function: extensions.get::<Refused>().is_some() || path.starts_with(api::PREFIX),
            path: own_path(path).unwrap_or("/").to_owned(),
            viewer: extensions.get::<Viewer>().cloned(),
            refused: extensions.get::<Refused>().cloned(),
            flash: extensions.get::<Flash>().map(|f| f.0.clone()),
            headers: headers.clone(),
        }
    }
}

/// The language of whoever sent the request.
#[must_use]
pub fn lang(headers: &HeaderMap) -> Lang {
    let chosen = cookie(headers, "lang").and_then(|text| text.parse().ok());
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok());
    chosen.or_else(|| accepted.and_then(preferred)).unwrap_or_default()
}

/// The first language of ours in an `Accept-Language`, by weight (RFC 9110, 12.5.4).
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
    fn the_language_is_the_one_preferred() {
        assert_eq!(preferred("zh-CN,zh;q=0.9,en;q=0.8"), Some(Lang::Zh));
        assert_eq!(preferred("de, en-GB;q=0.7, zh;q=0.9"), Some(Lang::Zh));
        assert_eq!(preferred("en,zh"), Some(Lang::En));
        assert_eq!(preferred("fr, de"), None);
        assert_eq!(preferred("zh;q=0"), None);
    }

    #[test]
    fn initials_are_those_of_the_first_and_last_word() {
        assert_eq!(Viewer::new("Lin Wei", false, 0).initials, "LW");
        assert_eq!(Viewer::new("ana.maria.ruiz", false, 0).initials, "AR");
        assert_eq!(Viewer::new("root", false, 0).initials, "R");
        assert_eq!(Viewer::new("李伟", false, 0).initials, "李");
    }
}
