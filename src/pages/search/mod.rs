//! Search in everything that the user sees. The palette of the browser (`islands/palette.rs`) shows the hits of this page.

mod actions;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use serde::Deserialize;

use self::actions::Action;
use super::{
    Page, PageResult,
    console::Console,
    favourites,
    shared::{ConfigName, EnvStyles},
};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        access::{Actor, Permission},
        error::Error,
        favourite::Favourite,
        limits,
        names::ConfigId,
    },
    search::{Hit, HitPage, MAX_COUNTED, MAX_QUERY_LENGTH, SearchQuery, SearchWindow},
    service::{CommentHit, EditHit, HitGroup, ReleasedChange, SearchResults, SkippedComments, UserHit},
    session::guard::CurrentUser,
};

/// Number of rows of keys, and of texts, in the palette.
const BRIEF_ROWS: usize = 8;
/// Number of rows of each other group in the palette, so that each group has a place.
const BRIEF_GROUP: usize = 4;

/// `/search`.
pub fn routes() -> Router<Console> {
    Router::new().route("/search", get(show))
}

/// Query parameters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// The query.
    q: String,
    /// Number of keys before those on the page, which then shows nothing else.
    keys: usize,
    /// Number of places in texts before those on the page, which then shows nothing else.
    texts: usize,
    /// Few rows, for the palette.
    brief: bool,
}

impl Asked {
    fn window(&self) -> SearchWindow {
        let rows = if self.brief { BRIEF_ROWS } else { limits::PAGE_ROWS as usize };
        SearchWindow { items_from: self.keys.min(MAX_COUNTED), texts_from: self.texts.min(MAX_COUNTED), rows }
    }

    /// Returns whether the page is the first one.
    fn is_first(&self) -> bool {
        self.keys == 0 && self.texts == 0
    }
}

async fn show(State(console): State<Console>, user: CurrentUser, Query(asked): Query<Asked>) -> PageResult {
    let query = SearchQuery::parse(&asked.q).map_err(Error::from)?;
    let window = asked.window();
    let documents = console.reader.store.entries();
    let results = console.service.search(&user.actor, &query, documents, window).await?;
    let env_styles = EnvStyles::of(&console.service.envs().await?);
    let title = query.text().to_owned();
    let favourites = match query.is_empty() {
        true => console.service.favourites(&user.actor).await?,
        false => Vec::new(),
    };
    let found = FoundPage { query, results, asked, window, favourites, actor: user.actor, env_styles };
    let title = move |t: crate::texts::Lang| match title.as_str() {
        "" => t.search().to_owned(),
        text => t.search_of(text),
    };
    Ok(Page::new(title, move || found.view()).crumbs(|t| vec![Crumb::here(t.search())]))
}

/// Everything that the page shows.
struct FoundPage {
    query: SearchQuery,
    results: SearchResults,
    asked: Asked,
    window: SearchWindow,
    /// The user's favourites, if nothing is typed.
    favourites: Vec<Favourite>,
    actor: Arc<Actor>,
    env_styles: EnvStyles,
}

impl FoundPage {
    fn view(self) -> AnyView {
        let t = lang();
        let actions = Action::found(&self.query, self.actor.is_administrator());
        // For the palette. A query of filters only has no hits yet.
        let has_status = self.asked.brief && !self.query.is_empty();
        let status = has_status.then(|| self.status(self.count(actions.len())));
        let groups = match self.query.is_empty() {
            true => vec![self.favourites(), self.actions(actions)],
            false => self.groups(actions),
        };
        let has_hits = groups.iter().any(Option::is_some);
        let empty = match self.query.is_empty() {
            true => view! { <Card id="filters" title=t.search_filters()>{hints()}</Card> }.into_any(),
            false if has_hits => ().into_any(),
            false => view! {
                <Empty icon=I::Search title=t.search_none()>
                    <p>{t.search_none_text()}</p>
                    {hints()}
                </Empty>
            }
            .into_any(),
        };
        let partial = self.results.is_partial.then(|| view! { <Banner title=t.search_partial() /> });
        let SkippedComments { unread, too_large } = self.results.skipped_comments;
        let unread = (unread > 0).then(|| view! { <p class="hint">{t.search_comments_unread(unread)}</p> });
        let too_large = (too_large > 0).then(|| view! { <p class="hint">{t.search_comments_too_large(too_large)}</p> });
        view! {
            <Head title=t.search() />
            <search>
                <form class="filter seek" method="get" action="/search">
                    <input
                        type="search"
                        name="q"
                        value=self.query.text().to_owned()
                        maxlength=MAX_QUERY_LENGTH
                        placeholder=t.search_field()
                        aria-label=t.search_field()
                        autocomplete="off"
                        spellcheck="false"
                        autofocus=self.query.is_empty()
                    />
                    <Submit tone=Tone::Primary icon=I::Search>{t.search()}</Submit>
                </form>
            </search>
            <div id="found" class="found" data-status=status>
                {partial}
                {groups}
                {empty}
                {unread}
                {too_large}
            </div>
        }
        .into_any()
    }

    /// Returns the number of all hits, and whether there are more than that.
    fn count(&self, actions: usize) -> (usize, bool) {
        let SearchResults { live, comments, edits, changes, releases, envs, apps, namespaces, users, .. } =
            &self.results;
        let live = [&live.items, &live.texts].map(|page| (page.count, page.count == MAX_COUNTED));
        let groups = [
            comments.size(),
            edits.size(),
            changes.size(),
            releases.size(),
            envs.size(),
            apps.size(),
            namespaces.size(),
            users.size(),
            (actions, false),
        ];
        live.into_iter().chain(groups).fold((0, false), |(n, more), (hits, has_more)| (n + hits, more || has_more))
    }

    /// Returns the sentence that the palette announces.
    fn status(&self, (hits, has_more): (usize, bool)) -> String {
        let t = lang();
        let count = match hits {
            0 => t.search_none().to_owned(),
            hits if has_more => t.search_at_least(hits),
            hits => t.search_count(hits),
        };
        if self.results.is_partial { format!("{count} · {}", t.search_partial()) } else { count }
    }

    /// Returns the groups of hits, without empty ones: live values, names, then changes.
    fn groups(&self, actions: Vec<Action>) -> Vec<Option<AnyView>> {
        let t = lang();
        let (keys, texts) = (&self.results.live.items, &self.results.live.texts);
        let mut groups = Vec::new();
        if self.asked.texts == 0 {
            let pager = self.pager("keys", t.search_keys(), self.window.items_from, keys);
            groups.push(self.live("keys", t.search_keys(), I::Key, keys, pager));
        }
        if self.asked.keys == 0 {
            let pager = self.pager("texts", t.search_texts(), self.window.texts_from, texts);
            groups.push(self.live("texts", t.search_texts(), I::Log, texts, pager));
        }
        if self.asked.is_first() {
            groups.push(self.actions(actions));
            groups.extend(self.catalog_groups());
            groups.extend(self.change_groups());
        }
        groups
    }

    fn catalog_groups(&self) -> [Option<AnyView>; 4] {
        let t = lang();
        let SearchResults { envs, apps, namespaces, users, .. } = &self.results;
        [
            self.group("apps", t.applications(), apps, |app| {
                let title = self.named(app.name.as_str(), &app.title);
                hit(I::Apps, paths::app(&app.name), title, [self.marked(&app.description)])
            }),
            self.group("namespaces", t.apps_namespaces(), namespaces, |namespace| {
                let title = self.named(namespace.name.as_str(), "");
                let app = view! { <b>{namespace.app.to_string()}</b> }.into_any();
                hit(I::Rows, paths::app(&namespace.app), title, [app, self.marked(&namespace.description)])
            }),
            self.group("envs", t.environments(), envs, |env| {
                let title = self.named(env.name.as_str(), &env.title);
                hit(I::Layers, format!("/delivery/{}", env.name), title, [])
            }),
            self.group("users", t.users(), users, |UserHit { id, name }| {
                hit(I::People, format!("/users/{id}"), self.marked(name), [])
            }),
        ]
    }

    fn change_groups(&self) -> [Option<AnyView>; 4] {
        let t = lang();
        let SearchResults { comments, edits, changes, releases, .. } = &self.results;
        [
            self.group("comments", t.search_comments(), comments, |CommentHit { config, key, comment }| {
                let comment = view! { <span>{self.marked(comment)}</span> }.into_any();
                hit(I::Info, self.key_page(config, key), self.marked(key), [self.config(config), comment])
            }),
            self.group("edits", t.search_edits(), edits, |hit| self.edit(hit)),
            self.group("changes", t.search_changes(), changes, |change| {
                let (title, author) = (self.message(&change.message), change.author_name.clone());
                let author = view! { <b>{author}</b> }.into_any();
                hit(I::Edit, paths::change(&change.id), title, [author, edited(change.updated_at)])
            }),
            self.group("releases", t.search_releases(), releases, |change| self.release(change)),
        ]
    }

    /// Returns a group of hits, or `None` if it is empty.
    fn group<T>(
        &self,
        id: &'static str,
        title: &'static str,
        found: &HitGroup<T>,
        row: impl FnMut(&T) -> AnyView,
    ) -> Option<AnyView> {
        if found.hits.is_empty() {
            return None;
        }
        let rows = if self.asked.brief && !self.query.is_empty() { BRIEF_GROUP } else { usize::MAX };
        let more = found.has_more.then(|| view! { <p class="hint">{lang().search_more()}</p> });
        let hits = found.hits.iter().take(rows).map(row).collect_view();
        Some(view! { <Card id title><ul class="list hits">{hits}</ul>{more}</Card> }.into_any())
    }

    /// Returns the group of hits in live documents.
    fn live(
        &self,
        id: &'static str,
        title: &'static str,
        icon: I,
        page: &HitPage,
        pager: Option<AnyView>,
    ) -> Option<AnyView> {
        let t = lang();
        if page.hits.is_empty() {
            return None;
        }
        let hits = page.hits.iter().map(|found| self.live_hit(icon, found)).collect_view();
        let count = if page.count == MAX_COUNTED { t.search_at_least(page.count) } else { t.search_count(page.count) };
        Some(
            view! {
                <Card id title>
                    <p class="quiet">{count}</p>
                    <ul class="list hits">{hits}</ul>
                    {pager}
                </Card>
            }
            .into_any(),
        )
    }

    fn live_hit(&self, icon: I, found: &Hit) -> AnyView {
        let t = lang();
        let href = match (&found.key, found.line) {
            (Some(key), None) => self.key_page(&found.config, key),
            (_, Some(line)) => {
                format!("{}#line", paths::with(&paths::config(&found.config), &[("line", &line.to_string())]))
            }
            (None, None) => paths::config(&found.config),
        };
        let text = self.marked(found.text.expose());
        let line = found.line.map(|line| view! { <span class="quiet">{t.search_line(line)}</span> }.into_any());
        let (title, value) = match &found.key {
            Some(key) => (self.marked(key), Some(view! { <code class="value">{text}</code> }.into_any())),
            None => (text, None),
        };
        hit(icon, href, title, [Some(self.config(&found.config)), line, value].into_iter().flatten())
    }

    /// Returns the address of a key: its form for editors, its row for others and in archived configs.
    fn key_page(&self, config: &ConfigId, key: &str) -> String {
        let page = paths::config(config);
        let may_edit = self.actor.permissions(config).contains(Permission::Edit);
        let name = if may_edit && !self.results.archived.contains(config) { "edit" } else { "at" };
        format!("{}#{name}", paths::with(&page, &[(name, key)]))
    }

    fn edit(&self, found: &EditHit) -> AnyView {
        let t = lang();
        let title = match found.key.as_str() {
            "" => t.search_whole_text().into_any(),
            key => self.marked(key),
        };
        let value = match &found.text {
            Some(text) => view! { <code class="value">{self.marked(text.expose())}</code> }.into_any(),
            None => view! { <span class="quiet">{t.search_removes()}</span> }.into_any(),
        };
        let author = view! { <b>{found.change.author_name.clone()}</b> }.into_any();
        hit(I::Edit, paths::change(&found.change.id), title, [self.config(&found.config), author, value])
    }

    fn release(&self, found: &ReleasedChange) -> AnyView {
        let t = lang();
        let ReleasedChange { change, releases } = found;
        let more = releases.len().saturating_sub(1);
        let href = releases.first().map(|(config, seq)| paths::release(config, *seq)).unwrap_or_default();
        let named = releases
            .first()
            .map(|(config, seq)| view! { {self.config(config)}" "<span>{t.release_n(*seq)}</span> }.into_any());
        let more = (more > 0).then(|| view! { <span class="quiet">{t.and_more(more)}</span> }.into_any());
        let author = view! { <b>{change.author_name.clone()}</b> }.into_any();
        let facts = [named, more, Some(author), Some(edited(change.updated_at))];
        hit(I::Flag, href, self.message(&change.message), facts.into_iter().flatten())
    }

    fn actions(&self, actions: Vec<Action>) -> Option<AnyView> {
        let found = HitGroup { hits: actions, has_more: false };
        self.group("actions", lang().search_actions(), &found, |action| {
            hit(action.icon, action.href.to_owned(), self.marked((action.title)(lang())), [])
        })
    }

    fn favourites(&self) -> Option<AnyView> {
        let found = HitGroup { hits: self.favourites.clone(), has_more: false };
        self.group("favourites", lang().favourites(), &found, |favourite| {
            hit(I::Star, favourites::path(favourite), favourites::name(favourite.clone(), &self.env_styles), [])
        })
    }

    fn config(&self, id: &ConfigId) -> AnyView {
        view! { <span><ConfigName id=id.clone() env_style=self.env_styles.get(&id.env) /></span> }.into_any()
    }

    /// Returns a name with its title.
    fn named(&self, name: &str, title: &str) -> AnyView {
        let title = (!title.is_empty()).then(|| view! { " "<span class="quiet">{self.marked(title)}</span> });
        view! { <b class="mono">{self.marked(name)}</b>{title} }.into_any()
    }

    fn message(&self, message: &str) -> AnyView {
        let mut lines = message.lines();
        self.marked(lines.find(|line| !self.query.marks(line).is_empty()).unwrap_or_default())
    }

    /// Returns a text with its words marked.
    fn marked(&self, text: &str) -> AnyView {
        let (mut parts, mut done) = (Vec::new(), 0);
        for mark in self.query.marks(text) {
            // Leptos renders an empty text as a blank.
            if done < mark.start {
                parts.push(text[done..mark.start].to_owned().into_any());
            }
            done = mark.end;
            parts.push(view! { <mark>{text[mark].to_owned()}</mark> }.into_any());
        }
        if done < text.len() {
            parts.push(text[done..].to_owned().into_any());
        }
        parts.into_any()
    }

    /// Returns the links to the pages before and after.
    fn pager(&self, name: &'static str, of: &str, from: usize, page: &HitPage) -> Option<AnyView> {
        let t = lang();
        let href = |from: usize| {
            let from = if from == 0 { String::new() } else { from.to_string() };
            paths::with("/search", &[("q", self.query.text()), (name, &from)])
        };
        let rows = self.window.rows;
        let previous = (from > 0).then(|| {
            view! { <a class="btn" rel="prev" href=href(from.saturating_sub(rows))><Icon name=I::Left />{t.search_previous()}</a> }
        });
        let next = (page.count > from + rows).then(|| {
            view! { <a class="btn push" rel="next" href=href(from + rows)>{t.search_next()}<Icon name=I::Right /></a> }
        });
        if previous.is_none() && next.is_none() {
            return None;
        }
        Some(view! { <nav class="pager" aria-label=t.pages_of(of)>{previous}{next}</nav> }.into_any())
    }
}

/// Returns a hit. The palette shows it as an option with the link's address.
fn hit(icon: I, href: String, title: AnyView, facts: impl IntoIterator<Item = AnyView>) -> AnyView {
    let mut facts = facts.into_iter().peekable();
    let facts = facts.peek().is_some().then(|| facts.collect_view());
    let facts = facts.map(|facts| view! { <p>{facts}</p> });
    view! {
        <li>
            <a href=href><span class="title"><Icon name=icon />{title}</span></a>
            {facts}
        </li>
    }
    .into_any()
}

fn edited(at: crate::domain::time::Time) -> AnyView {
    view! { <span class="quiet"><When at /></span> }.into_any()
}

/// Returns the explanation of queries.
fn hints() -> AnyView {
    let t = lang();
    let hint = |example: &'static str, says: &'static str| view! { <dt><code>{example}</code></dt><dd>{says}</dd> };
    view! {
        <p class="quiet">{t.search_words()}</p>
        <dl class="hints">
            {hint("env:prod", t.search_filter_env())}
            {hint("app:shop", t.search_filter_app())}
            {hint("key:db.url", t.search_filter_key())}
            {hint("value:10.0.0.1", t.search_filter_value())}
        </dl>
    }
    .into_any()
}
