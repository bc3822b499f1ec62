//! One's own account.

use axum::{Router, routing::get};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{
    Answer, Page,
    console::Console,
    parts::{reach_words, role_word},
};
use crate::{
    api::account::ChangePassword,
    auth::guard::CurrentUser,
    components::*,
    domain::access::{Pattern, Role},
    service::Account,
};

/// `/account`.
pub fn routes() -> Router<Console> {
    Router::new().route("/account", get(show))
}

async fn show(who: CurrentUser) -> Answer {
    let account = Account::clone(&who.account);
    Ok(Page::new(|t| t.my_account().to_owned(), move || view! { <Mine account /> })
        .crumbs(|t| vec![Crumb::here(t.my_account())]))
}

#[component]
fn Mine(account: Account) -> impl IntoView {
    let t = lang();
    let made = view! { <When at=account.created_at /> }.into_any();
    let administrator = account.administrator;
    view! {
        <div class="column">
            <Head title=account.name>
                <p class="facts">
                    <span>{sentence(t.account_made(), [made])}</span>
                    {administrator.then(|| view! { <Badge>{t.people_administrator()}</Badge> })}
                </p>
            </Head>
            <Card id="roles" title=t.account_roles()>
                <Roles administrator roles=account.roles />
            </Card>
            <Card id="password" title=t.account_password()>
                <p class="hint">{t.account_password_text()}</p>
                <Form action=ChangePassword::PATH>
                    <Field name="current" label=t.account_current() kind="password" autocomplete="current-password" required=true />
                    <div class="row">
                        <Field
                            name="password"
                            label=t.account_new()
                            kind="password"
                            hint=t.people_password_hint()
                            autocomplete="new-password"
                            required=true
                        />
                        <Field name="again" label=t.account_again() kind="password" autocomplete="new-password" required=true />
                    </div>
                    <p class="do"><Submit tone=Tone::Primary>{t.account_change()}</Submit></p>
                </Form>
            </Card>
        </div>
    }
}

#[component]
fn Roles(administrator: bool, roles: Vec<(Pattern, Role)>) -> impl IntoView {
    let t = lang();
    if administrator {
        return view! { <p>{t.account_everything()}</p> }.into_any();
    }
    if roles.is_empty() {
        return view! { <p>{t.account_no_roles()}</p> }.into_any();
    }
    let item = |(pattern, role): (Pattern, Role)| {
        view! { <li><span>{reach_words(t, &pattern)}</span><b>{role_word(t, role)}</b></li> }
    };
    view! { <ul class="list plain">{roles.into_iter().map(item).collect_view()}</ul> }.into_any()
}
