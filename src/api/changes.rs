//! Changes: describing, resolving conflicts, discarding. Publishing is in `api::publish`.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Sets the message of a change.
#[server(prefix = "/fn", endpoint = "describe-change")]
pub async fn describe_change(
    /// The change.
    change: String,
    /// The message.
    #[server(default)]
    message: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.describe(&user.actor, &change.parse()?, message.trim()).await?;
    super::response::flash(super::response::lang().saved());
    Ok(())
}

/// Discards a change.
#[server(prefix = "/fn", endpoint = "discard-change")]
pub async fn discard_change(
    /// The change.
    change: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.discard(&user.actor, &change.parse()?).await?;
    super::response::flash(super::response::lang().change_discarded_now());
    super::response::redirect("/changes");
    Ok(())
}

/// Resolves conflicts of one config. `keep` is the side that is kept.
#[server(prefix = "/fn", endpoint = "resolve")]
pub async fn resolve(
    /// The change.
    change: String,
    /// The config.
    config: String,
    /// The key. Empty for a text.
    #[server(default)]
    key: String,
    /// Whether to resolve all conflicts of the config instead of one key.
    #[server(default)]
    all: bool,
    /// `mine` or `theirs`.
    keep: String,
    /// The live release that the page showed as "theirs".
    live: u64,
) -> Result<()> {
    use crate::{
        domain::error::{Error, Invalid, Problem, truncate},
        service::Save,
    };
    let (service, user) = crate::session::guard::caller()?;
    let (id, config) = (change.parse()?, config.parse()?);
    let view = service.change(&user.actor, &id).await?;
    let found = view.configs.into_iter().find(|c| c.config == config);
    let found = found.ok_or_else(|| Error::NotFound(config.to_string()))?;
    let keys: Vec<&str> = found.conflicts.iter().map(|c| c.key.as_str()).filter(|k| all || *k == key).collect();
    match keep.as_str() {
        "mine" => {
            let mine = found.edits.iter().filter(|e| keys.contains(&e.key.as_str()));
            let edits: Vec<_> = mine.map(|e| (e.key.clone(), e.edit.clone())).collect();
            // Without edits, the conflicts were resolved in the meantime.
            if !edits.is_empty() {
                let version = Some(view.change.version);
                service.save(&user.actor, Save { config, change: Some(id), base: Some(live), version, edits }).await?;
            }
        }
        "theirs" => {
            for key in keys {
                service.revert(&user.actor, &id, &config, key).await?;
            }
        }
        other => {
            let known = vec!["mine".to_owned(), "theirs".to_owned()];
            return Err(Invalid::new("/keep", Problem::Unknown { given: truncate(other), known }).into());
        }
    }
    Ok(())
}
