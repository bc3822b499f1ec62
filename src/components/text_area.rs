//! The only file that writes raw HTML: Leptos 0.8 does not escape the content of a `<textarea>`.

use leptos::prelude::*;

/// A `<textarea>` with its text escaped.
#[component]
pub(super) fn TextBox(
    id: String,
    name: String,
    value: String,
    rows: u32,
    required: bool,
    mono: bool,
    autofocus: bool,
    invalid: Option<&'static str>,
    described_by: Option<String>,
) -> impl IntoView {
    view! {
        <textarea
            id=id
            name=name
            rows=rows
            required=required
            class:mono=mono
            autofocus=autofocus
            spellcheck=if mono { Some("false") } else { None }
            aria-invalid=invalid
            aria-describedby=described_by
            // The first newline after the tag is not part of the value.
            inner_html=format!("\n{}", escaped(&value))
        ></textarea>
    }
}

/// Escapes a text between tags.
pub(crate) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            _ => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn text_cannot_close_the_textarea() {
        let value = "\n</textarea><script>alert(1)</script>&amp;".to_owned();
        let html = Owner::new().with(|| {
            TextBox(
                TextBoxProps::builder()
                    .id("a".into())
                    .name("b".into())
                    .value(value)
                    .rows(3)
                    .required(false)
                    .mono(true)
                    .autofocus(false)
                    .invalid(None)
                    .described_by(None)
                    .build(),
            )
            .to_html()
        });
        assert!(
            html.contains(">\n\n&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;</textarea>"),
            "{html}"
        );
    }

    #[test]
    fn only_this_file_writes_raw_html() {
        fn look(dir: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    look(&path, found);
                } else if fs::read_to_string(&path).is_ok_and(|text| text.contains(concat!("inner", "_html"))) {
                    found.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        let mut found = Vec::new();
        look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        assert_eq!(found, ["text_area.rs"]);
    }
}
