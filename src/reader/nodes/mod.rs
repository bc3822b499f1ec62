//! What all nodes know of who reads, brought together on the node that shows it to somebody.
//!
//! While somebody looks at configs, the console *asks* about them on the board of the nodes; every other node answers
//! there, and again when something changed. While nobody looks, nothing is written. What came is kept by ask and node,
//! and goes with either. [`link`] does the asking and answering; pages are given what is here at that moment.

mod answer;
pub mod link;
mod readers;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

/// How long a page waits for answers to a new ask. What comes later is there when it is asked for again.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long after the last look an ask is kept up: longer than a page without scripts is looked at before it is asked
/// for again, and than an open one says that it is open.
const LOOKED: Duration = Duration::from_secs(15);
/// How often an ask is renewed, which brings the ages of all sightings up to date.
const RENEW: Duration = Duration::from_secs(10);
/// Scopes that a console asks about at once, and that a node answers.
const ASKS: usize = 32;
/// Other nodes that are known.
const NODES: usize = 1000;
/// What all answers to an ask should come to, in bytes: each node gets its part, within bounds.
const ROOM: usize = 512 * 1024;
const ROOM_OF_ONE: std::ops::RangeInclusive<usize> = 4 * 1024..=64 * 1024;

/// This node and the others.
#[derive(Debug)]
pub struct Nodes {
    reader: Arc<Reader>,
    name: Arc<str>,
    clock: fn() -> Time,
    state: Mutex<State>,
    /// Rung when there is something to ask.
    wanted: Notify,
    /// Another number whenever something was heard.
    heard: watch::Sender<u64>,
}

/// How this node stands with the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// There are no others: the channel is memory.
    #[default]
    Alone,
    /// They have not been heard of since the start.
    Joining,
    /// They are heard.
    Together,
    /// They are not heard any more.
    Away,
}

#[derive(Debug, Default)]
struct State {
    standing: Standing,
    others: BTreeMap<NodeId, About>,
    asks: HashMap<Pattern, Ask>,
    /// An answer that is none was seen, and said.
    warned: bool,
}

/// Something that somebody here looks at.
#[derive(Debug)]
struct Ask {
    since: Instant,
    looked: Instant,
    /// When it was last put on the board.
    put: Option<Instant>,
    answers: HashMap<NodeId, Answer>,
}

/// Who has answered, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How many other nodes there are.
    pub others: usize,
    /// Those that have not answered.
    pub silent: Vec<About>,
    /// How many of those that have could not tell of every config.
    pub partly: usize,
    /// Others cannot be heard.
    pub away: bool,
}

/// A look that has begun.
#[derive(Debug)]
#[must_use]
pub struct Asked {
    nodes: Arc<Nodes>,
    scope: Pattern,
}

impl Nodes {
    /// A node that is called `name`; with `others`, a [`link`] to them is kept.
    #[must_use]
    pub fn new(reader: Arc<Reader>, name: &str, others: bool) -> Arc<Self> {
        let standing = if others { Standing::Joining } else { Standing::Alone };
        let state = Mutex::new(State { standing, ..State::default() });
        let clock = reader.clock;
        Arc::new(Self { reader, name: name.into(), clock, state, wanted: Notify::new(), heard: watch::Sender::new(0) })
    }

    /// What people call this node.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Begins to look at configs, or looks on: other nodes are asked about them for a while.
    pub fn ask(self: &Arc<Self>, scope: Pattern) -> Asked {
        if self.state().look(&scope, Instant::now()) {
            self.wanted.notify_one();
        }
        Asked { nodes: Arc::clone(self), scope }
    }

    /// Who reads a config.
    #[must_use]
    pub fn readers(&self, config: &ConfigId) -> Readers {
        let now = (self.clock)();
        let own = self.reader.instances.of(config, now);
        Readers::of(own, self.state().known(config), self.latest(config), now)
    }

    /// Returns the latest release on this node. On a console the database confirmed it, so other nodes are measured by it.
    fn latest(&self, config: &ConfigId) -> Latest {
        Latest::on(&self.reader.shelf, config)
    }

    /// By how many instances of a config a release is seen, of how many.
    #[must_use]
    pub fn seen(&self, config: &ConfigId, release: u64) -> (usize, usize) {
        let state = self.state();
        let mut known = state.known(config).peekable();
        let now = (self.clock)();
        if known.peek().is_none() {
            // The usual case costs no names.
            let up_to = self.latest(config).release.max(release);
            return self.reader.instances.seen(config, &(release..=up_to), now);
        }
        Readers::of(self.reader.instances.of(config, now), known, self.latest(config), now).seen(release)
    }

    /// Who reads what, of all configs in `scope` that somebody reads, in their order.
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

    /// Another number whenever a page that shows this would say something else: of one config who holds what, of more
    /// who has answered.
    #[must_use]
    pub fn mark(&self, scope: &Pattern) -> u64 {
        let own = scope.config().map(|config| self.reader.instances.releases(&config, (self.clock)()));
        // In no order; each holds a later release than before, if another one.
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rung(&self) {
        self.heard.send_modify(|n| *n = n.wrapping_add(1));
    }
}

impl Asked {
    /// Who has answered: all nodes, or those that did in a moment. Nobody is waited for who was silent before.
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

impl State {
    /// Notes that somebody looks. True when there is something new to ask.
    fn look(&mut self, scope: &Pattern, now: Instant) -> bool {
        if let Some(ask) = self.asks.get_mut(scope) {
            ask.looked = now;
            return false;
        }
        let new = self.standing != Standing::Alone && self.asks.len() < ASKS;
        if new {
            let ask = Ask { since: now, looked: now, put: None, answers: HashMap::new() };
            self.asks.insert(scope.clone(), ask);
        }
        new
    }

    /// Until when it is worth to wait for answers; none when all are here, or none is to be expected any more.
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

    /// What others know of a config: of each node what it answered to the narrowest ask, which names the most.
    fn known(&self, config: &ConfigId) -> impl Iterator<Item = &Known> {
        let mut asks: Vec<_> = self.asks.iter().filter(|(scope, _)| scope.covers(config)).collect();
        asks.sort_by_key(|(scope, _)| (scope.breadth(), *scope));
        let answered = move |id| asks.iter().find_map(|(_, ask)| ask.answers.get(id));
        self.others.keys().filter_map(move |id| answered(id)?.configs.get(config))
    }

    /// Takes in who is there, as of now.
    fn together(&mut self, others: BTreeMap<NodeId, About>) {
        self.standing = Standing::Together;
        self.others = others;
        for ask in self.asks.values_mut() {
            ask.answers.retain(|id, _| self.others.contains_key(id));
        }
    }

    /// Forgets what others said: it would grow old unseen.
    fn away(&mut self) {
        self.standing = Standing::Away;
        self.others.clear();
        for ask in self.asks.values_mut() {
            ask.answers.clear();
            ask.put = None;
        }
    }

    /// Takes in what one of the others says. False when no node says such a thing.
    fn hear(&mut self, notice: Notice, now: Time) -> bool {
        match notice {
            Notice::Here(id, about) => {
                if self.others.len() < NODES {
                    self.others.insert(id, about);
                    // It may not have heard what was asked before.
                    self.asks.values_mut().for_each(|ask| ask.put = None);
                }
            }
            Notice::Gone(id) => {
                self.others.remove(&id);
                self.asks.values_mut().for_each(|ask| _ = ask.answers.remove(&id));
            }
            Notice::Answered { by, scope, value } => {
                // What somebody else asked is not even looked into.
                let Some((ask, about)) = self.asks.get_mut(&scope).zip(self.others.get(&by)) else { return true };
                let Some(answer) = answer::read(&value, &scope, &about.name, now) else { return false };
                ask.answers.insert(by, answer);
            }
            Notice::Asked { .. } => {}
        }
        true
    }

    /// What is to be asked now, with the room for each answer, and what is no longer looked at.
    fn due(&mut self, now: Instant) -> (Vec<(Pattern, usize)>, Vec<Pattern>) {
        let ended: Vec<Pattern> = self
            .asks
            .extract_if(|_, ask| now - ask.looked > LOOKED)
            .filter_map(|(scope, ask)| ask.put.map(|_| scope))
            .collect();
        if self.others.is_empty() {
            return (Vec::new(), ended);
        }
        let room = (ROOM / self.others.len()).clamp(*ROOM_OF_ONE.start(), *ROOM_OF_ONE.end());
        let due = self.asks.iter_mut().filter(|(_, ask)| ask.put.is_none_or(|put| now - put >= RENEW));
        let due = due.map(|(scope, ask)| {
            ask.put = Some(now);
            (scope.clone(), room)
        });
        (due.collect(), ended)
    }
}
