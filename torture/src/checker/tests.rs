//! Tests that the checker finds violations: each breaks a good history in one way.

use super::*;
use crate::{
    history::Phase,
    state::{Change, EtcdRelease},
};

const CONFIG: &str = "red/shop/application";

fn edit(value: &str) -> Edit {
    Edit { config: CONFIG.into(), key: "k".into(), value: value.into() }
}

fn release(seq: u64, message: &str, value: &str) -> Release {
    let content = format!("{{\"first\":\"release\",\"k\":\"{value}\"}}");
    Release {
        config: CONFIG.into(),
        seq,
        message: message.into(),
        content,
        sha256: format!("hash-{seq}"),
        delivered: true,
    }
}

fn lying(seq: u64) -> EtcdRelease {
    EtcdRelease { seq, sha256: format!("hash-{seq}"), rewritten_sha256: format!("stirred-{seq}") }
}

struct History {
    events: Vec<Event>,
    state: State,
    allowed: Allowed,
    converged: Option<Duration>,
}

impl History {
    fn note(&mut self, client: &str, what: EventKind) {
        let at = self.events.len() as u64;
        self.events.push(Event { at, client: client.into(), node: "console-0".into(), what });
    }

    fn invoke(&mut self, op: u64, action: Action, message: &str, value: &str) {
        let (message, edits) = (message.to_owned(), vec![edit(value)]);
        self.note("p", EventKind::Invoke { op, attempt: 0, action, message, edits, base: None });
    }

    fn ok(&mut self, op: u64, seq: Option<u64>) {
        let releases = seq.map(|seq| (CONFIG.to_owned(), seq)).into_iter().collect();
        self.note("p", EventKind::Ok { op, releases, delivered: true });
    }

    fn saw(&mut self, client: &str, how: ReadKind, seq: u64) {
        let (config, sha256) = (CONFIG.to_owned(), format!("hash-{seq}"));
        self.note(client, EventKind::Seen { how, config, seq, sha256 });
    }

    fn verdict(&self) -> Verdict {
        let readers = ["snapshot@console-0", "etcd@etcd"].map(str::to_owned);
        check(&self.events, &readers, &self.state, &self.allowed, self.converged)
    }

    /// Checks that a violation of a rule is found, with a text that contains `part`.
    fn wrong(&self, rule: char, part: &str) {
        let found = self.verdict().violations;
        assert!(found.iter().any(|v| v.rule == rule && v.what.contains(part)), "({rule}) {part} in {found:?}");
    }
}

/// Returns a history of two publishes, a save and a stale save, which readers see.
fn good() -> History {
    let live = BTreeMap::from([(CONFIG.to_owned(), 3)]);
    let state = State {
        began: BTreeMap::from([(CONFIG.to_owned(), 1)]),
        live,
        releases: vec![release(1, "first", "release"), release(2, "m0", "v0"), release(3, "m1", "v1")],
        changes: vec![Change {
            message: "m2".into(),
            state: "open".into(),
            edits: vec![(CONFIG.into(), "k".into(), "{\"value\":\"v2\"}".into())],
        }],
        channel_began: BTreeMap::from([(CONFIG.to_owned(), lying(1))]),
        channel: BTreeMap::from([(CONFIG.to_owned(), lying(3))]),
    };
    let converged = Some(Duration::from_secs(1));
    let mut history = History { events: Vec::new(), state, allowed: Allowed::default(), converged };
    history.saw("snapshot@console-0", ReadKind::Snapshot, 1);
    history.invoke(0, Action::Publish, "m0", "v0");
    history.ok(0, Some(2));
    history.note("harness", EventKind::Harness { name: "x".into(), phase: Phase::Begins });
    history.invoke(1, Action::Publish, "m1", "v1");
    history.note("p", EventKind::Unknown { op: 1, why: "reset".into() });
    history.invoke(1, Action::Publish, "m1", "v1");
    history.ok(1, Some(3));
    history.invoke(2, Action::Save, "m2", "v2");
    history.ok(2, None);
    history.invoke(3, Action::Stale, "m3", "v3");
    history.note("p", EventKind::Fail { op: 3, status: 412, why: String::new() });
    history.saw("snapshot@console-0", ReadKind::Snapshot, 3);
    history.saw("etcd@etcd", ReadKind::Etcd, 3);
    history
}

#[test]
fn good_history_passes() {
    let verdict = good().verdict();
    assert_eq!(verdict.violations, []);
    assert_eq!((verdict.acknowledged, verdict.lost, verdict.edits, verdict.retried), (2, 0, 1, 1));
    assert_eq!((verdict.stale, verdict.duplicates, verdict.open), ((1, 1), 0, 0));
}

#[test]
fn lost_publish_is_found() {
    let mut history = good();
    history.state.releases.pop();
    history.state.live.insert(CONFIG.into(), 2);
    history.state.channel.insert(CONFIG.into(), lying(2));
    history.wrong('a', "m1 was acknowledged");
    history.wrong('a', "behind acknowledged 3");
    assert_eq!(history.verdict().lost, 1);
}

#[test]
fn publish_without_its_value_is_found() {
    let mut history = good();
    history.state.releases[1].content = "{}".into();
    history.wrong('a', "lacks k");
}

#[test]
fn value_that_only_begins_alike_is_found() {
    let mut history = good();
    history.state.releases[1].content = "{\"k\":\"v01\"}".into();
    history.wrong('a', "lacks k");
}

#[test]
fn release_that_loses_another_clients_value_is_found() {
    let mut history = good();
    let edits = vec![Edit { config: CONFIG.into(), key: "other".into(), value: "w4".into() }];
    let message = "m4".to_owned();
    history.note("q", EventKind::Invoke { op: 4, attempt: 0, action: Action::Publish, message, edits, base: None });
    history.ok(4, Some(4));
    history.state.releases.push(Release { content: "{\"other\":\"w4\"}".into(), ..release(4, "m4", "") });
    history.state.live.insert(CONFIG.into(), 4);
    history.state.channel.insert(CONFIG.into(), lying(4));
    history.wrong('a', "release 4 of red/shop/application lacks k");
    history.state.releases[3].content = "{\"k\":\"v1\",\"other\":\"w4\"}".into();
    assert_eq!(history.verdict().violations, []);
}

#[test]
fn partial_publish_is_found() {
    let mut history = good();
    let second = Edit { config: "red/shop/limits".into(), key: "k".into(), value: "v".into() };
    let edits = vec![edit("v4"), second];
    let message = "m4".to_owned();
    history.note("p", EventKind::Invoke { op: 4, attempt: 0, action: Action::Publish, message, edits, base: None });
    history.state.releases.push(release(4, "m4", "v4"));
    history.state.live.insert(CONFIG.into(), 4);
    history.state.channel.insert(CONFIG.into(), lying(4));
    history.wrong('a', "published in part");
}

#[test]
fn channel_that_differs_from_sql_is_found() {
    let mut behind = good();
    behind.state.channel.insert(CONFIG.into(), lying(2));
    behind.wrong('a', "is 3 in SQL");
    let mut other = good();
    other.state.channel.insert(CONFIG.into(), EtcdRelease { sha256: "x".into(), ..lying(3) });
    other.wrong('a', "is 3 in SQL");
    let mut empty = good();
    empty.state.channel.clear();
    empty.wrong('a', "None in etcd");
    let mut due = good();
    due.state.releases[2].delivered = false;
    due.wrong('a', "still in the outbox");
}

#[test]
fn repaired_release_counts_as_equal() {
    let mut history = good();
    history
        .state
        .channel
        .insert(CONFIG.into(), EtcdRelease { seq: 3, sha256: "new".into(), rewritten_sha256: "hash-3".into() });
    let (config, sha256) = (CONFIG.to_owned(), "new".to_owned());
    history.note("poll@console-1", EventKind::Seen { how: ReadKind::Poll, config, seq: 3, sha256 });
    assert_eq!(history.verdict().violations, []);
}

#[test]
fn missing_and_duplicate_releases_are_found() {
    let mut gap = good();
    gap.state.releases.remove(1);
    gap.wrong('a', "[1, 3]");
    let mut twice = good();
    twice.state.releases.push(release(4, "m1", "v1"));
    twice.state.live.insert(CONFIG.into(), 4);
    twice.wrong('e', "m1 made 2 releases");
    assert_eq!(twice.verdict().duplicates, 1);
}

#[test]
fn reader_that_goes_back_is_found() {
    let mut history = good();
    history.saw("snapshot@console-0", ReadKind::Snapshot, 2);
    history.wrong('b', "went back from 3 to 2");
    history.allowed.fresh = vec!["console-0".into()];
    assert_eq!(history.verdict().violations, []);
}

#[test]
fn stale_write_to_etcd_is_found() {
    let mut history = good();
    history.saw("etcd@etcd", ReadKind::Etcd, 2);
    history.saw("etcd@etcd", ReadKind::Etcd, 3);
    history.wrong('b', "went back from 3 to 2 for etcd@etcd");
    history.allowed.etcd_falls = true;
    assert_eq!(history.verdict().violations, []);
}

#[test]
fn foreign_content_is_found() {
    let mut history = good();
    let (config, sha256) = (CONFIG.to_owned(), readers::sha256(b"foreign"));
    history.note(
        "etcd@etcd",
        EventKind::Seen { how: ReadKind::Etcd, config: config.clone(), seq: 3, sha256: sha256.clone() },
    );
    history.wrong('c', "no release");
    history.allowed.foreign = Some("foreign");
    assert_eq!(history.verdict().violations, []);
    let forged = EventKind::Seen { how: ReadKind::Etcd, config: config.clone(), seq: u64::MAX, sha256: sha256.clone() };
    history.note("etcd@etcd", forged);
    history.saw("etcd@etcd", ReadKind::Etcd, 3);
    assert_eq!(history.verdict().violations, []);
    history.note("poll@console-0", EventKind::Seen { how: ReadKind::Poll, config, seq: 3, sha256 });
    history.wrong('c', "poll@console-0");
}

#[test]
fn empty_content_is_found() {
    let mut history = good();
    history.note("poll@console-0", EventKind::Empty { how: ReadKind::Poll, config: CONFIG.into(), seq: 3 });
    history.wrong('c', "empty");
}

#[test]
fn round_that_tests_nothing_is_found() {
    let mut idle = good();
    idle.events.retain(|event| !matches!(event.what, EventKind::Ok { .. }));
    idle.wrong('g', "no publish");
    let mut unread = good();
    unread.events.retain(|event| event.client != "etcd@etcd");
    unread.wrong('g', "etcd@etcd");
}

#[test]
fn readers_that_stay_behind_are_found() {
    let mut history = good();
    history.converged = None;
    history.wrong('d', "in time");
}

#[test]
fn lost_edit_is_found() {
    let mut history = good();
    history.state.changes.clear();
    history.wrong('e', "the edits of m2");
    assert_eq!((history.verdict().lost_edits, history.verdict().lost), (1, 0));
    let mut history = good();
    history.state.changes[0].edits[0].2 = "other".into();
    history.wrong('e', "the edits of m2");
}

#[test]
fn accepted_stale_save_is_found() {
    let mut history = good();
    history.ok(3, None);
    history.wrong('e', "stale m3");
    let mut secretly = good();
    secretly.state.changes.push(Change { message: "m3".into(), state: "open".into(), edits: Vec::new() });
    secretly.wrong('e', "stale m3");
    assert_eq!(secretly.verdict().stale, (1, 0));
}

#[test]
fn open_operation_is_found() {
    let mut history = good();
    history.invoke(4, Action::Publish, "m4", "v4");
    history.note("p", EventKind::Unknown { op: 4, why: "503".into() });
    history.wrong('e', "m4 got no definite answer");
    assert_eq!(history.verdict().open, 1);
}

#[test]
fn refused_publish_is_found() {
    let mut history = good();
    history.invoke(4, Action::Publish, "m4", "v4");
    history.note("p", EventKind::Fail { op: 4, status: 422, why: String::new() });
    history.wrong('e', "m4 was refused (422) without a reason");
    assert_eq!(history.verdict().refused, 1);
    history.state.releases.push(release(4, "m4", "v4"));
    history.state.live.insert(CONFIG.into(), 4);
    history.state.channel.insert(CONFIG.into(), lying(4));
    history.wrong('e', "but exists");
}
