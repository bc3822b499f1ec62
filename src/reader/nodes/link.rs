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
    MAX_QUERIES, Nodes, REPLY_BYTES, people,
    reply::{self, NodeRelease},
};
use crate::{
    channel::{
        AheadReport, ChannelError, MAX_AHEAD_RELEASES, Membership, NodeId, NodeRegistry, RegistryEvent, RegistryFilter,
        RegistryWatch,
    },
    domain::{access::Pattern, names::ConfigId},
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Lifetime of a query without a renewal: longer than two renewal intervals.
const QUERY_TTL: Duration = Duration::from_secs(25);
/// Minimum interval between replies after changes.
const MIN_REPLY_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum interval between replies of the maximum size.
const MAX_REPLY_INTERVAL: Duration = Duration::from_secs(4);
/// Interval between checks while there are queries.
const QUERY_CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// Interval between checks of the membership and of later releases otherwise.
const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Delay before a refused write is retried: a person may grant the permission meanwhile.
const REFUSED_RETRY_DELAY: Duration = Duration::from_secs(60);

/// Returns the background task that keeps the link.
pub fn task(
    nodes: Arc<Nodes>,
    registry: NodeRegistry,
    filter: RegistryFilter,
    tokens: Option<Arc<KnownTokens>>,
) -> Task {
    Task::looping("nodes", Lang::task_nodes, move |task| {
        let (nodes, registry, tokens) = (Arc::clone(&nodes), registry.clone(), tokens.clone());
        async move { run(&nodes, &registry, filter, tokens.as_deref(), task).await }
    })
}

/// Keeps the link until the stop, then leaves the registry. A node that only watches queries is a reader node. With
/// `tokens`, it reports releases and tokens that are later than those in the channel.
async fn run(
    nodes: &Nodes,
    registry: &NodeRegistry,
    hears: RegistryFilter,
    tokens: Option<&KnownTokens>,
    task: TaskHandle,
) {
    let mut link =
        Link { nodes, registry, hears, tokens, membership: None, queries: HashMap::new(), ended: Vec::new() };
    task.until_stopped(link.keep(&task)).await;
    if let Some(member) = link.membership.take() {
        member.leave().await;
    }
}

struct Link<'a> {
    nodes: &'a Nodes,
    registry: &'a NodeRegistry,
    hears: RegistryFilter,
    tokens: Option<&'a KnownTokens>,
    membership: Option<Membership>,
    /// Queries of other nodes.
    queries: HashMap<Pattern, ReceivedQuery>,
    /// Evicted queries whose replies are still in the registry.
    ended: Vec<Pattern>,
}

/// A query of another node.
struct ReceivedQuery {
    until: Instant,
    reply_bytes: usize,
    /// Whether it was renewed after the last reply.
    is_renewed: bool,
    /// Earliest time of the next reply.
    next: Instant,
    /// Number of the last change in the last reply. `None` before the first reply.
    replied_change: Option<u64>,
}

impl Link<'_> {
    async fn keep(&mut self, task: &TaskHandle) {
        let (mut said, mut refused, mut back_off) = (None, false, BackOff::new());
        loop {
            back_off.begin();
            let Err(error) = self.round(&mut said, task).await else {
                refused = false;
                continue;
            };
            self.nodes.state().disconnected();
            self.nodes.notify_event();
            // Logged once, because it may last for days.
            let why = error.to_string();
            task.failed(error.name(), &why);
            if said.as_ref() != Some(&why) {
                tracing::warn!(
                    error = why,
                    "this node cannot register in etcd, so consoles do not show its readers; retrying"
                );
                said = Some(why);
            }
            if !matches!(error, ChannelError::Refused(_)) {
                refused = false;
                back_off.delay().await;
            } else if std::mem::replace(&mut refused, true) {
                // The membership is kept meanwhile: pages show this node as one that does not reply.
                task.next_in(REFUSED_RETRY_DELAY);
                sleep(REFUSED_RETRY_DELAY).await;
            } else {
                // etcd may have lost the lease.
                self.membership = None;
                back_off.delay().await;
            }
        }
    }

    /// Reads the registry, then watches it until the watch ends or is old enough, or the membership is lost.
    async fn round(&mut self, said: &mut Option<String>, task: &TaskHandle) -> Result<(), ChannelError> {
        let member = self.ensure_member().await?;
        let there = self.registry.list().await?;
        if !there.events.iter().any(|event| matches!(event, RegistryEvent::Joined(id, _) if *id == member)) {
            // Its key was deleted.
            self.membership = None;
            return Err(ChannelError::Unreachable("this node's key in the node registry is missing".into()));
        }
        let mut watch = self.registry.watch(self.hears, there.revision).await?;
        self.handle_listing(member, there.events);
        if said.take().is_some() {
            tracing::info!("etcd watch of the node registry restored");
        }
        let old = sleep(RELIST.mul_f64(rand::random_range(1.0..1.5)));
        tokio::pin!(old);
        loop {
            self.report_ahead().await?;
            self.write_replies().await?;
            let asks = self.write_queries().await?;
            task.ran();
            let Some(member) = self.membership.as_ref().filter(|member| !member.is_lost()).map(Membership::id) else {
                return Ok(());
            };
            let pause = if asks || !self.queries.is_empty() { QUERY_CHECK_INTERVAL } else { IDLE_CHECK_INTERVAL };
            tokio::select! {
                heard = next_events(&mut watch) => heard?.into_iter().for_each(|event| self.handle_event(member, event)),
                () = self.nodes.query_added.notified() => {}
                () = sleep(pause) => {}
                () = &mut old => return Ok(()),
            }
        }
    }

    /// Returns the id of this node's membership, and joins the registry if needed.
    async fn ensure_member(&mut self) -> Result<NodeId, ChannelError> {
        if let Some(member) = self.membership.as_ref().filter(|member| !member.is_lost()) {
            return Ok(member.id());
        }
        self.membership = None;
        let member = self.registry.join(self.hears == RegistryFilter::Queries).await?;
        let id = member.id();
        self.membership = Some(member);
        // Earlier replies ended with the old membership.
        self.queries.values_mut().for_each(|asked| asked.is_renewed = true);
        Ok(id)
    }

    /// Handles the whole registry.
    fn handle_listing(&mut self, member: NodeId, events: Vec<RegistryEvent>) {
        let mut others = BTreeMap::new();
        for event in events {
            match event {
                RegistryEvent::Joined(id, about) if id != member && others.len() < super::MAX_NODES => {
                    _ = others.insert(id, about)
                }
                RegistryEvent::Queried { by, scope, reply_bytes: room } if by != member => {
                    self.handle_query(scope, room)
                }
                _ => {}
            }
        }
        self.nodes.state().connected(others);
        self.nodes.notify_event();
    }

    fn handle_event(&mut self, member: NodeId, event: RegistryEvent) {
        match event {
            RegistryEvent::Queried { by, scope, reply_bytes: room } if by != member => self.handle_query(scope, room),
            RegistryEvent::Joined(id, _) if id == member => {}
            RegistryEvent::Left(id) if id == member => self.membership = None,
            RegistryEvent::Replied { by, .. } | RegistryEvent::Queried { by, .. } if by == member => {}
            event => {
                let mut state = self.nodes.state();
                let heard = state.handle_event(event, (self.nodes.clock)());
                if !heard && !std::mem::replace(&mut state.warned, true) {
                    tracing::warn!("ignoring invalid replies in the node registry");
                }
                drop(state);
                self.nodes.notify_event();
            }
        }
    }

    fn handle_query(&mut self, scope: Pattern, reply_bytes: usize) {
        let (now, room) = (Instant::now(), reply_bytes.clamp(*REPLY_BYTES.start(), *REPLY_BYTES.end()));
        if self.queries.len() >= MAX_QUERIES && !self.queries.contains_key(&scope) {
            self.ended.extend(evict_query(&mut self.queries));
        }
        let asked = self.queries.entry(scope).or_insert(ReceivedQuery {
            until: now,
            reply_bytes: room,
            is_renewed: true,
            next: now,
            replied_change: None,
        });
        (asked.until, asked.reply_bytes, asked.is_renewed) = (now + QUERY_TTL, room, true);
    }

    /// Reports releases and tokens of this reader node that are later than those in the channel.
    async fn report_ahead(&mut self) -> Result<(), ChannelError> {
        let (Some(member), Some(tokens)) = (&mut self.membership, self.tokens) else { return Ok(()) };
        member
            .report_ahead(AheadReport {
                tokens: tokens.ahead_version(),
                releases: self.nodes.reader.store.ahead(MAX_AHEAD_RELEASES),
            })
            .await
    }

    /// Replies to renewed queries and after changes. Withdraws replies to queries that have ended.
    async fn write_replies(&mut self) -> Result<(), ChannelError> {
        let Some(member) = &self.membership else { return Ok(()) };
        let now = Instant::now();
        let mut ended = std::mem::take(&mut self.ended);
        ended.extend(self.queries.extract_if(|_, asked| asked.until <= now).map(|(scope, _)| scope));
        // A query that was evicted and has come again gets a reply below.
        ended.retain(|scope| !self.queries.contains_key(scope));
        for scope in ended {
            member.withdraw_reply(&scope).await?;
        }
        let reader = &self.nodes.reader;
        for (scope, asked) in &mut self.queries {
            let names = scope.config().map(|config| self.nodes.own_people(&config)).unwrap_or_default();
            let changed = reader.instances.changed(scope).wrapping_add(people::version(&names));
            if !asked.is_renewed && (asked.next > now || asked.replied_change == Some(changed)) {
                continue;
            }
            let (of, own, at) = (scope.clone(), Arc::clone(reader), (self.nodes.clock)());
            let room = asked.reply_bytes;
            // Sorts up to 50,000 names, so no read may wait for it.
            let written = tokio::task::spawn_blocking(move || {
                let latest = |config: &ConfigId| NodeRelease::in_store(&own.store, config);
                reply::write(&own.instances, latest, names, &of, room, at)
            });
            let value = written.await?;
            member.write_reply(scope, &value).await?;
            let full = value.len().saturating_mul(1000) / (2 * room);
            let pause = MAX_REPLY_INTERVAL.mul_f64(f64::from(u32::try_from(full).unwrap_or(1000)) / 1000.0);
            (asked.is_renewed, asked.replied_change, asked.next) =
                (false, Some(changed), Instant::now() + pause.max(MIN_REPLY_INTERVAL));
        }
        Ok(())
    }

    /// Writes the queries of open pages. Returns whether there are any.
    async fn write_queries(&mut self) -> Result<bool, ChannelError> {
        let Some(member) = self.membership.as_ref().filter(|_| self.hears == RegistryFilter::All) else {
            return Ok(false);
        };
        let (due, ended) = self.nodes.state().due_queries(Instant::now());
        for (scope, room) in due {
            member.write_query(&scope, room).await?;
        }
        for scope in ended {
            member.end_query(&scope).await?;
        }
        Ok(!self.nodes.state().queries.is_empty())
    }
}

/// Drops the query with the oldest renewal, so that no console blocks another one. Its console keeps the last reply and
/// renews the query later. Returns the query if it has a reply, to be withdrawn.
fn evict_query(asked: &mut HashMap<Pattern, ReceivedQuery>) -> Option<Pattern> {
    let first = asked.iter().min_by_key(|(_, asked)| asked.until).map(|(scope, _)| scope.clone())?;
    let gone = asked.remove(&first)?;
    gone.replied_change.map(|_| first)
}

/// Waits for the next events.
async fn next_events(watch: &mut RegistryWatch) -> Result<Vec<RegistryEvent>, ChannelError> {
    loop {
        let events = watch.next().await?;
        if !events.is_empty() {
            return Ok(events);
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
        let asked = |seconds: u64, told| ReceivedQuery {
            until: now + Duration::from_secs(seconds),
            reply_bytes: 4096,
            is_renewed: false,
            next: now,
            replied_change: told,
        };
        let mut all = HashMap::from([
            (scope("prod/*/*"), asked(9, Some(1))),
            (scope("dev/*/*"), asked(8, None)),
            (scope("*/shop/*"), asked(7, Some(1))),
        ]);
        assert_eq!(evict_query(&mut all), Some(scope("*/shop/*")));
        assert_eq!(evict_query(&mut all), None, "it has no reply in the registry");
        assert_eq!(all.keys().collect::<Vec<_>>(), [&scope("prod/*/*")]);
    }
}
