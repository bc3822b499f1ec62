//! The response of a server function beside its result: redirect, message, cookies. `pages::forms` turns it into the
//! answer to a form post or to an island.

use std::sync::Arc;

use leptos::context::use_context;
use parking_lot::Mutex;

use crate::texts::Lang;

/// Collects the response of a server function.
#[derive(Clone, Debug, Default)]
pub struct ResponseCollector(Arc<Mutex<FunctionResponse>>);

/// The response of a server function.
#[derive(Clone, Debug, Default)]
pub struct FunctionResponse {
    /// The path of this console to redirect to.
    pub location: Option<String>,
    /// A message to show once, in the user's language.
    pub flash: Option<String>,
    /// Values of `Set-Cookie` headers.
    pub cookies: Vec<String>,
}

impl ResponseCollector {
    /// Takes the collected response.
    pub fn take(&self) -> FunctionResponse {
        std::mem::take(&mut self.0.lock())
    }

    fn note(&self, note: impl FnOnce(&mut FunctionResponse)) {
        note(&mut self.0.lock());
    }
}

/// Redirects to `path` instead of back to the form. Other addresses than paths of this console are ignored,
/// because `path` can come from `?next=`.
pub fn redirect(path: &str) {
    if let (Some(outcome), Some(path)) = (use_context::<ResponseCollector>(), own_path(path)) {
        outcome.note(|said| said.location = Some(path.to_owned()));
    }
}

/// Shows a message once, on the next page. It is for successes only: failures are errors of the function.
pub fn flash(text: impl Into<String>) {
    if let Some(outcome) = use_context::<ResponseCollector>() {
        let text = text.into();
        outcome.note(|said| said.flash = Some(text));
    }
}

/// Sets a cookie. `cookie` is the whole `Set-Cookie` value and must have only safe characters.
pub fn set_cookie(cookie: String) {
    if let Some(outcome) = use_context::<ResponseCollector>() {
        outcome.note(|said| said.cookies.push(cookie));
    }
}

/// Returns the language of the user.
pub fn lang() -> Lang {
    use_context().unwrap_or_default()
}

/// Returns `path` if it stays on this console: one leading slash, only visible ASCII, no backslash.
pub fn own_path(path: &str) -> Option<&str> {
    let own = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && path.len() <= 2000;
    own.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_accepted() {
        for own in ["/", "/apps/shop?env=prod#k", "/a//b"] {
            assert_eq!(own_path(own), Some(own));
        }
        for other in ["", "apps", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y", "/\t/x"] {
            assert_eq!(own_path(other), None, "{other:?}");
        }
    }
}
