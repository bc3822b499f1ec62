//! Language, theme and keyboard shortcuts. They are in cookies, so that a page is right from its first byte.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Stores preferences for a year. Empty or unknown values change nothing.
#[server(prefix = "/fn", endpoint = "prefer")]
pub async fn prefer(
    /// `en`, `zh` or empty.
    #[server(default)]
    lang: String,
    /// `light`, `dark`, `system` or empty.
    #[server(default)]
    theme: String,
    /// `on`, `off` or empty: keyboard shortcuts of a single key.
    #[server(default)]
    keys: String,
) -> Result<()> {
    use super::response;

    const YEAR: &str = "Path=/; Max-Age=31536000; SameSite=Lax";
    if matches!(lang.as_str(), "en" | "zh") {
        response::set_cookie(format!("lang={lang}; {YEAR}"));
    }
    match theme.as_str() {
        "light" | "dark" => response::set_cookie(format!("theme={theme}; {YEAR}")),
        "system" => response::set_cookie("theme=; Path=/; Max-Age=0; SameSite=Lax".to_owned()),
        _ => {}
    }
    match keys.as_str() {
        "off" => response::set_cookie(format!("keys=off; {YEAR}")),
        "on" => response::set_cookie("keys=; Path=/; Max-Age=0; SameSite=Lax".to_owned()),
        _ => {}
    }
    Ok(())
}
