//! Instructions for programs that read a config: commands and code to copy, with the real address.

use std::sync::Arc;

use axum::extract::State;
use leptos::prelude::*;

use super::{ConfigPage, ConfigPath, OpenedConfig, page};
use crate::{
    components::*,
    domain::{content::Format, names::ConfigId},
    pages::{PageResult, console::Console},
    session::guard::CurrentUser,
};

pub(super) async fn show(State(console): State<Console>, user: CurrentUser, ConfigPath(id): ConfigPath) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let url = console.public_url.trim_end_matches('/').to_owned();
    let root = console.etcd_root.clone();
    Ok(page(opened, ConfigPage::Usage, move |opened| view! { <Usage opened url root /> }))
}

#[component]
fn Usage(opened: Arc<OpenedConfig>, url: String, root: Option<Arc<str>>) -> impl IntoView {
    let t = lang();
    let id = opened.view.id.clone();
    let one = format!("{url}/api/v1/configs/{id}");
    let curl = |rest: String| format!("curl -H \"Authorization: Bearer $TOKEN\" \\\n  {rest}");
    let after = opened.view.live_seq();
    let token = format!("trimtab token create --name {} --read '{}/{}/*'", id.app, id.env, id.app);
    let kv = opened.view.namespace.format == Format::Kv;
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
                <Card id="go" title="Go">
                    <p class="quiet">{t.go_text()}</p>
                    <div class="go"><Code label="Go" text=go(&one, kv) /></div>
                </Card>
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

/// Returns Go code that follows the config by long polls, with the standard library alone.
fn go(url: &str, kv: bool) -> String {
    let content = if kv { "map[string]any" } else { "string" };
    format!(
        r#"// Follow calls apply with the configuration now and after every release.
func Follow(ctx context.Context, token string, apply func({content})) error {{
	after := 0
	for ctx.Err() == nil {{
		url := fmt.Sprintf("{url}?after=%d&wait=60", after)
		req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {{
			return err
		}}
		host, _ := os.Hostname()
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("X-Instance", host)
		res, err := http.DefaultClient.Do(req)
		if err != nil {{
			time.Sleep(time.Second) // it goes on with what it has
			continue
		}}
		var config struct {{
			Release int
			Content {content}
		}}
		switch res.StatusCode {{
		case http.StatusOK:
			if json.NewDecoder(res.Body).Decode(&config) == nil {{
				after = config.Release
				apply(config.Content)
			}}
		case http.StatusNotModified: // nothing newer yet
		default:
			time.Sleep(time.Second)
		}}
		res.Body.Close()
	}}
	return ctx.Err()
}}"#
    )
}
