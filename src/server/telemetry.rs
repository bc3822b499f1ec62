//! The log: text for people or JSON for machines, on stderr, so that stdout carries what was asked for alone.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, filter::LevelFilter, fmt, prelude::*};

use super::settings::LogFormat;
use crate::storage;

/// Starts the log. Told twice, the first time stands.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let read = self::filter(filter).map_err(|e| format!("log = {filter:?}: {e}"))?;
    let registry = tracing_subscriber::registry().with(read);
    let _ = match format {
        // Colours are for eyes: in a file they are noise.
        LogFormat::Text => registry.with(fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr)).try_init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(stderr)).try_init(),
    };
    Ok(())
}

/// What libraries say below a warning is for those who name them. That a session is over is no warning, and its store
/// says itself when the database is away.
const LIBRARIES: &str = "h2=warn,hyper=warn,rustls=warn,tonic=warn,tower=warn,tower_sessions_core=off";

/// Reads a filter. A level for everything is meant for Trimtab.
///
/// # Errors
/// What is wrong with it.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    let level = |part: &str| part.trim().parse::<LevelFilter>().ok();
    let talkative = text.split(',').filter_map(level).any(|level| level > LevelFilter::ERROR);
    // Of two directives for one target the later one counts.
    let whole = if talkative { format!("{LIBRARIES},{}=warn,{text}", storage::DRIVER) } else { text.to_owned() };
    EnvFilter::try_new(whole).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Said(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Said {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
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
        let said = String::from_utf8(said.0.lock().unwrap().clone()).unwrap();
        ["one", "two", "three", "four"].into_iter().filter(|word| said.contains(word)).collect()
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
