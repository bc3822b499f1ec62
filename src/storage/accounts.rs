//! Users, their roles, failed log-ins and the set-up link.

use super::{Conn, damaged, on, parsed};
use crate::domain::{
    access::{Administer, May, Pattern, PermissionSet, Role},
    error::Result,
    time::Time,
};

/// A user as stored.
#[derive(Clone, sqlx::FromRow)]
pub struct UserRow {
    /// UUID.
    pub id: String,
    /// The name to log in with.
    pub name: String,
    /// argon2id, as a PHC string.
    pub password: String,
    /// Whether an administrator.
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

macro_rules! users {
    ($tail:literal) => {
        concat!("select id, name, password, administrator, created_at, disabled_at, last_login_at from users ", $tail)
    };
}

/// The name of a user among those to whom roles are granted.
fn subject(user: &str) -> String {
    format!("user:{user}")
}

impl Conn {
    /// Whether there is any user at all.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn has_users(&mut self) -> Result<bool> {
        let (n,): (i64,) = on!(self, c => sqlx::query_as("select count(*) from users").fetch_one(c).await)?;
        Ok(n > 0)
    }

    /// How many administrators can log in.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn administrators(&mut self) -> Result<i64> {
        let (n,): (i64,) = on!(self, c => sqlx::query_as(
            "select count(*) from users where administrator = true and disabled_at is null"
        ).fetch_one(c).await)?;
        Ok(n)
    }

    /// Locks all administrators until the end of the transaction: of two who take one another's rights away at once,
    /// the slower one sees what the faster one did.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn lock_administrators(&mut self) -> Result<()> {
        on!(self, c => sqlx::query("update users set administrator = administrator where administrator = true")
            .execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// A page of users by name, those after `after`.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn users(&mut self, after: &str, limit: u32) -> Result<Vec<UserRow>> {
        Ok(on!(self, c => sqlx::query_as(users!("where name > ? order by name limit ?"))
            .bind(after).bind(limit).fetch_all(c).await)?)
    }

    /// The user with this name.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn user_named(&mut self, name: &str) -> Result<Option<UserRow>> {
        Ok(on!(self, c => sqlx::query_as(users!("where name = ?")).bind(name).fetch_optional(c).await)?)
    }

    /// The user with this identity.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn user(&mut self, id: &str) -> Result<Option<UserRow>> {
        Ok(on!(self, c => sqlx::query_as(users!("where id = ?")).bind(id).fetch_optional(c).await)?)
    }

    /// Makes a user. The name must be free: see [`Conn::user_named`].
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn insert_user(&mut self, _: &May<Administer, ()>, user: &UserRow) -> Result<()> {
        on!(self, c => sqlx::query(
            "insert into users (id, name, password, administrator, created_at) values (?, ?, ?, ?, ?)"
        ).bind(&user.id).bind(&user.name).bind(&user.password).bind(user.administrator).bind(user.created_at)
            .execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Changes whether a user is an administrator and disabled.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn update_user(&mut self, _: &May<Administer, ()>, user: &UserRow) -> Result<()> {
        on!(self, c => sqlx::query("update users set administrator = ?, disabled_at = ? where id = ?")
            .bind(user.administrator).bind(user.disabled_at).bind(&user.id).execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Stores a new password hash: one's own, an administrator's reset, or the same one with today's parameters.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn set_password(&mut self, id: &str, hash: &str) -> Result<()> {
        on!(self, c => sqlx::query("update users set password = ? where id = ?").bind(hash).bind(id)
            .execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Whether a user can still log in with the password of this hash. The user is locked until the end of the
    /// transaction, so that it stays so.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn still_has_password(&mut self, id: &str, hash: &str) -> Result<bool> {
        Ok(on!(self, c => sqlx::query(
            "update users set password = password where id = ? and password = ? and disabled_at is null"
        ).bind(id).bind(hash).execute(c).await.map(|r| r.rows_affected()))?
            > 0)
    }

    /// Notes a log-in.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn logged_in(&mut self, id: &str, now: Time) -> Result<()> {
        on!(self, c => sqlx::query("update users set last_login_at = ? where id = ?").bind(now.0).bind(id)
            .execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// The roles of a user, each with the configs that it is about.
    ///
    /// # Errors
    /// As [`super::Db::read`].
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
    /// As [`super::Db::write`].
    pub async fn set_roles(&mut self, _: &May<Administer, ()>, user: &str, roles: &[(Pattern, Role)]) -> Result<()> {
        let subject = subject(user);
        on!(self, c => sqlx::query("delete from grants where subject = ?").bind(&subject).execute(c).await.map(|_| ()))?;
        for (pattern, role) in roles {
            on!(self, c => sqlx::query("insert into grants (subject, pattern, role) values (?, ?, ?)")
                .bind(&subject).bind(pattern.to_string()).bind(role.name()).execute(c).await.map(|_| ()))?;
        }
        Ok(())
    }

    /// How often a subject (a name, an address, a user) failed to prove itself, and when last. It is locked until the
    /// end of the transaction: of many who guess at once, each sees the tries of those before.
    ///
    /// # Errors
    /// As [`super::Db::write`]; [`crate::domain::error::State::InProgress`] when two are the first at once: then look
    /// again.
    pub async fn lock_failures(&mut self, subject: &str) -> Result<(u32, Time)> {
        let there = on!(self, c => sqlx::query("update failures set tries = tries where subject = ?").bind(subject)
            .execute(c).await.map(|r| r.rows_affected()))?;
        if there == 0 {
            on!(self, c => sqlx::query("insert into failures (subject, tries, last_at) values (?, 0, 0)")
                .bind(subject).execute(c).await.map(|_| ()))?;
            return Ok((0, Time(0)));
        }
        let (tries, last): (i32, i64) = on!(self, c => sqlx::query_as(
            "select tries, last_at from failures where subject = ?"
        ).bind(subject).fetch_one(c).await)?;
        Ok((u32::try_from(tries).unwrap_or(0), Time(last)))
    }

    /// Stores how many tries of a subject count, and when the last one was. See [`Conn::lock_failures`].
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn set_failures(&mut self, subject: &str, tries: u32, last: Time) -> Result<()> {
        on!(self, c => sqlx::query("update failures set tries = ?, last_at = ? where subject = ?")
            .bind(i32::try_from(tries).unwrap_or(i32::MAX)).bind(last.0).bind(subject).execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Gives back the try that was counted at `charged`; unless there was another one meanwhile, the last one is again
    /// the one at `before`.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn refund(&mut self, subject: &str, charged: Time, before: Time) -> Result<()> {
        on!(self, c => sqlx::query(
            "update failures set tries = tries - 1, last_at = case when last_at = ? then ? else last_at end \
             where subject = ? and tries > 0"
        ).bind(charged.0).bind(before.0).bind(subject).execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Forgets the failed tries of a subject.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn forget_failures(&mut self, subject: &str) -> Result<()> {
        on!(self, c => sqlx::query("delete from failures where subject = ?").bind(subject)
            .execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Keeps the hash of a new set-up link and drops those that have expired.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn insert_setup_link(&mut self, sha256: &str, expires_at: Time, now: Time) -> Result<()> {
        on!(self, c => sqlx::query("delete from setup_links where expires_at < ?").bind(now.0)
            .execute(c).await.map(|_| ()))?;
        on!(self, c => sqlx::query("insert into setup_links (sha256, expires_at) values (?, ?)")
            .bind(sha256).bind(expires_at.0).execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Whether this is the hash of a set-up link that still works.
    ///
    /// # Errors
    /// As [`super::Db::read`].
    pub async fn setup_link_works(&mut self, sha256: &str, now: Time) -> Result<bool> {
        let (n,): (i64,) = on!(self, c => sqlx::query_as(
            "select count(*) from setup_links where sha256 = ? and expires_at > ?"
        ).bind(sha256).bind(now.0).fetch_one(c).await)?;
        Ok(n > 0)
    }

    /// Locks all set-up links until the end of the transaction: of two who set up at once, with one link or with two,
    /// the slower one finds what the faster one made.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn lock_setup_links(&mut self) -> Result<()> {
        on!(self, c => sqlx::query("update setup_links set expires_at = expires_at").execute(c).await.map(|_| ()))?;
        Ok(())
    }

    /// Uses up a set-up link that still works: of two who come at once, one gets true.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn take_setup_link(&mut self, sha256: &str, now: Time) -> Result<bool> {
        Ok(on!(self, c => sqlx::query("delete from setup_links where sha256 = ? and expires_at > ?")
            .bind(sha256).bind(now.0).execute(c).await.map(|r| r.rows_affected()))?
            > 0)
    }

    /// Ends all set-up links.
    ///
    /// # Errors
    /// As [`super::Db::write`].
    pub async fn delete_setup_links(&mut self) -> Result<()> {
        on!(self, c => sqlx::query("delete from setup_links").execute(c).await.map(|_| ()))?;
        Ok(())
    }
}
