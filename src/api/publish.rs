//! Publishing and rolling back, from the forms of the pages.

use leptos::prelude::*;

use crate::domain::{
    change::ChangeId,
    error::Result,
    names::{ConfigId, EnvName},
};

/// Publishes a change and returns to its page, with a message about the delivery.
#[server(prefix = "/fn", endpoint = "publish")]
pub async fn publish(
    /// The change.
    change: ChangeId,
    /// SHA-256 of the difference on the page.
    diff_sha256: String,
    /// The message.
    #[server(default)]
    message: String,
    /// The typed names of protected environments.
    #[server(default)]
    confirm: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let (diff_sha256, message) = (Some(diff_sha256), Some(message));
    let publish = crate::service::PublishRequest { change, diff_sha256, message, confirm, idempotency: None };
    let published = service.publish(&user.actor, publish).await?;
    report_delivery(&service, &user.actor, &published).await;
    Ok(())
}

/// Makes the content of release `to` a new release, and redirects to the page of the config.
#[server(prefix = "/fn", endpoint = "roll-back")]
pub async fn roll_back(
    /// The config.
    config: ConfigId,
    /// The release whose content is restored.
    to: u64,
    /// The live release on the page.
    live: u64,
    /// The message.
    #[server(default)]
    message: String,
    /// The typed name of a protected environment.
    #[server(default)]
    confirm: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let page = super::paths::config(&config);
    let rollback = crate::service::Rollback { config, to, message, confirm, live: Some(live), idempotency: None };
    let published = service.roll_back(&user.actor, rollback).await?;
    super::response::redirect(&page);
    report_delivery(&service, &user.actor, &published).await;
    Ok(())
}

/// Writes the live release of a config into the channel again.
#[server(prefix = "/fn", endpoint = "repair")]
pub async fn repair(
    /// The config.
    config: ConfigId,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.repair(&user.actor, &config).await?;
    super::response::flash(super::response::lang().drift_repaired());
    Ok(())
}

/// Compares the channel with the database and delivers missing releases again.
#[server(prefix = "/fn", endpoint = "deliver-again")]
pub async fn deliver_again(
    /// The environment of the page.
    env: EnvName,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.deliver_again(&user.actor, &env).await?;
    super::response::flash(super::response::lang().delivery_compared());
    Ok(())
}

/// Releases the lock of an environment by force.
#[server(prefix = "/fn", endpoint = "free-lock")]
pub async fn free_lock(
    /// The environment.
    env: EnvName,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.free_lock(&user.actor, &env).await?;
    super::response::flash(super::response::lang().delivery_unlocked());
    Ok(())
}

/// Decides which side to keep if the channel is ahead of the database.
#[server(prefix = "/fn", endpoint = "settle")]
pub async fn settle(
    /// The config.
    config: ConfigId,
    /// The release in the channel that the page showed.
    seq: u64,
    /// The side to keep: `channel` or `database`.
    wins: String,
    /// The message.
    #[server(default)]
    message: String,
    /// The typed name of a protected environment.
    #[server(default)]
    confirm: String,
) -> Result<()> {
    use crate::{
        domain::{
            drift::KeptSide,
            error::{Invalid, Problem},
        },
        service::ResolveDrift,
    };
    let (service, user) = crate::session::guard::caller()?;
    let kept_side = match wins.as_str() {
        "channel" => KeptSide::Channel,
        "database" => KeptSide::Database,
        _ => return Err(Invalid::new("/wins", Problem::Required).into()),
    };
    let published =
        service.resolve_drift(&user.actor, ResolveDrift { config, kept_side, seq, message, confirm }).await?;
    report_delivery(&service, &user.actor, &published).await;
    Ok(())
}

/// Waits until the delivery is recorded in the database, so that the next page shows it. Then shows a message about it.
#[cfg(feature = "ssr")]
async fn report_delivery(
    service: &crate::service::Service,
    actor: &crate::domain::access::Actor,
    published: &crate::domain::release::Published,
) {
    service.wait_until_recorded(published).await;
    let late = service.why_late(actor, &published.releases);
    super::response::flash(super::response::lang().published(&published.releases, &published.delivery, &late));
}
