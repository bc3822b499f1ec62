//! Users and their roles.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::{
    access::{Pattern, Role},
    error::{Error, Invalid, Result},
};

/// A row of a form: a role and the configs that it covers. A row without a role is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleRow {
    /// An environment. `*` or empty for all.
    pub env: String,
    /// An application. `*` or empty for all.
    pub app: String,
    /// A namespace. `*` or empty for all.
    pub namespace: String,
    /// `viewer` … `owner`, or empty.
    pub role: String,
}

/// Creates a user and redirects to the list of users.
#[server(prefix = "/fn", endpoint = "create-user")]
pub async fn create_user(
    /// The name to log in with.
    name: String,
    /// The first password.
    password: String,
    /// Whether the user is an administrator.
    #[server(default)]
    administrator: bool,
    /// The roles of the user.
    #[server(default)]
    roles: Vec<RoleRow>,
    /// The caller's own password, if re-authentication is due.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::reauthenticated_caller(&proof).await?;
    let new = crate::service::NewUser { name, password, administrator, roles: read(&roles)? };
    let account = service.create_user(&user.actor, new).await?;
    super::response::flash(super::response::lang().people_created(&account.name));
    super::response::redirect("/users");
    Ok(())
}

/// Changes the rights of a user, or disables the user.
#[server(prefix = "/fn", endpoint = "change-user")]
pub async fn change_user(
    /// The id of the user.
    id: String,
    /// Whether the user is an administrator.
    #[server(default)]
    administrator: bool,
    /// Whether the user is disabled.
    #[server(default)]
    disabled: bool,
    /// The roles of the user.
    #[server(default)]
    roles: Vec<RoleRow>,
    /// The caller's own password, if re-authentication is due.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::reauthenticated_caller(&proof).await?;
    let account = service.user(&user.actor, &id).await?;
    service.change_user(&user.actor, &id, administrator, disabled, read(&roles)?).await?;
    super::response::flash(super::response::lang().people_saved(&account.name));
    Ok(())
}

/// Sets a new password for a user.
#[server(prefix = "/fn", endpoint = "reset-password")]
pub async fn reset_password(
    /// The id of the user.
    id: String,
    /// The new password.
    password: String,
    /// The caller's own password, if re-authentication is due.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::reauthenticated_caller(&proof).await?;
    let account = service.user(&user.actor, &id).await?;
    service.reset_password(&user.actor, &id, &password).await?;
    super::response::flash(super::response::lang().people_reset_done(&account.name));
    Ok(())
}

/// Reads the rows with a role. If several cover the same configs, the strongest role counts.
///
/// # Errors
/// [`Error::Invalid`] at `/roles/<n>/…`.
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

/// Reads a pattern from three fields. Each is a name, or `*` or empty for all.
///
/// # Errors
/// [`Invalid`] at the field, under `at`.
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
    fn rows_without_a_role_are_ignored_and_the_strongest_counts() {
        let rows = [row("prod", "shop", "viewer"), row("*", "mail", ""), row("prod", "shop", "owner")];
        assert_eq!(read(&rows), Ok(vec![("prod/shop/*".parse().unwrap(), Role::OWNER)]));
    }

    #[test]
    fn errors_point_at_their_fields() {
        let Err(Error::Invalid(wrong)) = read(&[row("", "", ""), row("*", "Shop", "viewer"), row("", "", "king")])
        else {
            panic!("invalid rows were accepted");
        };
        let pointers: Vec<_> = wrong.iter().map(|w| w.pointer.as_str()).collect();
        assert_eq!(pointers, ["/roles/1/app", "/roles/2/role"]);
    }
}
