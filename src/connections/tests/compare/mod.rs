//! Sends equal bytes to [`serve_listener`] and to `axum::serve` with one application, and compares the answers.

mod table;

use std::collections::BTreeSet;

use axum::ServiceExt;
use tokio::io::split;

use super::*;
use table::{Case, Intended, Step, cases};

/// Time without a byte after which an open connection counts as staying open. Shorter than all timeouts of a server.
const QUIET: Duration = Duration::from_secs(5);

/// Size of the writes of a case.
#[derive(Clone, Copy, Debug)]
enum Pieces {
    /// One write for each step.
    Whole,
    /// Many small writes with a pause after each, so that the server reads them one by one.
    Slow,
}

/// Answers that a client received.
#[derive(Debug, Default)]
struct Seen {
    answers: Vec<Answer>,
    /// Lines of an answer that is cut off, without those that may differ.
    rest: Vec<String>,
    stays_open: bool,
}

/// Sends the bytes of a case and reads until the connection ends or stays quiet.
async fn send(dialer: &Dialer, case: &Case, pieces: Pieces) -> Seen {
    let (mut read, mut write) = split(dialer.send("").await);
    let writing = async {
        for step in &case.steps {
            match step {
                Step::Send(bytes) => {
                    let size = match pieces {
                        Pieces::Whole => bytes.len(),
                        Pieces::Slow => (bytes.len() / 300).max(5),
                    };
                    for piece in bytes.chunks(size.max(1)) {
                        // A server may close its connection before it has read everything.
                        let _ = write.write_all(piece).await;
                        if let Pieces::Slow = pieces {
                            sleep(Duration::from_millis(1)).await;
                        }
                    }
                }
                Step::Pause => sleep(3 * DELAY).await,
                Step::CloseWrite => _ = write.shutdown().await,
            }
        }
        pending::<()>().await;
    };
    let reading = async {
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; BUFFER_BYTES]);
        let stays_open = loop {
            match timeout(QUIET, read.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => break false,
                Ok(Ok(n)) => bytes.extend_from_slice(&buffer[..n]),
                Err(_) => break true,
            }
        };
        let (answers, rest) = parse(&bytes, case.is_head);
        let lines = rest.split(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string());
        let is_own = |line: &str| {
            let name = line.split_once(": ").unzip().0.unwrap_or_default();
            SECURITY_HEADERS.contains(&name) || name == "date"
        };
        let mut rest: Vec<_> = lines.filter(|line| !is_own(line)).collect();
        rest.sort();
        Seen { answers, rest, stays_open }
    };
    tokio::select! {
        seen = reading => seen,
        () = writing => unreachable!("writing never ends"),
    }
}

/// Returns the properties in which both differ. Every answer of ours must have the security headers.
fn differences(ours: &Seen, expected: &Seen) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut compare = |what: &str, same: bool| {
        if !same {
            all.insert(what.to_owned());
        }
    };
    compare("number of answers", ours.answers.len() == expected.answers.len());
    compare("whether it stays open", ours.stays_open == expected.stays_open);
    compare("an answer that is cut off", ours.rest == expected.rest);
    for (our, axums) in ours.answers.iter().zip(&expected.answers) {
        compare("status", our.status == axums.status);
        compare("version", our.version == axums.version);
        compare("body", our.body == axums.body);
        compare("date", our.values("date").count() == axums.values("date").count());
        let (mut our, mut theirs) = (our.own_headers(), axums.own_headers());
        let both: Vec<_> = our.iter().filter(|header| theirs.contains(header)).cloned().collect();
        our.retain(|header| !both.contains(header));
        theirs.retain(|header| !both.contains(header));
        for (name, _) in our.iter().chain(&theirs) {
            compare(&format!("header {name}"), false);
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn answers_are_those_of_axum() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    let server = Server::start(|_| {});
    let (axum, listener) = Dialer::new();
    let (drops, _dropped) = mpsc::unbounded_channel();
    let app = app(Arc::new(Semaphore::new(0)), drops, server.closing.clone());
    tokio::spawn(async move { axum::serve(listener, ServiceExt::<Request>::into_make_service(app)).await });
    let mut wrong = Vec::new();
    for case in &cases {
        let allowed = case.intended.map_or(&[][..], Intended::differences);
        let mut differs = false;
        for pieces in [Pieces::Whole, Pieces::Slow] {
            let (ours, axums) = (send(&server.dialer, case, pieces).await, send(&axum, case, pieces).await);
            for answer in ours.answers.iter().filter(|answer| answer.status >= 200) {
                assert!(answer.has_security_headers(), "{}: {answer:?}", case.name);
            }
            let found = differences(&ours, &axums);
            differs |= !found.is_empty();
            if found.iter().any(|one| !allowed.contains(&one.as_str())) {
                wrong.push(format!("{} ({pieces:?}): {found:?}\n  ours {ours:?}\n  axum's {axums:?}", case.name));
            }
        }
        if let Some(intended) = case.intended {
            assert!(differs, "{}: {}: no longer so", case.name, intended.reason());
        }
    }
    assert!(wrong.is_empty(), "{} unlisted differences:\n{}", wrong.len(), wrong.join("\n"));
}
