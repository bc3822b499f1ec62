//! Fields: a label, a control, a hint, and what is wrong with it. In a form that came back they hold what was typed.

use leptos::prelude::*;

use super::{FormOf, I, Icon, TextBox, lang};
use crate::domain::error::Invalid;

/// What the fields of all kinds have in common.
struct Parts {
    id: String,
    value: String,
    problems: Vec<Invalid>,
    described_by: Option<String>,
    came_back: bool,
}

impl Parts {
    fn of(name: &str, pointer: Option<String>, value: Option<String>, hint: bool, keep: bool) -> Self {
        let form = use_context::<FormOf>().unwrap_or_default();
        let id = format!("{}-{name}", form.prefix);
        let pointer = pointer.unwrap_or_else(|| format!("/{name}"));
        let problems = form.refused.as_ref().map(|r| r.take(&pointer)).unwrap_or_default();
        let typed = form.refused.as_ref().filter(|_| keep).and_then(|r| r.value(name)).map(str::to_owned);
        let said_by = [(!problems.is_empty()).then(|| format!("{id}-error")), hint.then(|| format!("{id}-hint"))];
        let said_by: Vec<String> = said_by.into_iter().flatten().collect();
        Self {
            value: typed.or(value).unwrap_or_default(),
            described_by: (!said_by.is_empty()).then(|| said_by.join(" ")),
            came_back: form.refused.is_some(),
            id,
            problems,
        }
    }

    /// Whether the focus is here when the page opens: in a form that came back, at the first field that is wrong.
    fn focused(&self, first: bool) -> bool {
        if self.came_back { !self.problems.is_empty() } else { first }
    }

    fn invalid(&self) -> Option<&'static str> {
        (!self.problems.is_empty()).then_some("true")
    }
}

/// What is above and below a control.
#[component]
fn Around(
    id: String,
    label: String,
    #[prop(default = None)] note: Option<String>,
    #[prop(default = None)] hint: Option<String>,
    quiet: bool,
    problems: Vec<Invalid>,
    children: Children,
) -> impl IntoView {
    let note = note.filter(|note| !note.is_empty());
    let hint = hint.map(|hint| view! { <p class="hint" id=format!("{id}-hint")>{hint}</p> });
    let error = (!problems.is_empty()).then(|| {
        view! { <p class="wrong" id=format!("{id}-error")><Icon name=I::Stop />{said(&problems)}</p> }
    });
    view! {
        <div class="field">
            <label for=id class:visually-hidden=quiet>
                {label}
                {note.map(|note| view! { " "<small>{note}</small> })}
            </label>
            {children()}
            {error}
            {hint}
        </div>
    }
}

fn said(problems: &[Invalid]) -> String {
    let lang = lang();
    let say = |i: &Invalid| {
        let text = lang.problem(&i.problem);
        match (i.line, i.column) {
            (Some(line), Some(column)) => lang.at_place(line, column, &text),
            (Some(line), None) => lang.at_line(line, &text),
            _ => text,
        }
    };
    problems.iter().map(say).collect::<Vec<_>>().join(" · ")
}

/// A field of one line.
#[component]
pub fn Field(
    /// Its name: the argument of the server function.
    #[prop(into)]
    name: String,
    /// What it asks for.
    #[prop(into)]
    label: String,
    /// What is in it at first.
    #[prop(optional, into)]
    value: Option<String>,
    /// The input's type: `text`, `password` (never filled in again), `search`, `number` …
    #[prop(default = "text")]
    kind: &'static str,
    /// A sentence below it.
    #[prop(optional, into)]
    hint: Option<String>,
    /// A word beside the label: "required in prod".
    #[prop(optional, into)]
    note: Option<String>,
    /// Where the problems of this field point; `/<name>` unless told.
    #[prop(optional, into)]
    pointer: Option<String>,
    /// What a password manager may fill in; nothing unless told.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// An example.
    #[prop(optional, into)]
    placeholder: Option<String>,
    /// It may not be empty.
    #[prop(optional)]
    required: bool,
    /// It has the focus when the page opens.
    #[prop(optional)]
    autofocus: bool,
    /// Keys, values and names are in monospace.
    #[prop(optional)]
    mono: bool,
    /// The label is for screen readers alone: what it asks for is plain to see.
    #[prop(optional)]
    quiet: bool,
) -> impl IntoView {
    let parts = Parts::of(&name, pointer, value, hint.is_some(), kind != "password");
    let Parts { id, value, described_by, .. } = &parts;
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
            required=required
            autofocus=parts.focused(autofocus)
            spellcheck=if mono { Some("false") } else { None }
            autocapitalize=if mono { Some("off") } else { None }
            aria-invalid=parts.invalid()
            aria-describedby=described_by.clone()
        />
    };
    view! { <Around id=parts.id label note hint quiet problems=parts.problems>{control}</Around> }
}

/// A field of many lines.
#[component]
pub fn TextArea(
    /// Its name: the argument of the server function.
    #[prop(into)]
    name: String,
    /// What it asks for.
    #[prop(into)]
    label: String,
    /// What is in it at first.
    #[prop(optional, into)]
    value: Option<String>,
    /// A sentence below it.
    #[prop(optional, into)]
    hint: Option<String>,
    /// A word beside the label.
    #[prop(optional, into)]
    note: Option<String>,
    /// Where the problems of this field point; `/<name>` unless told.
    #[prop(optional, into)]
    pointer: Option<String>,
    /// Lines that are seen at once.
    #[prop(default = 3)]
    rows: u32,
    /// It may not be empty.
    #[prop(optional)]
    required: bool,
    /// Documents and values are in monospace.
    #[prop(optional)]
    mono: bool,
    /// The label is for screen readers alone.
    #[prop(optional)]
    quiet: bool,
) -> impl IntoView {
    let parts = Parts::of(&name, pointer, value, hint.is_some(), true);
    let (invalid, described_by, autofocus) = (parts.invalid(), parts.described_by.clone(), parts.focused(false));
    let control = view! {
        <TextBox id=parts.id.clone() name value=parts.value rows required mono autofocus invalid described_by />
    };
    view! { <Around id=parts.id label note hint quiet problems=parts.problems>{control}</Around> }
}

/// A field that offers a few values: pairs of what is sent and what is shown.
#[component]
pub fn Select(
    /// Its name: the argument of the server function.
    #[prop(into)]
    name: String,
    /// What it asks for.
    #[prop(into)]
    label: String,
    /// What is sent, what is shown.
    options: Vec<(String, String)>,
    /// What is chosen at first.
    #[prop(optional, into)]
    value: Option<String>,
    /// A sentence below it.
    #[prop(optional, into)]
    hint: Option<String>,
    /// A word beside the label.
    #[prop(optional, into)]
    note: Option<String>,
    /// Where the problems of this field point; `/<name>` unless told.
    #[prop(optional, into)]
    pointer: Option<String>,
    /// The label is for screen readers alone.
    #[prop(optional)]
    quiet: bool,
) -> impl IntoView {
    let parts = Parts::of(&name, pointer, value, hint.is_some(), true);
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
    view! { <Around id=parts.id label note hint quiet problems=parts.problems>{control}</Around> }
}

/// What is wrong with a group of fields, where no field of it says so.
#[component]
pub fn Problems(
    /// Where the problems point.
    #[prop(into)]
    pointer: String,
) -> impl IntoView {
    let form = use_context::<FormOf>().unwrap_or_default();
    let problems = form.refused.as_ref().map(|r| r.take(&pointer)).unwrap_or_default();
    (!problems.is_empty()).then(|| view! { <p class="wrong"><Icon name=I::Stop />{said(&problems)}</p> })
}

/// A box to tick. Sends `true`, or nothing: the argument is `#[server(default)] name: bool`.
#[component]
pub fn Check(
    /// Its name: the argument of the server function.
    #[prop(into)]
    name: String,
    /// What is agreed to.
    #[prop(into)]
    label: String,
    /// Ticked at first.
    #[prop(optional)]
    checked: bool,
    /// A sentence below it.
    #[prop(optional, into)]
    hint: Option<String>,
) -> impl IntoView {
    let form = use_context::<FormOf>().unwrap_or_default();
    let checked = form.refused.as_ref().map_or(checked, |r| r.value(&name).is_some());
    let id = format!("{}-{name}", form.prefix);
    let hint_id = hint.as_ref().map(|_| format!("{id}-hint"));
    view! {
        <div class="field check">
            <input type="checkbox" id=id.clone() name=name value="true" checked=checked aria-describedby=hint_id.clone() />
            <label for=id>{label}</label>
            {hint.map(|hint| view! { <p class="hint" id=hint_id>{hint}</p> })}
        </div>
    }
}
