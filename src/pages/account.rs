//! The page of the user's own account.

use axum::{Router, http::HeaderMap, routing::get};
use leptos::server_fn::ServerFn;

use super::{
    Page, PageResult,
    console::Console,
    shared::{role_label, scope_text},
};
use crate::{
    api::{
        account::{ChangePassword, LogOutEverywhere},
        prefer::Prefer,
    },
    components::{view::*, *},
    domain::access::{Pattern, Role},
    http::cookies::cookie,
    service::Account,
    session::guard::CurrentUser,
    texts::Lang,
};

/// `/account`.
pub fn routes() -> Router<Console> {
    Router::new().route("/account", get(show))
}

async fn show(who: CurrentUser, headers: HeaderMap) -> PageResult {
    let account = Account::clone(&who.account);
    let theme = cookie(&headers, "theme").unwrap_or("system").to_owned();
    Ok(Page::new(|t| t.my_account().to_owned(), move || view! { <Mine account theme /> })
        .crumbs(|t| vec![Crumb::here(t.my_account())]))
}

#[component]
fn Mine(account: Account, theme: String) -> impl IntoView {
    let t = lang();
    let administrator = account.administrator;
    view! {
        <div class="column">
            <Head title=account.name>
                <p class="facts">
                    <span>{dated(t.account_created(), account.created_at)}</span>
                    {administrator.then(|| view! { <Badge>{t.people_administrator()}</Badge> })}
                </p>
            </Head>
            <Card id="roles" title=t.account_roles()>
                <Roles administrator roles=account.roles />
            </Card>
            <Card id="password" title=t.change_password()>
                <p class="hint">{t.account_password_text()}</p>
                <Form action=ChangePassword::PATH>
                    <PasswordField name="current" label=t.account_current() />
                    <div class="row">
                        <PasswordField name="password" label=t.account_new() hint=t.people_password_hint() new=true />
                        <PasswordField name="again" label=t.account_again() new=true />
                    </div>
                    <p class="do"><Submit tone=Tone::Primary>{t.change_password()}</Submit></p>
                </Form>
            </Card>
            <Card id="sessions" title=t.account_sessions()>
                <p class="hint">{t.account_sessions_text()}</p>
                <Form action=LogOutEverywhere::PATH class="do">
                    <Submit icon=I::Out>{t.account_end()}</Submit>
                </Form>
            </Card>
            <Card id="look" title=t.account_appearance()>
                <p class="hint">{t.account_appearance_text()}</p>
                <Appearance theme />
            </Card>
        </div>
    }
    .into_any()
}

/// Language and theme switches. The menu has them too, but here they are easier to find.
#[component]
fn Appearance(theme: String) -> impl IntoView {
    let t = lang();
    let choice = |name: &'static str, value: &'static str, says: &'static str, chosen: bool| {
        view! { <button type="submit" name=name value=value aria-pressed=chosen.to_string()>{says}</button> }
    };
    let langs = [Lang::En, Lang::Zh].map(|l| choice("lang", l.code(), l.itself(), l == t)).collect_view();
    let themes = [("light", t.theme_light()), ("dark", t.theme_dark()), ("system", t.theme_system())];
    let themes = themes.map(|(value, says)| choice("theme", value, says, value == theme)).collect_view();
    view! {
        <div class="switches">
            <Form action=Prefer::PATH id="my-lang" class="choice" label=t.language()>{langs}</Form>
            <Form action=Prefer::PATH id="my-theme" class="choice" label=t.theme() swap="my-theme theme">{themes}</Form>
        </div>
    }
    .into_any()
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
        view! { <li><span>{scope_text(t, &pattern)}</span><b>{role_label(t, &role).to_owned()}</b></li> }
    };
    view! { <ul class="list plain">{roles.into_iter().map(item).collect_view()}</ul> }.into_any()
}
