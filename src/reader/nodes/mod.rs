//! The readers of configs on all nodes, joined on the console that shows them.
//!
//! While a person looks at configs, the console queries their readers in the node registry. All other nodes reply
//! there, and again after changes. While no person looks, nothing is written. Replies are kept by query and node, and
//! dropped with either. [`link`] writes queries and replies. Pages get the replies that are here at that moment.

mod answer;
pub mod link;
mod readers;
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

use self::answer::{Answer, Known, Latest};
pub use self::readers::Readers;
use super::Reader;
pub use crate::channel::About;
use crate::{
    channel::{NodeId, Notice},
    domain::{access::Pattern, names::ConfigId, time::Time},
};

/// Maximum wait of a page for replies to a new query. A later request gets the later replies.
const PATIENCE: Duration = Duration::from_millis(300);
/// Lifetime of a query after the last look at it. It exceeds the refresh interval of pages without scripts and of open
/// pages.
const LOOKED: Duration = Duration::from_secs(15);
/// Interval between renewals of a query, which update the ages of all sightings.
const RENEW: Duration = Duration::from_secs(10);
/// Maximum number of queries of a console, and of queries that a node answers.
const ASKS: usize = 32;
/// Maximum number of queries of a console for one person.
const ASKS_OF_ONE: usize = 8;
/// Time without a look after which a query gives way to another one. An open page looks every second. A shorter time
/// would make open pages take turns.
const QUIET: Duration = Duration::from_secs(3);
/// Maximum number of other nodes.
const NODES: usize = 1000;
/// Target size of all replies to a query, in bytes. Each node gets an equal part, within limits.
const ROOM: usize = 512 * 1024;
const ROOM_OF_ONE: std::ops::RangeInclusive<usize> = 4 * 1024..=64 * 1024;

/// This node's view of all nodes.
#[derive(Debug)]
pub struct Nodes {
    reader: Arc<Reader>,
    name: Arc<str>,
    clock: fn() -> Time,
    state: Mutex<State>,
    /// Notified when there is a new query.
    wanted: Notify,
    /// Number that changes with each event in the registry.
    heard: watch::Sender<u64>,
}

/// State of this node's connection to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// There are no other nodes: the channel is memory.
    #[default]
    Alone,
    /// The registry was not read since the start.
    Joining,
    /// The registry is watched.
    Together,
    /// The registry is unreachable.
    Away,
}

#[derive(Debug, Default)]
struct State {
    standing: Standing,
    others: BTreeMap<NodeId, About>,
    asks: HashMap<Pattern, Ask>,
    /// Queries that gave way and are still in the registry.
    ended: Vec<Pattern>,
    /// Whether an invalid reply was logged.
    warned: bool,
}

/// A query of this console for the readers of some configs.
#[derive(Debug)]
struct Ask {
    since: Instant,
    /// The people that look at it, with the times of their last looks.
    looks: HashMap<String, Instant>,
    /// Time of the last write to the registry. `None` if new nodes have not seen it.
    put: Option<Instant>,
    /// Whether it was ever written, so that it must be removed.
    written: bool,
    answers: HashMap<NodeId, Answer>,
}

/// Coverage of a query: the nodes that have replied, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Number of other nodes.
    pub others: usize,
    /// Nodes that have not replied.
    pub silent: Vec<About>,
    /// Number of nodes whose reply lacks some configs.
    pub partly: usize,
    /// Whether the registry is unreachable.
    pub away: bool,
}

/// A look at a query.
#[derive(Debug)]
#[must_use]
pub struct Asked {
    nodes: Arc<Nodes>,
    scope: Pattern,
}

impl Nodes {
    /// Returns the view of a node with this name. `others` tells whether a [`link`] to other nodes runs.
    #[must_use]
    pub fn new(reader: Arc<Reader>, name: &str, others: bool) -> Arc<Self> {
        let standing = if others { Standing::Joining } else { Standing::Alone };
        let state = Mutex::new(State { standing, ..State::default() });
        let clock = reader.clock;
        Arc::new(Self { reader, name: name.into(), clock, state, wanted: Notify::new(), heard: watch::Sender::new(0) })
    }

    /// Returns the name of this node, for people.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Begins or continues a person's look at configs. Other nodes are queried for a while, if the limits allow it. The
    /// caller has checked that the configs exist and that the person may see them.
    pub fn ask(self: &Arc<Self>, who: &str, scope: Pattern) -> Asked {
        if self.state().look(who, &scope, Instant::now()) {
            self.wanted.notify_one();
        }
        Asked { nodes: Arc::clone(self), scope }
    }

    /// Returns the readers of a config.
    #[must_use]
    pub fn readers(&self, config: &ConfigId) -> Readers {
        let now = (self.clock)();
        let own = self.reader.instances.of(config, now);
        Readers::of(own, self.state().known(config), self.latest(config), now)
    }

    /// Returns the latest release on this node, with which others are compared. On a console SQL confirmed it.
    fn latest(&self, config: &ConfigId) -> Latest {
        Latest::on(&self.reader.shelf, config)
    }

    /// Returns the number of instances of a config that have seen a release, and the number of all.
    #[must_use]
    pub fn seen(&self, config: &ConfigId, release: u64) -> (usize, usize) {
        let state = self.state();
        let mut known = state.known(config).peekable();
        let now = (self.clock)();
        if known.peek().is_none() {
            // The usual case, without copies of names.
            let up_to = self.latest(config).release.max(release);
            return self.reader.instances.seen(config, &(release..=up_to), now);
        }
        Readers::of(self.reader.instances.of(config, now), known, self.latest(config), now).seen(release)
    }

    /// Returns the readers of all configs in `scope` that have any, ordered by config.
    #[must_use]
    pub fn under(&self, scope: &Pattern) -> Vec<(ConfigId, Readers)> {
        let now = (self.clock)();
        let mut own: HashMap<_, _> = self.reader.instances.under(scope, now).into_iter().collect();
        let state = self.state();
        let mut configs: BTreeSet<ConfigId> = own.keys().cloned().collect();
        let answers = state.asks.values().flat_map(|ask| ask.answers.values());
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
    #[must_use]
    pub fn mark(&self, scope: &Pattern) -> u64 {
        let own = scope.config().map(|config| self.reader.instances.releases(&config, (self.clock)()));
        // The order does not matter. An instance only changes to a later release.
        let sum = |mark: u64, release: &u64| mark.wrapping_add(release.wrapping_mul(1 << 32).wrapping_add(1 << 31));
        let own = own.iter().flatten().fold(0, sum);
        let state = self.state();
        let answers = state.asks.get(scope).into_iter().flat_map(|ask| ask.answers.values());
        let others = answers
            .fold(0_u64, |mark, answer| mark.wrapping_add(1).wrapping_add(scope.config().map_or(0, |_| answer.mark)));
        let standing = state.others.len() as u64 + ((state.standing as u64) << 20);
        own.wrapping_add(others).wrapping_add(standing << 40)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn rung(&self) {
        self.heard.send_modify(|n| *n = n.wrapping_add(1));
    }
}

impl Asked {
    /// Waits a moment for all nodes to reply, and returns the coverage. Does not wait if the query is older.
    pub async fn told(self) -> Told {
        let mut heard = self.nodes.heard.subscribe();
        loop {
            let until = self.nodes.state().waits(&self.scope);
            let late = match until {
                Some(until) => timeout_at(until, heard.changed()).await.is_err(),
                None => true,
            };
            if late {
                return self.nodes.state().told(&self.scope);
            }
        }
    }
}

impl Ask {
    /// Returns the time of the last look.
    fn looked(&self) -> Option<Instant> {
        self.looks.values().max().copied()
    }
}

impl State {
    /// Records a person's look. Returns whether there is a new query.
    fn look(&mut self, who: &str, scope: &Pattern, now: Instant) -> bool {
        if self.standing == Standing::Alone {
            return false;
        }
        if let Some(look) = self.asks.get_mut(scope).and_then(|ask| ask.looks.get_mut(who)) {
            *look = now;
            return false;
        }
        let own = self.asks.values().filter(|ask| ask.looks.contains_key(who)).count();
        let quiet = if own >= ASKS_OF_ONE {
            let Some(quiet) = self.quiet_of(who, now) else { return false };
            Some(quiet)
        } else {
            None
        };
        let new = !self.asks.contains_key(scope);
        let frees = quiet.as_ref().and_then(|quiet| self.asks.get(quiet)).is_some_and(|ask| ask.looks.len() == 1);
        if new && self.asks.len() >= ASKS && !frees && !self.give_way(who, now) {
            return false;
        }
        if let Some(quiet) = quiet {
            self.look_away(who, &quiet);
        }
        let ask = || Ask { since: now, looks: HashMap::new(), put: None, written: false, answers: HashMap::new() };
        self.asks.entry(scope.clone()).or_insert_with(ask).looks.insert(who.to_owned(), now);
        new
    }

    /// Finds the query that a person has not looked at for longest. Returns `None` if they look at all of theirs now.
    fn quiet_of(&self, who: &str, now: Instant) -> Option<Pattern> {
        let looks = self.asks.iter().filter_map(|(scope, ask)| Some((*ask.looks.get(who)?, scope)));
        looks.min().filter(|(at, _)| now - *at > QUIET).map(|(_, scope)| scope.clone())
    }

    /// Ends a person's look.
    fn look_away(&mut self, who: &str, scope: &Pattern) {
        let is_alone = self.asks.get_mut(scope).is_some_and(|ask| {
            ask.looks.remove(who);
            ask.looks.is_empty()
        });
        if is_alone {
            self.end(scope);
        }
    }

    /// Ends the query without a look for longest. If all are looked at now, ends one of the people with the most
    /// queries, if they have more than `who` would have. Returns whether one was ended.
    fn give_way(&mut self, who: &str, now: Instant) -> bool {
        let quiet = self.asks.iter().map(|(scope, ask)| (ask.looked(), scope)).min();
        let quiet = quiet.filter(|(at, _)| at.is_none_or(|at| now - at > QUIET)).map(|(_, scope)| scope.clone());
        let Some(scope) = quiet.or_else(|| self.greediest(who)) else { return false };
        self.end(&scope);
        true
    }

    /// Finds a query of the people with the most queries, if each of its people has more than `who` would have.
    fn greediest(&self, who: &str) -> Option<Pattern> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for looker in self.asks.values().flat_map(|ask| ask.looks.keys()) {
            *counts.entry(looker.as_str()).or_default() += 1;
        }
        let count = |who: &str| counts.get(who).copied().unwrap_or_default();
        let least = |ask: &Ask| ask.looks.keys().map(|who| count(who)).min().unwrap_or_default();
        let (most, scope) = self.asks.iter().map(|(scope, ask)| (least(ask), scope)).max()?;
        (most > count(who) + 1).then(|| scope.clone())
    }

    /// Ends a query. The link removes it from the registry later.
    fn end(&mut self, scope: &Pattern) {
        if self.asks.remove(scope).is_some_and(|ask| ask.written) {
            self.ended.push(scope.clone());
        }
    }

    /// Returns the end of the wait for replies. `None` if all have come, or no more are expected.
    fn waits(&self, scope: &Pattern) -> Option<Instant> {
        let ask = self.asks.get(scope)?;
        let waits = match self.standing {
            Standing::Alone | Standing::Away => false,
            Standing::Joining => true,
            Standing::Together => self.others.keys().any(|id| !ask.answers.contains_key(id)),
        };
        let until = ask.since + PATIENCE;
        (waits && until > Instant::now()).then_some(until)
    }

    fn told(&self, scope: &Pattern) -> Told {
        let answers = self.asks.get(scope).map(|ask| &ask.answers);
        let answer = |id| answers.and_then(|answers| answers.get(id));
        let silent = self.others.iter().filter(|(id, _)| answer(*id).is_none());
        let mut silent: Vec<About> = silent.map(|(_, about)| about.clone()).collect();
        silent.sort();
        Told {
            others: self.others.len(),
            silent,
            partly: self.others.keys().filter_map(answer).filter(|answer| answer.left > 0).count(),
            away: matches!(self.standing, Standing::Joining | Standing::Away),
        }
    }

    /// Returns the replies of other nodes about a config, each to the narrowest query, which has the most names.
    fn known(&self, config: &ConfigId) -> impl Iterator<Item = &Known> {
        let mut asks: Vec<_> = self.asks.iter().filter(|(scope, _)| scope.covers(config)).collect();
        asks.sort_by_key(|(scope, _)| (scope.breadth(), *scope));
        let answered = move |id| asks.iter().find_map(|(_, ask)| ask.answers.get(id));
        self.others.keys().filter_map(move |id| answered(id)?.configs.get(config))
    }

    /// Records the present nodes.
    fn together(&mut self, others: BTreeMap<NodeId, About>) {
        self.standing = Standing::Together;
        self.others = others;
        for ask in self.asks.values_mut() {
            ask.answers.retain(|id, _| self.others.contains_key(id));
        }
    }

    /// Drops all replies, because they would become outdated unnoticed.
    fn away(&mut self) {
        self.standing = Standing::Away;
        self.others.clear();
        for ask in self.asks.values_mut() {
            ask.answers.clear();
            ask.put = None;
        }
    }

    /// Handles an event of another node. Returns false if no node writes such a reply.
    fn hear(&mut self, notice: Notice, now: Time) -> bool {
        match notice {
            Notice::Here(id, about) => {
                if self.others.len() < NODES {
                    self.others.insert(id, about);
                    // The new node may not have seen earlier queries.
                    self.asks.values_mut().for_each(|ask| ask.put = None);
                }
            }
            Notice::Gone(id) => {
                self.others.remove(&id);
                self.asks.values_mut().for_each(|ask| _ = ask.answers.remove(&id));
            }
            Notice::Answered { by, scope, value } => {
                // Replies to another console's queries are not parsed.
                let Some((ask, about)) = self.asks.get_mut(&scope).zip(self.others.get(&by)) else { return true };
                let Some(answer) = answer::read(&value, &scope, &about.name, now) else { return false };
                ask.answers.insert(by, answer);
            }
            Notice::Asked { .. } => {}
        }
        true
    }

    /// Returns the queries to write now, with the size limit of each reply, and the queries to remove.
    fn due(&mut self, now: Instant) -> (Vec<(Pattern, usize)>, Vec<Pattern>) {
        let mut ended = std::mem::take(&mut self.ended);
        let unseen = self.asks.extract_if(|_, ask| {
            ask.looks.retain(|_, at| now - *at <= LOOKED);
            ask.looks.is_empty()
        });
        ended.extend(unseen.filter(|(_, ask)| ask.written).map(|(scope, _)| scope));
        // A query that gave way and is asked again stays in the registry.
        ended.retain(|scope| !self.asks.contains_key(scope));
        if self.others.is_empty() {
            return (Vec::new(), ended);
        }
        let room = (ROOM / self.others.len()).clamp(*ROOM_OF_ONE.start(), *ROOM_OF_ONE.end());
        let due = self.asks.iter_mut().filter(|(_, ask)| ask.put.is_none_or(|put| now - put >= RENEW));
        let due = due.map(|(scope, ask)| {
            (ask.put, ask.written) = (Some(now), true);
            (scope.clone(), room)
        });
        (due.collect(), ended)
    }
}
