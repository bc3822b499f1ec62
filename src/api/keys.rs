//! Copies of keys between the environments of a namespace.

use leptos::prelude::*;

use crate::domain::{error::Result, names::ConfigId};

/// Copies live keys to other environments, into a new change, and redirects to it.
#[server(prefix = "/fn", endpoint = "copy-keys")]
pub async fn copy_keys(
    /// The config with the keys.
    from: ConfigId,
    /// The environments that get them.
    #[server(default)]
    to: Vec<String>,
    /// The keys.
    #[server(default)]
    keys: Vec<String>,
    /// Copies all keys that the page lists instead: those of `show` and `q`.
    #[server(default)]
    all: bool,
    /// The filter of the page: `differs`, `missing`, or empty.
    #[server(default)]
    show: String,
    /// The words that the listed keys contain.
    #[server(default)]
    q: String,
    /// Whether existing keys get the copied value.
    #[server(default)]
    overwrite: bool,
) -> Result<()> {
    use super::{paths, response};
    use crate::{
        domain::error::{Invalid, Problem},
        service::{CopyKeys, CopyMode},
    };
    let (service, user) = crate::session::guard::caller()?;
    let keys = if all {
        let rows = service.key_matrix(&user.actor, &from.app, &from.namespace).await?.rows;
        rows.into_iter().filter(|row| row.is_shown(&show, &q)).map(|row| row.key).collect()
    } else {
        keys
    };
    let missing = |pointer, is_missing: bool| is_missing.then(|| Invalid::new(pointer, Problem::Required));
    let problems: Vec<Invalid> =
        missing("/keys", keys.is_empty()).into_iter().chain(missing("/to", to.is_empty())).collect();
    if !problems.is_empty() {
        return Err(problems.into());
    }
    let to = to.iter().map(|env| Ok(ConfigId { env: env.parse()?, ..from.clone() })).collect::<Result<_>>()?;
    let mode = if overwrite { CopyMode::Overwrite } else { CopyMode::AddMissing };
    let message = response::lang().copy_message(keys.len(), from.env.as_str());
    let change = service.copy_keys(&user.actor, CopyKeys { from, keys, to, mode, message }).await?;
    response::redirect(&paths::change(&change));
    response::flash(response::lang().keys_copied());
    Ok(())
}
