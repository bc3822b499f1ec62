//! Every component.

use leptos::{prelude::*, server_fn::ServerFn};
use trimtab::{
    components::*,
    domain::{
        content::{Item, ValueType},
        diff::{Counts, KeyDiff, lines},
        time::Time,
    },
    pages::{Answer, Page, Place},
};

use super::functions::Save;

pub fn env(name: &str, place: usize, protected: bool) -> EnvLook {
    EnvLook { name: name.to_owned(), place, protected }
}

pub fn envs() -> [EnvLook; 3] {
    [env("dev", 0, false), env("staging", 1, false), env("prod", 2, true)]
}

pub fn keys() -> Vec<KeyDiff> {
    let number = |v: &str| Item { kind: ValueType::Number, ..Item::string(v) };
    vec![
        KeyDiff { key: "checkout.timeout_ms".into(), old: Some(number("3000")), new: Some(number("4500")) },
        KeyDiff {
            key: "db.url".into(),
            old: Some(Item::string("mysql://shop@db-1.internal:3306/shop")),
            new: Some(Item::string("mysql://shop@db-2.internal:3306/shop?ssl=1")),
        },
        KeyDiff { key: "cache.ttl".into(), old: Some(Item::string("60")), new: Some(number("60")) },
        KeyDiff { key: "features.new_cart".into(), old: None, new: Some(Item::string("true")) },
        KeyDiff { key: "features.old_banner".into(), old: Some(Item::string("false")), new: None },
    ]
}

pub async fn show() -> Answer {
    let page = Page::new(|_| "Components".to_owned(), || view! { <Gallery /> });
    let crumbs = |t: trimtab::texts::Lang| {
        vec![Crumb::env(envs()[2].clone(), "/"), Crumb::to("shop", "/"), Crumb::here(t.applications())]
    };
    Ok(page.place(Place::Applications).crumbs(crumbs))
}

#[component]
fn Gallery() -> impl IntoView {
    view! {
        <Banner title="etcd does not answer since 14:02." action=view! { <LinkButton href="#">"Details"</LinkButton> }.into_any()>
            <p>"Applications keep reading what they have; what you publish is accepted and delivered when it is back."</p>
        </Banner>
        <Head title="application" tag="kv">
            <Segments label="Environment" tabs=envs().map(|e| { let now = e.protected; Tab::env(e, "#").when(now) }).to_vec() />
            <p class="facts">
                <span>"Live: "<b>"release 41"</b>", "<When at=Time(1_795_364_000_000) />" by Ana Ruiz"</span>
                <span><b>"128"</b>" keys"</span>
            </p>
        </Head>
        <Tabs
            label="Config"
            tabs=vec![Tab::to("Items", "#").when(true), Tab::to("Difference", "#").waiting(3), Tab::to("Releases", "#").count(41), Tab::to("Readers", "#").count(20), Tab::to("Use it", "#")]
        />
        <div class="two">
            <div class="stack">
                <Forms />
                <Differences />
            </div>
            <div class="stack"><Small /></div>
        </div>
    }
}

#[component]
fn Forms() -> impl IntoView {
    let kinds = ValueType::ALL.map(|k| (k.as_str().to_owned(), k.as_str().to_owned())).to_vec();
    let how = ["well", "conflict", "stale", "out", "slow"].map(|h| (h.to_owned(), h.to_owned())).to_vec();
    let again = kinds.clone();
    view! {
        <div id="saved">
            <Card id="form" title="A form">
                <Form action=Save::url() id="one" swap="saved">
                    <div class="row">
                        <Field name="key" label="Key" value="checkout.timeout_ms" mono=true hint="Dots make groups." />
                        <Select name="kind" label="Type" options=kinds value="number" />
                    </div>
                    <TextArea name="value" label="Value" note="required in prod" value="4500 </textarea>" mono=true hint="As applications get it." />
                    <Select name="how" label="It goes" options=how />
                    <Check name="sure" label="I am sure" hint="Nobody else is asked." />
                    <p class="do">
                        <Submit tone=Tone::Primary icon=I::Send>"Publish 3 edits"</Submit>
                        <Submit>"Save"</Submit>
                        <Submit tone=Tone::Danger icon=I::Trash>"Discard"</Submit>
                        <LinkButton href="#" tone=Tone::Bare>"Cancel"</LinkButton>
                    </p>
                </Form>
            </Card>
        </div>
        <Reveal summary="Add key" icon=I::Plus>
            <Form action=Save::url() id="two">
                <Hidden name="how" value="well" />
                <Field name="key" label="Key" required=true mono=true />
                <TextArea name="value" label="Value" mono=true />
                <Select name="kind" label="Type" options=again />
                <p class="do"><Submit tone=Tone::Primary>"Add"</Submit></p>
            </Form>
        </Reveal>
    }
}

#[component]
fn Differences() -> impl IntoView {
    let old: String = (1..=40).map(|n| format!("line {n}: some: value\n")).collect();
    let new = old
        .replace("line 7: some", "line 7: another")
        .replace("line 8: some: value\n", "")
        .replace("line 30", "# 商品搜索\nline 30");
    let rows = lines(&old, &new, 3);
    view! {
        <Card id="kv" title="Keys">
            <Sum counts=Counts { added: 1, changed: 3, removed: 1 } />
            <DiffKv keys=keys() />
        </Card>
        <DiffKv keys=keys() view=DiffView::SideBySide old="Release 41" new="My change" />
        <DiffText rows=rows.clone() old="Release 12" new="My change" unfold="#" />
        <DiffText rows view=DiffView::SideBySide old="Release 12" new="My change" unfold="#" />
    }
}

#[component]
fn Small() -> impl IntoView {
    view! {
        <Card id="badges" title="Small things">
            <p>
                <Badge>"quiet"</Badge>" "<Badge mood=Mood::Good>"delivered"</Badge>" "<Badge mood=Mood::Warn>"3 of 4"</Badge>" "
                <Badge mood=Mood::Bad>"broken"</Badge>
            </p>
            <p>{envs().map(|env| view! { <EnvTag env />" " }).collect_view()}</p>
            <p class="flag warn"><Icon name=I::Warn /><a href="#">"mail / templates.yaml"</a></p>
            <p><kbd>"Ctrl K"</kbd>" "<span class="skeleton"></span></p>
        </Card>
        <Banner mood=Mood::Bad title="This did not work"><p>"The difference has changed since you looked at it."</p></Banner>
        <Banner mood=Mood::Good title="All environments deliver" />
        <Empty icon=I::Key title="No tokens yet">
            <p>"Applications read their configuration with a token."</p>
            <LinkButton href="#" tone=Tone::Primary icon=I::Plus>"New token"</LinkButton>
        </Empty>
        <Code label="curl" text="curl -H \"Authorization: Bearer $TOKEN\" \\\n  http://127.0.0.1:3000/api/v1/configs/prod/shop/application" />
        <Card id="way" title="Release 41 on its way">
            <ol class="way">
                <li><span class="dot"><Icon name=I::Ok /></span><b>"Accepted"</b><time>"11:20:04.118"</time></li>
                <li><span class="dot now"><Icon name=I::Nodes /></span><b>"Seen by 18 of 20"</b><time>"+ 61 ms"</time><progress value="18" max="20" aria-label="Seen by">"18 of 20"</progress><small>"Waiting for "<code>"shop-7c9f"</code></small></li>
            </ol>
        </Card>
        <Pager of="releases" newer=Some("#".to_owned()) older=Some("#".to_owned()) />
    }
}
