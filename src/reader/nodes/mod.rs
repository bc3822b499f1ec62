//! The readers of configs on all nodes, joined on the console that shows them.
//!
//! While a page shows readers, the console queries them in the node registry. All other nodes reply there, and again
//! after changes. While no page shows readers, nothing is written. Replies are kept by query and node, and dropped with
//! either. [`link`] writes queries and replies. A page gets the replies that have arrived by the time of its request.

pub mod link;
mod people;
mod readers;
mod reply;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};

pub use self::readers::Readers;
use self::{
    people::People,
    reply::{ConfigReaders, NodeRelease, QueryReply},
};
use super::Reader;
pub use crate::channel::NodeInfo;
use crate::{
    channel::{NodeId, RegistryEvent},
    domain::{access::Pattern, names::ConfigId, time::Time},
};

/// Maximum wait of a page for replies to a new query. A later request gets the later replies.
const REPLY_TIMEOUT: Duration = Duration::from_millis(300);
/// Lifetime of a query after a page last requested it. It exceeds the refresh interval of every page, with or without
/// scripts.
const QUERY_TTL: Duration = Duration::from_secs(15);
/// Interval between renewals of a query, which update the ages of all sightings.
const RENEW_INTERVAL: Duration = Duration::from_secs(10);
/// Maximum number of queries of a console, and of queries that a node answers.
const MAX_QUERIES: usize = 32;
/// Maximum number of queries of a console for one person.
const MAX_QUERIES_PER_PERSON: usize = 8;
/// Time without a request of a page after which a query may be evicted for another one. An open page requests its query
/// every second. With a shorter time, open pages would evict one another's queries in turn.
const EVICTABLE_AFTER: Duration = Duration::from_secs(3);
/// Maximum number of other nodes.
const MAX_NODES: usize = 1000;
/// Target size of all replies to a query, in bytes. Each node gets an equal part, within limits.
const TARGET_REPLIES_BYTES: usize = 512 * 1024;
const REPLY_BYTES: std::ops::RangeInclusive<usize> = 4 * 1024..=64 * 1024;

/// This node's view of all nodes.
#[derive(Debug)]
pub struct Nodes {
    reader: Arc<Reader>,
    name: Arc<str>,
    clock: fn() -> Time,
    state: Mutex<State>,
    people: Mutex<People>,
    /// Notified when there is a new query.
    query_added: Notify,
    /// Number that changes with each event in the registry.
    events: watch::Sender<u64>,
}

/// State of this node's connection to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum NodeStatus {
    /// There are no other nodes: the channel is memory.
    #[default]
    Alone,
    /// The registry was not read since the start.
    Joining,
    /// The registry is watched.
    Connected,
    /// The registry is unreachable.
    Disconnected,
}

#[derive(Debug, Default)]
struct State {
    status: NodeStatus,
    others: BTreeMap<NodeId, NodeInfo>,
    queries: HashMap<Pattern, OwnQuery>,
    /// Queries that have ended and are still in the registry.
    ended: Vec<Pattern>,
    /// Whether an invalid reply was logged.
    warned: bool,
}

/// A query of this console for the readers of some configs.
#[derive(Debug)]
struct OwnQuery {
    since: Instant,
    /// The people with a page that shows the query, each with the time of the page's last request.
    viewers: HashMap<String, Instant>,
    /// Time of the last write to the registry. `None` if new nodes have not seen it.
    written_at: Option<Instant>,
    /// Whether it was ever written, so that it must be removed.
    written: bool,
    answers: HashMap<NodeId, QueryReply>,
}

/// Coverage of a query: the nodes that have replied, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeCoverage {
    /// Number of other nodes.
    pub others: usize,
    /// Nodes that have not replied.
    pub silent: Vec<NodeInfo>,
    /// Number of nodes whose reply lacks some configs.
    pub incomplete: usize,
    /// Whether the registry is unreachable.
    pub unreachable: bool,
}

/// A page's request for the coverage of a query.
#[derive(Debug)]
#[must_use]
pub struct PendingCoverage {
    nodes: Arc<Nodes>,
    scope: Pattern,
}

impl Nodes {
    /// Returns the view of a node with this name. `others` tells whether a [`link`] to other nodes runs.
    pub fn new(reader: Arc<Reader>, name: &str, others: bool) -> Arc<Self> {
        let status = if others { NodeStatus::Joining } else { NodeStatus::Alone };
        let state = Mutex::new(State { status, ..State::default() });
        let clock = reader.clock;
        Arc::new(Self {
            reader,
            name: name.into(),
            clock,
            state,
            people: Mutex::default(),
            query_added: Notify::new(),
            events: watch::Sender::new(0),
        })
    }

    /// Returns the name of this node, for people.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns whether there are other nodes.
    pub fn has_others(&self) -> bool {
        !self.state().others.is_empty()
    }

    /// Records that a person's page shows the readers of these configs. Other nodes are queried for a while, if the
    /// limits allow it. The caller has checked that the configs exist and that the person may see them.
    pub fn query(self: &Arc<Self>, who: &str, scope: Pattern) -> PendingCoverage {
        if self.state().record_view(who, &scope, Instant::now()) {
            self.query_added.notify_one();
        }
        PendingCoverage { nodes: Arc::clone(self), scope }
    }

    /// Records that a person's page of this config is open.
    pub fn record_person(&self, config: &ConfigId, name: &str) {
        self.people.lock().record(config, name, Instant::now());
    }

    /// Returns the people with an open page of this config on this node.
    fn own_people(&self, config: &ConfigId) -> Vec<String> {
        self.people.lock().of(config, Instant::now())
    }

    /// Returns the names of the people with an open page of this config, on all nodes that have replied, sorted.
    pub fn people(&self, config: &ConfigId) -> Vec<String> {
        let mut names = self.own_people(config);
        let state = self.state();
        let answers = state.queries.get(&config.into()).into_iter().flat_map(|ask| ask.answers.values());
        names.extend(answers.flat_map(|answer| answer.people.iter().cloned()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Returns the readers of a config.
    pub fn readers(&self, config: &ConfigId) -> Readers {
        let now = (self.clock)();
        let own = self.reader.instances.of_config(config, now);
        Readers::of(own, self.state().known(config), self.latest(config), now)
    }

    /// Returns the latest release on this node, with which others are compared. On a console SQL confirmed it.
    fn latest(&self, config: &ConfigId) -> NodeRelease {
        NodeRelease::in_store(&self.reader.store, config)
    }

    /// Returns the number of instances of a config that have seen a release, and the number of all.
    pub fn seen(&self, config: &ConfigId, release: u64) -> (usize, usize) {
        let state = self.state();
        let mut known = state.known(config).peekable();
        let now = (self.clock)();
        if known.peek().is_none() {
            // The usual case, without copies of names.
            let up_to = self.latest(config).release.max(release);
            return self.reader.instances.seen(config, &(release..=up_to), now);
        }
        Readers::of(self.reader.instances.of_config(config, now), known, self.latest(config), now).seen(release)
    }

    /// Returns the readers of all configs in `scope` that have any, ordered by config.
    pub fn under(&self, scope: &Pattern) -> Vec<(ConfigId, Readers)> {
        let now = (self.clock)();
        let mut own: HashMap<_, _> = self.reader.instances.under(scope, now).into_iter().collect();
        let state = self.state();
        let mut configs: BTreeSet<ConfigId> = own.keys().cloned().collect();
        let answers = state.queries.values().flat_map(|ask| ask.answers.values());
        configs.extend(answers.flat_map(|answer| answer.configs.keys()).filter(|config| scope.covers(config)).cloned());
        let readers = configs.into_iter().map(|config| {
            let own = own.remove(&config).unwrap_or_default();
            let readers = Readers::of(own, state.known(&config), self.latest(&config), now);
            (config, readers)
        });
        readers.filter(|(_, readers)| readers.all() > 0).collect()
    }

    /// Returns a number that changes when a page of this scope would change: for one config with its readers, for
    /// several with the nodes that replied.
    pub fn version(&self, scope: &Pattern) -> u64 {
        let own = scope.config().map(|config| self.reader.instances.releases(&config, (self.clock)()));
        // The order does not matter. An instance only changes to a later release.
        let sum = |mark: u64, release: &u64| mark.wrapping_add(release.wrapping_mul(1 << 32).wrapping_add(1 << 31));
        let own = own.iter().flatten().fold(0, sum);
        let people = scope.config().map_or(0, |config| people::version(&self.own_people(&config)));
        let state = self.state();
        let answers = state.queries.get(scope).into_iter().flat_map(|ask| ask.answers.values());
        let others = answers.fold(0_u64, |mark, answer| {
            mark.wrapping_add(1).wrapping_add(scope.config().map_or(0, |_| answer.version))
        });
        let topology = state.others.len() as u64 + ((state.status as u64) << 20);
        own.wrapping_add(others).wrapping_add(people).wrapping_add(topology << 40)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn notify_event(&self) {
        self.events.send_modify(|n| *n = n.wrapping_add(1));
    }
}

impl PendingCoverage {
    /// Waits a moment for all nodes to reply, and returns the coverage. Does not wait if the query is older.
    pub async fn coverage(self) -> NodeCoverage {
        let mut heard = self.nodes.events.subscribe();
        loop {
            let until = self.nodes.state().wait_until(&self.scope);
            let late = match until {
                Some(until) => timeout_at(until, heard.changed()).await.is_err(),
                None => true,
            };
            if late {
                return self.nodes.state().coverage(&self.scope);
            }
        }
    }
}

impl OwnQuery {
    /// Returns the time at which a page last requested the query.
    fn last_viewed_at(&self) -> Option<Instant> {
        self.viewers.values().max().copied()
    }
}

impl State {
    /// Records the request of a person's page. Returns whether there is a new query.
    fn record_view(&mut self, who: &str, scope: &Pattern, now: Instant) -> bool {
        if self.status == NodeStatus::Alone {
            return false;
        }
        if let Some(look) = self.queries.get_mut(scope).and_then(|ask| ask.viewers.get_mut(who)) {
            *look = now;
            return false;
        }
        let own = self.queries.values().filter(|ask| ask.viewers.contains_key(who)).count();
        let quiet = if own >= MAX_QUERIES_PER_PERSON {
            let Some(quiet) = self.least_recently_viewed(who, now) else { return false };
            Some(quiet)
        } else {
            None
        };
        let new = !self.queries.contains_key(scope);
        let frees = quiet.as_ref().and_then(|quiet| self.queries.get(quiet)).is_some_and(|ask| ask.viewers.len() == 1);
        if new && self.queries.len() >= MAX_QUERIES && !frees && !self.evict_query(who, now) {
            return false;
        }
        if let Some(quiet) = quiet {
            self.remove_viewer(who, &quiet);
        }
        let ask = || OwnQuery {
            since: now,
            viewers: HashMap::new(),
            written_at: None,
            written: false,
            answers: HashMap::new(),
        };
        self.queries.entry(scope.clone()).or_insert_with(ask).viewers.insert(who.to_owned(), now);
        new
    }

    /// Finds the person's query without a request for the longest time. Returns `None` if all of them are
    /// on open pages.
    fn least_recently_viewed(&self, who: &str, now: Instant) -> Option<Pattern> {
        let looks = self.queries.iter().filter_map(|(scope, ask)| Some((*ask.viewers.get(who)?, scope)));
        looks.min().filter(|(at, _)| now - *at > EVICTABLE_AFTER).map(|(_, scope)| scope.clone())
    }

    /// Removes a person from a query, and ends a query without people.
    fn remove_viewer(&mut self, who: &str, scope: &Pattern) {
        let is_alone = self.queries.get_mut(scope).is_some_and(|ask| {
            ask.viewers.remove(who);
            ask.viewers.is_empty()
        });
        if is_alone {
            self.end(scope);
        }
    }

    /// Ends the query without a request for the longest time. If all queries are on open pages, ends a query of the
    /// people with the most queries, if they have more than `who` would have. Returns whether a query was ended.
    fn evict_query(&mut self, who: &str, now: Instant) -> bool {
        let quiet = self.queries.iter().map(|(scope, ask)| (ask.last_viewed_at(), scope)).min();
        let quiet =
            quiet.filter(|(at, _)| at.is_none_or(|at| now - at > EVICTABLE_AFTER)).map(|(_, scope)| scope.clone());
        let Some(scope) = quiet.or_else(|| self.greediest(who)) else { return false };
        self.end(&scope);
        true
    }

    /// Finds a query of the people with the most queries, if each of its people has more than `who` would have.
    fn greediest(&self, who: &str) -> Option<Pattern> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for looker in self.queries.values().flat_map(|ask| ask.viewers.keys()) {
            *counts.entry(looker.as_str()).or_default() += 1;
        }
        let count = |who: &str| counts.get(who).copied().unwrap_or_default();
        let least = |ask: &OwnQuery| ask.viewers.keys().map(|who| count(who)).min().unwrap_or_default();
        let (most, scope) = self.queries.iter().map(|(scope, ask)| (least(ask), scope)).max()?;
        (most > count(who) + 1).then(|| scope.clone())
    }

    /// Ends a query. The link removes it from the registry later.
    fn end(&mut self, scope: &Pattern) {
        if self.queries.remove(scope).is_some_and(|ask| ask.written) {
            self.ended.push(scope.clone());
        }
    }

    /// Returns the end of the wait for replies. `None` if all have come, or no more are expected.
    fn wait_until(&self, scope: &Pattern) -> Option<Instant> {
        let ask = self.queries.get(scope)?;
        let waits = match self.status {
            NodeStatus::Alone | NodeStatus::Disconnected => false,
            NodeStatus::Joining => true,
            NodeStatus::Connected => self.others.keys().any(|id| !ask.answers.contains_key(id)),
        };
        let until = ask.since + REPLY_TIMEOUT;
        (waits && until > Instant::now()).then_some(until)
    }

    fn coverage(&self, scope: &Pattern) -> NodeCoverage {
        let answers = self.queries.get(scope).map(|ask| &ask.answers);
        let answer = |id| answers.and_then(|answers| answers.get(id));
        let silent = self.others.iter().filter(|(id, _)| answer(*id).is_none());
        let mut silent: Vec<NodeInfo> = silent.map(|(_, about)| about.clone()).collect();
        silent.sort();
        NodeCoverage {
            others: self.others.len(),
            silent,
            incomplete: self.others.keys().filter_map(answer).filter(|answer| answer.omitted_configs > 0).count(),
            unreachable: matches!(self.status, NodeStatus::Joining | NodeStatus::Disconnected),
        }
    }

    /// Returns the replies of other nodes about a config, each to the narrowest query, which has the most names.
    fn known(&self, config: &ConfigId) -> impl Iterator<Item = &ConfigReaders> {
        let mut asks: Vec<_> = self.queries.iter().filter(|(scope, _)| scope.covers(config)).collect();
        asks.sort_by_key(|(scope, _)| (scope.wildcard_count(), *scope));
        let answered = move |id| asks.iter().find_map(|(_, ask)| ask.answers.get(id));
        self.others.keys().filter_map(move |id| answered(id)?.configs.get(config))
    }

    /// Records the present nodes.
    fn connected(&mut self, others: BTreeMap<NodeId, NodeInfo>) {
        self.status = NodeStatus::Connected;
        self.others = others;
        for ask in self.queries.values_mut() {
            ask.answers.retain(|id, _| self.others.contains_key(id));
        }
    }

    /// Drops all replies, because they would become outdated unnoticed.
    fn disconnected(&mut self) {
        self.status = NodeStatus::Disconnected;
        self.others.clear();
        for ask in self.queries.values_mut() {
            ask.answers.clear();
            ask.written_at = None;
        }
    }

    /// Handles an event of another node. Returns false if no node writes such a reply.
    fn handle_event(&mut self, event: RegistryEvent, now: Time) -> bool {
        match event {
            RegistryEvent::Joined(id, about) => {
                if self.others.len() < MAX_NODES {
                    self.others.insert(id, about);
                    // The new node may not have seen earlier queries.
                    self.queries.values_mut().for_each(|ask| ask.written_at = None);
                }
            }
            RegistryEvent::Left(id) => {
                self.others.remove(&id);
                self.queries.values_mut().for_each(|ask| _ = ask.answers.remove(&id));
            }
            RegistryEvent::Replied { by, scope, value } => {
                // Replies to another console's queries are not parsed.
                let Some((ask, about)) = self.queries.get_mut(&scope).zip(self.others.get(&by)) else { return true };
                let Some(answer) = reply::read(&value, &scope, &about.name, now) else { return false };
                ask.answers.insert(by, answer);
            }
            RegistryEvent::Queried { .. } => {}
        }
        true
    }

    /// Returns the queries to write now, with the size limit of each reply, and the queries to remove.
    fn due_queries(&mut self, now: Instant) -> (Vec<(Pattern, usize)>, Vec<Pattern>) {
        let mut ended = std::mem::take(&mut self.ended);
        let unseen = self.queries.extract_if(|_, ask| {
            ask.viewers.retain(|_, at| now - *at <= QUERY_TTL);
            ask.viewers.is_empty()
        });
        ended.extend(unseen.filter(|(_, ask)| ask.written).map(|(scope, _)| scope));
        // A query that ended and was requested again stays in the registry.
        ended.retain(|scope| !self.queries.contains_key(scope));
        if self.others.is_empty() {
            return (Vec::new(), ended);
        }
        let room = (TARGET_REPLIES_BYTES / self.others.len()).clamp(*REPLY_BYTES.start(), *REPLY_BYTES.end());
        let due =
            self.queries.iter_mut().filter(|(_, ask)| ask.written_at.is_none_or(|put| now - put >= RENEW_INTERVAL));
        let due = due.map(|(scope, ask)| {
            (ask.written_at, ask.written) = (Some(now), true);
            (scope.clone(), room)
        });
        (due.collect(), ended)
    }
}
