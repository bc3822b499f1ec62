//! Language and theme: kept in cookies, so that the first byte of a page is right, before and after logging in.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Keeps a preference for a year: `lang` is `en` or `zh`, `theme` is `light`, `dark` or `system`; others change nothing.
#[server(prefix = "/fn", endpoint = "prefer")]
pub async fn prefer(
    /// `en`, `zh` or empty.
    #[server(default)]
    lang: String,
    /// `light`, `dark`, `system` or empty.
    #[server(default)]
    theme: String,
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
    Ok(())
}
