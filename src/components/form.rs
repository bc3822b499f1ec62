//! Forms. Each is an ordinary form that works without scripts; when it is refused it comes back filled in.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use leptos::{context::Provider, prelude::*};

use super::{Here, I, Icon};
use crate::domain::error::{Error, Invalid};

/// A form that was refused: in the context of the page that it was on.
#[derive(Clone, Debug)]
pub struct Refused(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    action: String,
    fields: Vec<(String, String)>,
    error: Error,
    /// A bit for each problem that stands beside its field already; the others are said at the top of the page.
    shown: AtomicU64,
}

impl Refused {
    /// What was sent to the function at `action`, and why it was refused.
    #[must_use]
    pub fn new(action: impl Into<String>, fields: Vec<(String, String)>, error: Error) -> Self {
        Self(Arc::new(Inner { action: action.into(), fields, error, shown: AtomicU64::new(0) }))
    }

    /// The path of the function.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// Every field as it was sent.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.0.fields
    }

    /// Why.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// The value that was sent for a field.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Tells whether it was the form of this action, and of this id when it has one.
    #[must_use]
    pub fn is_of(&self, action: &str, id: Option<&str>) -> bool {
        self.action() == action && (id.is_none() || self.value("form") == id)
    }

    /// What is wrong with the field at `pointer`, which says so from now on.
    #[must_use]
    pub fn take(&self, pointer: &str) -> Vec<Invalid> {
        let Error::Invalid(all) = self.error() else { return Vec::new() };
        let here = all.iter().enumerate().filter(|(_, i)| i.pointer == pointer);
        here.map(|(n, invalid)| {
            self.0.shown.fetch_or(bit(n), Ordering::Relaxed);
            invalid.clone()
        })
        .collect()
    }

    /// Says that the page itself shows the error: a merge view, say.
    pub fn taken(&self) {
        self.0.shown.store(u64::MAX, Ordering::Relaxed);
    }

    /// What no field and no page has said yet.
    #[must_use]
    pub fn left(&self) -> Option<Error> {
        let shown = self.0.shown.load(Ordering::Relaxed);
        match self.error() {
            _ if shown == u64::MAX => None,
            Error::Invalid(all) => {
                let left = all.iter().enumerate().filter(|(n, _)| shown & bit(*n) == 0);
                let left: Vec<Invalid> = left.map(|(_, invalid)| invalid.clone()).collect();
                (!left.is_empty()).then_some(Error::Invalid(left))
            }
            other => Some(other.clone()),
        }
    }
}

fn bit(n: usize) -> u64 {
    1 << n.min(62)
}

/// The field that tells the page of a form that stands at another address.
pub const PAGE_FIELD: &str = "_page";

/// The form around a field.
#[derive(Clone, Debug, Default)]
pub(super) struct FormOf {
    /// Makes the ids of its fields unlike those of other forms.
    pub prefix: String,
    /// When this very form was refused.
    pub refused: Option<Refused>,
}

/// A form that posts to a server function: `action=SomeFunction::url()`.
#[component]
pub fn Form(
    /// The function's path.
    #[prop(into)]
    action: String,
    /// Tells it from other forms of this action on the page.
    #[prop(optional, into)]
    id: Option<String>,
    /// Ids of the elements that it changes, separated by blanks: where scripts run only these are exchanged.
    #[prop(optional, into)]
    swap: Option<String>,
    /// Of the style.
    #[prop(optional, into)]
    class: Option<String>,
    /// Its name, for a form that is a landmark.
    #[prop(optional, into)]
    label: Option<String>,
    /// What was typed elsewhere on the page stays, though the page is loaded again.
    #[prop(optional)]
    keep: bool,
    /// It sends a file: not to a server function.
    #[prop(optional)]
    upload: bool,
    /// Fields and buttons.
    children: Children,
) -> impl IntoView {
    let enctype = upload.then_some("multipart/form-data");
    let refused = use_context::<Refused>().filter(|r| r.is_of(&action, id.as_deref()));
    let prefix = id.clone().unwrap_or_else(|| action.rsplit('/').next().unwrap_or_default().to_owned());
    // None, given through a component that may have some.
    let swap = swap.filter(|ids| !ids.is_empty());
    let hidden = id.clone().map(|id| view! { <Hidden name="form" value=id /> });
    let page = use_context::<Here>().filter(|here| here.came_back);
    let page = page.map(|here| view! { <Hidden name=PAGE_FIELD value=here.path /> });
    view! {
        <form method="post" enctype=enctype action=action id=id class=class aria-label=label data-swap=swap data-keep=keep.then_some("")>
            {hidden}
            {page}
            <Provider value=FormOf { prefix, refused }>{children()}</Provider>
        </form>
    }
}

/// A field that nobody sees.
#[component]
pub fn Hidden(
    /// Its name.
    #[prop(into)]
    name: String,
    /// What it sends.
    #[prop(into)]
    value: String,
) -> impl IntoView {
    view! { <input type="hidden" name=name value=value /> }
}

/// The looks of a button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// One of several.
    #[default]
    Plain,
    /// The one that the page is for.
    Primary,
    /// Takes something away.
    Danger,
    /// Hardly there, in rows of a table.
    Bare,
}

impl Tone {
    /// The class of a button.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "btn",
            Self::Primary => "btn primary",
            Self::Danger => "btn danger",
            Self::Bare => "btn bare",
        }
    }
}

/// The button that sends a form. It says what happens: "Publish 3 edits".
#[component]
pub fn Submit(
    /// Primary, plain …
    #[prop(optional)]
    tone: Tone,
    /// A picture before the words.
    #[prop(optional, into)]
    icon: Option<I>,
    /// As wide as what it is in.
    #[prop(optional)]
    wide: bool,
    /// A field of its own, for one form with several buttons.
    #[prop(optional, into)]
    name: Option<String>,
    /// What that field sends.
    #[prop(optional, into)]
    value: Option<String>,
    /// What it says.
    children: Children,
) -> impl IntoView {
    view! {
        <button type="submit" class=tone.class() class:wide=wide name=name value=value>
            {icon.map(|name| view! { <Icon name /> })}
            {children()}
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub fn LinkButton(
    /// Where it leads.
    #[prop(into)]
    href: String,
    /// Primary, plain …
    #[prop(optional)]
    tone: Tone,
    /// A picture before the words.
    #[prop(optional, into)]
    icon: Option<I>,
    /// As wide as what it is in.
    #[prop(optional)]
    wide: bool,
    /// What it says.
    children: Children,
) -> impl IntoView {
    view! {
        <a href=href class=tone.class() class:wide=wide>
            {icon.map(|name| view! { <Icon name /> })}
            {children()}
        </a>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::error::Problem;

    #[test]
    fn what_no_field_says_is_left() {
        let all = vec![Invalid::new("/name", Problem::Taken), Invalid::new("/other", Problem::Required)];
        let refused = Refused::new("/fn/x", vec![("form".into(), "a".into())], Error::Invalid(all));
        assert!(refused.is_of("/fn/x", None) && refused.is_of("/fn/x", Some("a")));
        assert!(!refused.is_of("/fn/x", Some("b")) && !refused.is_of("/fn/y", None));
        assert_eq!(refused.take("/name").len(), 1);
        assert_eq!(refused.left(), Some(Error::Invalid(vec![Invalid::new("/other", Problem::Required)])));
        refused.taken();
        assert_eq!(refused.left(), None);
    }
}
