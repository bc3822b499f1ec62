//! Revoking tokens. An ordinary form post creates them (`pages::tokens`), because only its answer shows their text.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Revokes a token.
#[server(prefix = "/fn", endpoint = "revoke-token")]
pub async fn revoke_token(
    /// The public id.
    id: String,
    /// The name, for the message.
    #[server(default)]
    name: String,
    /// The caller's own password, if re-authentication is due.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::reauthenticated_caller(&proof).await?;
    service.revoke_token(&user.actor, &id).await?;
    super::response::flash(super::response::lang().token_revoked_now(&name));
    Ok(())
}
