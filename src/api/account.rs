//! Logging in and out, changing the own password.

use leptos::prelude::*;

use crate::domain::error::{Invalid, Problem, Result};

/// Logs in, then redirects to `next` if it is a path of this console, or else to the home page.
#[server(prefix = "/fn", endpoint = "log-in")]
pub async fn log_in(
    /// The name.
    name: String,
    /// The password.
    password: String,
    /// The path to redirect to.
    #[server(default)]
    next: String,
) -> Result<()> {
    super::response::set_cookie(crate::session::guard::log_in(name, password).await?);
    super::response::redirect(super::response::own_path(&next).unwrap_or("/"));
    Ok(())
}

/// Logs out.
#[server(prefix = "/fn", endpoint = "log-out")]
pub async fn log_out() -> Result<()> {
    crate::session::guard::log_out().await?;
    super::response::redirect("/login");
    Ok(())
}

/// Ends all sessions of the user, including this one.
#[server(prefix = "/fn", endpoint = "log-out-everywhere")]
pub async fn log_out_everywhere() -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.end_sessions(&user.account).await?;
    crate::session::guard::log_out().await?;
    super::response::flash(super::response::lang().account_ended());
    super::response::redirect("/login");
    Ok(())
}

/// Changes the user's own password. All sessions end, including this one.
#[server(prefix = "/fn", endpoint = "change-password")]
pub async fn change_password(
    /// The current password.
    current: String,
    /// The new password.
    password: String,
    /// The new password, repeated.
    again: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    check_repeated(&password, &again)?;
    service.change_password(&user.account, &current, &password).await?;
    crate::session::guard::log_out().await?;
    super::response::flash(super::response::lang().account_changed());
    super::response::redirect("/login");
    Ok(())
}

/// Checks that a new password was repeated correctly.
///
/// # Errors
/// [`Invalid`] at `/again`.
pub fn check_repeated(password: &str, again: &str) -> Result<(), Invalid> {
    if password == again { Ok(()) } else { Err(Invalid::new("/again", Problem::PasswordAgain)) }
}
