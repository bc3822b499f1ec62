//! Keeps this node in the node registry: registers it, replies to queries and, on a console, writes queries.
//!
//! No read waits for this. If the registry is unreachable or refuses writes, the node serves on, and pages show the
//! nodes that have not replied.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    super::{
        feed::{BackOff, RELIST},
        known_tokens::KnownTokens,
    },
    ASKS, Nodes, ROOM_OF_ONE,
    answer::{self, Latest},
};
use crate::{
    channel::{AHEAD, Ahead, Board, BoardWatch, Fault, Hears, NodeId, Notice, Seat},
    domain::{access::Pattern, names::ConfigId},
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Lifetime of a query without a renewal: longer than two renewal intervals.
const ASKED: Duration = Duration::from_secs(25);
/// Minimum interval between replies after changes.
const PAUSE: Duration = Duration::from_secs(1);
/// Minimum interval between replies of the maximum size.
const LONG_PAUSE: Duration = Duration::from_secs(4);
/// Interval between checks while there are queries.
const TICK: Duration = Duration::from_millis(250);
/// Interval between checks of the membership and of later releases otherwise.
const IDLE: Duration = Duration::from_secs(1);
/// Delay before a refused write is retried: a person may grant the permission meanwhile.
const REFUSED: Duration = Duration::from_secs(60);

/// Returns the background task that keeps the link.
#[must_use]
pub fn task(nodes: Arc<Nodes>, board: Board, hears: Hears, tokens: Option<Arc<KnownTokens>>) -> Task {
    Task::looping("nodes", Lang::task_nodes, move |task| {
        let (nodes, board, tokens) = (Arc::clone(&nodes), board.clone(), tokens.clone());
        async move { run(&nodes, &board, hears, tokens.as_deref(), task).await }
    })
}

/// Keeps the link until the stop, then leaves the registry. A node that only watches queries is a reader node: with its
/// `tokens`, it writes what it holds that is later than the channel.
async fn run(nodes: &Nodes, board: &Board, hears: Hears, tokens: Option<&KnownTokens>, task: TaskHandle) {
    let mut link = Link { nodes, board, hears, tokens, seat: None, asked: HashMap::new(), ended: Vec::new() };
    task.until_stopped(link.keep(&task)).await;
    if let Some(seat) = link.seat.take() {
        seat.leave().await;
    }
}

struct Link<'a> {
    nodes: &'a Nodes,
    board: &'a Board,
    hears: Hears,
    tokens: Option<&'a KnownTokens>,
    seat: Option<Seat>,
    /// Queries of other nodes.
    asked: HashMap<Pattern, Asked>,
    /// Queries with a reply that gave way.
    ended: Vec<Pattern>,
}

/// A query of another node.
struct Asked {
    until: Instant,
    room: usize,
    /// Whether it was renewed after the last reply.
    anew: bool,
    /// Earliest time of the next reply.
    next: Instant,
    /// Number of the last change in the last reply. `None` before the first reply.
    told: Option<u64>,
}

impl Link<'_> {
    async fn keep(&mut self, task: &TaskHandle) {
        let (mut said, mut refused, mut back_off) = (None, false, BackOff::new());
        loop {
            back_off.begin();
            let Err(fault) = self.round(&mut said, task).await else {
                refused = false;
                continue;
            };
            self.nodes.state().away();
            self.nodes.rung();
            // Logged once, because it may last for days.
            let why = fault.to_string();
            task.failed(fault.name(), &why);
            if said.as_ref() != Some(&why) {
                tracing::warn!(error = why, "this node is not in the node registry, retrying");
                said = Some(why);
            }
            if !matches!(fault, Fault::Refused(_)) {
                refused = false;
                back_off.rest().await;
            } else if std::mem::replace(&mut refused, true) {
                // The membership is kept meanwhile: pages show this node as one that does not reply.
                sleep(REFUSED).await;
            } else {
                // etcd may have lost the lease.
                self.seat = None;
                back_off.rest().await;
            }
        }
    }

    /// Reads the registry, then watches it until the watch ends or is old enough, or the membership is lost.
    async fn round(&mut self, said: &mut Option<String>, task: &TaskHandle) -> Result<(), Fault> {
        let seat = self.seated().await?;
        let there = self.board.list().await?;
        if !there.notices.iter().any(|notice| matches!(notice, Notice::Here(id, _) if *id == seat)) {
            // Its key was deleted.
            self.seat = None;
            return Err(Fault::Unreachable("this node's key in the node registry is missing".into()));
        }
        let mut watch = self.board.watch(self.hears, there.revision).await?;
        self.look(seat, there.notices);
        if said.take().is_some() {
            tracing::info!("etcd watch of the node registry restored");
        }
        let old = sleep(RELIST.mul_f64(rand::random_range(1.0..1.5)));
        tokio::pin!(old);
        loop {
            self.tell().await?;
            self.answer().await?;
            let asks = self.ask().await?;
            task.ran();
            let Some(seat) = self.seat.as_ref().filter(|seat| !seat.is_lost()).map(Seat::id) else { return Ok(()) };
            let pause = if asks || !self.asked.is_empty() { TICK } else { IDLE };
            tokio::select! {
                heard = next(&mut watch) => heard?.into_iter().for_each(|notice| self.take(seat, notice)),
                () = self.nodes.wanted.notified() => {}
                () = sleep(pause) => {}
                () = &mut old => return Ok(()),
            }
        }
    }

    /// Returns the id of this node's membership, and joins the registry if needed.
    async fn seated(&mut self) -> Result<NodeId, Fault> {
        if let Some(seat) = self.seat.as_ref().filter(|seat| !seat.is_lost()) {
            return Ok(seat.id());
        }
        self.seat = None;
        let seat = self.board.join(self.hears == Hears::Asks).await?;
        let id = seat.id();
        self.seat = Some(seat);
        // Earlier replies ended with the old membership.
        self.asked.values_mut().for_each(|asked| asked.anew = true);
        Ok(id)
    }

    /// Handles the whole registry.
    fn look(&mut self, seat: NodeId, notices: Vec<Notice>) {
        let mut others = BTreeMap::new();
        for notice in notices {
            match notice {
                Notice::Here(id, about) if id != seat && others.len() < super::NODES => _ = others.insert(id, about),
                Notice::Asked { by, scope, room } if by != seat => self.asked(scope, room),
                _ => {}
            }
        }
        self.nodes.state().together(others);
        self.nodes.rung();
    }

    fn take(&mut self, seat: NodeId, notice: Notice) {
        match notice {
            Notice::Asked { by, scope, room } if by != seat => self.asked(scope, room),
            Notice::Here(id, _) if id == seat => {}
            Notice::Gone(id) if id == seat => self.seat = None,
            Notice::Answered { by, .. } | Notice::Asked { by, .. } if by == seat => {}
            notice => {
                let mut state = self.nodes.state();
                let heard = state.hear(notice, (self.nodes.clock)());
                if !heard && !std::mem::replace(&mut state.warned, true) {
                    tracing::warn!("ignoring invalid replies in the node registry");
                }
                drop(state);
                self.nodes.rung();
            }
        }
    }

    fn asked(&mut self, scope: Pattern, room: usize) {
        let (now, room) = (Instant::now(), room.clamp(*ROOM_OF_ONE.start(), *ROOM_OF_ONE.end()));
        if self.asked.len() >= ASKS && !self.asked.contains_key(&scope) {
            self.ended.extend(give_way(&mut self.asked));
        }
        let asked = self.asked.entry(scope).or_insert(Asked { until: now, room, anew: true, next: now, told: None });
        (asked.until, asked.room, asked.anew) = (now + ASKED, room, true);
    }

    /// Writes what this reader node holds that is later than the channel.
    async fn tell(&mut self) -> Result<(), Fault> {
        let (Some(seat), Some(tokens)) = (&mut self.seat, self.tokens) else { return Ok(()) };
        seat.tell(Ahead { tokens: tokens.ahead(), releases: self.nodes.reader.shelf.ahead(AHEAD) }).await
    }

    /// Replies to renewed queries and after changes. Withdraws replies to queries that have ended.
    async fn answer(&mut self) -> Result<(), Fault> {
        let Some(seat) = &self.seat else { return Ok(()) };
        let now = Instant::now();
        let mut ended = std::mem::take(&mut self.ended);
        ended.extend(self.asked.extract_if(|_, asked| asked.until <= now).map(|(scope, _)| scope));
        // A query that gave way and is asked again gets a reply below.
        ended.retain(|scope| !self.asked.contains_key(scope));
        for scope in ended {
            seat.answer_no_more(&scope).await?;
        }
        let reader = &self.nodes.reader;
        for (scope, asked) in &mut self.asked {
            let changed = reader.instances.changed(scope);
            if !asked.anew && (asked.next > now || asked.told == Some(changed)) {
                continue;
            }
            let (of, own, at) = (scope.clone(), Arc::clone(reader), (self.nodes.clock)());
            let room = asked.room;
            // Sorts up to 50,000 names, so no read may wait for it.
            let written = tokio::task::spawn_blocking(move || {
                let latest = |config: &ConfigId| Latest::on(&own.shelf, config);
                answer::write(&own.instances, latest, &of, room, at)
            });
            let value = written.await.map_err(|e| Fault::Unreachable(format!("an answer: {e}")))?;
            seat.answer(scope, &value).await?;
            let full = value.len().saturating_mul(1000) / (2 * room);
            let pause = LONG_PAUSE.mul_f64(f64::from(u32::try_from(full).unwrap_or(1000)) / 1000.0);
            (asked.anew, asked.told, asked.next) = (false, Some(changed), Instant::now() + pause.max(PAUSE));
        }
        Ok(())
    }

    /// Writes the queries that people look at. Returns whether there are any.
    async fn ask(&mut self) -> Result<bool, Fault> {
        let Some(seat) = self.seat.as_ref().filter(|_| self.hears == Hears::All) else { return Ok(false) };
        let (due, ended) = self.nodes.state().due(Instant::now());
        for (scope, room) in due {
            seat.ask(&scope, room).await?;
        }
        for scope in ended {
            seat.ask_no_more(&scope).await?;
        }
        Ok(!self.nodes.state().asks.is_empty())
    }
}

/// Drops the query with the oldest renewal, so that no console blocks another one. Its console keeps the last reply and
/// renews the query later. Returns the query if it has a reply, to be withdrawn.
fn give_way(asked: &mut HashMap<Pattern, Asked>) -> Option<Pattern> {
    let first = asked.iter().min_by_key(|(_, asked)| asked.until).map(|(scope, _)| scope.clone())?;
    let gone = asked.remove(&first)?;
    gone.told.map(|_| first)
}

/// Waits for the next events.
async fn next(watch: &mut BoardWatch) -> Result<Vec<Notice>, Fault> {
    loop {
        let notices = watch.next().await?;
        if !notices.is_empty() {
            return Ok(notices);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_with_the_oldest_renewal_gives_way() {
        let scope = |text: &str| text.parse::<Pattern>().unwrap();
        let now = Instant::now();
        let asked = |seconds: u64, told| Asked {
            until: now + Duration::from_secs(seconds),
            room: 4096,
            anew: false,
            next: now,
            told,
        };
        let mut all = HashMap::from([
            (scope("prod/*/*"), asked(9, Some(1))),
            (scope("dev/*/*"), asked(8, None)),
            (scope("*/shop/*"), asked(7, Some(1))),
        ]);
        assert_eq!(give_way(&mut all), Some(scope("*/shop/*")));
        assert_eq!(give_way(&mut all), None, "it has no reply in the registry");
        assert_eq!(all.keys().collect::<Vec<_>>(), [&scope("prod/*/*")]);
    }
}
