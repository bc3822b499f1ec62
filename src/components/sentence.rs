//! Sentences that contain views, such as a time or a link. Each language has its own word order.

use super::{When, view::*};
use crate::domain::time::Time;

/// Replaces each `{}` of a sentence with the next of the `parts`. The sentence itself is one of our texts; input of
/// users must be a part.
pub fn sentence(words: &str, parts: impl IntoIterator<Item = AnyView>) -> AnyView {
    let mut parts: Vec<Option<AnyView>> = parts.into_iter().map(Some).collect();
    let piece = |(n, piece): (usize, &str)| {
        let part = n.checked_sub(1).and_then(|n| parts.get_mut(n)).and_then(Option::take);
        // Leptos renders an empty text as a blank.
        (part, (!piece.is_empty()).then(|| piece.to_owned()))
    };
    words.split("{}").enumerate().map(piece).collect_view().into_any()
}

/// Replaces the `{}` of a sentence with a time.
pub fn dated(words: &str, at: Time) -> AnyView {
    sentence(words, [view! { <When at /> }.into_any()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_replace_placeholders_in_order() {
        let says = |words: &str| {
            Owner::new().with(|| {
                let part = |text: &'static str| view! { <b>{text}</b> }.into_any();
                sentence(words, [part("ana"), part("2 h")]).to_html().replace("<!>", "")
            })
        };
        assert_eq!(says("edited by {} {} ago."), "edited by <b>ana</b> <b>2 h</b> ago.");
        assert_eq!(says("only {}"), "only <b>ana</b>");
    }
}
