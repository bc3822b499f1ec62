//! Search: in the live documents, in open edits, and by the names, titles and messages of everything else. An actor
//! finds only what it may see, and the numbers of hits count nothing else.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Service, changes::check_visible, comments::LiveItems};
use crate::{
    compute,
    domain::{
        access::Actor,
        catalog::{App, Env, Namespace},
        change::{Change, ChangeId},
        content::Format,
        entry::Entry,
        error::Result,
        merge::Edit,
        names::{ConfigId, EnvName},
        sensitive::Sensitive,
    },
    search::{self, Found, SearchQuery, SearchWindow},
    storage::{Conn, OpenEdit},
};

/// Maximum time for scanning documents. Hits so far are shown.
const SCAN_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of hits of each kind beside the live documents. Another word finds the others.
const MAX_HITS: usize = 20;
/// Maximum number of rows of each kind that are read to find some that the actor may see.
const MAX_READ: u32 = 200;

/// Hits of one kind, at most [`MAX_HITS`].
#[derive(Clone, Debug)]
pub struct HitGroup<T> {
    /// The hits.
    pub hits: Vec<T>,
    /// Whether there are more.
    pub has_more: bool,
}

// Without the bound of the derived one.
impl<T> Default for HitGroup<T> {
    fn default() -> Self {
        Self { hits: Vec::new(), has_more: false }
    }
}

impl<T> HitGroup<T> {
    fn is_full(&self) -> bool {
        self.has_more
    }

    fn add(&mut self, hit: T) {
        if self.hits.len() < MAX_HITS {
            self.hits.push(hit);
        } else {
            self.has_more = true;
        }
    }

    fn of(all: impl IntoIterator<Item = T>) -> Self {
        let mut group = Self::default();
        all.into_iter().take(MAX_HITS + 1).for_each(|hit| group.add(hit));
        group
    }
}

/// An open edit that has all words.
#[derive(Clone, Debug)]
pub struct EditHit {
    /// The change.
    pub change: Change,
    /// The config.
    pub config: ConfigId,
    /// The key; empty for a whole text.
    pub key: String,
    /// The value that the edit sets, shortened. `None` if it removes the key.
    pub text: Option<Sensitive>,
}

/// A live item whose comment has a word, and its key or comment all words.
#[derive(Clone, Debug)]
pub struct CommentHit {
    /// The config.
    pub config: ConfigId,
    /// The key.
    pub key: String,
    /// The comment, shortened.
    pub comment: String,
}

/// A published change whose message has all words.
#[derive(Clone, Debug)]
pub struct ReleasedChange {
    /// The change.
    pub change: Change,
    /// Its releases that the actor sees.
    pub releases: Vec<(ConfigId, u64)>,
}

/// A user whose name has all words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserHit {
    /// The UUID.
    pub id: String,
    /// The name.
    pub name: String,
}

/// Everything that a search finds.
#[derive(Clone, Debug, Default)]
pub struct SearchResults {
    /// Hits in live documents.
    pub live: Found,
    /// Live items by their comments.
    pub comments: HitGroup<CommentHit>,
    /// Number of configs whose comments were not searched, because they are not read yet.
    pub comments_left: usize,
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
        documents.retain(|entry| query.covers(&entry.config) && actor.may_view(&entry.config).is_ok());
        // A search of many documents waits for a thread here, before it holds a connection.
        compute::weigh(documents.iter().map(|entry| entry.document.expose().len()).sum()).await;
        let envs = self.envs().await?;
        sort(&mut documents, &envs);
        let live = scan(&documents, query, window);
        let (comments, comments_left) = self.search_comments(query, &documents).await;
        let mut db = self.db.read().await?;
        let mut results =
            SearchResults { live, comments, comments_left, ..self.search_catalog(&mut db, actor, query, envs).await? };
        let mut visible = VisibleChanges { actor, query, known: HashMap::new() };
        for found in db.open_edits_with(query.longest_word(), &actor.id, MAX_READ).await? {
            if results.edits.is_full() {
                break;
            }
            if let Some(hit) = edit_hit(query, found)
                && query.covers(&hit.config)
                && visible.contains(&mut db, &hit.change).await?
            {
                results.edits.add(hit);
            }
        }
        let has_words = |change: &Change| query.is_in(&[&change.message]);
        for change in db.open_changes_with(query.longest_word(), MAX_READ).await?.into_iter().filter(has_words) {
            if !results.changes.is_full() && visible.contains(&mut db, &change).await? {
                results.changes.add(change);
            }
        }
        for change in db.published_changes_with(query.longest_word(), MAX_READ).await?.into_iter().filter(has_words) {
            if results.releases.is_full() {
                break;
            }
            // Each release shows the message of its change, whatever else the change touched.
            let is_shown = |config: &ConfigId| query.covers(config) && actor.may_view(config).is_ok();
            let touched = db.touched_configs(&change.id).await?.into_iter();
            let releases =
                touched.filter_map(|(config, seq)| seq.filter(|_| is_shown(&config)).map(|seq| (config, seq)));
            let releases: Vec<_> = releases.collect();
            if !releases.is_empty() {
                results.releases.add(ReleasedChange { change, releases });
            }
        }
        Ok(results)
    }

    /// Finds live items by their comments. Also returns the number of configs whose comments are not read yet.
    async fn search_comments(&self, query: &SearchQuery, documents: &[Entry]) -> (HitGroup<CommentHit>, usize) {
        let items = documents.iter().filter(|entry| entry.meta.format == Format::Kv).map(|entry| LiveItems {
            config: entry.config.clone(),
            seq: entry.meta.seq,
            change: entry.meta.change.clone(),
        });
        let (known, left) = self.live_comments(items.collect()).await;
        let has_words =
            |(key, comment): &&(String, String)| query.has_word_in(comment) && query.is_in_item(key, "", comment);
        let hits = known.iter().flat_map(|(config, comments)| {
            comments.iter().filter(has_words).map(|(key, comment)| CommentHit {
                config: config.clone(),
                key: key.clone(),
                comment: query.excerpt(comment),
            })
        });
        (HitGroup::of(hits), left)
    }

    /// Finds environments, applications, namespaces and users.
    async fn search_catalog(
        &self,
        db: &mut Conn,
        actor: &Actor,
        query: &SearchQuery,
        envs: Vec<Env>,
    ) -> Result<SearchResults> {
        let envs = envs.into_iter().filter(|env| {
            actor.sees_any_of_env(&env.name)
                && query.covers_env(&env.name)
                && query.is_in(&[env.name.as_str(), &env.title])
        });
        let apps = db.apps().await?.into_iter().filter(|app| {
            actor.sees_app(&app.name)
                && query.covers_app(&app.name)
                && query.is_in(&[app.name.as_str(), &app.title, &app.description])
        });
        let namespaces = db.open_namespaces().await?.into_iter().filter(|namespace| {
            actor.sees_namespace(&namespace.app, &namespace.name)
                && query.covers_app(&namespace.app)
                && query.is_in(&[namespace.name.as_str(), &namespace.description])
        });
        let mut found = SearchResults {
            envs: HitGroup::of(envs),
            apps: HitGroup::of(apps),
            namespaces: HitGroup::of(namespaces),
            ..SearchResults::default()
        };
        if let Ok(may) = actor.may_administer()
            && query.is_everywhere()
        {
            let users = db.users_with(&may, query.longest_word(), MAX_READ).await?.into_iter();
            let users = users.filter(|(_, name)| query.is_in(&[name])).map(|(id, name)| UserHit { id, name });
            found.users = HitGroup::of(users);
        }
        Ok(found)
    }
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

/// Returns the hit for an edit if it has all words.
fn edit_hit(query: &SearchQuery, found: OpenEdit) -> Option<EditHit> {
    let OpenEdit { change, config, key, edit } = found;
    let (value, comment) = match &edit {
        Edit::Set(item) => (item.value.expose(), item.comment.as_str()),
        Edit::Text(text) => (text.expose(), ""),
        Edit::Remove => ("", ""),
    };
    let text = edit.value().map(|value| query.excerpt(value).into());
    query.is_in_item(&key, value, comment).then_some(EditHit { change, config, key, text })
}

/// The open changes of a search, each checked once.
struct VisibleChanges<'a> {
    actor: &'a Actor,
    query: &'a SearchQuery,
    known: HashMap<ChangeId, bool>,
}

impl VisibleChanges<'_> {
    /// Returns whether the actor may see a change and the filters of the query admit one of its configs.
    async fn contains(&mut self, db: &mut Conn, change: &Change) -> Result<bool> {
        if let Some(known) = self.known.get(&change.id) {
            return Ok(*known);
        }
        let touched = db.touched_configs(&change.id).await?;
        let is_covered = self.query.is_everywhere() || touched.iter().any(|(config, _)| self.query.covers(config));
        let is_visible = check_visible(self.actor, change, touched.iter().map(|(config, _)| config)).is_ok();
        self.known.insert(change.id.clone(), is_visible && is_covered);
        Ok(is_visible && is_covered)
    }
}
