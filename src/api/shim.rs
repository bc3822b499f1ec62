//! What a server function says beside its result: where to go, one message, cookies. The only place that knows how;
//! `pages::forms` turns it into an answer for a form post or for an island.

use std::sync::Arc;

use leptos::context::use_context;
use parking_lot::Mutex;

use crate::texts::Lang;

/// Collects what a server function says beside its result.
#[derive(Clone, Debug, Default)]
pub struct Outcome(Arc<Mutex<Said>>);

/// What was said.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Where to go: a path of ours.
    pub location: Option<String>,
    /// A message to show once, in the person's language.
    pub flash: Option<String>,
    /// Values of `Set-Cookie`.
    pub cookies: Vec<String>,
}

impl Outcome {
    /// Takes what was said.
    #[must_use]
    pub fn take(&self) -> Said {
        std::mem::take(&mut self.0.lock())
    }

    fn note(&self, note: impl FnOnce(&mut Said)) {
        note(&mut self.0.lock());
    }
}

/// Goes to `path` afterwards, instead of back to the form. Anything but a path of our own is ignored: it can come
/// from `?next=`.
pub fn redirect(path: &str) {
    if let (Some(outcome), Some(path)) = (use_context::<Outcome>(), own_path(path)) {
        outcome.note(|said| said.location = Some(path.to_owned()));
    }
}

/// Shows a message once, on the page that comes next. Success only: a refusal is the function's error.
pub fn say(text: impl Into<String>) {
    if let Some(outcome) = use_context::<Outcome>() {
        let text = text.into();
        outcome.note(|said| said.flash = Some(text));
    }
}

/// Sets a cookie: the whole value of `Set-Cookie`, its parts made of safe characters.
pub fn set_cookie(cookie: String) {
    if let Some(outcome) = use_context::<Outcome>() {
        outcome.note(|said| said.cookies.push(cookie));
    }
}

/// The language of the person who sent the form.
#[must_use]
pub fn lang() -> Lang {
    use_context().unwrap_or_default()
}

/// `path` when it leads to a page of ours: begins with one slash, visible ASCII alone, no backslash.
#[must_use]
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
    fn only_paths_of_our_own_are_followed() {
        for own in ["/", "/apps/shop?env=prod#k", "/a//b"] {
            assert_eq!(own_path(own), Some(own));
        }
        for other in ["", "apps", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nX: y", "/\t/x"] {
            assert_eq!(own_path(other), None, "{other:?}");
        }
    }
}
