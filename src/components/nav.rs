//! Ways from page to page: crumbs, tabs, segments, newer and older.

use leptos::prelude::*;

use super::{EnvLook, I, Icon, lang};
use crate::texts::grouped;

/// A step on the way to a page.
#[derive(Clone, Debug)]
pub struct Crumb {
    /// What it says.
    pub text: String,
    /// Where it leads; the last one leads nowhere.
    pub href: Option<String>,
    /// When it is an environment.
    pub env: Option<EnvLook>,
}

impl Crumb {
    /// A step that can be gone back to.
    #[must_use]
    pub fn to(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: Some(href.into()), env: None }
    }

    /// The page itself.
    #[must_use]
    pub fn here(text: impl Into<String>) -> Self {
        Self { text: text.into(), href: None, env: None }
    }

    /// An environment.
    #[must_use]
    pub fn env(env: EnvLook, href: impl Into<String>) -> Self {
        Self { text: env.name.clone(), href: Some(href.into()), env: Some(env) }
    }
}

/// Where the page is.
#[component]
pub fn Crumbs(
    /// From the outside in.
    crumbs: Vec<Crumb>,
) -> impl IntoView {
    let last = crumbs.len().saturating_sub(1);
    let items = crumbs.into_iter().enumerate().map(|(n, crumb)| {
        let class = crumb.env.as_ref().map(EnvLook::class);
        let lock = crumb.env.is_some_and(|env| env.protected);
        let lock = lock.then(|| view! { <Icon name=I::Lock label=lang().protected() /> });
        let inside = match crumb.href {
            Some(href) => view! { <a href=href class=class>{crumb.text}{lock}</a> }.into_any(),
            None => view! { <span class=class>{crumb.text}{lock}</span> }.into_any(),
        };
        view! { <li aria-current=(n == last).then_some("page")>{inside}</li> }
    });
    view! {
        <nav class="where" aria-label=lang().where_you_are()>
            <ol class="crumbs">{items.collect_view()}</ol>
        </nav>
    }
}

/// A tab or a segment: a link with a state of its own.
#[derive(Clone, Debug, Default)]
pub struct Tab {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub href: String,
    /// It is this page.
    pub current: bool,
    /// How many are there.
    pub count: Option<u64>,
    /// They wait for the reader.
    pub hot: bool,
    /// When it is an environment.
    pub env: Option<EnvLook>,
}

impl Tab {
    /// A link.
    #[must_use]
    pub fn to(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: href.into(), ..Self::default() }
    }

    /// A link to an environment.
    #[must_use]
    pub fn env(env: EnvLook, href: impl Into<String>) -> Self {
        Self { text: env.name.clone(), href: href.into(), env: Some(env), ..Self::default() }
    }

    /// The same, current when it is.
    #[must_use]
    pub fn when(mut self, current: bool) -> Self {
        self.current = current;
        self
    }

    /// The same, with how many are there.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// The same, with how many wait for the reader; none is not worth a word.
    #[must_use]
    pub fn waiting(mut self, count: u64) -> Self {
        self.count = (count > 0).then_some(count);
        self.hot = true;
        self
    }
}

fn link(tab: Tab) -> impl IntoView {
    let count = tab.count.map(|n| view! { <span class="n" class:hot=tab.hot>{grouped(n)}</span> });
    let class = tab.env.as_ref().map(EnvLook::class);
    view! { <a href=tab.href class=class aria-current=tab.current.then_some("page")>{tab.text}{count}</a> }
}

/// The pages of one object.
#[component]
pub fn Tabs(
    /// Of what.
    #[prop(into)]
    label: String,
    /// The pages.
    tabs: Vec<Tab>,
) -> impl IntoView {
    view! { <nav class="tabs" aria-label=label>{tabs.into_iter().map(link).collect_view()}</nav> }
}

/// The same page for something else: another environment, another view.
#[component]
pub fn Segments(
    /// What they choose.
    #[prop(into)]
    label: String,
    /// The choices.
    tabs: Vec<Tab>,
) -> impl IntoView {
    view! { <nav class="segments" aria-label=label>{tabs.into_iter().map(link).collect_view()}</nav> }
}

/// Newer and older pages of a list.
#[component]
pub fn Pager(
    /// Of what: "releases".
    #[prop(into)]
    of: String,
    /// The page before this one.
    #[prop(into)]
    newer: Option<String>,
    /// The page after this one.
    #[prop(into)]
    older: Option<String>,
) -> impl IntoView {
    let t = lang();
    if newer.is_none() && older.is_none() {
        return None;
    }
    let newer = newer.map(|href| {
        view! { <a class="btn" rel="prev" href=href><Icon name=I::Left />{t.newer()}</a> }
    });
    let older = older.map(|href| {
        view! { <a class="btn push" rel="next" href=href>{t.older()}<Icon name=I::Right /></a> }
    });
    Some(view! { <nav class="pager" aria-label=t.pages_of(&of)>{newer}{older}</nav> })
}
