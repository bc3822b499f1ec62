//! Copies between the environments of an application.

use leptos::prelude::*;

use crate::domain::{
    error::Result,
    names::{AppName, ConfigId, EnvName},
};

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
    let env = from.env.clone();
    let message = |n| response::lang().copy_message(n, env.as_str());
    let change = service.copy_keys(&user.actor, CopyKeys { from, keys, to, mode }, message).await?;
    response::redirect(&paths::change(&change));
    response::flash(response::lang().keys_copied());
    Ok(())
}

/// Copies the live content of namespaces to another environment, into a new change, and redirects to it.
#[server(prefix = "/fn", endpoint = "promote")]
pub async fn promote(
    /// The application.
    app: AppName,
    /// The environment with the wanted content.
    from: EnvName,
    /// The environment that gets it.
    to: EnvName,
    /// The namespaces.
    #[server(default)]
    namespaces: Vec<String>,
    /// Whether keys that only the target has are removed.
    #[server(default)]
    removes: bool,
) -> Result<()> {
    use super::{paths, response};
    use crate::{
        domain::error::{Invalid, Problem},
        service::Promotion,
    };
    let (service, user) = crate::session::guard::caller()?;
    if namespaces.is_empty() {
        return Err(Invalid::new("/namespaces", Problem::Required).into());
    }
    let namespaces = namespaces.iter().map(|name| name.parse()).collect::<std::result::Result<_, _>>()?;
    let message = response::lang().promote_message(from.as_str(), to.as_str());
    let change = service.promote(&user.actor, Promotion { app, from, to, namespaces, removes }, message).await?;
    response::redirect(&paths::change(&change));
    response::flash(response::lang().keys_copied());
    Ok(())
}
