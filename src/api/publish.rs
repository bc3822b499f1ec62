//! Publishing a change.

use leptos::prelude::*;

use super::shim;
use crate::domain::error::Result;

/// Publishes a change and goes to its page, which shows how far its releases have come.
#[server(prefix = "/fn", endpoint = "publish")]
pub async fn publish(
    /// The change.
    change: String,
    /// SHA-256 of the difference that was looked at.
    diff_sha256: String,
    /// Why.
    #[server(default)]
    message: String,
    /// The names of the protected environments, typed.
    #[server(default)]
    confirm: String,
) -> Result<()> {
    use crate::{domain::release::Delivery, service::Publish};
    let (service, user) = (crate::auth::guard::service()?, crate::auth::guard::user()?);
    let publish = Publish {
        change: change.parse()?,
        diff_sha256: Some(diff_sha256),
        message: Some(message),
        confirm,
        idempotency: None,
    };
    let published = service.publish(&user.actor, publish).await?;
    let t = shim::lang();
    shim::say(match published.delivery {
        Delivery::Delivered { .. } => t.change_published(published.releases.len()),
        Delivery::Accepted { .. } => t.change_accepted().to_owned(),
    });
    shim::redirect(&format!("/changes/{}", published.change));
    Ok(())
}
