use futures::{future::join_all, poll};
use tokio_util::sync::CancellationToken;

use super::*;

const LARGE: usize = MAX_INLINE_BYTES + 1;

fn is_here() -> bool {
    thread::current().name() != Some("compute")
}

#[tokio::test]
async fn requests_beyond_the_queue_are_refused_and_light_ones_continue() {
    let (compute, open) = (Compute::with_slots(1), CancellationToken::new());
    let begin = |who: String| {
        let (compute, open) = (compute.clone(), open.clone());
        Box::pin(async move { compute.run(&who, open.cancelled_owned()).await })
    };
    let mut all: Vec<_> = (0..MAX_QUEUED).map(|n| begin(format!("person {n}"))).collect();
    for request in &mut all {
        assert!(poll!(request).is_pending());
    }
    assert_eq!(begin("another".to_owned()).await, Err(Error::Busy(RETRY_SECONDS)));
    assert_eq!(run_light(async { 1 }).await, Some(1));
    // Dropping a waiting request cancels it.
    drop(all.pop());
    let mut next = begin("another".to_owned());
    assert!(poll!(&mut next).is_pending());
    all.push(next);
    open.cancel();
    assert!(join_all(all).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn one_person_leaves_slots_for_others() {
    let (compute, open) = (Compute::with_slots(2), CancellationToken::new());
    let begin = || {
        let (compute, open) = (compute.clone(), open.clone());
        Box::pin(async move { compute.run("ana", open.cancelled_owned()).await })
    };
    let mut all: Vec<_> = (0..MAX_QUEUED_PER_PERSON).map(|_| begin()).collect();
    for request in &mut all {
        assert!(poll!(request).is_pending());
    }
    assert_eq!(begin().await, Err(Error::Busy(RETRY_SECONDS)));
    assert_eq!(compute.run("marek", async { 1 }).await, Ok(1));
    open.cancel();
    assert!(join_all(all).await.iter().all(Result::is_ok));
    compute.run("marek", async {}).await.unwrap();
    assert!(compute.0.people.lock().len() <= 1, "persons without requests are removed");
}

#[tokio::test]
async fn heavy_work_runs_on_a_separate_thread() {
    let weighed = |bytes: &'static [usize]| async move {
        for part in bytes {
            weigh(*part).await;
        }
        is_here()
    };
    assert_eq!(run_light(weighed(&[MAX_INLINE_BYTES])).await, Some(true));
    assert_eq!(run_light(weighed(&[MAX_INLINE_BYTES, 1])).await, None);
    let compute = Compute::with_slots(1);
    assert_eq!(compute.run("ana", weighed(&[LARGE])).await, Ok(false));
    assert!(run_or_offload(weighed(&[MAX_INLINE_BYTES])).await);
    assert!(!run_or_offload(weighed(&[LARGE])).await);
    // Outside of these functions, as in a command, nothing moves.
    assert!(weighed(&[LARGE]).await);
}

#[tokio::test]
async fn work_on_its_thread_needs_no_second_slot() {
    let compute = Compute::with_slots(1);
    let inner = compute.clone();
    let work = async move {
        let outer = thread::current().id();
        let same = inner.run("ana", async { thread::current().id() }).await;
        let light = run_light(async { thread::current().id() }).await;
        let transaction = run_or_offload(async { thread::current().id() }).await;
        (same == Ok(outer), light == Some(outer), transaction == outer)
    };
    assert_eq!(compute.run("ana", work).await, Ok((true, true, false)));
}

#[tokio::test]
async fn a_request_takes_a_slot_after_its_body_was_received() {
    let (compute, open) = (Compute::with_slots(1), CancellationToken::new());
    let mut first = Box::pin(compute.run("ana", open.clone().cancelled_owned()));
    assert!(poll!(&mut first).is_pending());
    let entering = compute.clone();
    let mut second = Box::pin(run_or_offload(async move { entering.move_to_slot("marek").await.map(|()| is_here()) }));
    assert!(poll!(&mut second).is_pending());
    open.cancel();
    first.await.unwrap();
    assert_eq!(second.await, Ok(false));
    assert_eq!(compute.run("ana", async { 1 }).await, Ok(1), "the slot is free again");
}

#[tokio::test]
async fn waiting_work_releases_its_slot() {
    let (compute, open) = (Compute::with_slots(1), CancellationToken::new());
    let waits = open.clone();
    let mut first = Box::pin(compute.run("ana", async move {
        release_slot();
        waits.cancelled().await;
    }));
    assert!(poll!(&mut first).is_pending());
    assert_eq!(compute.run("ana", async { 1 }).await, Ok(1));
    open.cancel();
    first.await.unwrap();
}

#[tokio::test]
async fn a_panic_is_resumed_in_the_caller_and_frees_the_slot() {
    let compute = Compute::with_slots(1);
    let panics = tokio::spawn({
        let compute = compute.clone();
        async move { compute.run("ana", async { panic!("on purpose") }).await }
    });
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(compute.run("ana", async { 1 }).await, Ok(1));
}
