//! Favourites of users.

use sqlx::FromRow;

use super::{Conn, defer, on, row::AnyRow};
use crate::domain::{error::Result, favourite::Favourite};

struct FavouriteRow(Favourite);

impl<R: AnyRow> FromRow<'_, R> for FavouriteRow {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        let is_app = row.text("namespace")?.is_empty();
        Ok(Self(if is_app { Favourite::App(row.parsed("app")?) } else { Favourite::Config(row.config()?) }))
    }
}

/// Returns the columns `app`, `env` and `namespace` of a favourite.
fn columns(favourite: &Favourite) -> [&str; 3] {
    match favourite {
        Favourite::App(app) => [app.as_str(), "", ""],
        Favourite::Config(config) => [config.app.as_str(), config.env.as_str(), config.namespace.as_str()],
    }
}

impl Conn {
    /// Returns those favourites of a user that exist and are not archived, by application.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn favourites(&mut self, user: &str) -> Result<Vec<Favourite>> {
        let rows: Vec<FavouriteRow> = on!(self, c => sqlx::query_as(
            "select f.app, f.env, f.namespace from favourites f \
             join apps a on a.name = f.app and a.archived_at is null \
             left join envs e on e.name = f.env and e.archived_at is null \
             left join namespaces n on n.app = f.app and n.name = f.namespace and n.archived_at is null \
             where f.user_id = ? and (f.namespace = '' or (e.name is not null and n.name is not null)) \
             order by f.app, f.namespace, f.env"
        ).bind(user).fetch_all(c).await)?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Returns whether a user has a favourite.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn is_favourite(&mut self, user: &str, favourite: &Favourite) -> Result<bool> {
        let [app, env, namespace] = columns(favourite);
        let (n,): (i64,) = on!(self, c => sqlx::query_as(
            "select count(*) from favourites where user_id = ? and app = ? and env = ? and namespace = ?"
        ).bind(user).bind(app).bind(env).bind(namespace).fetch_one(c).await)?;
        Ok(n > 0)
    }

    /// Locks the favourites of a user until the end of the transaction, and returns their number.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn lock_favourites(&mut self, user: &str) -> Result<usize> {
        let account = user.strip_prefix("user:").unwrap_or(user);
        defer!(self, "update users set administrator = administrator where id = ?", account)?;
        let (n,): (i64,) = on!(self, c => sqlx::query_as("select count(*) from favourites where user_id = ?")
            .bind(user).fetch_one(c).await)?;
        Ok(usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// Adds a favourite that is not there yet.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_favourite(&mut self, user: &str, favourite: &Favourite) -> Result<()> {
        let [app, env, namespace] = columns(favourite);
        defer!(
            self,
            "insert into favourites (user_id, app, env, namespace) values (?, ?, ?, ?)",
            user,
            app,
            env,
            namespace
        )
    }

    /// Removes a favourite, and returns whether it was there.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn delete_favourite(&mut self, user: &str, favourite: &Favourite) -> Result<bool> {
        let [app, env, namespace] = columns(favourite);
        Ok(on!(self, c => sqlx::query(
            "delete from favourites where user_id = ? and app = ? and env = ? and namespace = ?"
        ).bind(user).bind(app).bind(env).bind(namespace).execute(c).await.map(|done| done.rows_affected() > 0))?)
    }
}
