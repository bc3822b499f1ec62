//! Tokens end here. They are made by an ordinary form post (`pages::tokens`): their text is shown in its answer alone.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Revokes a token.
#[server(prefix = "/fn", endpoint = "revoke-token")]
pub async fn revoke_token(
    /// Its public identity.
    id: String,
    /// What people call it, to say what was done.
    #[server(default)]
    name: String,
    /// The caller's own password, when it is not fresh.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::proven(&proof).await?);
    service.revoke_token(&user.actor, &id).await?;
    super::shim::say(super::shim::lang().token_revoked_now(&name));
    Ok(())
}
