//! The recycle bin: restoring archived objects, and removing them for good.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Restores an archived object.
#[server(prefix = "/fn", endpoint = "restore")]
pub async fn restore(
    /// `env`, `app` or `namespace`.
    kind: String,
    /// Its name: `prod`, `shop`, `shop/routes`.
    name: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let object = crate::domain::bin::BinObject::parse(&kind, &name)?;
    service.restore(&user.actor, &object).await?;
    super::response::flash(super::response::lang().restored_now(&name));
    Ok(())
}

/// Removes an archived object for good.
#[server(prefix = "/fn", endpoint = "remove-for-good")]
pub async fn remove_for_good(
    /// `env`, `app` or `namespace`.
    kind: String,
    /// Its name: `prod`, `shop`, `shop/routes`.
    name: String,
    /// The typed name.
    #[server(default)]
    confirm: String,
    /// The user's own password, if re-authentication is due.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::reauthenticated_caller(&proof).await?;
    let object = crate::domain::bin::BinObject::parse(&kind, &name)?;
    service.remove(&user.actor, &object, &confirm).await?;
    super::response::redirect(super::paths::BIN);
    super::response::flash(super::response::lang().removed_now(&name));
    Ok(())
}
