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

/// How long a page waits for answers to a new ask. What comes later is there when it is asked for again.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long after the last look an ask is kept up: longer than a page without scripts is looked at before it is asked
/// for again, and than an open one says that it is open.
const LOOKED: Duration = Duration::from_secs(15);
/// How often an ask is renewed, which brings the ages of all sightings up to date.
const RENEW: Duration = Duration::from_secs(10);
/// Scopes that a console asks about at once, and that a node answers.
const ASKS: usize = 32;
/// Scopes that a console asks about for one person.
const ASKS_OF_ONE: usize = 8;
/// Time without a look after which an ask gives way to one that somebody looks at: an open page looks every
/// second. It is not shorter, so that pages that are open do not take turns.
const QUIET: Duration = Duration::from_secs(3);
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
    /// Asks on the board that gave way.
    ended: Vec<Pattern>,
    /// An answer that is none was seen, and said.
    warned: bool,
}

/// Something that somebody here looks at.
#[derive(Debug)]
struct Ask {
    since: Instant,
    /// The people who look, with the time of their last look.
    looks: HashMap<String, Instant>,
    /// When it was last put on the board, for those who are there now.
    put: Option<Instant>,
    /// It was put there at all, so it has to be taken away.
    written: bool,
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

    /// Begins to look at configs for somebody, or looks on: other nodes are asked about them for a while, where this
    /// person may still ask and there is room. Whether the configs exist and are theirs to see has been checked.
    pub fn ask(self: &Arc<Self>, who: &str, scope: Pattern) -> Asked {
        if self.state().look(who, &scope, Instant::now()) {
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
        self.state.lock()
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

impl Ask {
    /// Returns the time of the last look.
    fn looked(&self) -> Option<Instant> {
        self.looks.values().max().copied()
    }
}

impl State {
    /// Notes that somebody looks. True when there is something new to ask.
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

    /// Finds the ask that somebody has not looked at for longest; none when they look at all of theirs now.
    fn quiet_of(&self, who: &str, now: Instant) -> Option<Pattern> {
        let looks = self.asks.iter().filter_map(|(scope, ask)| Some((*ask.looks.get(who)?, scope)));
        looks.min().filter(|(at, _)| now - *at > QUIET).map(|(_, scope)| scope.clone())
    }

    /// Ends somebody's look.
    fn look_away(&mut self, who: &str, scope: &Pattern) {
        let is_alone = self.asks.get_mut(scope).is_some_and(|ask| {
            ask.looks.remove(who);
            ask.looks.is_empty()
        });
        if is_alone {
            self.end(scope);
        }
    }

    /// Ends the ask that nobody has looked at for longest. When all are looked at now, ends one of those who look at
    /// most, if that is more than `who` would; false if it is not.
    fn give_way(&mut self, who: &str, now: Instant) -> bool {
        let quiet = self.asks.iter().map(|(scope, ask)| (ask.looked(), scope)).min();
        let quiet = quiet.filter(|(at, _)| at.is_none_or(|at| now - at > QUIET)).map(|(_, scope)| scope.clone());
        let Some(scope) = quiet.or_else(|| self.greediest(who)) else { return false };
        self.end(&scope);
        true
    }

    /// Finds an ask of those alone who look at most, if each of them looks at more than `who` would.
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

    /// Ends an ask; what stands on the board is taken away with the next look there.
    fn end(&mut self, scope: &Pattern) {
        if self.asks.remove(scope).is_some_and(|ask| ask.written) {
            self.ended.push(scope.clone());
        }
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
        let mut ended = std::mem::take(&mut self.ended);
        let unseen = self.asks.extract_if(|_, ask| {
            ask.looks.retain(|_, at| now - *at <= LOOKED);
            ask.looks.is_empty()
        });
        ended.extend(unseen.filter(|(_, ask)| ask.written).map(|(scope, _)| scope));
        // What gave way and is asked again is on the board for a reason.
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
