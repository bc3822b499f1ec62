//! The log: text for people or JSON for machines, on stderr, so that stdout carries what was asked for alone. Beside it
//! traces, if somebody collects them; neither's filter is the other's.

use std::io::{IsTerminal, stderr};

use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

use crate::{storage, traces};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Starts the log, and traces when there is something that makes them. Told twice, the first time stands.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(filter: &str, format: LogFormat, tracer: Option<SdkTracer>) -> Result<(), String> {
    let read = self::filter(filter).map_err(|e| format!("log = {filter:?}: {e}"))?;
    let log = match format {
        // Colours are for eyes: in a file they are noise.
        LogFormat::Text => fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(stderr).boxed(),
    };
    let _ = tracing_subscriber::registry().with(tracer.map(traces::layer)).with(log.with_filter(read)).try_init();
    Ok(())
}

/// What libraries say below a warning is for those who name them. That a session is over is no warning, and its store
/// says itself when the database is away.
const LIBRARIES: &str =
    "h2=warn,hyper=warn,opentelemetry=warn,rustls=warn,tonic=warn,tower=warn,tower_sessions_core=off";

/// Reads a filter. A level for everything is meant for Trimtab.
///
/// # Errors
/// What is wrong with it.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    let level = |part: &str| part.trim().parse::<LevelFilter>().ok();
    let talkative = text.split(',').filter_map(level).any(|level| level > LevelFilter::ERROR);
    // Of two directives for one target the later one counts.
    let whole = if talkative { format!("{LIBRARIES},{}=warn,{text}", storage::DRIVER) } else { text.to_owned() };
    let read = EnvFilter::try_new(whole).map_err(|e| e.to_string())?;
    let not_traces = format!("{}=off", traces::TARGET).parse().expect("a target is switched off");
    Ok(read.add_directive(not_traces))
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Said {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Who is heard with this filter.
    fn heard(text: &str) -> Vec<&'static str> {
        let said = Said::default();
        let writer = said.clone();
        let layer = fmt::layer().with_ansi(false).with_writer(move || writer.clone());
        let log = tracing_subscriber::registry().with(filter(text).unwrap()).with(layer);
        tracing::subscriber::with_default(log, || {
            tracing::info!(target: "trimtab::server", "one");
            tracing::warn!(target: "tower_sessions_core::session", "two");
            tracing::info!(target: "sqlx::query", "three");
            tracing::warn!(target: "sqlx::query", "four");
        });
        let said = String::from_utf8(said.0.lock().clone()).unwrap();
        ["one", "two", "three", "four"].into_iter().filter(|word| said.contains(word)).collect()
    }

    #[test]
    fn the_log_does_not_say_what_traces_hold_and_they_do_not_make_it_say_more() {
        let (said, lines) = (Said::default(), Said::default());
        let writer = (said.clone(), lines.clone());
        let layer = fmt::layer().with_ansi(false).with_writer(move || writer.0.clone());
        let collected = fmt::layer().with_ansi(false).with_writer(move || writer.1.clone());
        let ours = tracing_subscriber::filter::filter_fn(|meta| meta.target() == traces::TARGET);
        let log = tracing_subscriber::registry()
            .with(collected.with_filter(ours))
            .with(layer.with_filter(filter("trace").unwrap()));
        tracing::subscriber::with_default(log, || {
            let _within = tracing::info_span!(target: traces::TARGET, "secret").entered();
            tracing::info!("one");
        });
        let text = |said: &Said| String::from_utf8(said.0.lock().clone()).unwrap();
        assert!(text(&said).contains("one") && !text(&said).contains("secret"), "{}", text(&said));
        assert_eq!(text(&lines), "", "no line of the log is a trace's");
    }

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        assert_eq!(heard("info"), ["one", "four"]);
        assert_eq!(heard("debug"), ["one", "four"]);
        assert_eq!(heard("info,sqlx=info"), ["one", "three", "four"]);
        assert_eq!(heard("info,tower_sessions_core=warn"), ["one", "two", "four"]);
        assert_eq!(heard("warn"), ["four"]);
        assert_eq!(heard("trimtab=info"), ["one"]);
        assert!(heard("error").is_empty());
    }
}
