//! Navigation: breadcrumbs, tabs, segments, and links to newer and older pages.

use super::{EnvStyle, I, Icon, lang, view::*};
use crate::texts::grouped;

/// A breadcrumb.
#[derive(Clone, Debug)]
pub struct Crumb {
    /// Text.
    pub text: String,
    /// Target. `None` for the current page.
    pub href: Option<String>,
    /// Style, if it is an environment.
    pub env: Option<EnvStyle>,
}

impl Crumb {
    /// Creates a breadcrumb with a link.
    pub fn to(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: Some(href.into()), env: None }
    }

    /// Creates the breadcrumb of the current page.
    pub fn here(text: impl Into<String>) -> Self {
        Self { text: text.into(), href: None, env: None }
    }

    /// Creates the breadcrumb of an environment.
    pub fn env(env: EnvStyle, href: impl Into<String>) -> Self {
        Self { text: env.name.clone(), href: Some(href.into()), env: Some(env) }
    }
}

/// The breadcrumbs of a page.
#[component]
pub fn Crumbs(
    /// Breadcrumbs, outermost first.
    crumbs: Vec<Crumb>,
) -> impl IntoView {
    let last = crumbs.len().saturating_sub(1);
    let items = crumbs.into_iter().enumerate().map(|(n, crumb)| {
        let class = crumb.env.as_ref().map(EnvStyle::class);
        let lock = crumb.env.is_some_and(|env| env.protected);
        let lock = lock.then(|| view! { <Icon name=I::Lock label=lang().protected() /> });
        let inside = match crumb.href {
            Some(href) => view! { <a href=href class=class>{crumb.text}{lock}</a> }.into_any(),
            None => view! { <span class=class>{crumb.text}{lock}</span> }.into_any(),
        };
        view! { <li aria-current=(n == last).then_some("page")>{inside}</li> }
    });
    view! {
        <nav class="where" aria-label=lang().breadcrumb()>
            <ol class="crumbs">{items.collect_view()}</ol>
        </nav>
    }
}

/// A tab or a segment: a link that can be current and have a count.
#[derive(Clone, Debug, Default)]
pub struct Tab {
    /// Text.
    pub text: String,
    /// Target.
    pub href: String,
    /// Whether it is the current page.
    pub current: bool,
    /// Count beside the text.
    pub count: Option<u64>,
    /// Whether the count is highlighted.
    pub highlighted: bool,
    /// Style, if it is an environment.
    pub env: Option<EnvStyle>,
}

impl Tab {
    /// Creates a link.
    pub fn to(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self { text: text.into(), href: href.into(), ..Self::default() }
    }

    /// Creates a link to an environment.
    pub fn env(env: EnvStyle, href: impl Into<String>) -> Self {
        Self { text: env.name.clone(), href: href.into(), env: Some(env), ..Self::default() }
    }

    /// Sets whether it is the current page.
    #[must_use]
    pub fn when(mut self, current: bool) -> Self {
        self.current = current;
        self
    }

    /// Sets the count.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// Sets a highlighted count, for example of pending edits. Zero is not shown.
    #[must_use]
    pub fn highlighted_count(mut self, count: u64) -> Self {
        self.count = (count > 0).then_some(count);
        self.highlighted = true;
        self
    }
}

fn link(tab: Tab) -> impl IntoView {
    let count = tab.count.map(|n| view! { <span class="n" class:hot=tab.highlighted>{grouped(n)}</span> });
    let class = tab.env.as_ref().map(EnvStyle::class);
    view! { <a href=tab.href class=class aria-current=tab.current.then_some("page")>{tab.text}{count}</a> }
}

/// Tabs for the pages of one object.
#[component]
pub fn Tabs(
    /// Accessible name.
    #[prop(into)]
    label: String,
    /// The tabs.
    tabs: Vec<Tab>,
) -> impl IntoView {
    view! { <nav class="tabs" aria-label=label>{tabs.into_iter().map(link).collect_view()}</nav> }
}

/// Segments: links to this page for another environment or in another view.
#[component]
pub fn Segments(
    /// Accessible name.
    #[prop(into)]
    label: String,
    /// The segments.
    tabs: Vec<Tab>,
) -> impl IntoView {
    view! { <nav class="segments" aria-label=label>{tabs.into_iter().map(link).collect_view()}</nav> }
}

/// Links to the newer and older pages of a list.
#[component]
pub fn Pager(
    /// Name of the list: "releases".
    #[prop(into)]
    of: String,
    /// Address of the page before this one.
    #[prop(into)]
    newer: Option<String>,
    /// Address of the page after this one.
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

/// Links to all pages of a long table, and the position of this one.
#[component]
pub fn PageNumbers(
    /// Name of the table: "keys".
    of: &'static str,
    /// Id of the table. With scripts the table shows all rows, and these links are hidden.
    table: &'static str,
    /// Position of this page: "Keys 1 to 500 of 10,000".
    #[prop(into)]
    position: String,
    /// Addresses of all pages.
    hrefs: Vec<String>,
    /// Index of this page.
    current: usize,
) -> impl IntoView {
    let tab = |(n, href): (usize, String)| Tab::to(grouped(n + 1), href).when(n == current);
    let tabs: Vec<Tab> = hrefs.into_iter().enumerate().map(tab).collect();
    let pages = (tabs.len() > 1).then(|| view! { <Segments label=lang().pages_of(of) tabs /> });
    view! { <div class="pager" data-pages-of=table><p class="quiet">{position}</p>{pages}</div> }
}
