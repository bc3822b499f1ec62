//! Users, their roles, failed log-ins and set-up links.

use sqlx::FromRow;

use super::{Conn, damaged, defer, on, parsed, row::AnyRow};
use crate::domain::{
    access::{Administer, May, Pattern, PermissionSet, Role},
    error::Result,
    time::Time,
};

/// A user as stored.
#[derive(Clone)]
pub struct UserRow {
    /// UUID.
    pub id: String,
    /// The user name.
    pub name: String,
    /// Password hash: argon2id, as a PHC string.
    pub password: String,
    /// Whether the user is an administrator.
    pub administrator: bool,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds; a disabled user cannot log in.
    pub disabled_at: Option<i64>,
    /// Unix milliseconds.
    pub last_login_at: Option<i64>,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserRow").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

impl<R: AnyRow> FromRow<'_, R> for UserRow {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            password: row.text("password")?,
            administrator: row.boolean("administrator")?,
            created_at: row.time("created_at")?.0,
            disabled_at: row.integer("disabled_at")?,
            last_login_at: row.integer("last_login_at")?,
        })
    }
}

macro_rules! users {
    ($tail:literal) => {
        concat!("select id, name, password, administrator, created_at, disabled_at, last_login_at from users ", $tail)
    };
}

/// Returns the name of a user in the table of grants.
fn subject(user: &str) -> String {
    format!("user:{user}")
}

impl Conn {
    /// Returns whether any user exists.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn has_users(&mut self) -> Result<bool> {
        let (n,): (i64,) = on!(self, c => sqlx::query_as("select count(*) from users").fetch_one(c).await)?;
        Ok(n > 0)
    }

    /// Returns the number of administrators who can log in.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn count_administrators(&mut self) -> Result<i64> {
        let (n,): (i64,) = on!(self, c => sqlx::query_as(
            "select count(*) from users where administrator = true and disabled_at is null"
        ).fetch_one(c).await)?;
        Ok(n)
    }

    /// Locks all administrators until the end of the transaction. Two administrators who remove each other's rights at
    /// the same time then do so one after the other.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn lock_administrators(&mut self) -> Result<()> {
        defer!(self, "update users set administrator = administrator where administrator = true")
    }

    /// Returns a page of users by name, starting after `after`.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn users(&mut self, after: &str, limit: u32) -> Result<Vec<UserRow>> {
        Ok(on!(self, c => sqlx::query_as(users!("where name > ? order by name limit ?"))
            .bind(after).bind(limit).fetch_all(c).await)?)
    }

    /// Returns the user with this name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn user_named(&mut self, name: &str) -> Result<Option<UserRow>> {
        Ok(on!(self, c => sqlx::query_as(users!("where name = ?")).bind(name).fetch_optional(c).await)?)
    }

    /// Returns the user with this id.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn user(&mut self, id: &str) -> Result<Option<UserRow>> {
        Ok(on!(self, c => sqlx::query_as(users!("where id = ?")).bind(id).fetch_optional(c).await)?)
    }

    /// Creates a user. The name must be free: see [`Conn::user_named`].
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_user(&mut self, _: &May<Administer, ()>, user: &UserRow) -> Result<()> {
        Ok(on!(self, c => sqlx::query(
            "insert into users (id, name, password, administrator, created_at) values (?, ?, ?, ?, ?)"
        ).bind(&user.id).bind(&user.name).bind(&user.password).bind(user.administrator).bind(user.created_at)
            .execute(c).await.map(|_| ()))?)
    }

    /// Stores whether a user is an administrator and whether the account is disabled.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn update_user(&mut self, _: &May<Administer, ()>, user: &UserRow) -> Result<()> {
        Ok(on!(self, c => sqlx::query("update users set administrator = ?, disabled_at = ? where id = ?")
            .bind(user.administrator).bind(user.disabled_at).bind(&user.id).execute(c).await.map(|_| ()))?)
    }

    /// Stores a password hash: after a change, a reset by an administrator, or a rehash with current parameters.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn set_password(&mut self, id: &str, hash: &str) -> Result<()> {
        defer!(self, "update users set password = ? where id = ?", hash, id)
    }

    /// Returns whether a user can still log in with the password of this hash, and locks the user until the end of the
    /// transaction.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn still_has_password(&mut self, id: &str, hash: &str) -> Result<bool> {
        Ok(on!(self, c => sqlx::query(
            "update users set password = password where id = ? and password = ? and disabled_at is null"
        ).bind(id).bind(hash).execute(c).await.map(|r| r.rows_affected()))?
            > 0)
    }

    /// Records the time of a log-in.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn set_last_login(&mut self, id: &str, now: Time) -> Result<()> {
        defer!(self, "update users set last_login_at = ? where id = ?", now.0, id)
    }

    /// Returns the roles of a user, each with the pattern of the configs it applies to.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn roles(&mut self, user: &str) -> Result<Vec<(Pattern, Role)>> {
        let rows: Vec<(String, String, Option<String>)> = on!(self, c => sqlx::query_as(
            "select g.pattern, g.role, r.permissions from grants g left join roles r on r.name = g.role \
             where g.subject = ? order by g.pattern, g.role"
        ).bind(subject(user)).fetch_all(c).await)?;
        let read = |(pattern, role, permissions): (String, String, Option<String>)| {
            let permissions = permissions.ok_or_else(|| damaged("a role", &role))?;
            Ok((parsed("a pattern", &pattern)?, Role::stored(role, PermissionSet::read(&permissions))))
        };
        rows.into_iter().map(read).collect()
    }

    /// Replaces the roles of a user.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn set_roles(&mut self, _: &May<Administer, ()>, user: &str, roles: &[(Pattern, Role)]) -> Result<()> {
        let subject = subject(user);
        defer!(self, "delete from grants where subject = ?", &subject)?;
        for (pattern, role) in roles {
            on!(self, c => sqlx::query("insert into grants (subject, pattern, role) values (?, ?, ?)")
                .bind(&subject).bind(pattern.to_string()).bind(role.name()).execute(c).await.map(|_| ()))?;
        }
        Ok(())
    }

    /// Returns the number of failed attempts of a subject (a name, an address or a user) and the time of the last.
    /// Locks the row until the end of the transaction, so that concurrent attempts are all counted.
    ///
    /// # Errors
    /// Those of [`super::Db::write`]; [`crate::domain::error::StateConflict::InProgress`] if two transactions insert
    /// the row at once: then retry.
    pub async fn lock_failures(&mut self, subject: &str) -> Result<(u32, Time)> {
        let updated_rows = on!(self, c => sqlx::query("update failures set tries = tries where subject = ?").bind(subject)
            .execute(c).await.map(|r| r.rows_affected()))?;
        if updated_rows == 0 {
            defer!(self, "insert into failures (subject, tries, last_at) values (?, 0, 0)", subject)?;
            return Ok((0, Time(0)));
        }
        let (tries, last): (i32, i64) = on!(self, c => sqlx::query_as(
            "select tries, last_at from failures where subject = ?"
        ).bind(subject).fetch_one(c).await)?;
        Ok((u32::try_from(tries).unwrap_or(0), Time(last)))
    }

    /// Stores the number of failed attempts of a subject and the time of the last. See [`Conn::lock_failures`].
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn set_failures(&mut self, subject: &str, tries: u32, last: Time) -> Result<()> {
        Ok(on!(self, c => sqlx::query("update failures set tries = ?, last_at = ? where subject = ?")
            .bind(i32::try_from(tries).unwrap_or(i32::MAX)).bind(last.0).bind(subject).execute(c).await.map(|_| ()))?)
    }

    /// Removes the attempt that was counted at `counted_at`. Unless another attempt followed, the time of the last one
    /// becomes `before` again.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn remove_failure(&mut self, subject: &str, counted_at: Time, before: Time) -> Result<()> {
        Ok(on!(self, c => sqlx::query(
            "update failures set tries = tries - 1, last_at = case when last_at = ? then ? else last_at end \
             where subject = ? and tries > 0"
        ).bind(counted_at.0).bind(before.0).bind(subject).execute(c).await.map(|_| ()))?)
    }

    /// Deletes the failed attempts of a subject.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_failures(&mut self, subject: &str) -> Result<()> {
        defer!(self, "delete from failures where subject = ?", subject)
    }

    /// Inserts the hash of a new set-up link and deletes expired ones.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_setup_link(&mut self, sha256: &str, expires_at: Time, now: Time) -> Result<()> {
        defer!(self, "delete from setup_links where expires_at < ?", now.0)?;
        defer!(self, "insert into setup_links (sha256, expires_at) values (?, ?)", sha256, expires_at.0)
    }

    /// Returns whether this is the hash of a set-up link that is still valid.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn is_setup_link_valid(&mut self, sha256: &str, now: Time) -> Result<bool> {
        let (n,): (i64,) = on!(self, c => sqlx::query_as(
            "select count(*) from setup_links where sha256 = ? and expires_at > ?"
        ).bind(sha256).bind(now.0).fetch_one(c).await)?;
        Ok(n > 0)
    }

    /// Locks all set-up links until the end of the transaction, so that two set-ups at once are serialised even if they
    /// use different links.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn lock_setup_links(&mut self) -> Result<()> {
        defer!(self, "update setup_links set expires_at = expires_at")
    }

    /// Deletes a set-up link and returns whether it was valid. Of two concurrent calls, one returns true.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn consume_setup_link(&mut self, sha256: &str, now: Time) -> Result<bool> {
        Ok(on!(self, c => sqlx::query("delete from setup_links where sha256 = ? and expires_at > ?")
            .bind(sha256).bind(now.0).execute(c).await.map(|r| r.rows_affected()))?
            > 0)
    }

    /// Deletes all set-up links.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_setup_links(&mut self) -> Result<()> {
        defer!(self, "delete from setup_links")
    }
}
