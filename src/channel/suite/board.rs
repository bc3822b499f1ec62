//! The board of the nodes. In memory there is none.

use std::collections::{BTreeSet, VecDeque};

use tokio::time::timeout;

use super::{
    super::{ANSWER_BYTES, Board, BoardWatch, Channel, Hears, NodeId, Notice},
    Bench, LONG, Raw,
};
use crate::domain::access::Pattern;

fn board(channel: &Channel) -> Board {
    channel.board().expect("etcd has a board")
}

fn scope() -> Pattern {
    "prod/shop/*".parse().unwrap()
}

/// A watch whose notices are taken one by one: several may come together.
struct Ear {
    watch: BoardWatch,
    heard: VecDeque<Notice>,
}

impl Ear {
    fn of(watch: BoardWatch) -> Self {
        Self { watch, heard: VecDeque::new() }
    }

    async fn next(&mut self) -> Notice {
        let next = async {
            loop {
                if let Some(notice) = self.heard.pop_front() {
                    return notice;
                }
                self.heard.extend(self.watch.next().await.unwrap());
            }
        };
        timeout(LONG, next).await.expect("a notice in time")
    }
}

async fn all(board: &Board) -> BTreeSet<NodeId> {
    let notices = board.list().await.unwrap().notices;
    notices.into_iter().filter_map(|n| if let Notice::Here(id, _) = n { Some(id) } else { None }).collect()
}

#[test]
fn memory_has_no_board() {
    assert!(Channel::local().board().is_none());
}

#[tokio::test]
async fn nodes_see_one_another_ask_and_answer() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let (console, reader) = (board(&bench.channel), board(&bench.other));
    let nobody = console.list().await.unwrap();
    assert!(nobody.notices.is_empty());
    let mut everything = Ear::of(console.watch(Hears::All, nobody.revision).await.unwrap());
    let mut asks = Ear::of(reader.watch(Hears::Asks, nobody.revision).await.unwrap());

    let (one, two) = (console.join(false).await.unwrap(), reader.join(true).await.unwrap());
    let here = [everything.next().await, everything.next().await];
    for (notice, seat, reader) in [(&here[0], &one, false), (&here[1], &two, true)] {
        assert!(matches!(notice, Notice::Here(id, about) if *id == seat.id() && about.reader == reader), "{notice:?}");
    }
    one.ask(&scope(), 4096).await.unwrap();
    let asked = Notice::Asked { by: one.id(), scope: scope(), room: 4096 };
    assert_eq!(asks.next().await, asked, "one who answers hears of nothing else");
    assert_eq!(everything.next().await, asked);
    assert!(board(&bench.raw().channel().await).list().await.unwrap().notices.contains(&asked), "who comes later too");
    two.answer(&scope(), "{}").await.unwrap();
    assert_eq!(everything.next().await, Notice::Answered { by: two.id(), scope: scope(), value: b"{}".to_vec() });

    two.answer_no_more(&scope()).await.unwrap();
    one.ask_no_more(&scope()).await.unwrap();
    assert_eq!(keys(bench.raw()).await, 2, "two names are left");
    two.answer(&scope(), "{}").await.unwrap();
    assert!(matches!(everything.next().await, Notice::Answered { .. }));
    let gone = two.id();
    two.leave().await;
    assert_eq!(everything.next().await, Notice::Gone(gone));
    assert_eq!(all(&console).await, [one.id()].into());
    assert_eq!(keys(bench.raw()).await, 1, "what it answered went with it");
}

async fn keys(raw: &mut Raw) -> i64 {
    let all = etcd_client::GetOptions::new().with_prefix().with_count_only();
    raw.client.get(format!("{}/nodes/", raw.root), Some(all)).await.unwrap().count()
}

#[tokio::test]
async fn a_seat_whose_lease_is_lost_is_known_to_be() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let board = board(&bench.channel);
    let seat = board.join(false).await.unwrap();
    let mut watch = Ear::of(board.watch(Hears::All, board.list().await.unwrap().revision).await.unwrap());
    bench.raw().client.lease_revoke(seat.id().0).await.unwrap();
    assert_eq!(watch.next().await, Notice::Gone(seat.id()));
    assert!(seat.answer(&scope(), "{}").await.is_err(), "nothing is left behind by a node that is not there");
    let again = board.join(false).await.unwrap();
    assert!(again.id() != seat.id() && all(&board).await == [again.id()].into());
}

#[tokio::test]
async fn what_no_node_writes_is_ignored() {
    let Some(mut bench) = Bench::etcd().await else { return };
    let board = board(&bench.channel);
    let mut watch = Ear::of(board.watch(Hears::All, board.list().await.unwrap().revision).await.unwrap());
    let name = |bytes: usize| format!("{{\"name\":\"{}\",\"reader\":true}}", "n".repeat(bytes));
    let raw = bench.raw();
    for (key, value) in [
        ("nodes/names/7", name(129)),
        ("nodes/names/7", name(5000)),
        ("nodes/names/7", "[]".into()),
        ("nodes/names/7/8", name(1)),
        ("nodes/asks/7/prod/shop", "{\"room\":1}".into()),
        ("nodes/asks/7/*/*/*", "{}".into()),
        ("nodes/answers/7/*/*/*", "x".repeat(ANSWER_BYTES + 1)),
        ("nodes/anything", String::new()),
    ] {
        raw.put(key, value).await;
    }
    raw.delete("nodes/anything").await;
    raw.put("nodes/names/7", name(128)).await;
    assert!(matches!(watch.next().await, Notice::Here(NodeId(7), _)), "the first that says something");
    assert_eq!(board.list().await.unwrap().notices.len(), 1);
}
