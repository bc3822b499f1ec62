//! Instructions for programs that read a config: commands and code to copy, with the real address.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::Deserialize;

use super::{ConfigPage, ConfigPath, OpenedConfig, page};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::names::ConfigId,
    pages::{PageResult, console::Console},
    session::guard::CurrentUser,
    texts::Lang,
};

/// Query parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UsageQuery {
    /// The name of the program that is shown.
    with: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<UsageQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let url = console.public_url.trim_end_matches('/').to_owned();
    let root = console.etcd_root.clone();
    Ok(page(opened, ConfigPage::Usage, move |opened| view! { <Usage opened url root with=asked.with /> }))
}

#[component]
fn Usage(opened: Arc<OpenedConfig>, url: String, root: Option<Arc<str>>, with: String) -> impl IntoView {
    let t = lang();
    let id = opened.view.id.clone();
    let one = format!("{url}/api/v1/configs/{id}");
    let curl = |rest: String| format!("curl -H \"Authorization: Bearer $TOKEN\" \\\n  {rest}");
    let after = opened.view.live_seq();
    let token = format!("trimtab token create --name {} --read '{}/{}/*'", id.app, id.env, id.app);
    let (snapshot, raw) = (curl(format!("'{one}'")), curl(format!("'{one}/raw'")));
    let poll = curl(format!("-H \"X-Instance: $HOSTNAME\" \\\n  '{one}?after={after}&wait=60'"));
    let events = curl(format!("-N '{url}/api/v1/watch?config={id}'"));
    view! {
        <div class="two usage">
            <div class="stack">
                <Card id="http" title=t.over_http()>
                    <p class="quiet">{t.over_http_text()}</p>
                    <Example title=t.snapshot() text=snapshot />
                    <Example title=t.raw_document() text=raw />
                    <Example title=t.long_poll() text=poll hint=t.long_poll_text(after) />
                    <Example title=t.events() text=events />
                </Card>
                <Programs opened=opened.clone() url=one.clone() chosen=with />
            </div>
            <div class="stack">
                <Card id="token" title=t.a_token()>
                    <p class="quiet">{t.a_token_text()}</p>
                    <Code label=t.a_token() text=token />
                    <p class="do"><LinkButton href="/tokens">{t.tokens()}</LinkButton></p>
                </Card>
                <Etcd id root />
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Example(title: &'static str, text: String, #[prop(optional)] hint: String) -> impl IntoView {
    view! {
        <h3>{title}</h3>
        {(!hint.is_empty()).then(|| view! { <p class="hint">{hint}</p> })}
        <Code label=title text />
    }
    .into_any()
}

#[component]
fn Etcd(id: ConfigId, root: Option<Arc<str>>) -> impl IntoView {
    let t = lang();
    let Some(root) = root else {
        return view! { <Card id="etcd" title="etcd"><p class="quiet">{t.no_etcd_text()}</p></Card> }.into_any();
    };
    let key = format!("{root}/config/{id}");
    view! {
        <Card id="etcd" title="etcd">
            <p class="quiet">{t.etcd_text()}</p>
            <Code label=t.etcd_key() text=key.clone() />
            <Example title=t.etcd_get() text=format!("etcdctl get --print-value-only '{key}'") />
            <Example title=t.etcd_watch() text=format!("etcdctl watch '{key}'") />
        </Card>
    }
    .into_any()
}

/// A complete program that follows a config. It takes `CONFIG_URL` and `TOKEN` from its environment.
struct Client {
    /// Its name in the address of the page.
    name: &'static str,
    title: &'static str,
    text: &'static str,
    /// Its requirements.
    needs: fn(Lang) -> &'static str,
}

/// All programs. A behaviour test runs them (`processes/clients.rs`).
const CLIENTS: [Client; 6] = [
    client("go", "Go", include_str!("clients/follow.go"), Lang::needs_nothing),
    client("java", "Java", include_str!("clients/Follow.java"), Lang::needs_java),
    client("python", "Python", include_str!("clients/follow.py"), Lang::needs_nothing),
    client("node", "Node.js", include_str!("clients/follow.mjs"), Lang::needs_nothing),
    client("rust", "Rust", include_str!("clients/follow.rs"), Lang::needs_rust),
    client("kubernetes", "Kubernetes", include_str!("clients/sidecar.yaml"), Lang::needs_kubernetes),
];

const fn client(
    name: &'static str,
    title: &'static str,
    text: &'static str,
    needs: fn(Lang) -> &'static str,
) -> Client {
    Client { name, title, text, needs }
}

/// A program that follows the config, with a choice of the language.
#[component]
fn Programs(opened: Arc<OpenedConfig>, url: String, chosen: String) -> impl IntoView {
    let t = lang();
    let ConfigId { app, namespace, .. } = opened.view.id.clone();
    let chosen = CLIENTS.iter().find(|client| client.name == chosen).unwrap_or(&CLIENTS[0]);
    let path = format!("{}{}", opened.href, ConfigPage::Usage.path());
    let tabs = CLIENTS.iter().map(move |client| {
        let href = format!("{}#programs", paths::with(&path, &[("with", client.name)]));
        Tab::to(client.title, href).when(client.name == chosen.name)
    });
    let tabs: Vec<Tab> = tabs.collect();
    // Only the file for Kubernetes has these words. Its names have no other punctuation.
    let pod = app.as_str().replace(['.', '_'], "-");
    let text = chosen.text.replace("NAMESPACE", namespace.as_str()).replace("name: APP", &format!("name: {pod}"));
    let text = text.replace("\"URL\"", &format!("\"{url}\""));
    let environment = (chosen.name != "kubernetes").then(|| {
        let text = format!("export CONFIG_URL='{url}'\nexport TOKEN='…'");
        view! { <Example title=t.client_environment() text /> }
    });
    view! {
        <Card id="programs" title=t.client_programs()>
            <p class="quiet">{t.client_programs_text()}</p>
            <Segments label=t.client_language() tabs />
            {environment}
            <h3>{chosen.title}</h3>
            <p class="hint">{(chosen.needs)(t)}</p>
            <div class="program"><Code label=chosen.title text /></div>
        </Card>
    }
    .into_any()
}
