//! Logging in and out, and one's own password.

use leptos::prelude::*;

use super::shim;
use crate::domain::error::Result;

/// Logs in and goes to `next`, a path of ours, or home.
#[server(prefix = "/fn", endpoint = "log-in")]
pub async fn log_in(
    /// The name.
    name: String,
    /// The password.
    password: String,
    /// Where to go.
    #[server(default)]
    next: String,
) -> Result<()> {
    crate::auth::guard::log_in(name, password).await?;
    shim::redirect(shim::own_path(&next).unwrap_or("/"));
    Ok(())
}

/// Logs out.
#[server(prefix = "/fn", endpoint = "log-out")]
pub async fn log_out() -> Result<()> {
    crate::auth::guard::log_out().await?;
    shim::redirect("/login");
    Ok(())
}
