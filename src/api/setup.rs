//! The first administrator, and first environments and applications.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Creates the first administrator and logs in.
#[server(prefix = "/fn", endpoint = "set-up")]
pub async fn set_up(
    /// The code of the set-up link.
    code: String,
    /// The name to log in with.
    name: String,
    /// The password.
    password: String,
    /// The password, repeated.
    again: String,
) -> Result<()> {
    super::account::check_repeated(&password, &again)?;
    let account = crate::session::guard::service()?.set_up(&code, &name, &password).await?;
    super::response::set_cookie(crate::session::guard::begin_session(&account).await?);
    super::response::redirect("/start");
    Ok(())
}

/// Creates the usual environments and a first application.
#[server(prefix = "/fn", endpoint = "guided-start")]
pub async fn guided_start(
    /// The name of the application.
    app: String,
    /// The title, which may be empty.
    #[server(default)]
    title: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let app = app.trim().parse()?;
    service.guided_start(&user.actor, &app, title.trim()).await?;
    super::response::redirect(&format!("/start?app={app}"));
    Ok(())
}
