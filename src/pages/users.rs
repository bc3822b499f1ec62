//! Users and their roles.

use axum::{
    Router,
    extract::{Path, Query, State},
    routing::get,
};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    Page, PageResult,
    console::Console,
    scope::{PatternFields, ScopeChoices, pattern_parts},
    shared::{ReauthField, role_label, scope_text},
};
use crate::{
    api::{
        paths,
        people::{ChangeUser, CreateUser, ResetPassword},
    },
    components::{view::*, *},
    domain::access::{Pattern, Role},
    service::Account,
    session::guard::{CurrentUser, RecentlyAuthenticated},
    texts::Lang,
};

/// Number of users on one page.
const PAGE: u32 = 100;
/// Number of empty rows for new roles.
const SPARE: usize = 2;
/// Maximum number of roles that a row of the list names.
const NAMED: usize = 3;

/// `/users`, `/users/new`, `/users/{id}`.
pub fn routes() -> Router<Console> {
    Router::new().route("/users", get(list)).route("/users/new", get(new)).route("/users/{id}", get(one))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UsersQuery {
    /// Only those after this name.
    after: String,
    /// Words that a row must contain.
    q: String,
}

async fn list(State(console): State<Console>, who: CurrentUser, Query(asked): Query<UsersQuery>) -> PageResult {
    let mut users = console.service.users(&who.actor, &asked.after, PAGE + 1).await?;
    let more = users.len() > PAGE as usize;
    users.truncate(PAGE as usize);
    let older = users.last().filter(|_| more).map(|user| paths::with("/users", &[("after", &user.name)]));
    let newer = (!asked.after.is_empty()).then(|| "/users".to_owned());
    let query = asked.q.to_lowercase();
    users.retain(|user| query.split_whitespace().all(|word| user.name.contains(word)));
    let me = who.account.id.clone();
    let view = move || view! { <Users users me q=asked.q newer older /> };
    Ok(Page::new(|t| t.users().to_owned(), view).crumbs(|t| vec![Crumb::here(t.users())]))
}

#[component]
fn Users(users: Vec<Account>, me: String, q: String, newer: Option<String>, older: Option<String>) -> impl IntoView {
    let t = lang();
    let rows = users.into_iter().map(|user| {
        let mine = user.id == me;
        view! { <Row user mine /> }
    });
    let columns = vec![t.name(), t.roles(), t.people_last()];
    view! {
        <Head title=t.users() />
        <div class="bar">
            <FilterBox of="users" label=t.people_filter() value=q />
            <p class="tools push"><LinkButton href="/users/new" icon=I::Plus>{t.people_add()}</LinkButton></p>
        </div>
        <div class="sheet">
            <Table class="rows stacked users" id="users" columns rows=rows.collect_view() />
        </div>
        <Pager of=t.users() newer older />
    }
    .into_any()
}

#[component]
fn Row(user: Account, mine: bool) -> impl IntoView {
    let t = lang();
    let may = if user.administrator {
        view! { <Badge>{t.people_administrator()}</Badge> }.into_any()
    } else if user.roles.is_empty() {
        view! { <span class="quiet">{t.role_none()}</span> }.into_any()
    } else {
        let more = user.roles.len().saturating_sub(NAMED);
        let named = user.roles.iter().take(NAMED).map(|(pattern, role)| {
            let says = t.people_role_at(role_label(t, role), &scope_text(t, pattern));
            view! { <li>{says}</li> }
        });
        let named = named.collect_view();
        let more = (more > 0).then(|| view! { <li class="quiet">{t.people_more(more)}</li> });
        view! { <ul>{named}{more}</ul> }.into_any()
    };
    let last = match user.last_login_at {
        Some(at) => view! { <When at /> }.into_any(),
        None => view! { <span class="quiet">{t.never()}</span> }.into_any(),
    };
    let off = user.disabled_at.is_some();
    view! {
        <tr class:over=off>
            <td>
                <a href=format!("/users/{}", user.id)><b>{user.name}</b></a>
                {mine.then(|| view! { <Tag>{t.people_you()}</Tag> })}
                {off.then(|| view! { " "<Badge mood=Mood::Warn>{t.people_disabled()}</Badge> })}
            </td>
            <td>{may}</td>
            <td data-th=t.people_last()>{last}</td>
        </tr>
    }
    .into_any()
}

async fn new(
    State(console): State<Console>,
    who: CurrentUser,
    RecentlyAuthenticated(fresh): RecentlyAuthenticated,
) -> PageResult {
    who.actor.may_administer()?;
    let scope = ScopeChoices::of(&console, &who).await?;
    Ok(Page::new(|t| t.people_add().to_owned(), move || view! { <New scope fresh /> })
        .crumbs(|t| vec![Crumb::to(t.users(), "/users"), Crumb::here(t.people_add())]))
}

#[component]
fn New(scope: ScopeChoices, fresh: bool) -> impl IntoView {
    let t = lang();
    view! {
        <div class="column">
            <Head title=t.people_add() />
            <p class="lead">{t.people_new_lead()}</p>
            <Form action=CreateUser::PATH class="card">
                <div class="row">
                    <Field name="name" label=t.name() hint=t.people_name_hint() required=true autofocus=true />
                    <PasswordField name="password" label=t.people_first_password() hint=t.people_password_hint() new=true />
                </div>
                <Check name="administrator" label=t.people_is_administrator() />
                <Roles scope roles=Vec::new() />
                <ReauthField fresh />
                <p class="do"><Submit tone=Tone::Primary>{t.people_create()}</Submit></p>
            </Form>
        </div>
    }
    .into_any()
}

/// The rows of a user's roles, and a few empty ones.
#[component]
fn Roles(scope: ScopeChoices, roles: Vec<(Pattern, Role)>) -> impl IntoView {
    let t = lang();
    let mut options = vec![(String::new(), t.role_none().to_owned())];
    options.extend(Role::BUILT_IN.map(|role| (role.name().to_owned(), role_label(t, &role).to_owned())));
    let all = || std::array::from_fn(|_| "*".to_owned());
    let filled = roles.iter().map(|(pattern, role)| (pattern_parts(pattern), role.name()));
    let spare = std::iter::repeat_with(|| (all(), "")).take(SPARE);
    let rows = filled.chain(spare).enumerate().map(|(n, (value, role))| {
        let (name, pointer) = (format!("roles[{n}]"), format!("/roles/{n}"));
        view! {
            <fieldset class="row pattern">
                <legend class="visually-hidden">{t.people_role_row(n + 1)}</legend>
                <Select name=format!("{name}[role]") label=t.role() options=options.clone() value=role pointer=format!("{pointer}/role") />
                <PatternFields scope=scope.clone() name pointer value />
            </fieldset>
        }
    });
    let rows = rows.collect_view();
    view! {
        <h2>{t.roles()}</h2>
        {rows}
        <p class="hint">{t.people_roles_hint()}</p>
        <ul class="hint">{meanings(t).map(|text| view! { <li>{text}</li> }).collect_view()}</ul>
    }
    .into_any()
}

fn meanings(t: Lang) -> [&'static str; 4] {
    [t.role_viewer_may(), t.role_editor_may(), t.role_publisher_may(), t.role_owner_may()]
}

async fn one(
    State(console): State<Console>,
    who: CurrentUser,
    RecentlyAuthenticated(fresh): RecentlyAuthenticated,
    Path(id): Path<String>,
) -> PageResult {
    let user = console.service.user(&who.actor, &id).await?;
    let scope = ScopeChoices::of(&console, &who).await?;
    let (title, crumb, mine) = (user.name.clone(), user.name.clone(), user.id == who.account.id);
    Ok(Page::new(|_| title, move || view! { <User user scope mine fresh /> })
        .crumbs(|t| vec![Crumb::to(t.users(), "/users"), Crumb::here(crumb)]))
}

#[component]
fn User(user: Account, scope: ScopeChoices, mine: bool, fresh: bool) -> impl IntoView {
    let t = lang();
    let since = dated(t.people_since(), user.created_at);
    let last = user.last_login_at.map(|at| dated(t.people_last_seen(), at));
    let off = user.disabled_at.map(|at| {
        let says = dated(t.people_disabled_since(), at);
        view! { <p class="flag warn"><Icon name=I::Warn /><span>{says}</span></p> }
    });
    let id = user.id.clone();
    view! {
        <div class="column">
            <Head title=user.name.clone()>
                <p class="facts"><span>{since}</span>{last.map(|last| view! { <span>{last}</span> })}</p>
            </Head>
            {off}
            <Form action=ChangeUser::PATH class="card">
                <Hidden name="id" value=id />
                <Check name="administrator" label=t.people_is_administrator() checked=user.administrator />
                <Problems pointer="/administrator" />
                <Check name="disabled" label=t.people_is_disabled() checked=user.disabled_at.is_some() />
                <Roles scope roles=user.roles />
                <ReauthField fresh />
                <p class="do"><Submit tone=Tone::Primary>{t.save()}</Submit></p>
                <p class="hint">{if mine { t.people_ends_mine() } else { t.people_ends_sessions() }}</p>
            </Form>
            {(!mine).then(|| view! { <Reset id=user.id fresh /> })}
        </div>
    }
    .into_any()
}

#[component]
fn Reset(id: String, fresh: bool) -> impl IntoView {
    let t = lang();
    view! {
        <Card id="reset" title=t.people_reset()>
            <p class="hint">{t.people_reset_text()}</p>
            <Form action=ResetPassword::PATH>
                <Hidden name="id" value=id />
                <PasswordField name="password" label=t.people_reset() hint=t.people_password_hint() new=true />
                <ReauthField fresh />
                <div class="do"><Submit>{t.people_reset_button()}</Submit></div>
            </Form>
        </Card>
    }
    .into_any()
}
