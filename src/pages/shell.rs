//! The shell around every page: the document, the header, the sidebar, messages.

use std::fmt::Write;

use leptos::nonce::Nonce;

use super::{
    PageContext, PageUser,
    assets::Assets,
    key_help::{KeyHelp, KeyHelpButton},
    page_context::{NavEntry, Theme},
    status_banners::StatusBanners,
};
use crate::{
    api::prefer::Prefer,
    components::{view::*, *},
    islands::Enhance,
    search::MAX_QUERY_LENGTH,
};
use leptos::server_fn::ServerFn;

/// Returns the whole document. Only `body` and the scripts are HTML already; they come from Leptos.
pub(super) fn document(page_context: &PageContext, title: &str, assets: &Assets, nonce: &Nonce, body: &str) -> String {
    let mut html = String::with_capacity(body.len() + 2048);
    let theme = page_context.theme.map(|t| format!(" data-theme=\"{}\"", t.as_str())).unwrap_or_default();
    let keys = if page_context.no_keys { " data-keys=\"off\"" } else { "" };
    let title = escaped(&page_context.lang.title_of(title));
    let _ = write!(
        html,
        "<!DOCTYPE html><html lang=\"{}\"{theme}{keys}><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"{}\"><link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">",
        page_context.lang, assets.style
    );
    // Values are escaped, so this tag is always an island's.
    if body.contains("<leptos-island") {
        html.push_str(&assets.scripts(nonce));
    }
    // Values are escaped, so this is the tag of a field with an editor.
    if body.contains("<textarea data-editor") {
        let _ = write!(html, "<link rel=\"modulepreload\" href=\"{}\">", assets.editor);
    }
    html.push_str("</head>");
    html.push_str(body);
    html.push_str("</html>");
    html
}

/// Renders a page without header and sidebar.
pub(super) fn alone(page_context: &PageContext, main: AnyView) -> impl IntoView + use<> {
    let said = form_result(page_context);
    let foot = view! { <div class="foot"><LangForm /><ThemeForm theme=page_context.theme /></div> };
    view! {
        <body class="alone">
            <Sprite />
            <main id="main">
                <p class="brand"><Logo /><b>"Trimtab"</b></p>
                {said}
                {main}
                {foot}
            </main>
        </body>
    }
}

/// Renders a page with header and sidebar.
pub(super) fn body(page_context: &PageContext, crumbs: Vec<Crumb>, main: AnyView) -> impl IntoView + use<> {
    let t = lang();
    let said = form_result(page_context);
    let account = page_context.viewer.clone().map(|viewer| view! { <Account viewer theme=page_context.theme /> });
    let rail = page_context.viewer.clone().map(|viewer| view! { <Sidebar viewer /> });
    let search = page_context.viewer.is_some().then(|| view! { <SearchLink /> });
    let palette = page_context.viewer.is_some().then(|| view! { <Palette /><KeyHelp /> });
    let trouble = page_context.viewer.clone().map(|viewer| view! { <StatusBanners trouble=viewer.problems /> });
    let switches = page_context
        .viewer
        .is_none()
        .then(|| view! { <div class="foot"><LangForm /><ThemeForm theme=page_context.theme /></div> });
    view! {
        <body class:bare=page_context.viewer.is_none()>
            <a class="skip" href="#main">{t.skip_to_content()}</a>
            <Sprite />
            <header class="top">
                <a class="brand" href="/" aria-label=t.home_link()><Logo /><b>"Trimtab"</b></a>
                <Crumbs crumbs />
                {switches}
                {search}
                {account}
            </header>
            {rail}
            <main id="main" tabindex="-1">
                {trouble}
                {said}
                {main}
            </main>
            {palette}
            <Enhance lang=t />
        </body>
    }
}

/// Renders the result of the last form: a message, or the errors that no field shows.
fn form_result(page_context: &PageContext) -> impl IntoView + use<> {
    let t = page_context.lang;
    let left = page_context.refused.as_ref().and_then(RefusedForm::not_shown);
    let notice = left.map(|error| {
        view! {
            <Banner mood=Mood::Bad title=t.problem_title() alert=true>
                <p>{t.error(&error)}</p>
            </Banner>
        }
    });
    let flash = page_context.flash.clone().map(|text| view! { <p class="flash"><Icon name=I::Ok />{text}</p> });
    view! {
        <div id="flash" role="status">{flash}</div>
        <div id="notice">{notice}</div>
    }
}

#[component]
fn Sidebar(viewer: PageUser) -> impl IntoView {
    let t = lang();
    let item = |entry: &NavEntry, class: Option<&'static str>| {
        let NavEntry { href, icon, title, is_current, open_changes, .. } = *entry;
        let count = (open_changes > 0).then(|| {
            view! {
                <span class="n" aria-hidden="true">{open_changes}</span>
                <span class="visually-hidden">", "{t.open_changes(open_changes)}</span>
            }
        });
        let current = is_current.then_some("page");
        view! { <li class=class><a href=href aria-current=current><Icon name=icon />{title(t)}{count}</a></li> }
    };
    let (main, others): (Vec<_>, Vec<_>) = viewer.nav.iter().partition(|entry| entry.is_main);
    let main = main.iter().map(|entry| item(entry, None)).collect_view();
    let beside = others.iter().enumerate();
    let beside =
        beside.map(|(n, entry)| item(entry, Some(if n == 1 { "gap wide-only" } else { "wide-only" }))).collect_view();
    let inside = others.iter().map(|entry| item(entry, None)).collect_view();
    view! {
        <nav class="rail" id="rail" aria-label=t.main_navigation()>
            <ul>
                {main}
                {beside}
                <li class="narrow-only">
                    <details class="menu up" name="menu">
                        <summary><Icon name=I::More />{t.more()}</summary>
                        <ul class="sheet">{inside}</ul>
                    </details>
                </li>
            </ul>
        </nav>
    }
}

/// Link to the search, which looks like its field. Where scripts run, it opens the palette.
#[component]
fn SearchLink() -> impl IntoView {
    view! {
        <a class="find" href="/search" data-palette="" aria-keyshortcuts="Control+K Meta+K">
            <Icon name=I::Search />
            <span>{lang().search()}</span>
            <kbd class="alive-only" aria-hidden="true">"Ctrl K"</kbd>
        </a>
    }
}

/// The search as a dialog. `islands/palette.rs` opens and fills it.
#[component]
fn Palette() -> impl IntoView {
    let t = lang();
    let key = |keys: &'static str, says: &'static str| view! { <span><kbd>{keys}</kbd>" "{says}</span> };
    view! {
        <dialog id="palette" aria-label=t.search()>
            <form method="get" action="/search">
                <input
                    type="text"
                    name="q"
                    role="combobox"
                    aria-label=t.search_field()
                    aria-autocomplete="list"
                    aria-expanded="false"
                    aria-controls="palette-hits"
                    placeholder=t.search_field()
                    maxlength=MAX_QUERY_LENGTH
                    autocomplete="off"
                    spellcheck="false"
                    enterkeyhint="search"
                />
            </form>
            <ul role="listbox" id="palette-hits" class="list" aria-label=t.search_results() hidden=true></ul>
            <p class="keys">
                <span role="status" id="palette-status"></span>
                {key("↑ ↓", t.search_move())}
                {key("Enter", t.search_open())}
                {key("Esc", t.search_close())}
            </p>
        </dialog>
    }
}

#[component]
fn Account(viewer: PageUser, theme: Option<Theme>) -> impl IntoView {
    let t = lang();
    let PageUser { name, initials, .. } = viewer;
    // The accessible name contains the visible text, so that users of voice control can name the button.
    let button = view! {
        <span class="visually-hidden">{t.account()}": "</span>
        <i class="avatar">{initials}</i>
        " "
        <b>{name}</b>
    }
    .into_any();
    view! {
        <Menu button>
            <a href="/account"><Icon name=I::Gear />{t.my_account()}</a>
            <ThemeForm theme />
            <LangForm />
            <p class="line"><KeyHelpButton /></p>
            <Form action="/fn/log-out" class="line">
                <button type="submit"><Icon name=I::Out />{t.log_out()}</button>
            </Form>
        </Menu>
    }
}

/// Theme switch: light, dark, or the system's.
#[component]
fn ThemeForm(theme: Option<Theme>) -> impl IntoView {
    let t = lang();
    let choice = |value: &'static str, icon: I, text: &'static str, chosen: bool| {
        view! {
            <button type="submit" name="theme" value=value aria-pressed=chosen.to_string()>
                <Icon name=icon /><span>{text}</span>
            </button>
        }
    };
    view! {
        <Form action=Prefer::url() id="theme" class="choice" label=t.theme() swap="theme">
            {choice("light", I::Sun, t.theme_light(), theme == Some(Theme::Light))}
            {choice("dark", I::Moon, t.theme_dark(), theme == Some(Theme::Dark))}
            {choice("system", I::Screen, t.theme_system(), theme.is_none())}
        </Form>
    }
}

/// Switch to the other language, labelled in that language.
#[component]
fn LangForm() -> impl IntoView {
    let other = lang().other();
    view! {
        <Form action=Prefer::url() id="lang" class="line" label=lang().language() keep=true>
            <Hidden name="lang" value=other.code() />
            <button type="submit" lang=other.code()>
                <Icon name=I::Globe />{other.itself()}
            </button>
        </Form>
    }
}
