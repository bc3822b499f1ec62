//! Favourites of the user.

use leptos::prelude::*;

use crate::domain::{error::Result, favourite::Favourite};

/// Marks an application or a config as a favourite, or no longer.
#[server(prefix = "/fn", endpoint = "set-favourite")]
pub async fn set_favourite(
    /// The application or config.
    of: Favourite,
    /// Whether it is a favourite.
    marked: bool,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.set_favourite(&user.actor, of, marked).await
}
