//! Logging in.

use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse, Redirect},
    routing::get,
};
use leptos::{prelude::*, server_fn::ServerFn};
use serde::Deserialize;

use super::{Answer, Failed, Page, console::Console, setup::Nobody};
use crate::{
    api::{self, shim::own_path},
    auth::guard::CurrentUser,
    components::{Field, Form, Hidden, Submit, Tone, lang},
};

/// `/login`.
pub fn routes() -> Router<Console> {
    Router::new().route("/login", get(show))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

async fn show(State(console): State<Console>, user: Result<CurrentUser, Failed>, Query(asked): Query<Asked>) -> Answer {
    if user.is_ok() {
        return Err(Redirect::to(own_path(&asked.next).unwrap_or("/")).into_response().into());
    }
    if console.service.needs_setup().await? {
        return Ok(Page::new(|t| t.setup_first_title().to_owned(), || view! { <Nobody /> }).alone());
    }
    Ok(Page::new(|t| t.log_in().to_owned(), move || view! { <LogIn next=asked.next /> }).alone())
}

#[component]
fn LogIn(next: String) -> impl IntoView {
    let t = lang();
    view! {
        <Form action=api::account::LogIn::PATH class="card">
            <h1>{t.log_in()}</h1>
            <Hidden name="next" value=next />
            <Field name="name" label=t.name() autocomplete="username" required=true autofocus=true />
            <Field name="password" label=t.password() kind="password" autocomplete="current-password" required=true />
            <Submit tone=Tone::Primary wide=true>{t.log_in()}</Submit>
        </Form>
    }
    .into_any()
}
