//! Functions that the forms of the gallery post to.

use leptos::prelude::*;
use trimtab::{
    api::shim,
    domain::error::{Conflict, Error, Invalid, Problem, Result},
};

/// Logs nobody in: only `correct horse` fits.
#[server(prefix = "/fn", endpoint = "demo-log-in")]
pub async fn log_in(name: String, password: String, next: String) -> Result<()> {
    if name.is_empty() {
        return Err(Invalid::new("/name", Problem::Required).into());
    }
    if password != "correct horse" {
        return Err(Invalid::new("/password", Problem::Credentials).into());
    }
    shim::redirect(if next.is_empty() { "/" } else { &next });
    shim::say(format!("Welcome, {name}"));
    Ok(())
}

/// Saves nothing: refuses what `how` says.
#[server(prefix = "/fn", endpoint = "demo-save")]
pub async fn save(key: String, value: String, kind: String, how: String, #[server(default)] sure: bool) -> Result<()> {
    if !trimtab::domain::names::is_name(&key) {
        return Err(Invalid::new("/key", Problem::Name { name: key }).into());
    }
    if kind == "number" && value.trim().parse::<f64>().is_err() {
        let line = Invalid::at("/value", Problem::Number, 1, 1);
        return Err(Error::Invalid(vec![line, Invalid::new("/elsewhere", Problem::Taken)]));
    }
    match how.as_str() {
        "conflict" => {
            let config = "prod/shop/application".parse()?;
            let (base, theirs) = (Some("1".into()), Some("2".into()));
            return Err(Error::Conflict(vec![Conflict { config, key, base, theirs, mine: Some(value) }]));
        }
        "stale" => return Err(Error::Stale("0".into())),
        "out" => return Err(Error::Unauthenticated),
        "slow" => tokio::time::sleep(std::time::Duration::from_secs(2)).await,
        _ => {}
    }
    shim::say(format!("Saved {key}{}", if sure { ", surely" } else { "" }));
    Ok(())
}
