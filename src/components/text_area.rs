//! The only file that writes raw HTML: Leptos 0.8 does not escape the content of a `<textarea>`.

use super::{lang, view::*};

/// URL path of the script that replaces fields by editors. It is in the context of each page.
#[derive(Clone, Debug)]
pub struct EditorScript(pub String);

/// Data of the editor that replaces a multi-line field where scripts run (`islands/editor/`).
#[derive(Clone, Debug)]
pub struct TextEditor {
    /// Name of the format, or `value` for a value whose type is in the field `kind`.
    pub language: &'static str,
    /// Path of the server function that checks the text.
    pub check: &'static str,
    /// The live text, if the field shows a different one.
    pub live: Option<String>,
}

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
    editor: Option<TextEditor>,
) -> impl IntoView {
    let script = use_context::<EditorScript>();
    let editor = script.zip(editor);
    let (script, language, check) = match &editor {
        Some((EditorScript(path), editor)) => (Some(path.clone()), Some(editor.language), Some(editor.check)),
        None => (None, None, None),
    };
    let phrases = editor.is_some().then(|| lang().editor_phrases());
    let live = editor.and_then(|(_, editor)| editor.live);
    let live = live.map(|live| {
        view! { <textarea hidden=true disabled=true data-live-of=id.clone() inner_html=content(&live)></textarea> }
    });
    view! {
        <textarea
            // The first attribute, by which the shell recognises pages with an editor.
            data-editor=language
            data-script=script
            data-check=check
            data-phrases=phrases
            id=id
            name=name
            rows=rows
            required=required
            class:mono=mono
            autofocus=autofocus
            spellcheck=if mono { Some("false") } else { None }
            aria-invalid=invalid
            aria-describedby=described_by
            inner_html=content(&value)
        ></textarea>
        {live}
    }
}

/// Returns the HTML between the tags of a field with this text.
fn content(text: &str) -> String {
    // The first newline after the tag is not part of the value.
    format!("\n{}", escaped(text))
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
                    .editor(None)
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
