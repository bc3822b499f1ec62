//! Input of users is never interpreted as HTML.

use super::{view::*, *};
use crate::domain::{
    content::Item,
    diff::{KeyDiff, Window, lines},
    error::{Conflict, Error, Invalid, Problem},
};

const HOSTILE: [&str; 7] = [
    "</textarea><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onfocus=alert(1) autofocus='",
    "<!--",
    "{{7*7}}\u{2028}\u{202e}",
    "</title></style></script><svg onload=alert(1)>",
    "&lt;script&gt;\0",
];

fn drawn<V: IntoView + 'static>(view: impl FnOnce() -> V) -> String {
    let owner = Owner::new();
    let html = owner.with(|| view().into_any().to_html());
    owner.cleanup();
    html
}

fn everything(text: &'static str) -> String {
    let keys = vec![KeyDiff { key: text.into(), old: Some(Item::string(text)), new: Some(Item::string("x")) }];
    let again = keys.clone();
    let error = Error::Invalid(vec![Invalid::new("/a", Problem::Name { name: text.into() })]);
    let refused = RefusedForm::new("/fn/x", vec![("a".into(), text.into()), ("b".into(), text.into())], error);
    drawn(move || {
        provide_context(refused);
        provide_context(PageAddress { path: "/".into(), refused_form: true });
        view! {
            <Head title=text tag=text />
            <Crumbs crumbs=vec![Crumb::to(text, text), Crumb::here(text)] />
            <Tabs label=text tabs=vec![Tab::to(text, text)] />
            <Form action="/fn/x" label=text>
                <Field name="a" label=text hint=text note=text placeholder=text />
                <TextArea name="b" label=text />
                <Select name="c" label=text options=vec![(text.to_owned(), text.to_owned())] />
                <Check name="d" label=text />
                <Hidden name="e" value=text />
            </Form>
            <Banner title=text />
            <Card id="f" title=text>{text}</Card>
            <Code text label=text />
            <FilterBox of="g" label=text value=text />
            <EnvTag env=EnvStyle { name: text.into(), position: 0, protected: true } />
            <DiffKv keys />
            <DiffKv keys=again view=DiffView::SideBySide old=text new=text />
            <DiffText rows=lines(text, "x", 1, Window::after(0)).rows old=text new=text />
            <DiffText rows=lines("x", text, 1, Window::after(0)).rows view=DiffView::SideBySide old=text new=text />
        }
    })
}

#[test]
fn hostile_input_stays_text() {
    for text in HOSTILE {
        let html = everything(text);
        for tag in ["<script", "<img", "<svg onload", "<!--", "</title", "</style"] {
            assert!(!html.contains(tag), "{tag} of {text:?}");
        }
        assert_eq!(html.matches("<textarea").count(), 1, "{text:?}");
        assert_eq!(html.matches("</textarea>").count(), 1, "{text:?}");
    }
}

#[test]
fn a_double_quote_does_not_end_an_attribute() {
    let html = drawn(|| view! { <Field name="a" label="A" value="x\" onfocus=\"alert(1)" /> });
    assert!(html.contains("value=\"x&quot; onfocus=&quot;alert(1)\""), "{html}");
}

#[test]
fn a_field_of_another_form_is_left_alone() {
    let refused = RefusedForm::new(
        "/fn/x",
        vec![("form".into(), "one".into()), ("a".into(), "typed".into())],
        Error::Conflict(Vec::<Conflict>::new()),
    );
    let html = drawn(move || {
        provide_context(refused);
        view! {
            <Form action="/fn/x" id="one"><Field name="a" label="A" value="1" /></Form>
            <Form action="/fn/x" id="two"><Field name="a" label="A" value="2" /></Form>
            <Form action="/fn/x" id="one"><Field name="a" label="A" kind="password" /></Form>
        }
    });
    assert_eq!(html.matches("value=\"typed\"").count(), 1, "{html}");
    assert!(html.contains("value=\"2\"") && !html.contains("value=\"1\""));
}
