//! Tests of the driver, on a paused clock.

use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use super::*;
use crate::{
    domain::error::{Dependency, Error},
    metrics::{Registry, TextFormat},
};

fn now() -> Time {
    Time(1_000_000)
}

fn driver() -> TaskDriver {
    TaskDriver::new(now, CancellationToken::new())
}

fn title(_: Lang) -> &'static str {
    "a task"
}

fn only(tasks: &TaskDriver) -> TaskStatus {
    let [status] = <[TaskStatus; 1]>::try_from(tasks.statuses()).unwrap();
    status
}

/// Waits for a report of the task under test, at most an hour of the paused clock.
async fn next<T>(reports: &mut mpsc::UnboundedReceiver<T>) -> T {
    tokio::time::timeout(Duration::from_secs(3600), reports.recv()).await.expect("a report").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_is_reported_and_restarted() {
    let (tasks, starts) = (driver(), Arc::new(AtomicUsize::new(0)));
    let (report, mut reports) = mpsc::unbounded_channel();
    let began = Instant::now();
    tasks.start([Task::looping("shaky", title, move |task| {
        let (report, start) = (report.clone(), starts.fetch_add(1, Ordering::Relaxed));
        async move {
            report.send(began.elapsed()).unwrap();
            assert!(start != 0, "the first start fails");
            task.ran();
            task.stop().cancelled().await;
        }
    })]);
    assert_eq!(next(&mut reports).await, Duration::ZERO);
    let down = only(&tasks);
    assert_eq!((down.name.label, down.state, down.runs, down.failures), ("shaky", TaskState::Stopped, 1, 1));
    assert_eq!(down.next_run, Some(now().plus_ms(1000)));
    let failure = down.last_failure.unwrap();
    assert_eq!((failure.kind, failure.at), ("panicked", now()));
    assert!(failure.text.contains("the first start fails"), "{}", failure.text);

    assert_eq!(next(&mut reports).await, RESTART_DELAY);
    let up = only(&tasks);
    assert_eq!((up.state, up.runs, up.failures, up.next_run), (TaskState::Running, 2, 1, None));
    assert!(up.last_failure.is_some(), "the last failure stays visible");
    tasks.end().await;
    assert_eq!(only(&tasks).state, TaskState::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_at_the_stop_is_started_once_more_to_end_its_work() {
    let (tasks, starts) = (driver(), Arc::new(AtomicUsize::new(0)));
    let counted = starts.clone();
    tasks.start([Task::looping("shaky", title, move |task| {
        let start = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            task.stop().cancelled().await;
            assert!(start != 0, "the end of the first start fails");
        }
    })]);
    tokio::task::yield_now().await;
    tasks.end().await;
    assert_eq!((starts.load(Ordering::Relaxed), only(&tasks).state), (2, TaskState::Stopped));
}

#[test]
fn only_constant_panic_messages_are_reported() {
    let text = |work: fn()| panic_text(&*std::panic::catch_unwind(work).unwrap_err());
    assert_eq!(text(|| panic!("constant")), "constant");
    let formatted = text(|| _ = std::hint::black_box("pässword").split_at(2));
    assert!(!formatted.contains("ssword"), "{formatted}");
}

#[tokio::test(start_paused = true)]
async fn restart_delays_grow_up_to_a_maximum() {
    let tasks = driver();
    let (report, mut reports) = mpsc::unbounded_channel();
    tasks.start([Task::looping("short", title, move |_| {
        report.send(Instant::now()).unwrap();
        async {}
    })]);
    let (mut before, mut pauses) = (next(&mut reports).await, Vec::new());
    for _ in 0..8 {
        let start = next(&mut reports).await;
        pauses.push((start - before).as_secs());
        before = start;
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(only(&tasks).last_failure.unwrap().kind, "ended");
    let began = Instant::now();
    tasks.end().await;
    assert_eq!(began.elapsed(), Duration::ZERO, "the end does not wait for a restart");
}

#[tokio::test(start_paused = true)]
async fn a_stable_task_is_restarted_after_the_first_delay() {
    let tasks = driver();
    let (report, mut reports) = mpsc::unbounded_channel();
    tasks.start([Task::looping("steady", title, move |_| {
        report.send(Instant::now()).unwrap();
        sleep(STABLE_AFTER)
    })]);
    let mut before = next(&mut reports).await;
    for _ in 0..3 {
        let start = next(&mut reports).await;
        // The clock of the runtime has a resolution of one millisecond.
        assert!(
            (start - before).abs_diff(STABLE_AFTER + RESTART_DELAY) < Duration::from_millis(10),
            "{:?}",
            start - before
        );
        before = start;
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_shows_its_error_and_recovers() {
    let (tasks, mut registry) = (driver(), Registry::default());
    tasks.metrics().register(&mut registry);
    let (report, mut reports) = mpsc::unbounded_channel();
    let runs = Arc::new(AtomicUsize::new(0));
    tasks.start([Task::periodic("sweep", title, Duration::from_secs(10), move || {
        let (report, run) = (report.clone(), runs.fetch_add(1, Ordering::Relaxed));
        async move {
            report.send(Instant::now()).unwrap();
            let away = || Error::Unavailable { part: Dependency::Database, detail: "10.0.0.7:3306 is away".into() };
            if run == 0 { Err(away()) } else { Ok(()) }
        }
    })]);
    // The task has to be polled before it knows its next run.
    tokio::task::yield_now().await;
    let waiting = only(&tasks);
    assert_eq!((waiting.state, waiting.last_run, waiting.runs), (TaskState::Waiting, None, 0));
    let next_run = waiting.next_run.unwrap().ms_since(now());
    assert!((9000..=10_000).contains(&next_run), "{next_run}");
    let metrics = registry.text(TextFormat::Classic);
    assert!(!metrics.contains("last_success_timestamp_seconds{"), "{metrics}");

    let first = next(&mut reports).await;
    let failing = only(&tasks);
    assert_eq!((failing.state, failing.last_run, failing.failures), (TaskState::Failing, Some(now()), 1));
    let failure = failing.last_failure.clone().unwrap();
    assert_eq!(failure.kind, "unavailable");
    assert!(failure.text.contains("10.0.0.7"), "{}", failure.text);

    let second = next(&mut reports).await;
    assert!(
        (Duration::from_secs(9)..Duration::from_millis(10_010)).contains(&(second - first)),
        "{:?}",
        second - first
    );
    let recovered = only(&tasks);
    assert_eq!((recovered.state, recovered.runs, recovered.failures), (TaskState::Waiting, 2, 1));
    assert_eq!(recovered.last_failure, failing.last_failure);
    let metrics = registry.text(TextFormat::Classic);
    for line in [
        "trimtab_task_runs_total{task=\"sweep\"} 2\n",
        "trimtab_task_failures_total{task=\"sweep\"} 1\n",
        "trimtab_task_last_success_timestamp_seconds{task=\"sweep\"} 1000\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_run_is_dropped_at_the_stop() {
    let tasks = driver();
    let (report, mut reports) = mpsc::unbounded_channel();
    tasks.start([Task::periodic("long", title, Duration::from_secs(1), move || {
        report.send(()).unwrap();
        pending()
    })]);
    next(&mut reports).await;
    tasks.end().await;
    let ended = only(&tasks);
    assert_eq!((ended.state, ended.runs, ended.failures), (TaskState::Stopped, 0, 0));
}
