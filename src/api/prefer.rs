//! Language, theme and single keys: kept in cookies, so that the first byte of a page is right, before and after logging in.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Keeps preferences for a year; what is empty or unknown changes nothing.
#[server(prefix = "/fn", endpoint = "prefer")]
pub async fn prefer(
    /// `en`, `zh` or empty.
    #[server(default)]
    lang: String,
    /// `light`, `dark`, `system` or empty.
    #[server(default)]
    theme: String,
    /// `on`, `off` or empty: shortcuts of a single key.
    #[server(default)]
    keys: String,
) -> Result<()> {
    use super::shim;

    const YEAR: &str = "Path=/; Max-Age=31536000; SameSite=Lax";
    if matches!(lang.as_str(), "en" | "zh") {
        shim::set_cookie(format!("lang={lang}; {YEAR}"));
    }
    match theme.as_str() {
        "light" | "dark" => shim::set_cookie(format!("theme={theme}; {YEAR}")),
        "system" => shim::set_cookie("theme=; Path=/; Max-Age=0; SameSite=Lax".to_owned()),
        _ => {}
    }
    match keys.as_str() {
        "off" => shim::set_cookie(format!("keys=off; {YEAR}")),
        "on" => shim::set_cookie("keys=; Path=/; Max-Age=0; SameSite=Lax".to_owned()),
        _ => {}
    }
    Ok(())
}
