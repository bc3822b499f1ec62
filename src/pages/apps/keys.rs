//! The keys of a namespace in all environments side by side, with a form that copies keys between them.

use std::cell::Cell;

use axum::extract::{Path, Query, State};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use crate::{
    api::{copies::CopyKeys, paths},
    components::{view::*, *},
    domain::{
        diff::WindowRows,
        names::{AppName, ConfigId, NamespaceName},
    },
    pages::{
        Page, PageResult,
        config::{WayToRows, other_rows, value_view},
        console::Console,
        shared::EnvStyles,
    },
    service::{KeyAgreement, KeyMatrix, KeyRow},
    session::guard::CurrentUser,
};

/// Maximum number of keys on a page.
const MAX_ROWS: usize = 500;
/// Id of the form of copies, to which the checkboxes belong.
const COPY: &str = "copy";

/// Query parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct KeysQuery {
    /// `differs` or `missing`; empty for all keys.
    show: String,
    /// Words that a row must contain.
    q: String,
    /// The first row shown.
    row: usize,
}

/// Data of the page.
struct KeysPage {
    app: AppName,
    matrix: KeyMatrix,
    env_styles: EnvStyles,
    asked: KeysQuery,
}

impl KeysPage {
    /// Returns the address of this page with another filter.
    fn link(&self, show: &str) -> String {
        paths::with(&path(&self.app, &self.matrix.namespace.name), &[("show", show), ("q", &self.asked.q)])
    }

    fn id(&self, env: usize) -> ConfigId {
        let env = self.matrix.envs[env].0.name.clone();
        ConfigId { env, app: self.app.clone(), namespace: self.matrix.namespace.name.clone() }
    }
}

fn path(app: &AppName, namespace: &NamespaceName) -> String {
    format!("{}/namespaces/{namespace}/keys", paths::app(app))
}

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Path((app, name)): Path<(AppName, NamespaceName)>,
    Query(asked): Query<KeysQuery>,
) -> PageResult {
    let matrix = console.service.key_matrix(&who.actor, &app, &name).await?;
    let env_styles = EnvStyles::of(&console.service.envs().await?);
    let (title, crumb) = (format!("{name} · {app}"), paths::app(&app));
    let of_app = app.clone();
    let shown = KeysPage { app, matrix, env_styles, asked };
    Ok(Page::new(move |t| format!("{} · {title}", t.keys_side_by_side()), move || view! { <Keys shown /> }).crumbs(
        move |t| {
            vec![Crumb::to(t.applications(), "/apps"), Crumb::to(of_app.as_str(), crumb), Crumb::here(name.as_str())]
        },
    ))
}

#[component]
fn Keys(shown: KeysPage) -> impl IntoView {
    let t = lang();
    let namespace = shown.matrix.namespace.clone();
    let count = |wanted: KeyAgreement| shown.matrix.rows.iter().filter(|row| row.agreement() == wanted).count();
    let (differs, missing) = (count(KeyAgreement::Differs), count(KeyAgreement::Missing));
    let tab = |show: &str, text: &str, n: usize| {
        Tab::to(text, shown.link(show)).count(n as u64).when(shown.asked.show == show)
    };
    let tabs = vec![
        tab("", t.keys_all(), shown.matrix.rows.len()),
        tab("differs", t.keys_different(), differs),
        tab("missing", t.keys_missing(), missing),
    ];
    let body = if shown.matrix.rows.is_empty() {
        view! { <Empty icon=I::Rows title=t.no_keys_title()><p>{t.keys_none_text()}</p></Empty> }.into_any()
    } else {
        view! { <KeyTable shown /> }.into_any()
    };
    view! {
        <div id="keys">
            <Head title=namespace.name.to_string() tag=namespace.format.as_str()>
                <Segments label=t.keys_shown() tabs />
            </Head>
            {body}
        </div>
    }
    .into_any()
}

#[component]
fn KeyTable(shown: KeysPage) -> impl IntoView {
    let t = lang();
    let KeysQuery { show, q, row } = shown.asked.clone();
    let found: Vec<&KeyRow> = shown.matrix.rows.iter().filter(|key| key.is_shown(&show, &q)).collect();
    let (total, all) = (found.len(), shown.matrix.rows.len());
    let rows = found.into_iter().skip(row).take(MAX_ROWS).collect();
    let page = WindowRows { from: row, rows, total, limit: MAX_ROWS };
    let may_copy = shown.matrix.envs.len() > 1 && shown.matrix.envs.iter().any(|(_, may_edit)| *may_edit);
    let columns = (0..shown.matrix.envs.len()).map(|env| {
        let id = shown.id(env);
        view! { <th scope="col"><a href=paths::config(&id)><EnvTag env=shown.env_styles.get(&id.env) /></a></th> }
    });
    let columns = columns.collect_view();
    let rest = other_rows(&page, Some(WayToRows::Link(shown.link(&show))));
    let envs: Vec<EnvStyle> = shown.matrix.envs.iter().map(|(env, _)| shown.env_styles.get(&env.name)).collect();
    let refused = refused();
    let picked = |key: &str| refused.as_ref().is_some_and(|refused| refused.has_sent("keys[]", key));
    let rows = page.rows.iter().map(|row| {
        let pick =
            may_copy.then(|| view! { <Pick form=COPY key=row.key.clone() checked=picked(&row.key) /> }.into_any());
        key_row(row, &envs, pick)
    });
    let rows = rows.collect_view();
    let pick = may_copy
        .then(|| view! { <th scope="col" class="pick"><span class="visually-hidden">{t.select_keys()}</span></th> });
    let filter = view! {
        <div class="bar">
            <FilterBox of="keys" label=t.filter_keys(all) value=q.clone() with=vec![("show", show.clone())] on_server=true />
        </div>
    };
    if total == 0 {
        return view! { {filter}<NoKeys shown /> }.into_any();
    }
    let table = view! {
        {filter}
        <div class="sheet scroll" tabindex="0" role="region" aria-label=t.keys_side_by_side()>
            <table class="rows keys" id="key-rows">
                <thead><tr>{pick}<th scope="col">{t.key()}</th>{columns}</tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {rest}
    };
    let copy = may_copy.then(|| view! { <CopyForm shown total /> });
    view! { {table}{copy} }.into_any()
}

/// The empty state of a filter without keys.
#[component]
fn NoKeys(shown: KeysPage) -> impl IntoView {
    let t = lang();
    let all = path(&shown.app, &shown.matrix.namespace.name);
    let (icon, title) = match (shown.asked.q.as_str(), shown.asked.show.as_str()) {
        ("", "missing") => (I::Ok, t.keys_complete().to_owned()),
        ("", _) => (I::Ok, t.keys_agree().to_owned()),
        (q, _) => (I::Search, t.keys_none_found(q)),
    };
    view! { <Empty icon title><p><a class="btn" href=all>{t.keys_show_all()}</a></p></Empty> }.into_any()
}

/// Returns the refused form of this page.
fn refused() -> Option<RefusedForm> {
    use_context::<RefusedForm>().filter(|refused| refused.is_of(CopyKeys::PATH, None))
}

fn key_row(row: &KeyRow, envs: &[EnvStyle], pick: Option<AnyView>) -> AnyView {
    let t = lang();
    let (class, state) = match row.agreement() {
        KeyAgreement::Same => (None, None),
        KeyAgreement::Differs => (Some("changed"), Some(t.keys_different())),
        KeyAgreement::Missing => (Some("others"), Some(t.keys_missing())),
    };
    let cells = row.items.iter().zip(envs).map(|(item, env)| {
        // On narrow pages without columns, each cell shows its environment itself.
        let of = view! { <span class="of"><EnvTag env=env.clone() bare=true /></span> };
        match item {
            Some(item) => view! { <td class="v">{of}<span>{value_view(item.value.expose())}</span></td> }.into_any(),
            None => view! { <td class="v quiet">{of}<span>"–"<span class="visually-hidden">{t.not_there()}</span></span></td> }
                .into_any(),
        }
    });
    let cells = cells.collect_view();
    let state = state.map(|state| view! { <span class="state">{state}</span> });
    view! { <tr class=class>{pick}<th scope="row">{row.key.clone()}{state}</th>{cells}</tr> }.into_any()
}

/// Copies the selected keys, or all that are listed, into a new change.
#[component]
fn CopyForm(shown: KeysPage, total: usize) -> impl IntoView {
    let t = lang();
    let sources = (0..shown.matrix.envs.len()).map(|env| (shown.id(env).to_string(), shown.id(env).env.to_string()));
    let (refused, focused) = (refused(), Cell::new(false));
    let targets = shown.matrix.envs.iter().filter(|(_, may_edit)| *may_edit).map(|(env, _)| {
        let (id, name) = (format!("to-{}", env.name), env.name.to_string());
        let checked = refused.as_ref().is_some_and(|refused| refused.has_sent("to[]", &name));
        // The problems of a refused form are below the table.
        let autofocus = refused.is_some() && !focused.replace(true);
        view! {
            <div class="field check">
                <input type="checkbox" id=id.clone() name="to[]" value=name checked=checked autofocus=autofocus />
                <label for=id><EnvTag env=shown.env_styles.get(&env.name) /></label>
            </div>
        }
    });
    let targets = targets.collect_view();
    let options: Vec<_> = sources.collect();
    view! {
        <Card id="copy-keys" title=t.copy_keys()>
            <p class="quiet">{t.copy_keys_text()}</p>
            <Form action=CopyKeys::PATH id=COPY>
                <Hidden name="show" value=shown.asked.show.clone() />
                <Hidden name="q" value=shown.asked.q.clone() />
                <Select name="from" label=t.copy_from() options />
                <fieldset class="field"><legend>{t.copy_to()}</legend>{targets}<Problems pointer="/to" /></fieldset>
                <Check name="all" label=t.copy_all_listed(total) />
                <Check name="overwrite" label=t.copy_overwrite() />
                <Problems pointer="/keys" />
                <p class="do"><Submit tone=Tone::Primary icon=I::Copy>{t.copy_into_change()}</Submit></p>
            </Form>
        </Card>
    }
    .into_any()
}
