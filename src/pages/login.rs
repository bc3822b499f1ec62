//! Logging in: a model of a page. Its handler gives it plain data and the function that its form posts to.

use leptos::prelude::*;

use super::Page;
use crate::components::{Field, Form, Hidden, Submit, Tone, lang};

/// What the page needs.
#[derive(Clone, Debug, Default)]
pub struct LogInForm {
    /// The server function's path, from its `url()`; arguments `name`, `password`, `next`.
    pub action: &'static str,
    /// Where to go afterwards: a path of ours.
    pub next: String,
}

/// `GET /login`.
#[must_use]
pub fn page(form: LogInForm) -> Page {
    Page::new(|t| t.log_in().to_owned(), move || view! { <LogIn form /> }).alone()
}

#[component]
fn LogIn(form: LogInForm) -> impl IntoView {
    let t = lang();
    view! {
        <Form action=form.action class="card">
            <h1>{t.log_in()}</h1>
            <Hidden name="next" value=form.next />
            <Field name="name" label=t.name() autocomplete="username" required=true autofocus=true />
            <Field name="password" label=t.password() kind="password" autocomplete="current-password" required=true />
            <Submit tone=Tone::Primary wide=true>{t.log_in()}</Submit>
        </Form>
    }
}
