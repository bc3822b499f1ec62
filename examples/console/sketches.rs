//! Pages as they will be, with made-up data: what the style is measured by.

use leptos::prelude::*;
use trimtab::{
    components::*,
    domain::{
        diff::{Counts, lines},
        time::Time,
    },
    pages::{Answer, Page, Place},
};

use super::gallery::{envs, keys};

fn shop() -> Vec<Crumb> {
    vec![Crumb::env(envs()[2].clone(), "/app"), Crumb::to("shop", "/app"), Crumb::here("application")]
}

fn environments() -> Vec<Tab> {
    envs()
        .map(|env| {
            let now = env.protected;
            Tab::env(env, "/config").when(now)
        })
        .to_vec()
}

pub async fn config() -> Answer {
    Ok(Page::new(|_| "application · shop · prod".to_owned(), || view! { <Config /> })
        .place(Place::Applications)
        .crumbs(|_| shop()))
}

#[component]
fn Config() -> impl IntoView {
    const ROWS: [(&str, &str, &str, &str, &str); 10] = [
        ("cache.redis.nodes", "[\"10.20.0.11:6379\",\"10.20.0.12:6379\"]", "json", "3 Nov, Ana Ruiz", ""),
        ("checkout.timeout_ms", "4500", "number", "by you, 2 min ago", "changed"),
        ("db.pool.max", "32", "number", "28 Oct, Marek Novák", ""),
        ("db.url", "mysql://shop@db.internal:3306/shop", "string", "28 Oct, Marek Novák", ""),
        ("db.password", "•••••••• secret", "string", "12 Aug, Ana Ruiz", ""),
        ("features.new_cart", "true", "boolean", "by you, just now", "added"),
        ("features.old_banner", "false", "boolean", "by you, just now", "removed"),
        ("http.listen", "0.0.0.0:8080", "string", "1 Jun, import", ""),
        ("mail.from", "\"Shop 商店\" <hello@shop.example>", "string", "1 Jun, import", ""),
        (
            "search.synonyms_url",
            "https://assets.shop.example/search/synonyms-2026-10.json",
            "string",
            "19 Oct, Lin Wei",
            "",
        ),
    ];
    let row =
        |(key, value, kind, when, state): (&'static str, &'static str, &'static str, &'static str, &'static str)| {
            let shown = if state == "changed" {
                view! { <del>"3000"</del>" "<ins>{value}</ins> }.into_any()
            } else {
                value.into_any()
            };
            let note = (state == "changed")
                .then(|| view! { <span class="note">"How long we wait for the payment provider"</span> });
            let said = (!state.is_empty()).then(|| view! { <span class="state">{state}</span>" " });
            view! {
                <tr class=state>
                    <th scope="row">{key}{note}</th>
                    <td class="v">{shown}</td>
                    <td class="type">{kind}</td>
                    <td class="when">{said}{when}</td>
                </tr>
            }
        };
    let edits: Vec<_> = keys().into_iter().filter(|k| k.key.contains('_')).collect();
    view! {
        <Head title="application" tag="kv">
            <Segments label="Environment" tabs=environments() />
            <p class="facts"><span>"Live: "<b>"release 41"</b>", today 11:20 by Ana Ruiz"</span><span><b>"128"</b>" keys"</span><span>"Seen by "<b>"20 of 20"</b>" instances"</span></p>
        </Head>
        <Tabs label="Config" tabs=vec![Tab::to("Items", "/config").when(true), Tab::to("Difference", "/difference").waiting(3), Tab::to("Releases", "#").count(41), Tab::to("Readers", "#").count(20), Tab::to("Use it", "#")] />
        <div class="with-tray">
            <section aria-label="Items">
                <div class="bar">
                    <FilterBox of="items" label="Filter 128 keys" />
                    <span class="push"></span>
                    <LinkButton href="#" icon=I::Import>"Paste or import"</LinkButton>
                    <LinkButton href="#" icon=I::Plus>"Add key"</LinkButton>
                </div>
                <div class="sheet">
                    <table class="items" id="items">
                        <thead><tr><th scope="col">"Key"</th><th scope="col">"Value"</th><th scope="col">"Type"</th><th scope="col">"Last change"</th></tr></thead>
                        <tbody>{ROWS.map(row).collect_view()}</tbody>
                    </table>
                </div>
                <p class="pending"><b>"3 edits, not yet live"</b><a class="btn primary" href="#mc">"Review"</a></p>
            </section>
            <aside class="tray" aria-label="My change">
                <Card id="mc" title="My change">
                    <Sum counts=Counts { added: 1, changed: 1, removed: 1 } />
                    <DiffKv keys=edits />
                    <Form action="/fn/demo-save" id="publish">
                        <Field name="message" label="Why" note="required in prod" value="Payment provider is slow since Monday" />
                        <Field name="confirm" label="Type prod to publish there" placeholder="prod" mono=true hint="Becomes release 42. 20 instances read this config." />
                        <p class="do"><Submit tone=Tone::Primary icon=I::Send wide=true>"Publish 3 edits"</Submit></p>
                    </Form>
                </Card>
                <Card id="dl" title="Release 41 on its way">
                    <ol class="way">
                        <li><span class="dot"><Icon name=I::Ok /></span><b>"Accepted"</b><time>"11:20:04.118"</time></li>
                        <li><span class="dot"><Icon name=I::Ok /></span><b>"Delivered"</b><time>"+ 9 ms"</time><small>"etcd revision 8 123, under lock of node a"</small></li>
                        <li><span class="dot now"><Icon name=I::Nodes /></span><b>"Seen by 18 of 20"</b><time>"+ 61 ms"</time><progress value="18" max="20" aria-label="Seen by">"18 of 20"</progress><small>"Waiting for "<code>"shop-7c9f"</code>", "<code>"shop-b41d"</code></small></li>
                    </ol>
                </Card>
            </aside>
        </div>
    }
}

pub async fn home() -> Answer {
    Ok(Page::new(|t| t.home().to_owned(), || view! { <Home /> })
        .place(Place::Home)
        .crumbs(|t| vec![Crumb::here(t.home())]))
}

#[component]
fn Home() -> impl IntoView {
    let [dev, staging, prod] = envs();
    let (mine, theirs) = (prod.clone(), staging.clone());
    let release = |what: &'static str,
                   env: EnvLook,
                   seq: u32,
                   why: &'static str,
                   who: &'static str,
                   seen: &'static str,
                   late: bool| {
        view! {
            <tr>
                <td><a href="/config">{what}</a><br /><EnvTag env bare=true /></td>
                <td>{seq}</td>
                <td>{why}</td>
                <td>{who}<br /><span class="quiet"><When at=Time(1_795_364_000_000 - i64::from(seq) * 7_000_000) /></span></td>
                <td class:warn=late>{seen}</td>
            </tr>
        }
    };
    view! {
        <Head title="Good morning, Wei">
            <p class="facts"><span>"All "<b>"3 environments"</b>" deliver; the last release took "<b>"11 ms"</b></span><span><b>"412"</b>" instances read "<b>"96"</b>" configs"</span></p>
        </Head>
        <div class="two">
            <div>
                <Card id="h1" title="My changes">
                    <ul class="list">
                        <li><a href="/difference"><b>"Slow payment provider"</b><Sum counts=Counts { added: 1, changed: 1, removed: 1 } /></a><p><EnvTag env=mine bare=true />"shop / application"<span class="quiet">"edited 2 min ago"</span></p></li>
                        <li><a href="/difference"><b>"New search cluster"</b><Sum counts=Counts { added: 0, changed: 4, removed: 0 } /></a><p><EnvTag env=theirs bare=true />"search / application and 2 more"<span class="quiet">"edited yesterday"</span></p><p class="flag warn"><Icon name=I::Warn />"Ana Ruiz released 2 of the same keys meanwhile. "<a href="#">"Compare"</a></p></li>
                    </ul>
                </Card>
                <Card id="h2" title="Latest releases">
                    <table class="rows plain">
                        <thead><tr><th scope="col">"Config"</th><th scope="col">"Release"</th><th scope="col">"Why"</th><th scope="col">"Who, when"</th><th scope="col">"Seen"</th></tr></thead>
                        <tbody>
                            {release("shop / application", prod, 41, "Connection pool for the sale", "Ana Ruiz", "20 of 20", false)}
                            {release("mail / templates.yaml", staging, 7, "Chinese subject lines", "Lin Wei", "3 of 4", true)}
                            {release("search / application", dev, 118, "Rolled back to release 116", "Marek Novák", "2 of 2", false)}
                        </tbody>
                    </table>
                </Card>
            </div>
            <div>
                <Card id="h3" title="Needs a look">
                    <ul class="list"><li><p class="flag warn"><Icon name=I::Warn /><a href="#">"mail / templates.yaml"</a></p><p class="quiet"><code>"mail-2b7d"</code>"still holds release 6, for 5 h"</p></li></ul>
                </Card>
                <Card id="h4" title="Applications I work on">
                    <ul class="list plain"><li><a href="/app">"shop"</a><span class="quiet">"14 configs"</span></li><li><a href="/app">"search"</a><span class="quiet">"6 configs"</span></li><li><a href="/app">"mail"</a><span class="quiet">"5 configs"</span></li></ul>
                    <LinkButton href="/app" wide=true>"All 12 applications"</LinkButton>
                </Card>
            </div>
        </div>
    }
}

pub async fn app() -> Answer {
    let crumbs = |t: trimtab::texts::Lang| vec![Crumb::to(t.applications(), "/app"), Crumb::here("shop")];
    Ok(Page::new(|_| "shop".to_owned(), || view! { <App /> }).place(Place::Applications).crumbs(crumbs))
}

#[component]
fn App() -> impl IntoView {
    let [dev, staging, prod] = envs();
    let cell = |seq: u32, when: &'static str, more: Option<AnyView>| {
        view! { <td><a href="/config"><b>{seq}</b><span class="quiet">{when}</span>{more}</a></td> }
    };
    let name = |name: &'static str, format: &'static str| view! { <th scope="row">{name}<Tag>{format}</Tag></th> };
    view! {
        <Head title="shop"><p class="facts"><span>"Web shop and checkout"</span><span>"Owned by "<b>"Ana Ruiz"</b>", "<b>"Lin Wei"</b></span><span><b>"38"</b>" instances"</span></p></Head>
        <Tabs label="Application" tabs=vec![Tab::to("Configs", "#").when(true), Tab::to("Keys across environments", "#"), Tab::to("Instances", "#").count(38), Tab::to("Tokens", "#").count(4), Tab::to("People", "#")] />
        <div class="bar"><FilterBox of="configs" label="Filter namespaces" /><span class="push"></span><LinkButton href="#">"Compare environments"</LinkButton><LinkButton href="#" icon=I::Plus>"Add namespace"</LinkButton></div>
        <div class="sheet scroll" tabindex="0" role="region" aria-label="Configs by environment">
            <table class="matrix" id="configs">
                <thead><tr><th scope="col">"Namespace"</th><th scope="col"><EnvTag env=dev /></th><th scope="col"><EnvTag env=staging /></th><th scope="col"><EnvTag env=prod /></th></tr></thead>
                <tbody>
                    <tr>{name("application", "kv")}{cell(212, "2 h ago", None)}{cell(57, "yesterday", None)}{cell(41, "11:20", Some(view! { <span class="pend">"3 edits by you"</span> }.into_any()))}</tr>
                    <tr>{name("routes.yaml", "yaml")}{cell(30, "3 Nov", None)}{cell(14, "4 Nov", Some(view! { <span class="pend other">"1 edit by Marek"</span> }.into_any()))}{cell(12, "19 Nov", None)}</tr>
                    <tr>{name("logging", "toml")}{cell(9, "1 Jun", None)}{cell(9, "1 Jun", None)}<td><a class="none" href="#">"not yet · create"</a></td></tr>
                    <tr>{name("features", "json")}{cell(88, "20 min ago", None)}{cell(71, "09:14", Some(view! { <span class="late"><Icon name=I::Warn />"3 of 4 seen"</span> }.into_any()))}{cell(66, "Mon", None)}</tr>
                </tbody>
            </table>
        </div>
    }
}

pub async fn difference() -> Answer {
    let crumbs = |_| vec![Crumb::env(envs()[2].clone(), "/app"), Crumb::to("shop", "/app"), Crumb::here("routes.yaml")];
    Ok(Page::new(|_| "Difference · routes.yaml".to_owned(), || view! { <Difference /> })
        .place(Place::Applications)
        .crumbs(crumbs))
}

#[component]
fn Difference() -> impl IntoView {
    let filler: String = (6..44).map(|n| format!("  - path: /p{n}\n")).collect();
    let old = format!(
        "routes:\n  - path: /checkout\n    upstream: payments-v1\n    timeout: 3s\n{filler}  - path: /legacy\n    upstream: shop-old\n# 商品搜索 product search\n  - path: /search\n"
    );
    let new = old
        .replace("v1", "v2")
        .replace("timeout: 3s", "timeout: 4.5s\n    retries: 2")
        .replace("  - path: /legacy\n    upstream: shop-old\n", "");
    view! {
        <Head title="routes.yaml" tag="yaml">
            <Segments label="Environment" tabs=environments() />
            <p class="facts"><span>"Live: "<b>"release 12"</b>", 19 Nov by Marek Novák"</span><span><b>"2 changed"</b>", "<b>"1 added"</b>", "<b>"2 removed"</b></span></p>
        </Head>
        <Tabs label="Config" tabs=vec![Tab::to("Text", "/config"), Tab::to("Difference", "#").waiting(2).when(true), Tab::to("Releases", "#").count(12), Tab::to("Readers", "#").count(20), Tab::to("Use it", "#")] />
        <div class="bar">
            <Segments label="Compared with" tabs=vec![Tab::to("Live, release 12", "#").when(true), Tab::to("Another release", "#"), Tab::to("staging", "#")] />
            <span class="push"></span>
            <Segments label="View" tabs=vec![Tab::to("Unified", "#"), Tab::to("Side by side", "#").when(true)] />
        </div>
        <DiffText rows=lines(&old, &new, 2) view=DiffView::SideBySide old="Live, release 12" new="My change" unfold="#" />
    }
}
