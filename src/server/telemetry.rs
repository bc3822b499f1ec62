//! The log: text for people or JSON for machines, on stderr, so that stdout carries what was asked for alone.

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use super::settings::LogFormat;

/// Starts the log. Told twice, the first time stands.
///
/// # Errors
/// A filter that cannot be read.
pub fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|e| format!("log = {filter:?}: {e}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let _ = match format {
        LogFormat::Text => registry.with(fmt::layer().with_writer(std::io::stderr)).try_init(),
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    };
    Ok(())
}
