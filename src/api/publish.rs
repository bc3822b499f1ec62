//! Publishing and rolling back, as the forms of the pages send them.

use leptos::prelude::*;

use crate::domain::{
    change::ChangeId,
    error::Result,
    names::{ConfigId, EnvName},
};

/// Publishes a change and goes back to the page, which says how far it has come.
#[server(prefix = "/fn", endpoint = "publish")]
pub async fn publish(
    /// The change.
    change: ChangeId,
    /// Of the difference that was on the page.
    diff_sha256: String,
    /// Why.
    #[server(default)]
    message: String,
    /// The names of protected environments, typed.
    #[server(default)]
    confirm: String,
) -> Result<()> {
    use crate::{service::Publish, session::guard};
    let user = guard::user()?;
    let publish =
        Publish { change, diff_sha256: Some(diff_sha256), message: Some(message), confirm, idempotency: None };
    let service = guard::service()?;
    let published = service.publish(&user.actor, publish).await?;
    say(&service, &user.actor, &published).await;
    Ok(())
}

/// Makes the content of release `to` a new release, and goes to the page of the config.
#[server(prefix = "/fn", endpoint = "roll-back")]
pub async fn roll_back(
    /// The config.
    config: ConfigId,
    /// The release whose content comes back.
    to: u64,
    /// The release that was live on the page.
    live: u64,
    /// Why.
    #[server(default)]
    message: String,
    /// The name of a protected environment, typed.
    #[server(default)]
    confirm: String,
) -> Result<()> {
    use crate::{service::Rollback, session::guard};
    let user = guard::user()?;
    let page = super::paths::config(&config);
    let rollback = Rollback { config, to, message, confirm, live: Some(live), idempotency: None };
    let service = guard::service()?;
    let published = service.roll_back(&user.actor, rollback).await?;
    super::shim::redirect(&page);
    say(&service, &user.actor, &published).await;
    Ok(())
}

/// Writes the live release of a config into the channel again.
#[server(prefix = "/fn", endpoint = "repair")]
pub async fn repair(
    /// The config.
    config: ConfigId,
) -> Result<()> {
    use crate::session::guard;
    let user = guard::user()?;
    guard::service()?.repair(&user.actor, &config).await?;
    super::shim::say(super::shim::lang().drift_repaired());
    Ok(())
}

/// Compares the channel with the database, and delivers again what it does not have.
#[server(prefix = "/fn", endpoint = "deliver-again")]
pub async fn deliver_again(
    /// The environment that was looked at.
    env: EnvName,
) -> Result<()> {
    use crate::session::guard;
    let user = guard::user()?;
    guard::service()?.deliver_again(&user.actor, &env).await?;
    super::shim::say(super::shim::lang().delivery_compared());
    Ok(())
}

/// Takes the lock of an environment away from whoever holds it.
#[server(prefix = "/fn", endpoint = "free-lock")]
pub async fn free_lock(
    /// The environment.
    env: EnvName,
) -> Result<()> {
    use crate::session::guard;
    let user = guard::user()?;
    guard::service()?.free_lock(&user.actor, &env).await?;
    super::shim::say(super::shim::lang().delivery_lock_freed());
    Ok(())
}

/// Decides which side counts where the channel is ahead of the database.
#[server(prefix = "/fn", endpoint = "settle")]
pub async fn settle(
    /// The config.
    config: ConfigId,
    /// The release in the channel that was on the page.
    seq: u64,
    /// `channel` or `database`.
    wins: String,
    /// Why.
    #[server(default)]
    message: String,
    /// The name of a protected environment, typed.
    #[server(default)]
    confirm: String,
) -> Result<()> {
    use crate::{
        domain::{
            drift::Wins,
            error::{Invalid, Problem},
        },
        service::Settle,
        session::guard,
    };
    let user = guard::user()?;
    let wins = match wins.as_str() {
        "channel" => Wins::Channel,
        "database" => Wins::Database,
        _ => return Err(Invalid::new("/wins", Problem::Required).into()),
    };
    let service = guard::service()?;
    let published = service.settle(&user.actor, Settle { config, wins, seq, message, confirm }).await?;
    say(&service, &user.actor, &published).await;
    Ok(())
}

/// Says how far a publish has come, once the page that follows can say it, too.
#[cfg(feature = "ssr")]
async fn say(
    service: &crate::service::Service,
    actor: &crate::domain::access::Actor,
    published: &crate::domain::release::Published,
) {
    service.settled(published).await;
    let late = service.why_late(actor, &published.releases);
    super::shim::say(super::shim::lang().published(&published.releases, &published.delivery, &late));
}
