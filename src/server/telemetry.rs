//! The log: text for people or JSON for machines, on stderr, so that stdout carries what was asked for alone.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use super::settings::LogFormat;

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

/// Reads a filter.
///
/// # Errors
/// What is wrong with it.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text).map_err(|e| e.to_string())
}
