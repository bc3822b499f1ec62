//! The differences of an application between two environments, with a form that copies them into a new change.

use axum::extract::{Path, Query, State};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{AppHead, AppTab, crumbs, matrix_of};
use crate::{
    api::{copies::Promote as PromoteFn, paths},
    components::{view::*, *},
    domain::{
        catalog::{App, Env},
        names::{AppName, ConfigId, EnvName},
    },
    pages::{Page, PageResult, config::ConfigPage, console::Console, shared::EnvStyles},
    service::NamespaceDifference,
    session::guard::CurrentUser,
};

/// Query parameters of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PromoteQuery {
    /// The environment with the wanted content.
    from: String,
    /// The environment that gets it.
    to: String,
}

/// Data of the page.
struct Shown {
    app: App,
    envs: Vec<Env>,
    env_styles: EnvStyles,
    compared: Option<Compared>,
}

/// Two environments and their differences.
struct Compared {
    from: EnvName,
    to: EnvName,
    differences: Vec<NamespaceDifference>,
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Path(name): Path<AppName>,
    Query(asked): Query<PromoteQuery>,
) -> PageResult {
    let (matrix, env_styles) = matrix_of(&console, &who, &name).await?;
    let compared = match pair(&matrix.envs, &asked) {
        Some((from, to)) => {
            let differences = console.service.env_differences(&who.actor, &name, &from, &to).await?;
            Some(Compared { from, to, differences })
        }
        None => None,
    };
    let shown = Shown { app: matrix.app, envs: matrix.envs, env_styles, compared };
    let (title, crumbs) = (name.to_string(), crumbs(&name));
    Ok(Page::new(move |t| format!("{} · {title}", t.promote()), move || view! { <Promote shown /> }).crumbs(crumbs))
}

/// Returns the asked environments, or else the last two in their order.
fn pair(envs: &[Env], asked: &PromoteQuery) -> Option<(EnvName, EnvName)> {
    let find = |name: &str| envs.iter().map(|env| &env.name).find(|env| env.as_str() == name);
    let [.., before_last, last] = envs else { return None };
    let from = find(&asked.from).unwrap_or(&before_last.name);
    let to = find(&asked.to).unwrap_or(&last.name);
    Some((from.clone(), to.clone()))
}

#[component]
fn Promote(shown: Shown) -> impl IntoView {
    let t = lang();
    let Shown { app, envs, env_styles, compared } = shown;
    let name = app.name.clone();
    let body = match compared {
        Some(compared) => view! { <Choice app=name.clone() envs from=compared.from.clone() to=compared.to.clone() /><Differences app=name compared env_styles /> }.into_any(),
        None => view! { <Empty icon=I::Layers title=t.promote_need_two() /> }.into_any(),
    };
    view! {
        <AppHead app tab=AppTab::Promote />
        <div class="column" id="promote">
            <p class="quiet">{t.promote_text()}</p>
            {body}
        </div>
    }
    .into_any()
}

/// The form that chooses the environments.
#[component]
fn Choice(app: AppName, envs: Vec<Env>, from: EnvName, to: EnvName) -> impl IntoView {
    let t = lang();
    let options: Vec<(String, String)> = envs.iter().map(|env| (env.name.to_string(), env.name.to_string())).collect();
    view! {
        <form method="get" action=format!("{}/promote", paths::app(&app)) class="row choose">
            <Select name="from" label=t.copy_from() options=options.clone() value=from.as_str() />
            <Select name="to" label=t.copy_to() options value=to.as_str() />
            <p class="do"><Submit>{t.promote_compare()}</Submit></p>
        </form>
    }
    .into_any()
}

/// The namespaces that differ, and the form that copies them.
#[component]
fn Differences(app: AppName, compared: Compared, env_styles: EnvStyles) -> impl IntoView {
    let t = lang();
    let Compared { from, to, differences } = compared;
    let (equal, differ): (Vec<_>, Vec<_>) = differences.into_iter().partition(|d| d.counts.total() == 0);
    if differ.is_empty() {
        return view! { <Empty icon=I::Ok title=t.promote_all_equal(from.as_str(), to.as_str()) /> }.into_any();
    }
    let may_copy = differ.iter().any(|difference| difference.may_edit);
    let removes = differ.iter().any(|difference| difference.counts.removed > 0);
    let refused = use_context::<RefusedForm>().filter(|refused| refused.is_of(PromoteFn::PATH, None));
    let rows = differ.into_iter().map(|difference| {
        let name = difference.namespace.name.to_string();
        let is_wanted = refused.as_ref().is_none_or(|refused| refused.has_sent("namespaces[]", &name));
        let checked = difference.may_edit && is_wanted;
        let id = ConfigId { env: from.clone(), app: app.clone(), namespace: difference.namespace.name.clone() };
        view! { <Row difference checked id to=to.clone() /> }
    });
    let rows = rows.collect_view();
    let rest = (!equal.is_empty()).then(|| view! { <p class="quiet">{t.promote_equal(equal.len())}</p> });
    let removes = removes.then(|| view! { <Check name="removes" label=t.promote_removes(from.as_str()) /> });
    let submit = may_copy.then(|| {
        view! { <p class="do"><Submit tone=Tone::Primary icon=I::Copy>{t.copy_into_change()}</Submit></p> }
    });
    let heading = view! {
        <p class="ways"><EnvTag env=env_styles.get(&from) /><Icon name=I::Right /><EnvTag env=env_styles.get(&to) /></p>
    };
    view! {
        <Card id="differences" title=t.promote_namespaces()>
            {heading}
            <Form action=PromoteFn::PATH>
                <Hidden name="app" value=app.as_str() />
                <Hidden name="from" value=from.as_str() />
                <Hidden name="to" value=to.as_str() />
                <ul class="list pick-list">{rows}</ul>
                <Problems pointer="/namespaces" />
                {rest}
                {removes}
                {submit}
            </Form>
        </Card>
    }
    .into_any()
}

#[component]
fn Row(difference: NamespaceDifference, checked: bool, id: ConfigId, to: EnvName) -> impl IntoView {
    let t = lang();
    let NamespaceDifference { namespace, counts, may_edit } = difference;
    let name = namespace.name.to_string();
    let field = format!("namespace-{name}");
    // The difference of the first environment's page: from the second environment to this one.
    let href = paths::with(
        &format!("{}{}", paths::config(&id), ConfigPage::Difference.path()),
        &[("env", to.as_str()), ("to", "live")],
    );
    let may_not = (!may_edit).then(|| view! { <span class="quiet">{t.promote_may_not(to.as_str())}</span> });
    view! {
        <li>
            <span class="field check">
                <input type="checkbox" id=field.clone() name="namespaces[]" value=name.clone() checked=checked disabled=!may_edit />
                <label for=field class="mono">{name.clone()}</label>
            </span>
            <Tag>{namespace.format.as_str()}</Tag>
            <DiffSummary counts />
            <a href=href>{t.promote_difference(&name)}</a>
            {may_not}
        </li>
    }
    .into_any()
}
