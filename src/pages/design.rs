//! `/design`: every component in its states, in both themes and languages. Only development builds have this page.

use axum::{Router, routing::get};
use leptos::context::Provider;

use super::{Page, PageResult, console::Console};
use crate::{
    components::{view::*, *},
    domain::{
        content::{Item, ValueType},
        diff::{KeyDiff, Window, lines},
        error::{Error, Invalid, Problem},
        time::Time,
    },
    session::guard::CurrentUser,
    texts::Lang,
};

/// Path of the refused form. There is no such function.
const REFUSED: &str = "/fn/design";
/// Colours of the design system.
const COLOURS: [&str; 14] = [
    "canvas",
    "surface",
    "raised",
    "sunken",
    "line",
    "line-strong",
    "ink",
    "ink-2",
    "accent",
    "accent-soft",
    "add",
    "del",
    "warn",
    "warn-soft",
];

/// `/design`.
pub fn routes() -> Router<Console> {
    Router::new().route("/design", get(show))
}

async fn show(_: CurrentUser) -> PageResult {
    let themes = || {
        [("light", Lang::En), ("dark", Lang::En), ("light", Lang::Zh), ("dark", Lang::Zh)].map(|(theme, lang)| {
            view! {
                <section class="theme-sample" data-theme=theme lang=lang.code()>
                    <Provider value=lang><Samples prefix=format!("{theme}-{}", lang.code()) /></Provider>
                </section>
            }
        })
    };
    Ok(Page::new(|_| "Design".to_owned(), move || view! { <div class="theme-samples">{themes().collect_view()}</div> }))
}

/// All components once.
#[component]
fn Samples(prefix: String) -> impl IntoView {
    view! {
        <Frame />
        <Buttons />
        <Messages />
        <Fields prefix=prefix.clone() />
        <Lists prefix=prefix.clone() />
        <Differences />
        <Colours />
    }
}

#[component]
fn Frame() -> impl IntoView {
    let t = lang();
    let env = |name: &str, position, protected| EnvStyle { name: name.to_owned(), position, protected };
    let envs = vec![
        Tab::env(env("dev", 0, false), "#").when(true),
        Tab::env(env("staging", 1, false), "#"),
        Tab::env(env("prod", 2, true), "#"),
    ];
    let tabs = vec![
        Tab::to(t.tab_items(), "#").when(true),
        Tab::to(t.tab_difference(), "#").highlighted_count(3),
        Tab::to(t.tab_releases(), "#").count(41),
    ];
    view! {
        <Head title="application" tag="kv"><Segments label=t.environments() tabs=envs /></Head>
        <Tabs label=t.config() tabs />
        <Crumbs crumbs=vec![Crumb::to("shop", "#"), Crumb::here("application")] />
        <p class="lead">{t.envs_lead()}</p>
        <p class="hint">{t.key_hint()}</p>
    }
}

#[component]
fn Buttons() -> impl IntoView {
    let t = lang();
    let tones =
        [(Tone::Primary, t.publish()), (Tone::Plain, t.save()), (Tone::Danger, t.remove()), (Tone::Bare, t.cancel())];
    let buttons = |disabled: bool| {
        let button = move |(tone, text): (Tone, &'static str)| {
            view! { <button type="button" class=tone.class() disabled=disabled>{text}</button> }
        };
        view! { <p class="beside">{tones.map(button).collect_view()}</p> }
    };
    view! {
        {buttons(false)}
        {buttons(true)}
        <p class="beside">
            <button type="button" class="btn primary"><Icon name=I::Send />{t.publish()}</button>
            <button type="button" class="btn small"><Icon name=I::Undo />{t.undo()}</button>
            <LinkButton href="#" icon=I::Plus>{t.add_key()}</LinkButton>
            <CopyButton text="text" />
        </p>
        <Menu button=view! { <Icon name=I::More />{t.actions()} }.into_any()>
            <p class="line"><button type="button"><Icon name=I::Trash />{t.remove()}</button></p>
        </Menu>
    }
}

#[component]
fn Messages() -> impl IntoView {
    let t = lang();
    let moods = [Mood::Quiet, Mood::Good, Mood::Warn, Mood::Bad];
    let badges = moods.map(|mood| view! { <Badge mood>{t.delivered()}</Badge> " " });
    let banners =
        moods.map(|mood| view! { <Banner mood title=t.config_archived()><p>{t.config_archived_text()}</p></Banner> });
    view! {
        <p>{badges.collect_view()}</p>
        {banners.collect_view()}
        <Empty icon=I::Rows title=t.no_keys_title()><p>{t.no_keys_text()}</p></Empty>
        <Reveal summary=t.add_key() open=true><p>{t.key_hint()}</p></Reveal>
    }
}

#[component]
fn Fields(prefix: String) -> impl IntoView {
    let t = lang();
    let fields = move || {
        view! {
            <Field name="key" label=t.key() value="db.url" mono=true hint=t.key_hint() note=t.why_optional() />
            <Choice name="on" label=t.value() options=&["true", "false"] value="true" />
            <Select name="kind" label=t.type_field() options=ValueType::ALL.map(|k| (k.as_str().into(), k.as_str().into())).to_vec() />
            <TextArea name="comment" label=t.comment() value="one\ntwo" />
            <Check name="check" label=t.select_listed() checked=true />
            <PasswordField name="password" label=t.password() />
        }
    };
    let problems = ["/key", "/comment", "/kind"].map(|pointer| Invalid::new(pointer, Problem::Required)).to_vec();
    let sent = vec![("form".to_owned(), format!("{prefix}-refused")), ("key".to_owned(), String::new())];
    let refused = RefusedForm::new(REFUSED, sent, Error::Invalid(problems));
    let [form, plain, wrong, refused_id] = ["form", "plain", "wrong", "refused"].map(|part| format!("{prefix}-{part}"));
    view! {
        <div class="two">
            <Card id=form title=t.add_key() term=Term::Change><Form action=REFUSED id=plain>{fields()}</Form></Card>
            <Card id=wrong title=t.add_key()>
                <Provider value=refused><Form action=REFUSED id=refused_id>{fields()}</Form></Provider>
            </Card>
        </div>
    }
}

#[component]
fn Lists(prefix: String) -> impl IntoView {
    let t = lang();
    let row = |class: Option<&'static str>, key: &'static str, value: &'static str| {
        view! {
            <tr class=class>
                <th scope="row"><a href="#">{key}</a></th>
                <td class="v">{value}</td>
                <td class="type">"string"</td>
                <td class="when"><When at=Time(0) /></td>
            </tr>
        }
    };
    let rows = [
        row(None, "db.url", "mysql://db/shop"),
        row(Some("changed"), "pool.max", "20"),
        row(Some("added"), "new", "1"),
        row(Some("removed"), "old", "0"),
    ];
    view! {
        <FilterBox of=format!("{prefix}-items") label=t.filter_keys(4) />
        <div class="sheet">
            <Table class="items" id=format!("{prefix}-items") columns=vec![t.key(), t.value(), t.type_field(), t.last_change()] rows=rows.collect_view() />
        </div>
        <Pager of=t.tab_releases() newer=Some("#".to_owned()) older=Some("#".to_owned()) />
        <Curve label=t.tab_readers() times=vec![100, 200, 250, 700] all=5 ends=("0".to_owned(), t.last_change().to_owned()) />
        <Code text="curl https://config.example/api/v1" label="curl" />
    }
}

#[component]
fn Differences() -> impl IntoView {
    let item = |value: &str| Some(Item::string(value));
    let keys = vec![
        KeyDiff { key: "pool.max".into(), old: item("10"), new: item("20") },
        KeyDiff { key: "new".into(), old: None, new: item("1") },
        KeyDiff { key: "old".into(), old: item("0"), new: None },
    ];
    let rows = || lines("a: 1\nb: 2\nc: 3", "a: 1\nb: 20\nc: 3\nd: 4", 1, Window::after(0)).rows;
    let (old, new) = ("a: 1\nb: 2\nc: 3", "a: 1\nb: 20\nc: 3\nd: 4");
    view! {
        <DiffKv keys=keys.clone() />
        <DiffKv keys view=DiffView::SideBySide old="1" new="2" />
        <DiffText rows=rows() old new />
        <DiffText rows=rows() view=DiffView::SideBySide old new />
    }
}

#[component]
fn Colours() -> impl IntoView {
    let colours =
        COLOURS.map(|name| view! { <li><span class="swatch" data-colour=name></span><code>{name}</code></li> });
    view! { <ul class="swatches">{colours.collect_view()}</ul> }
}
