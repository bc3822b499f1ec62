//! Starts the log, and the traces if there is a collector. The filter of the log does not affect traces.
//!
//! The log is on stderr, as text or JSON, because stdout is for the output of commands.

use std::{
    io::{IsTerminal, stderr},
    panic,
};

use opentelemetry_sdk::trace::SdkTracer;
use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

use crate::{storage, tasks::panic_text, traces};

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text, for people.
    Text,
    /// JSON, for programs.
    Json,
}

/// Starts the log, and traces if there is a `tracer`. Further calls change nothing.
///
/// # Errors
/// Fails if the filter is malformed.
pub fn start(filter: &str, format: LogFormat, tracer: Option<SdkTracer>) -> Result<(), String> {
    let read = self::filter(filter).map_err(|e| format!("log = {filter:?}: {e}"))?;
    let log = match format {
        // No colour codes in files.
        LogFormat::Text => fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(stderr).boxed(),
    };
    let _ = tracing_subscriber::registry().with(tracer.map(traces::layer)).with(log.with_filter(read)).try_init();
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    // make torture searches logs for "panicked at".
    tracing::error!(error = panic_text(panic.payload()), "panicked at {place}");
}

/// Filter of the libraries: only warnings, unless the setting names a library. `tower_sessions_core` warns of ended
/// sessions, which are normal. The session store logs database errors itself.
const LIBRARY_FILTER: &str =
    "h2=warn,hyper=warn,opentelemetry=warn,rustls=warn,tonic=warn,tower=warn,tower_sessions_core=off";

/// Parses a filter. A level without a target applies to Trimtab, not to libraries.
///
/// # Errors
/// Fails if the filter is malformed, with the reason.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    let level = |part: &str| part.trim().parse::<LevelFilter>().ok();
    let talkative = text.split(',').filter_map(level).any(|level| level > LevelFilter::ERROR);
    // The last directive for a target wins.
    let whole = if talkative { format!("{LIBRARY_FILTER},{}=warn,{text}", storage::DRIVER) } else { text.to_owned() };
    let read = EnvFilter::try_new(whole).map_err(|e| e.to_string())?;
    let not_traces = format!("{}=off", traces::TARGET).parse().expect("the directive is valid");
    Ok(read.add_directive(not_traces))
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct LogBuffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for LogBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the log lines that pass this filter.
    fn logged_lines(text: &str) -> Vec<&'static str> {
        let said = LogBuffer::default();
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
    fn log_and_traces_do_not_contain_each_other() {
        let (said, lines) = (LogBuffer::default(), LogBuffer::default());
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
        let text = |said: &LogBuffer| String::from_utf8(said.0.lock().clone()).unwrap();
        assert!(text(&said).contains("one") && !text(&said).contains("secret"), "{}", text(&said));
        assert_eq!(text(&lines), "", "log lines are not in traces");
    }

    #[test]
    fn a_panic_is_logged_with_its_line_and_without_values() {
        let buffer = LogBuffer::default();
        let writer = buffer.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        // All tests of this process share the hook.
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let is_ours = std::thread::current().name() == Some("panics");
            if is_ours { log_panic(panic) } else { others(panic) }
        }));
        let panics = || tracing::subscriber::with_default(log, || panic!("hush {}", std::hint::black_box(1)));
        assert!(std::thread::Builder::new().name("panics".into()).spawn(panics).unwrap().join().is_err());
        let text = String::from_utf8(buffer.0.lock().clone()).unwrap();
        // `make torture` counts these words.
        assert!(text.contains("panicked at src/server/telemetry.rs:") && !text.contains("hush"), "{text}");
    }

    #[test]
    fn libraries_log_only_warnings_unless_they_are_named() {
        assert_eq!(logged_lines("info"), ["one", "four"]);
        assert_eq!(logged_lines("debug"), ["one", "four"]);
        assert_eq!(logged_lines("info,sqlx=info"), ["one", "three", "four"]);
        assert_eq!(logged_lines("info,tower_sessions_core=warn"), ["one", "two", "four"]);
        assert_eq!(logged_lines("warn"), ["four"]);
        assert_eq!(logged_lines("trimtab=info"), ["one"]);
        assert!(logged_lines("error").is_empty());
    }
}
