//! Sentences with something else in them: a time, a name, a link. The order of words is the language's own.

use leptos::prelude::*;

/// A sentence with `parts` in the places of its `{}`, one after the other. The words are ours: what people typed is a
/// part, never a piece of the sentence.
pub fn sentence(words: &str, parts: impl IntoIterator<Item = AnyView>) -> AnyView {
    let mut parts: Vec<Option<AnyView>> = parts.into_iter().map(Some).collect();
    let piece = |(n, piece): (usize, &str)| {
        let part = n.checked_sub(1).and_then(|n| parts.get_mut(n)).and_then(Option::take);
        // Leptos draws an empty text as a blank.
        (part, (!piece.is_empty()).then(|| piece.to_owned()))
    };
    words.split("{}").enumerate().map(piece).collect_view().into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_where_the_language_wants_them() {
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
