//! Form fields: label, control, hint and error. In a refused form, fields keep the input.

use super::{FormContext, I, Icon, TextBox, TextEditor, lang, view::*};
use crate::domain::error::Invalid;

/// Data that all kinds of fields need.
struct FieldParts {
    id: String,
    value: String,
    problems: Vec<Invalid>,
    described_by: Option<String>,
    refused: bool,
}

impl FieldParts {
    fn of(name: &str, pointer: Option<String>, value: Option<String>, hint: bool, keep: bool) -> Self {
        let form = use_context::<FormContext>().unwrap_or_default();
        let id = format!("{}-{name}", form.prefix);
        let pointer = pointer.unwrap_or_else(|| format!("/{name}"));
        let problems = form.refused.as_ref().map(|r| r.show_at(&pointer)).unwrap_or_default();
        let typed = form.refused.as_ref().filter(|_| keep).and_then(|r| r.value(name)).map(str::to_owned);
        let said_by = [(!problems.is_empty()).then(|| format!("{id}-error")), hint.then(|| format!("{id}-hint"))];
        let said_by: Vec<String> = said_by.into_iter().flatten().collect();
        Self {
            value: typed.or(value).unwrap_or_default(),
            described_by: (!said_by.is_empty()).then(|| said_by.join(" ")),
            refused: form.refused.is_some(),
            id,
            problems,
        }
    }

    /// Returns whether the field gets the focus when the page opens. In a refused form, an invalid field gets it.
    fn focused(&self, first: bool) -> bool {
        if self.refused { !self.problems.is_empty() } else { first }
    }

    fn invalid(&self) -> Option<&'static str> {
        (!self.problems.is_empty()).then_some("true")
    }
}

/// The label above a control, and the error and hint below it.
#[component]
fn FieldFrame(
    id: String,
    label: String,
    #[prop(default = None)] note: Option<String>,
    #[prop(default = None)] hint: Option<String>,
    #[prop(optional)] quiet: bool,
    problems: Vec<Invalid>,
    children: Children,
) -> impl IntoView {
    let note = note.filter(|note| !note.is_empty());
    let hint = hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> });
    let error = (!problems.is_empty()).then(|| {
        view! { <p class="wrong" id=format!("{id}-error")><Icon name=I::Stop />{problem_text(&problems)}</p> }
    });
    view! {
        <div class="field">
            <label for=id class:visually-hidden=quiet>
                {label}
                {note.map(|note| view! { " "<small>{note}</small> })}
            </label>
            {children.view()}
            {error}
            {hint}
        </div>
    }
}

fn problem_text(problems: &[Invalid]) -> String {
    problems.iter().map(|problem| lang().invalid(problem)).collect::<Vec<_>>().join(" · ")
}

/// A single-line field.
#[component]
pub fn Field(
    /// Name of the field: the argument of the server function.
    #[prop(into)]
    name: String,
    /// Label.
    #[prop(into)]
    label: String,
    /// Initial value.
    #[prop(optional, into)]
    value: Option<String>,
    /// Type of the input: `text`, `password` (never filled in again), `search`, `number` …
    #[prop(default = "text")]
    kind: &'static str,
    /// Hint below the field.
    #[prop(optional, into)]
    hint: Option<String>,
    /// Note beside the label: "required in prod".
    #[prop(optional, into)]
    note: Option<String>,
    /// JSON pointer of the problems of this field; `/<name>` by default.
    #[prop(optional, into)]
    pointer: Option<String>,
    /// Kind of value that the browser may fill in. By default it fills in nothing.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// Example value.
    #[prop(optional, into)]
    placeholder: Option<String>,
    /// Id of a `<datalist>` with suggestions.
    #[prop(optional)]
    list: Option<&'static str>,
    /// The field must not be empty.
    #[prop(optional)]
    required: bool,
    /// The field has the focus when the page opens.
    #[prop(optional)]
    autofocus: bool,
    /// Monospace, for keys, values and names.
    #[prop(optional)]
    mono: bool,
    /// Kind of on-screen keyboard.
    #[prop(optional)]
    inputmode: Option<&'static str>,
    /// Path of the server function that checks the value while it is typed (`islands/check.rs`).
    #[prop(optional)]
    check: Option<&'static str>,
) -> impl IntoView {
    let hint = hint.filter(|hint| !hint.is_empty());
    let parts = FieldParts::of(&name, pointer, value, hint.is_some(), kind != "password");
    let FieldParts { id, value, described_by, .. } = &parts;
    let value = (!value.is_empty()).then(|| value.clone());
    let control = view! {
        <input
            id=id.clone()
            name=name
            type=kind
            value=value
            class:mono=mono
            autocomplete=autocomplete
            placeholder=placeholder
            inputmode=inputmode
            data-check=check
            list=list
            required=required
            autofocus=parts.focused(autofocus)
            spellcheck=if mono { Some("false") } else { None }
            autocapitalize=if mono { Some("off") } else { None }
            aria-invalid=parts.invalid()
            aria-describedby=described_by.clone()
        />
    };
    view! { <FieldFrame id=parts.id label note hint problems=parts.problems>{control}</FieldFrame> }
}

/// A field for a password. It is never filled in again.
#[component]
pub fn PasswordField(
    /// Name of the field: the argument of the server function.
    name: &'static str,
    /// Label.
    label: &'static str,
    /// Hint below the field. Empty for none.
    #[prop(optional)]
    hint: &'static str,
    /// It is for a new password, which a password manager may generate.
    #[prop(optional)]
    new: bool,
    /// The field must not be empty.
    #[prop(default = true)]
    required: bool,
) -> impl IntoView {
    let autocomplete = if new { "new-password" } else { "current-password" };
    view! { <Field name label kind="password" hint autocomplete required /> }
}

/// A multi-line field.
#[component]
pub fn TextArea(
    /// Name of the field: the argument of the server function.
    #[prop(into)]
    name: String,
    /// Label.
    #[prop(into)]
    label: String,
    /// Initial value.
    #[prop(optional, into)]
    value: Option<String>,
    /// Hint below the field.
    #[prop(optional, into)]
    hint: Option<String>,
    /// Note beside the label.
    #[prop(optional, into)]
    note: Option<String>,
    /// Number of visible lines.
    #[prop(default = 3)]
    rows: u32,
    /// The field must not be empty.
    #[prop(optional)]
    required: bool,
    /// Monospace, for documents and values.
    #[prop(optional)]
    mono: bool,
    /// Shows the label only to screen readers.
    #[prop(optional)]
    quiet: bool,
    /// Replaces the field by an editor where scripts run.
    #[prop(optional, into)]
    editor: Option<TextEditor>,
) -> impl IntoView {
    let parts = FieldParts::of(&name, None, value, hint.is_some(), true);
    let (invalid, described_by, autofocus) = (parts.invalid(), parts.described_by.clone(), parts.focused(false));
    let control = view! {
        <TextBox id=parts.id.clone() name value=parts.value rows required mono autofocus invalid described_by editor />
    };
    view! { <FieldFrame id=parts.id label note hint quiet problems=parts.problems>{control}</FieldFrame> }
}

/// A field with a list of options.
#[component]
pub fn Select(
    /// Name of the field: the argument of the server function.
    #[prop(into)]
    name: String,
    /// Label.
    #[prop(into)]
    label: String,
    /// Pairs of the sent value and the shown text.
    options: Vec<(String, String)>,
    /// Initially selected value.
    #[prop(optional, into)]
    value: Option<String>,
    /// Hint below the field.
    #[prop(optional, into)]
    hint: Option<String>,
    /// JSON pointer of the problems of this field; `/<name>` by default.
    #[prop(optional, into)]
    pointer: Option<String>,
) -> impl IntoView {
    let parts = FieldParts::of(&name, pointer, value, hint.is_some(), true);
    let (invalid, described_by, autofocus) = (parts.invalid(), parts.described_by.clone(), parts.focused(false));
    let options = options.into_iter().map(|(sent, shown)| {
        let selected = sent == parts.value;
        view! { <option value=sent selected=selected>{shown}</option> }
    });
    let control = view! {
        <select id=parts.id.clone() name=name autofocus=autofocus aria-invalid=invalid aria-describedby=described_by>
            {options.collect_view()}
        </select>
    };
    view! { <FieldFrame id=parts.id label hint problems=parts.problems>{control}</FieldFrame> }
}

/// A field with a few values, all of which are shown. Arrow keys choose one.
#[component]
pub fn Choice(
    /// Name of the field: the argument of the server function.
    name: &'static str,
    /// Label.
    #[prop(into)]
    label: String,
    /// The values.
    options: &'static [&'static str],
    /// Initially selected value.
    #[prop(into)]
    value: String,
) -> impl IntoView {
    let parts = FieldParts::of(name, None, Some(value), false, true);
    let error = (!parts.problems.is_empty()).then(|| problem_text(&parts.problems));
    let options = options.iter().map(|option| {
        let chosen = *option == parts.value;
        // The form finds its field by this id.
        let id = chosen.then(|| parts.id.clone());
        view! {
            <label>
                <input type="radio" id=id name=name value=*option checked=chosen />
                <span>{*option}</span>
            </label>
        }
    });
    view! {
        <fieldset class="field">
            <legend>{label}</legend>
            <div class="choice pick-one">{options.collect_view()}</div>
            {error.map(|error| view! { <p class="wrong"><Icon name=I::Stop />{error}</p> })}
        </fieldset>
    }
}

/// Problems of a group of fields that belong to none of its fields.
#[component]
pub fn Problems(
    /// JSON pointer of the problems.
    #[prop(into)]
    pointer: String,
) -> impl IntoView {
    let form = use_context::<FormContext>().unwrap_or_default();
    let problems = form.refused.as_ref().map(|r| r.show_at(&pointer)).unwrap_or_default();
    (!problems.is_empty()).then(|| view! { <p class="wrong"><Icon name=I::Stop />{problem_text(&problems)}</p> })
}

/// A checkbox. It sends `true` or nothing: the argument is `#[server(default)] name: bool`.
#[component]
pub fn Check(
    /// Name of the field: the argument of the server function.
    #[prop(into)]
    name: String,
    /// Label.
    #[prop(into)]
    label: String,
    /// Initially checked.
    #[prop(optional)]
    checked: bool,
) -> impl IntoView {
    let form = use_context::<FormContext>().unwrap_or_default();
    let checked = form.refused.as_ref().map_or(checked, |r| r.value(&name).is_some());
    let id = format!("{}-{name}", form.prefix);
    view! {
        <div class="field check">
            <input type="checkbox" id=id.clone() name=name value="true" checked=checked />
            <label for=id>{label}</label>
        </div>
    }
}
