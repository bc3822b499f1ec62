//! Forms. Each is an ordinary form that works without scripts. A refused form is shown again with its input.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use leptos::context::Provider;

use super::{I, Icon, PageAddress, view::*};
use crate::domain::error::{Error, Invalid};

/// A refused form. It is in the context of the page with the form.
#[derive(Clone, Debug)]
pub struct RefusedForm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    action: String,
    fields: Vec<(String, String)>,
    error: Error,
    /// A bit for each problem that is already shown at its field. The other problems are shown at the top of the page.
    shown: AtomicU64,
}

impl RefusedForm {
    /// Creates a refused form from the fields that were sent to `action` and the reason of the refusal.
    pub fn new(action: impl Into<String>, fields: Vec<(String, String)>, error: Error) -> Self {
        Self(Arc::new(Inner { action: action.into(), fields, error, shown: AtomicU64::new(0) }))
    }

    /// Returns the path of the server function.
    pub fn action(&self) -> &str {
        &self.0.action
    }

    /// Returns all fields as they were sent.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0.fields
    }

    /// Returns the reason of the refusal.
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// Returns the value that was sent for a field.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether a field was sent with this value. Checkboxes of one name are sent once for each that is checked.
    pub fn has_sent(&self, name: &str, value: &str) -> bool {
        self.0.fields.iter().any(|(n, v)| n == name && v == value)
    }

    /// Returns whether this form was refused: its action matches, and its id if it has one.
    pub fn is_of(&self, action: &str, id: Option<&str>) -> bool {
        self.action() == action && (id.is_none() || self.value("form") == id)
    }

    /// Returns the problems of the field at `pointer` and records that the field shows them.
    pub fn show_at(&self, pointer: &str) -> Vec<Invalid> {
        let Error::Invalid(all) = self.error() else { return Vec::new() };
        let here = all.iter().enumerate().filter(|(_, i)| i.pointer == pointer);
        here.map(|(n, invalid)| {
            self.0.shown.fetch_or(bit(n), Ordering::Relaxed);
            invalid.clone()
        })
        .collect()
    }

    /// Records that the page itself shows the error, for example as a merge view.
    pub fn mark_all_shown(&self) {
        self.0.shown.store(u64::MAX, Ordering::Relaxed);
    }

    /// Returns the error or the problems that are not shown yet.
    pub fn not_shown(&self) -> Option<Error> {
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

/// Name of the hidden field with the address of the page, for a form that is shown at another address.
pub const PAGE_FIELD: &str = "_page";

/// Data of the form around a field.
#[derive(Clone, Debug, Default)]
pub(super) struct FormContext {
    /// Prefix of the ids of its fields, different for each form.
    pub prefix: String,
    /// The refused input, if this form was refused.
    pub refused: Option<RefusedForm>,
}

/// A form that posts to a server function: `action=SomeFunction::url()`.
#[component]
pub fn Form(
    /// Path of the server function.
    #[prop(into)]
    action: String,
    /// Distinguishes the form from other forms with this action on the page.
    #[prop(optional, into)]
    id: Option<String>,
    /// Ids of the elements that it changes, separated by blanks. If scripts run, only these are replaced.
    #[prop(optional, into)]
    swap: Option<String>,
    /// CSS class.
    #[prop(optional, into)]
    class: Option<String>,
    /// Accessible name, for a form that is a landmark.
    #[prop(optional, into)]
    label: Option<String>,
    /// Keeps the input of other forms on the page when the page is reloaded.
    #[prop(optional)]
    keep: bool,
    /// The form may send a file. Its action is a page, not a server function.
    #[prop(optional)]
    upload: bool,
    /// Fields and buttons.
    children: Children,
) -> impl IntoView {
    let enctype = upload.then_some("multipart/form-data");
    let refused = use_context::<RefusedForm>().filter(|r| r.is_of(&action, id.as_deref()));
    let prefix = id.clone().unwrap_or_else(|| action.rsplit('/').next().unwrap_or_default().to_owned());
    // A component without `swap` passes an empty text.
    let swap = swap.filter(|ids| !ids.is_empty());
    let hidden = id.clone().map(|id| view! { <Hidden name="form" value=id /> });
    let page = use_context::<PageAddress>().filter(|here| here.refused_form);
    let page = page.map(|here| view! { <Hidden name=PAGE_FIELD value=here.path /> });
    view! {
        <form method="post" enctype=enctype action=action id=id class=class aria-label=label data-swap=swap data-keep=keep.then_some("")>
            {hidden}
            {page}
            <Provider value=FormContext { prefix, refused }>{children.view()}</Provider>
        </form>
    }
}

/// A hidden field.
#[component]
pub fn Hidden(
    /// Name of the field.
    #[prop(into)]
    name: String,
    /// Value of the field.
    #[prop(into)]
    value: String,
) -> impl IntoView {
    view! { <input type="hidden" name=name value=value /> }
}

/// Style of a button.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// One of several actions.
    #[default]
    Plain,
    /// The main action of the page.
    Primary,
    /// Removes or ends something.
    Danger,
    /// Inconspicuous, for rows of a table.
    Bare,
}

impl Tone {
    /// Returns the CSS class of a button.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "btn",
            Self::Primary => "btn primary",
            Self::Danger => "btn danger",
            Self::Bare => "btn bare",
        }
    }
}

/// The button that sends a form. Its text names the action: "Publish 3 edits".
#[component]
pub fn Submit(
    /// Style.
    #[prop(optional)]
    tone: Tone,
    /// Icon before the text.
    #[prop(optional, into)]
    icon: Option<I>,
    /// As wide as its container.
    #[prop(optional)]
    wide: bool,
    /// Field name of the button, for a form with several buttons.
    #[prop(optional, into)]
    name: Option<String>,
    /// Field value of the button.
    #[prop(optional, into)]
    value: Option<String>,
    /// Text.
    children: Children,
) -> impl IntoView {
    view! {
        <button type="submit" class=tone.class() class:wide=wide name=name value=value>
            {icon.map(|name| view! { <Icon name /> })}
            {children.view()}
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub fn LinkButton(
    /// Target.
    #[prop(into)]
    href: String,
    /// Style.
    #[prop(optional)]
    tone: Tone,
    /// Icon before the text.
    #[prop(optional, into)]
    icon: Option<I>,
    /// As wide as its container.
    #[prop(optional)]
    wide: bool,
    /// Text.
    children: Children,
) -> impl IntoView {
    view! {
        <a href=href class=tone.class() class:wide=wide>
            {icon.map(|name| view! { <Icon name /> })}
            {children.view()}
        </a>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::error::Problem;

    #[test]
    fn problems_without_a_field_are_left() {
        let all = vec![Invalid::new("/name", Problem::Taken), Invalid::new("/other", Problem::Required)];
        let refused = RefusedForm::new("/fn/x", vec![("form".into(), "a".into())], Error::Invalid(all));
        assert!(refused.is_of("/fn/x", None) && refused.is_of("/fn/x", Some("a")));
        assert!(!refused.is_of("/fn/x", Some("b")) && !refused.is_of("/fn/y", None));
        assert!(refused.has_sent("form", "a") && !refused.has_sent("form", "b") && !refused.has_sent("a", "form"));
        assert_eq!(refused.show_at("/name").len(), 1);
        assert_eq!(refused.not_shown(), Some(Error::Invalid(vec![Invalid::new("/other", Problem::Required)])));
        refused.mark_all_shown();
        assert_eq!(refused.not_shown(), None);
    }
}
