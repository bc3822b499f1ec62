//! Short explanations of terms, on demand.

use super::{lang, view::*};
use crate::texts::Lang;

/// A term of the field that pages use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// Edits until they are published.
    Change,
    /// A key that two people changed.
    Conflict,
    /// Accepted, delivered, seen.
    Delivery,
    /// The channel differs from the database.
    Drift,
    /// A program that reads.
    Instance,
    /// The lock of an environment.
    Lock,
    /// A config's place in an application.
    Namespace,
    /// An environment that asks for its name.
    Protected,
    /// A version of a config.
    Release,
    /// A token and its kinds.
    Token,
}

impl Term {
    /// Returns the id of the explanation, which is unique on a page, the term, and the explanation.
    fn parts(self, t: Lang) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Change => ("term-change", t.term_change(), t.term_change_text()),
            Self::Conflict => ("term-conflict", t.term_conflict(), t.term_conflict_text()),
            Self::Delivery => ("term-delivery", t.term_delivery(), t.term_delivery_text()),
            Self::Drift => ("term-drift", t.term_drift(), t.term_drift_text()),
            Self::Instance => ("term-instance", t.term_instance(), t.term_instance_text()),
            Self::Lock => ("term-lock", t.term_lock(), t.term_lock_text()),
            Self::Namespace => ("term-namespace", t.term_namespace(), t.term_namespace_text()),
            Self::Protected => ("term-protected", t.term_protected(), t.term_protected_text()),
            Self::Release => ("term-release", t.term_release(), t.term_release_text()),
            Self::Token => ("term-token", t.term_token(), t.term_token_text()),
        }
    }
}

/// A button that explains a term. It works without scripts. A page explains a term once.
#[component]
pub fn Explain(
    /// The term.
    term: Term,
) -> impl IntoView {
    let t = lang();
    let (id, name, text) = term.parts(t);
    let label = t.what_is(name);
    view! {
        <button type="button" class="explain" popovertarget=id aria-label=label.clone() title=label>"?"</button>
        <span popover="auto" class="explanation" id=id role="note"><b>{name}</b>" "{text}</span>
    }
    .into_any()
}
