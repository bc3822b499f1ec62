//! Marks beside a value for its invisible characters.

use super::{Badge, Mood, lang, view::*};
use crate::domain::unseen::{Unseen, describe};

/// A value with marks for its invisible characters, if it has any.
#[component]
pub fn Marked(
    /// The value.
    #[prop(into)]
    value: String,
    /// The value as the page shows it.
    children: Children,
) -> impl IntoView {
    let unseen = Unseen::of(&value);
    if unseen.is_empty() {
        return children.view().into_any();
    }
    // A value that changes the text direction must not affect the text around it.
    view! { <bdi>{children.view()}</bdi><InvisibleMarks unseen /> }.into_any()
}

/// Marks for invisible characters.
#[component]
pub fn InvisibleMarks(
    /// The invisible characters.
    unseen: Unseen,
) -> impl IntoView {
    let t = lang();
    let mark = |c: char, says: String| {
        let mood = if c.is_whitespace() { Mood::Quiet } else { Mood::Warn };
        view! { <span title=describe(c)><Badge mood>{says}</Badge></span> }
    };
    let begins = unseen.begins.map(|c| mark(c, t.begins_with(&t.unseen_character(c))));
    let ends = unseen.ends.map(|c| mark(c, t.ends_with(&t.unseen_character(c))));
    let inside = unseen.inside.iter().map(|c| mark(*c, t.contains(&t.unseen_character(*c)))).collect_view();
    view! { <span class="marks">{begins}{ends}{inside}</span> }.into_any()
}
