//! The table of all pages. A new page is a file beside this one with its own `routes`, and a row here.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};

use super::{
    PageUser, account, apps, bin, changes, config, console::Console, delivery, envs, home, import, live, login,
    page_context::NavEntry, search, setup, status_banners::SystemProblems, system, tokens, users,
};
use crate::{api::paths, components::I, domain::names::ConfigId, session::guard::CurrentUser, texts::Lang};

/// A row of the table: pages that share a file or folder.
struct PageGroup {
    /// Their routes.
    routes: fn() -> Router<Console>,
    /// The entry of the sidebar that is marked on them.
    nav: Option<Nav>,
    /// Name and path of each page for the browser tests (`end2end/support/pages.ts`), which read these lines. The name
    /// of a page that needs no log-in begins with `public-`.
    #[cfg_attr(not(test), expect(dead_code, reason = "the browser tests read them"))]
    samples: &'static [(&'static str, &'static str)],
}

/// An entry of the sidebar.
#[derive(Clone, Copy)]
struct Nav {
    href: &'static str,
    icon: I,
    title: fn(Lang) -> &'static str,
    group: Group,
    seen_by: SeenBy,
}

/// Part of the sidebar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Main,
    /// On a phone these are under "More".
    More,
}

/// Users who see an entry. Whether they may open its pages is decided by the services.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SeenBy {
    All,
    Administrators,
}

const fn nav(
    href: &'static str,
    icon: I,
    title: fn(Lang) -> &'static str,
    group: Group,
    seen_by: SeenBy,
) -> Option<Nav> {
    Some(Nav { href, icon, title, group, seen_by })
}

/// Path of the entry that shows the number of the user's open changes.
const CHANGES: &str = "/changes";

const APPLICATIONS: Option<Nav> = nav("/apps", I::Apps, Lang::applications, Group::Main, SeenBy::All);

/// All pages, and the entries of the sidebar in their order.
const AREAS: [PageGroup; 16] = [
    PageGroup {
        routes: home::routes,
        nav: nav("/", I::Home, Lang::home, Group::Main, SeenBy::All),
        samples: &[("home", "/")],
    },
    PageGroup {
        routes: apps::routes,
        nav: APPLICATIONS,
        samples: &[
            ("apps", "/apps"),
            ("app", "/apps/shop"),
            ("app-about", "/apps/shop/about"),
            ("app-releases", "/apps/shop/releases"),
            ("app-promote", "/apps/shop/promote"),
            ("app-tokens", "/apps/shop/tokens"),
            ("namespace", "/apps/shop/namespaces/application"),
            ("keys", "/apps/shop/namespaces/application/keys"),
            ("keys-missing", "/apps/shop/namespaces/application/keys?show=missing"),
        ],
    },
    PageGroup {
        routes: import::routes,
        nav: APPLICATIONS,
        samples: &[("import-apps", "/import"), ("import-opened", "/import/opened")],
    },
    PageGroup {
        routes: config::routes,
        nav: APPLICATIONS,
        samples: &[
            ("config", "/configs/prod/shop/application"),
            ("config-edit", "/configs/prod/shop/application?edit=legal.footer#edit"),
            ("config-add", "/configs/prod/shop/application?add=true#edit"),
            ("config-text", "/configs/prod/shop/routes.yaml"),
            ("config-items-text", "/configs/prod/shop/application/text"),
            ("difference", "/configs/prod/shop/application/difference"),
            ("difference-split", "/configs/prod/shop/application/difference?env=dev&view=split"),
            ("difference-config", "/configs/prod/shop/application/difference?with=prod/mail/application"),
            ("difference-keys", "/configs/prod/shop/routes.yaml/difference?env=dev&view=keys"),
            ("releases", "/configs/prod/shop/application/releases"),
            ("release", "/configs/prod/shop/application/releases/2"),
            ("release-back", "/configs/prod/shop/application/releases/2?show=live"),
            ("release-content", "/configs/prod/shop/application/releases/2?show=content"),
            ("history", "/configs/prod/shop/application/history?key=legal.footer"),
            ("blame", "/configs/prod/shop/routes.yaml/blame"),
            ("readers", "/configs/prod/shop/application/readers"),
            ("readers-behind", "/configs/staging/mail/application/readers"),
            ("use", "/configs/prod/shop/application/use"),
            ("import", "/configs/prod/shop/application/import"),
            ("not-found", "/configs/prod/shop/nothing"),
        ],
    },
    PageGroup {
        routes: changes::routes,
        nav: nav(CHANGES, I::Edit, Lang::changes, Group::Main, SeenBy::All),
        samples: &[
            ("changes", "/changes"),
            ("change", "/changes/{change}"),
            ("change-split", "/changes/{change}?view=split"),
        ],
    },
    PageGroup {
        routes: delivery::routes,
        nav: nav("/delivery", I::Send, Lang::delivery, Group::More, SeenBy::All),
        samples: &[("delivery", "/delivery"), ("delivery-env", "/delivery/prod")],
    },
    PageGroup {
        routes: envs::routes,
        nav: nav("/envs", I::Layers, Lang::environments, Group::More, SeenBy::Administrators),
        samples: &[("envs", "/envs"), ("env", "/envs/prod")],
    },
    PageGroup { routes: bin::routes, nav: None, samples: &[("bin", "/bin")] },
    PageGroup {
        routes: tokens::routes,
        nav: nav("/tokens", I::Key, Lang::tokens, Group::More, SeenBy::All),
        samples: &[("tokens", "/tokens"), ("token-new", "/tokens/new?app=shop")],
    },
    PageGroup {
        routes: users::routes,
        nav: nav("/users", I::People, Lang::users, Group::More, SeenBy::Administrators),
        samples: &[("users", "/users"), ("user-new", "/users/new"), ("user", "/users/{user}")],
    },
    PageGroup {
        routes: system::routes,
        nav: nav("/system", I::Clock, Lang::system, Group::More, SeenBy::Administrators),
        samples: &[("system", "/system")],
    },
    PageGroup {
        routes: search::routes,
        nav: None,
        samples: &[
            ("search", "/search"),
            ("search-found", "/search?q=shop"),
            ("search-none", "/search?q=nothing-like-it"),
        ],
    },
    PageGroup { routes: account::routes, nav: None, samples: &[("account", "/account")] },
    PageGroup {
        routes: setup::routes,
        nav: None,
        samples: &[("start", "/start"), ("start-ready", "/start?app=shop"), ("public-setup-done", "/setup/used")],
    },
    PageGroup { routes: login::routes, nav: None, samples: &[("public-login", "/login")] },
    PageGroup { routes: live::routes, nav: None, samples: &[] },
];

/// Path of the entry that is marked on a page, in the extensions of its response.
#[derive(Clone, Copy)]
struct CurrentNavEntry(Option<&'static str>);

/// Returns the routes of all pages.
pub fn all(console: Console) -> Router {
    let routes = |area: &PageGroup| {
        let marked = CurrentNavEntry(area.nav.map(|nav| nav.href));
        (area.routes)().layer(middleware::map_response(move |mut response: Response| {
            response.extensions_mut().insert(marked);
            std::future::ready(response)
        }))
    };
    let all = AREAS.iter().map(routes).fold(Router::new(), Router::merge);
    #[cfg(debug_assertions)]
    let all = all.merge(super::design::routes());
    all.layer(middleware::from_fn_with_state(console.clone(), add_user)).with_state(console)
}

/// Hands the user and the state of the system to the frame, once the page is made.
async fn add_user(State(console): State<Console>, request: Request, next: Next) -> Response {
    let user = request.extensions().get::<CurrentUser>().cloned();
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if let Some(user) = user {
        let marked = response.extensions_mut().remove::<CurrentNavEntry>().and_then(|marked| marked.0);
        let open = console.service.count_my_changes(&user.actor).await.unwrap_or(0);
        let mut viewer = PageUser::new(&user.account.name, user.account.administrator, open);
        viewer.nav = entries(&viewer, marked);
        let drifts = console.service.drifts(&user.actor);
        viewer.problems = SystemProblems {
            late: console.service.late(&user.actor),
            stale_since: console.reader.store.stale_since(),
            // The pages of the config itself show its drift in detail.
            drifts: drifts.into_iter().filter(|drift| !is_page_of(&path, &drift.config)).collect(),
        };
        response.extensions_mut().insert(viewer);
    }
    response
}

/// Returns the entries of the sidebar for a user, each once.
fn entries(viewer: &PageUser, marked: Option<&str>) -> Vec<NavEntry> {
    let mut entries: Vec<NavEntry> = Vec::new();
    for nav in AREAS.iter().filter_map(|area| area.nav) {
        let is_seen = viewer.administrator || nav.seen_by == SeenBy::All;
        if !is_seen || entries.iter().any(|entry| entry.href == nav.href) {
            continue;
        }
        let Nav { href, icon, title, group, .. } = nav;
        entries.push(NavEntry {
            href,
            icon,
            title,
            is_main: group == Group::Main,
            is_current: marked == Some(href),
            open_changes: if href == CHANGES { viewer.changes_open } else { 0 },
        });
    }
    entries
}

/// Returns whether a path is one of the pages of a config.
fn is_page_of(path: &str, config: &ConfigId) -> bool {
    path.strip_prefix(&paths::config(config)).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn users_see_the_entries_for_them_once_and_in_order() {
        let hrefs = |administrator| {
            let entries = entries(&PageUser::new("ana", administrator, 3), Some("/apps"));
            entries.iter().map(|entry| (entry.href, entry.is_current, entry.open_changes)).collect::<Vec<_>>()
        };
        let all = hrefs(true);
        assert_eq!(
            all.iter().map(|entry| entry.0).collect::<Vec<_>>(),
            ["/", "/apps", "/changes", "/delivery", "/envs", "/tokens", "/users", "/system"]
        );
        assert_eq!(all[..3], [("/", false, 0), ("/apps", true, 0), ("/changes", false, 3)]);
        assert_eq!(hrefs(false).len(), 5);
    }

    #[test]
    fn samples_have_names_of_their_own() {
        let samples: Vec<_> = AREAS.iter().flat_map(|area| area.samples).collect();
        let names: BTreeSet<&str> = samples.iter().map(|sample| sample.0).collect();
        assert!(names.len() == samples.len() && samples.iter().all(|sample| sample.1.starts_with('/')));
        // The browser tests find the samples by this form of their names.
        let is_found = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        assert!(names.iter().all(|name| is_found(name)), "{names:?}");
    }
}
