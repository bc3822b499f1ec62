//! Search: in the live documents, in open edits, and by the names, titles and messages of everything else. An actor
//! finds only what it may see, and the numbers of hits count nothing else.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{
    Service,
    change_search::ChangeSearch,
    comments::{LiveItems, SkippedComments},
    hits::{CommentHit, EditHit, HitGroup, ReleasedChange, UserHit},
};
use crate::{
    compute,
    domain::{
        access::Actor,
        catalog::{App, Env, Namespace},
        change::Change,
        content::Format,
        entry::Entry,
        error::Result,
        names::{AppName, ConfigId, EnvName, NamespaceName},
    },
    search::{self, Found, SearchQuery, SearchWindow},
    storage::Conn,
};

/// Maximum time for scanning documents. Hits so far are shown.
const SCAN_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum time for open edits, because the database scans them. Hits so far are shown.
const EDITS_TIMEOUT: Duration = Duration::from_secs(2);
/// Number of users that are read at once.
const USER_ROWS: u32 = 200;

/// Everything that a search finds.
#[derive(Clone, Debug, Default)]
pub struct SearchResults {
    /// Hits in live documents.
    pub live: Found,
    /// Live items by their comments.
    pub comments: HitGroup<CommentHit>,
    /// Configs whose comments were not searched.
    pub skipped_comments: SkippedComments,
    /// Configs of these hits that are archived, so that nobody can edit them.
    pub archived: HashSet<ConfigId>,
    /// Open edits.
    pub edits: HitGroup<EditHit>,
    /// Open changes by their message.
    pub changes: HitGroup<Change>,
    /// Published changes by their message.
    pub releases: HitGroup<ReleasedChange>,
    /// Environments.
    pub envs: HitGroup<Env>,
    /// Applications.
    pub apps: HitGroup<App>,
    /// Namespaces.
    pub namespaces: HitGroup<Namespace>,
    /// Users, for administrators.
    pub users: HitGroup<UserHit>,
    /// Whether the search was stopped before all documents and edits were read.
    pub is_partial: bool,
}

impl Service {
    /// Searches everything that the actor sees. `documents` are the live documents of all configs.
    ///
    /// # Errors
    /// [`Error::Unavailable`](crate::domain::error::Error::Unavailable).
    pub async fn search(
        &self,
        actor: &Actor,
        query: &SearchQuery,
        mut documents: Vec<Entry>,
        window: SearchWindow,
    ) -> Result<SearchResults> {
        if query.is_empty() {
            return Ok(SearchResults::default());
        }
        self.comments.keep_live(&documents);
        documents.retain(|entry| query.covers(&entry.config) && actor.may_view(&entry.config).is_ok());
        // A search of many documents waits for a thread here, before it holds a connection.
        compute::weigh(documents.iter().map(|entry| entry.document.expose().len()).sum()).await;
        let envs = self.envs().await?;
        sort(&mut documents, &envs);
        let live = scan(&documents, query, window);
        let (comments, skipped_comments) = self.search_comments(query, &documents).await;
        let mut results = SearchResults { live, comments, skipped_comments, ..SearchResults::default() };
        let mut db = self.db.read().await?;
        search_catalog(&mut db, actor, query, envs, &mut results).await?;
        results.users = search_users(&mut db, actor, query).await?;
        let changes = ChangeSearch { actor, query };
        results.releases = changes.releases(&mut db).await?;
        let open = changes.open_changes(&mut db).await?;
        results.changes = HitGroup::of(open.iter().filter(|change| changes.is_in_message(change)).cloned());
        // The last statements on this connection: one that takes too long is interrupted, and the others have their hits.
        let edits = timeout(EDITS_TIMEOUT, changes.edits(&mut db, &open, &mut results.edits)).await;
        results.is_partial = results.live.is_partial || !edits.unwrap_or(Ok(false))?;
        Ok(results)
    }

    /// Finds live items by their comments. Also counts the configs whose comments were not searched.
    async fn search_comments(
        &self,
        query: &SearchQuery,
        documents: &[Entry],
    ) -> (HitGroup<CommentHit>, SkippedComments) {
        let items = documents.iter().filter(|entry| entry.meta.format == Format::Kv).map(|entry| LiveItems {
            config: entry.config.clone(),
            seq: entry.meta.seq,
            change: entry.meta.change.clone(),
        });
        let (known, skipped) = self.live_comments(items.collect()).await;
        let has_words =
            |(key, comment): &&(String, String)| query.has_word_in(comment) && query.is_in_item(key, "", comment);
        let hits = known.iter().flat_map(|(config, comments)| {
            comments.iter().filter(has_words).map(|(key, comment)| CommentHit {
                config: config.clone(),
                key: key.clone(),
                comment: query.excerpt(comment),
            })
        });
        (HitGroup::of(hits), skipped)
    }
}

/// Adds environments, applications and namespaces, and those configs of hits in `found` that are archived.
async fn search_catalog(
    db: &mut Conn,
    actor: &Actor,
    query: &SearchQuery,
    envs: Vec<Env>,
    found: &mut SearchResults,
) -> Result<()> {
    let (apps, namespaces) = (db.apps().await?, db.open_namespaces().await?);
    found.archived = archived(found, &envs, &apps, &namespaces);
    found.envs = HitGroup::of(envs.into_iter().filter(|env| {
        actor.sees_any_of_env(&env.name) && query.covers_env(&env.name) && query.is_in(&[env.name.as_str(), &env.title])
    }));
    found.apps = HitGroup::of(apps.into_iter().filter(|app| {
        actor.sees_app(&app.name)
            && query.covers_app(&app.name)
            && query.is_in(&[app.name.as_str(), &app.title, &app.description])
    }));
    found.namespaces = HitGroup::of(namespaces.into_iter().filter(|namespace| {
        actor.sees_namespace(&namespace.app, &namespace.name)
            && query.covers_app(&namespace.app)
            && query.is_in(&[namespace.name.as_str(), &namespace.description])
    }));
    Ok(())
}

/// Returns those configs of hits whose environment, application or namespace is archived. `namespaces` are the others.
fn archived(found: &SearchResults, envs: &[Env], apps: &[App], namespaces: &[Namespace]) -> HashSet<ConfigId> {
    let envs: HashSet<&EnvName> = envs.iter().filter(|env| env.archived_at.is_none()).map(|env| &env.name).collect();
    let apps: HashSet<&AppName> = apps.iter().filter(|app| app.archived_at.is_none()).map(|app| &app.name).collect();
    let namespaces: HashSet<(&AppName, &NamespaceName)> = namespaces.iter().map(|all| (&all.app, &all.name)).collect();
    let is_open = |config: &ConfigId| {
        envs.contains(&config.env)
            && apps.contains(&config.app)
            && namespaces.contains(&(&config.app, &config.namespace))
    };
    let items = found.live.items.hits.iter().map(|hit| &hit.config);
    let configs = items.chain(found.comments.hits.iter().map(|hit| &hit.config));
    configs.filter(|config| !is_open(config)).cloned().collect()
}

/// Finds users, for administrators.
async fn search_users(db: &mut Conn, actor: &Actor, query: &SearchQuery) -> Result<HitGroup<UserHit>> {
    let mut found = HitGroup::default();
    let Ok(may) = actor.may_administer() else { return Ok(found) };
    let (mut after, mut is_last) = (String::new(), !query.is_everywhere());
    while !is_last && !found.is_full() {
        let page = db.users_with(&may, query.longest_word(), &after, USER_ROWS).await?;
        is_last = page.len() < USER_ROWS as usize;
        for (id, name) in page {
            after.clone_from(&name);
            if query.is_in(&[&name]) {
                found.add(UserHit { id, name });
            }
        }
    }
    Ok(found)
}

/// Sorts documents by environment, in the order of these, then by application and namespace.
fn sort(documents: &mut [Entry], envs: &[Env]) {
    let positions: HashMap<&EnvName, usize> = envs.iter().enumerate().map(|(n, env)| (&env.name, n)).collect();
    let position = |config: &ConfigId| positions.get(&config.env).copied().unwrap_or(envs.len());
    documents.sort_unstable_by(|a, b| (position(&a.config), &a.config).cmp(&(position(&b.config), &b.config)));
}

fn scan(documents: &[Entry], query: &SearchQuery, window: SearchWindow) -> Found {
    let began = Instant::now();
    search::search(documents, query, window, || began.elapsed() > SCAN_TIMEOUT)
}
