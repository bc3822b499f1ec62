//! Users and their roles.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{
    access::{Pattern, Role},
    error::{Error, Invalid, Result},
};

/// A role in a form: a row of it. A row without a role is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRow {
    /// An environment; `*` or nothing for all.
    #[serde(default)]
    pub env: String,
    /// An application; `*` or nothing for all.
    #[serde(default)]
    pub app: String,
    /// A namespace; `*` or nothing for all.
    #[serde(default)]
    pub namespace: String,
    /// `viewer` … `owner`, or nothing.
    #[serde(default)]
    pub role: String,
}

/// Makes a user and goes to its page.
#[server(prefix = "/fn", endpoint = "create-user")]
pub async fn create_user(
    /// The name to log in with.
    name: String,
    /// The first password.
    password: String,
    /// Whether an administrator.
    #[server(default)]
    administrator: bool,
    /// What the user may do where.
    #[server(default)]
    roles: Vec<RoleRow>,
    /// The caller's own password, when it is not fresh.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::proven(&proof).await?);
    let new = crate::service::NewUser { name, password, administrator, roles: read(&roles)? };
    let account = service.create_user(&user.actor, new).await?;
    super::shim::say(super::shim::lang().people_made(&account.name));
    super::shim::redirect("/users");
    Ok(())
}

/// Changes what a user may do, or disables one.
#[server(prefix = "/fn", endpoint = "change-user")]
pub async fn change_user(
    /// Which.
    id: String,
    /// Whether an administrator.
    #[server(default)]
    administrator: bool,
    /// Whether the user can no longer log in.
    #[server(default)]
    disabled: bool,
    /// What the user may do where.
    #[server(default)]
    roles: Vec<RoleRow>,
    /// The caller's own password, when it is not fresh.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::proven(&proof).await?);
    let account = service.user(&user.actor, &id).await?;
    service.change_user(&user.actor, &id, administrator, disabled, read(&roles)?).await?;
    super::shim::say(super::shim::lang().people_saved(&account.name));
    Ok(())
}

/// Gives a user a new password.
#[server(prefix = "/fn", endpoint = "reset-password")]
pub async fn reset_password(
    /// Which.
    id: String,
    /// The new password.
    password: String,
    /// The caller's own password, when it is not fresh.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::proven(&proof).await?);
    let account = service.user(&user.actor, &id).await?;
    service.reset_password(&user.actor, &id, &password).await?;
    super::shim::say(super::shim::lang().people_reset_done(&account.name));
    Ok(())
}

/// Reads the rows that have a role. Of several for the same configs the strongest counts.
///
/// # Errors
/// At `/roles/<n>/…`.
pub fn read(rows: &[RoleRow]) -> Result<Vec<(Pattern, Role)>> {
    let (mut roles, mut wrong) = (std::collections::BTreeMap::<Pattern, Role>::new(), Vec::new());
    for (n, row) in rows.iter().enumerate().filter(|(_, row)| !row.role.is_empty()) {
        let at = format!("/roles/{n}");
        let role = row.role.parse::<Role>().map_err(|e| e.under(&at));
        match (pattern(&at, &row.env, &row.app, &row.namespace), role) {
            (Ok(pattern), Ok(role)) => {
                let there = roles.entry(pattern).or_insert_with(|| role.clone());
                if role.permissions().includes(there.permissions()) {
                    *there = role;
                }
            }
            (pattern, role) => wrong.extend(pattern.err().into_iter().chain(role.err())),
        }
    }
    if wrong.is_empty() { Ok(roles.into_iter().collect()) } else { Err(Error::Invalid(wrong)) }
}

/// Reads a pattern of three fields, each a name, or `*` or nothing for all.
///
/// # Errors
/// At the field, under `at`.
pub fn pattern(at: &str, env: &str, app: &str, namespace: &str) -> Result<Pattern, Invalid> {
    fn part<T: std::str::FromStr<Err = Invalid>>(at: &str, text: &str) -> Result<Option<T>, Invalid> {
        match text.trim() {
            "" | "*" => Ok(None),
            name => name.parse().map(Some).map_err(|e: Invalid| e.under(at)),
        }
    }
    Ok(Pattern::new(part(at, env)?, part(at, app)?, part(at, namespace)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(env: &str, app: &str, role: &str) -> RoleRow {
        RoleRow { env: env.into(), app: app.into(), namespace: String::new(), role: role.into() }
    }

    #[test]
    fn rows_without_a_role_are_none_and_the_strongest_counts() {
        let rows = [row("prod", "shop", "viewer"), row("*", "mail", ""), row("prod", "shop", "owner")];
        assert_eq!(read(&rows), Ok(vec![("prod/shop/*".parse().unwrap(), Role::OWNER)]));
    }

    #[test]
    fn what_is_wrong_is_said_at_its_field() {
        let Err(Error::Invalid(wrong)) = read(&[row("", "", ""), row("*", "Shop", "viewer"), row("", "", "king")])
        else {
            panic!("these are no roles");
        };
        let pointers: Vec<_> = wrong.iter().map(|w| w.pointer.as_str()).collect();
        assert_eq!(pointers, ["/roles/1/app", "/roles/2/role"]);
    }
}
