//! Tests of queries and replies without etcd: the events of the registry are passed in directly.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{
    super::{
        ReaderSettings,
        instances::{InstanceIdentity, InstanceName, Instances},
    },
    reply::{NodeRelease, read, write},
    *,
};
use crate::{
    auth::tokens::TokenCache,
    channel::{AheadReport, MAX_REPLY_BYTES},
    clock::now,
};

const SHOP: &str = "prod/shop/application";
const ANA: &str = "ana's account";
const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

fn scope(text: &str) -> Pattern {
    text.parse().unwrap()
}

fn config(text: &str) -> ConfigId {
    text.parse().unwrap()
}

/// Returns a node's latest release, with this number for every config.
fn holds(release: u64) -> impl Fn(&ConfigId) -> NodeRelease {
    move |_| NodeRelease { release, sha256: "0".repeat(64) }
}

fn note(instances: &Instances, config: &str, name: &str, release: u64, at: Time) {
    let visitor = InstanceIdentity { name: InstanceName::Named(name.into()), client: "curl/8".into() };
    instances.record(config, "secret-token-id", &visitor, release, at);
}

fn nodes(others: bool) -> Arc<Nodes> {
    let reader = Reader::new(Arc::new(TokenCache::new()), now, &ReaderSettings::default(), CancellationToken::new());
    Nodes::new(reader, "here", others)
}

/// Returns the reply of a node with these readers.
fn answered(of: &str, configs: &[(&str, &str, u64)]) -> Vec<u8> {
    let own = Instances::default();
    for (config, name, release) in configs {
        note(&own, config, name, *release, now());
    }
    write(&own, holds(2), Vec::new(), &scope(of), 4096, now()).into_bytes()
}

fn about(name: &str) -> NodeInfo {
    NodeInfo { name: name.into(), reader: true, ahead: AheadReport::default() }
}

#[test]
fn a_reply_arrives_with_its_ages() {
    let own = Instances::default();
    note(&own, SHOP, "a", 1, Time(1_000_000));
    note(&own, SHOP, "a", 1, Time(1_500_000));
    note(&own, "dev/shop/application", "b", 7, Time(1_500_000));
    let value = write(&own, holds(1), Vec::new(), &scope("prod/*/*"), 4096, Time(1_600_000));
    assert!(!value.contains("secret") && !value.contains("\"b\""), "{value}");
    // The console has another clock.
    let answer = read(value.as_bytes(), &scope("prod/*/*"), &"x".into(), Time(9_600_000)).unwrap();
    let [instance] = &answer.configs[&config(SHOP)].instances[..] else { panic!("{answer:?}") };
    assert_eq!((&*instance.name, &*instance.client, instance.release), ("a", "curl/8", 1));
    assert_eq!((instance.since, instance.seen_at), (Time(9_000_000), Time(9_500_000)));
    assert_eq!(instance.node.as_deref(), Some("x"));
    assert_eq!((answer.configs.len(), answer.omitted_configs), (1, 0));

    let later = write(&own, holds(1), Vec::new(), &scope("prod/*/*"), 4096, Time(1_700_000));
    assert_eq!(read(later.as_bytes(), &scope("prod/*/*"), &"x".into(), Time(0)).unwrap().version, answer.version);
    note(&own, SHOP, "a", 2, Time(1_700_000));
    let changed = write(&own, holds(1), Vec::new(), &scope("prod/*/*"), 4096, Time(1_700_000));
    assert_ne!(read(changed.as_bytes(), &scope("prod/*/*"), &"x".into(), Time(0)).unwrap().version, answer.version);
}

#[test]
fn a_reply_names_the_people_of_a_config() {
    let reply = |people: &[&str]| {
        let people = people.iter().map(|name| (*name).to_owned()).collect();
        write(&Instances::default(), holds(1), people, &scope(SHOP), 4096, now())
    };
    let heard = |value: &str| read(value.as_bytes(), &scope(SHOP), &"x".into(), now());
    let long = "x".repeat(200);
    let here = heard(&reply(&["ana", &long, "marek"])).unwrap();
    assert_eq!(here.people, ["ana", "marek"]);
    assert_ne!(here.version, heard(&reply(&["ana"])).unwrap().version);
    assert_eq!(heard(&reply(&["n"; 30])).unwrap().people.len(), 20);
    // What no node writes is refused, and an older node names nobody.
    assert!(heard(&reply(&["ana"]).replace("\"ana\"", &["\"n\""; 21].join(","))).is_none());
    assert!(heard(&reply(&["ana"]).replace("ana", &long)).is_none());
    assert!(heard(r#"{"clients":[],"configs":[],"left":0}"#).unwrap().people.is_empty());
}

#[test]
fn people_here_and_on_other_nodes_are_named_once() {
    let nodes = nodes(true);
    nodes.state().connected([(ONE, about("one"))].into());
    drop(nodes.query(ANA, scope(SHOP)));
    let before = nodes.version(&scope(SHOP));
    nodes.record_person(&config(SHOP), "marek");
    assert_ne!(nodes.version(&scope(SHOP)), before);
    let value = write(&Instances::default(), holds(1), vec!["ana".into(), "marek".into()], &scope(SHOP), 4096, now());
    let replied = RegistryEvent::Replied { by: ONE, scope: scope(SHOP), value: value.into_bytes() };
    assert!(nodes.state().handle_event(replied, now()));
    assert_eq!(nodes.people(&config(SHOP)), ["ana", "marek"]);
    assert!(nodes.people(&config("prod/shop/other")).is_empty());
}

#[test]
fn a_reply_keeps_its_size_limit_and_names_instances_that_are_behind() {
    let own = Instances::default();
    for n in 0..5000_u64 {
        // One of a thousand is behind, and these have the last names.
        let behind = n % 1000 == 999;
        let name =
            format!("{}-{}", if behind { "zz" } else { "shop" }, "\"".repeat(1 + usize::try_from(n % 90).unwrap()));
        note(&own, SHOP, &format!("{name}{n}"), if behind { n / 1000 } else { 40 + n % 30 }, Time(0));
    }
    for room in [4096, 65536, usize::MAX] {
        let value = write(&own, holds(30), Vec::new(), &scope(SHOP), room, Time(0));
        assert!(value.len() <= room.saturating_mul(2).min(MAX_REPLY_BYTES), "{} in {room}", value.len());
        let answer = read(value.as_bytes(), &scope(SHOP), &"x".into(), Time(0)).unwrap();
        let readers = Readers::of(Vec::new(), answer.configs.values(), holds(70)(&config(SHOP)), Time(0));
        assert_eq!(readers.behind(30).count(), 5, "all of them have a name");
        assert!(readers.instances.len() > 20 && readers.unnamed() > 0, "{} names", readers.instances.len());
        assert_eq!((readers.seen(1), readers.seen(40)), ((4999, 5000), (4995, 5000)), "the others count");
    }
}

#[test]
fn configs_beyond_the_size_limit_are_left_out_up_to_date_ones_first() {
    let own = Instances::default();
    for n in 0..1000 {
        note(&own, &format!("prod/shop/c{n}"), "a", u64::from(n != 999), Time(0));
    }
    let value = write(&own, holds(1), Vec::new(), &scope("prod/*/*"), 4096, Time(0));
    let answer = read(value.as_bytes(), &scope("prod/*/*"), &"x".into(), Time(0)).unwrap();
    assert!(
        value.len() < 8192 && answer.omitted_configs > 900 && answer.omitted_configs + answer.configs.len() == 1000
    );
    assert!(answer.configs.contains_key(&config("prod/shop/c999")));
}

#[test]
fn a_reply_that_no_node_writes_is_invalid() {
    let good = r#"{"clients":["c"],"configs":[{"config":"prod/shop/application","latest":{"release":1,"sha256":""},"seen":[["a",0,1,5,5]],"unnamed":[[1,2]]}],"left":0}"#;
    let read = |text: &str| read(text.as_bytes(), &scope("prod/shop/*"), &"x".into(), Time(0)).is_some();
    assert!(read(good));
    let long = format!("\"{}\"", "y".repeat(129));
    for (part, other) in [
        ("prod/shop", "dev/shop"),
        ("prod/shop/application", "prod/shop/../x"),
        ("[\"a\",0", "[\"a\",1"),
        ("\"a\"", "\"\""),
        ("\"a\"", &long),
        ("\"c\"", &long),
        ("5,5", "-5,5"),
        ("5,5", "5,18446744073709551615"),
        ("5,5", "5,9007199254740992"),
        ("0,1,5", "0,9007199254740992,5"),
        ("\"release\":1", "\"release\":9007199254740992"),
        ("\"sha256\":\"\"", &format!("\"sha256\":\"{}\"", "0".repeat(65))),
        ("[1,2]", "[9007199254740992,2]"),
        ("[1,2]", "[1,20001]"),
        ("[1,2]", &vec!["[1,2]"; 17].join(",")),
        ("[1,2]", "[1,4294967296]"),
        ("\"left\":0", "\"left\":-1"),
        ("{\"clients\"", "[\"clients\""),
    ] {
        assert!(good.contains(part) && !read(&good.replacen(part, other, 1)), "{other}");
    }
    assert!(!read(&format!("{good}{}", " ".repeat(MAX_REPLY_BYTES))));
}

#[tokio::test]
async fn a_node_without_others_queries_none() {
    let nodes = nodes(false);
    note(&nodes.reader.instances, SHOP, "a", 1, now());
    let told = nodes.query(ANA, scope(SHOP)).coverage().await;
    assert_eq!(told, NodeCoverage::default());
    assert_eq!((nodes.seen(&config(SHOP), 1), nodes.readers(&config(SHOP)).all()), ((1, 1), 1));
    assert!(nodes.state().queries.is_empty());
}

#[test]
fn the_reply_to_the_narrowest_query_counts() {
    let nodes = nodes(true);
    let hear = |event| nodes.state().handle_event(event, now());
    nodes.state().connected(BTreeMap::from([(ONE, about("one"))]));
    assert!(hear(RegistryEvent::Joined(TWO, about("two"))));
    for of in [SHOP, "*/*/*"] {
        drop(nodes.query(ANA, scope(of)));
    }
    let say = |by, of: &str, value| hear(RegistryEvent::Replied { by, scope: scope(of), value });
    assert!(say(ONE, "*/*/*", answered("*/*/*", &[(SHOP, "a", 1), ("dev/shop/application", "d", 1)])));
    assert!(say(TWO, "*/*/*", answered("*/*/*", &[(SHOP, "b", 1)])));
    assert_eq!(nodes.seen(&config(SHOP), 1), (2, 2));
    assert!(say(ONE, SHOP, answered(SHOP, &[(SHOP, "a", 2)])));
    assert_eq!((nodes.seen(&config(SHOP), 2), nodes.readers(&config(SHOP)).seen(2)), ((1, 2), (1, 2)));
    assert_eq!(nodes.state().coverage(&scope(SHOP)).silent, [about("two")]);

    // A node without instances replies so.
    assert!(say(ONE, SHOP, answered(SHOP, &[])));
    assert_eq!(nodes.seen(&config(SHOP), 1), (1, 1));
    let under: Vec<_> = nodes.under(&scope("*/*/*")).into_iter().map(|(config, _)| config.to_string()).collect();
    assert_eq!(under, ["dev/shop/application", SHOP]);

    // An invalid reply leaves the last one. A reply without a query here is not parsed.
    assert!(!say(TWO, "*/*/*", b"{}".to_vec()));
    assert!(say(TWO, "dev/*/*", b"{}".to_vec()));
    assert_eq!(nodes.seen(&config(SHOP), 1), (1, 1));
    assert!(hear(RegistryEvent::Left(TWO)));
    assert_eq!((nodes.seen(&config(SHOP), 1), nodes.state().coverage(&scope(SHOP)).others), ((0, 0), 1));
    nodes.state().disconnected();
    assert!(nodes.state().coverage(&scope(SHOP)).unreachable && nodes.under(&scope("*/*/*")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_page_waits_a_moment_for_a_new_query_and_never_again() {
    let nodes = nodes(true);
    nodes.state().connected(BTreeMap::from([(ONE, about("dead"))]));
    let began = Instant::now();
    let told = nodes.query(ANA, scope(SHOP)).coverage().await;
    assert_eq!((told.silent, told.others), (vec![about("dead")], 1));
    assert_eq!(began.elapsed(), REPLY_TIMEOUT);
    let at_once = async |nodes: &Arc<Nodes>, of: &str| {
        let began = Instant::now();
        let told = nodes.query(ANA, scope(of)).coverage().await;
        assert_eq!(began.elapsed(), Duration::ZERO, "{of}");
        told
    };
    assert_eq!(at_once(&nodes, SHOP).await.silent.len(), 1);

    // The last reply ends the wait.
    let answers = async {
        while !nodes.state().queries.contains_key(&scope("dev/*/*")) {
            tokio::task::yield_now().await;
        }
        let value = answered("dev/*/*", &[]);
        assert!(nodes.state().handle_event(RegistryEvent::Replied { by: ONE, scope: scope("dev/*/*"), value }, now()));
        nodes.notify_event();
    };
    let (told, ()) = tokio::join!(at_once(&nodes, "dev/*/*"), answers);
    assert_eq!(told.silent, []);

    nodes.state().disconnected();
    assert!(at_once(&nodes, "x/*/*").await.unreachable);
}

#[test]
fn queries_are_renewed_while_a_person_looks_and_end_after() {
    let nodes = nodes(true);
    let mut state = nodes.state();
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    state.status = NodeStatus::Connected;
    assert!(state.record_view(ANA, &scope(SHOP), start) && !state.record_view(ANA, &scope(SHOP), start));
    assert_eq!(state.due_queries(start), (vec![], vec![]), "there is no other node");
    state.handle_event(RegistryEvent::Joined(ONE, about("x")), now());
    assert_eq!(state.due_queries(start).0, [(scope(SHOP), *REPLY_BYTES.end())]);
    assert_eq!(state.due_queries(after(9)).0, []);
    assert!(!state.record_view(ANA, &scope(SHOP), after(9)));
    assert_eq!(state.due_queries(after(11)).0.len(), 1);
    assert_eq!(state.due_queries(after(25)), (vec![], vec![scope(SHOP)]));
    assert!(state.queries.is_empty());

    for n in 0..2 * MAX_QUERIES {
        state.record_view(&format!("user {n}"), &scope(&format!("prod/shop/c{n}")), after(25));
    }
    assert_eq!(state.queries.len(), MAX_QUERIES);
    assert_eq!(state.coverage(&scope("prod/shop/c63")).silent, [about("x")], "a query that was refused has no replies");
}

/// Returns a console with another node, and a clock in seconds from its start.
fn together() -> (Arc<Nodes>, impl Fn(u64) -> Instant) {
    let (nodes, start) = (nodes(true), Instant::now());
    nodes.state().connected(BTreeMap::from([(ONE, about("one"))]));
    (nodes, move |seconds| start + Duration::from_secs(seconds))
}

#[test]
fn one_person_leaves_queries_to_the_others() {
    let (nodes, after) = together();
    let mut state = nodes.state();
    let of = |n: usize| scope(&format!("prod/shop/c{n}"));
    for second in 0..=EVICTABLE_AFTER.as_secs() {
        for n in 0..2 * MAX_QUERIES {
            state.record_view("eve", &of(n), after(second));
        }
    }
    assert_eq!(state.queries.len(), MAX_QUERIES_PER_PERSON, "queries that are looked at do not give way to more");
    assert!(state.record_view("root", &scope(SHOP), after(3)) && state.record_view("root", &scope("*/*/*"), after(3)));
    assert_eq!(state.due_queries(after(3)).0.len(), MAX_QUERIES_PER_PERSON + 2);

    // A written query is removed from the registry even if it is about to be renewed for a new node.
    let all = state.queries.len();
    state.handle_event(RegistryEvent::Joined(TWO, about("two")), now());
    state.end(&scope("*/*/*"));
    assert_eq!(state.due_queries(after(3)).1, [scope("*/*/*")]);
    assert!(state.record_view("root", &scope("*/*/*"), after(3)) && state.queries.len() == all);
    state.handle_event(RegistryEvent::Left(TWO), now());
    state.due_queries(after(3));

    // A person who opens many pages one after another keeps only the queries of the last pages.
    assert!(state.record_view("eve", &of(99), after(7)));
    assert_eq!(state.queries.len(), MAX_QUERIES_PER_PERSON + 2);
    let (due, ended) = state.due_queries(after(7));
    assert_eq!((due, ended.len()), (vec![(of(99), *REPLY_BYTES.end())], 1));
    // A query that is looked at again before its removal stays.
    let again = of(MAX_QUERIES_PER_PERSON - 1);
    state.end(&again);
    assert!(state.record_view("root", &again, after(7)));
    assert_eq!(state.due_queries(after(7)), (vec![(again, *REPLY_BYTES.end())], vec![]));
}

#[test]
fn the_query_without_a_look_for_longest_gives_way() {
    let (nodes, after) = together();
    let mut state = nodes.state();
    let of = |n: usize| scope(&format!("prod/shop/c{n}"));
    for n in 0..MAX_QUERIES {
        assert!(state.record_view(&format!("user {}", n / MAX_QUERIES_PER_PERSON), &of(n), after(n.min(2) as u64)));
    }
    // The first page is closed by now, the others are open.
    assert!(state.record_view("root", &scope(SHOP), after(4)));
    assert!(state.queries.len() == MAX_QUERIES && !state.queries.contains_key(&of(0)));
    for n in 1..MAX_QUERIES {
        state.record_view(&format!("user {}", n / MAX_QUERIES_PER_PERSON), &of(n), after(4));
    }
    // All pages are open, so queries of the people with the most queries are evicted, until all people have
    // equally many.
    let more = |n: usize| scope(&format!("dev/shop/c{n}"));
    let had: usize = (0..MAX_QUERIES).filter(|n| state.record_view("root", &more(*n), after(4))).count();
    assert_eq!((state.queries.len(), had), (MAX_QUERIES, 5));
    assert!(state.queries.contains_key(&scope(SHOP)));
    let left = |who: &str| state.queries.values().filter(|ask| ask.viewers.contains_key(who)).count();
    assert_eq!(left("root"), 6);
    assert!((0..4).all(|n| (6..=7).contains(&left(&format!("user {n}")))));
}

#[test]
fn a_query_that_others_look_at_stays() {
    let (nodes, after) = together();
    let mut state = nodes.state();
    let of = |n: usize| scope(&format!("prod/shop/c{n}"));
    for n in 0..MAX_QUERIES_PER_PERSON {
        state.record_view("eve", &of(n), after(0));
    }
    assert!(!state.record_view("root", &of(0), after(0)), "it is queried already");
    assert!(state.record_view("eve", &scope(SHOP), after(4)));
    assert!(state.queries.contains_key(&of(0)) && state.queries.len() == MAX_QUERIES_PER_PERSON + 1);
    assert_eq!(state.due_queries(after(16)).1, [] as [Pattern; 0], "nothing was in the registry");
    assert_eq!(state.queries.keys().collect::<Vec<_>>(), [&scope(SHOP)], "the others have no looks any more");
}
