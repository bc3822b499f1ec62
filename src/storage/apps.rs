//! Environments, applications and namespaces.

use sqlx::FromRow;

use super::{Conn, on, parsed, row::AnyRow};
use crate::domain::{
    access::{AddNamespace, Administer, Create, May, Own},
    catalog::{App, Env, Namespace},
    content::Format,
    error::Result,
    names::{AppName, EnvName, NamespaceName},
    time::Time,
};

/// Reads the columns `env`, `title`, `position`, `protected` and `env_archived_at`.
impl<R: AnyRow> FromRow<'_, R> for Env {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            name: row.parsed("env")?,
            title: row.text("title")?,
            position: row.integer("position")?.and_then(|n| n.try_into().ok()).unwrap_or_default(),
            protected: row.boolean("protected")?,
            archived_at: row.optional_time("env_archived_at")?,
        })
    }
}

/// Reads the columns `name`, `title`, `description` and `archived_at`.
impl<R: AnyRow> FromRow<'_, R> for App {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        let (title, description) = (row.text("title")?, row.text("description")?);
        Ok(Self { name: row.parsed("name")?, title, description, archived_at: row.optional_time("archived_at")? })
    }
}

/// Reads the columns `app`, `namespace`, `format`, `description` and `namespace_archived_at`.
impl<R: AnyRow> FromRow<'_, R> for Namespace {
    fn from_row(row: &R) -> sqlx::Result<Self> {
        Ok(Self {
            app: row.parsed("app")?,
            name: row.parsed("namespace")?,
            format: row.parsed("format")?,
            description: row.text("description")?,
            archived_at: row.optional_time("namespace_archived_at")?,
        })
    }
}

/// Sets the actor who archived an object, if it is archived now. MySQL evaluates assignments in their order, so this one
/// must be before that of `archived_at`. Its values are the new time and the actor's name.
macro_rules! archived_by {
    () => {
        "archived_by = case when ? is null then null when archived_at is null then ? else archived_by end, "
    };
}

impl Conn {
    /// Returns all environments, in their order.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn envs(&mut self) -> Result<Vec<Env>> {
        Ok(on!(self, c => sqlx::query_as(
            "select name as env, title, position, protected, archived_at as env_archived_at from envs order by position, name"
        ).fetch_all(c).await)?)
    }

    /// Returns an environment.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn env(&mut self, name: &EnvName) -> Result<Option<Env>> {
        Ok(on!(self, c => sqlx::query_as(
            "select name as env, title, position, protected, archived_at as env_archived_at from envs where name = ?"
        ).bind(name.as_str()).fetch_optional(c).await)?)
    }

    /// Creates an environment. `by` is the actor's name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_env(&mut self, _: &May<Create, ()>, env: &Env, by: &str, now: Time) -> Result<()> {
        let archived = env.archived_at.map(|t| t.0);
        Ok(on!(self, c => sqlx::query(
            "insert into envs (name, title, position, protected, created_at, archived_at, archived_by) \
             values (?, ?, ?, ?, ?, ?, ?)"
        ).bind(env.name.as_str()).bind(&env.title).bind(env.position).bind(env.protected).bind(now.0).bind(archived)
            .bind(archived.map(|_| by)).execute(c).await.map(|_| ()))?)
    }

    /// Updates an environment. `by` is the actor's name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn update_env(&mut self, _: &May<Administer, ()>, env: &Env, by: &str) -> Result<()> {
        let archived = env.archived_at.map(|t| t.0);
        Ok(on!(self, c => sqlx::query(concat!(
            "update envs set title = ?, position = ?, protected = ?, ", archived_by!(), "archived_at = ? where name = ?"
        )).bind(&env.title).bind(env.position).bind(env.protected).bind(archived).bind(by).bind(archived)
            .bind(env.name.as_str())
            .execute(c).await.map(|_| ()))?)
    }

    /// Returns all applications, by name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn apps(&mut self) -> Result<Vec<App>> {
        Ok(on!(self, c => sqlx::query_as(
            "select name, title, description, archived_at from apps order by name"
        ).fetch_all(c).await)?)
    }

    /// Returns an application.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn app(&mut self, name: &AppName) -> Result<Option<App>> {
        Ok(on!(self, c => sqlx::query_as(
            "select name, title, description, archived_at from apps where name = ?"
        ).bind(name.as_str()).fetch_optional(c).await)?)
    }

    /// Creates an application.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_app(&mut self, _: &May<Create, ()>, app: &App, now: Time) -> Result<()> {
        Ok(on!(self, c => sqlx::query(
            "insert into apps (name, title, description, created_at, archived_at) values (?, ?, ?, ?, null)"
        ).bind(app.name.as_str()).bind(&app.title).bind(&app.description).bind(now.0).execute(c).await.map(|_| ()))?)
    }

    /// Updates an application. `by` is the actor's name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn update_app(&mut self, may: &May<Own, AppName>, app: &App, by: &str) -> Result<()> {
        let archived = app.archived_at.map(|t| t.0);
        Ok(on!(self, c => sqlx::query(concat!(
            "update apps set title = ?, description = ?, ", archived_by!(), "archived_at = ? where name = ?"
        )).bind(&app.title).bind(&app.description).bind(archived).bind(by).bind(archived).bind(may.on().as_str())
            .execute(c).await.map(|_| ()))?)
    }

    /// Returns the namespaces of an application, by name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn namespaces(&mut self, of: &AppName) -> Result<Vec<Namespace>> {
        Ok(on!(self, c => sqlx::query_as(
            "select app, name as namespace, format, description, archived_at as namespace_archived_at from namespaces \
             where app = ? order by name"
        ).bind(of.as_str()).fetch_all(c).await)?)
    }

    /// Returns the namespaces of all applications, without archived ones.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn all_namespaces(&mut self) -> Result<Vec<(AppName, NamespaceName)>> {
        let rows: Vec<(String, String)> = on!(self, c => sqlx::query_as(
            "select app, name from namespaces where archived_at is null"
        ).fetch_all(c).await)?;
        rows.iter().map(|(app, name)| Ok((parsed("an application", app)?, parsed("a namespace", name)?))).collect()
    }

    /// Returns the namespaces of this format, by application and name, without archived ones and those of archived
    /// applications.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn namespaces_of_format(&mut self, format: Format) -> Result<Vec<(AppName, NamespaceName)>> {
        let rows: Vec<(String, String)> = on!(self, c => sqlx::query_as(
            "select n.app, n.name from namespaces n join apps a on a.name = n.app \
             where n.format = ? and n.archived_at is null and a.archived_at is null order by n.app, n.name"
        ).bind(format.as_str()).fetch_all(c).await)?;
        rows.iter().map(|(app, name)| Ok((parsed("an application", app)?, parsed("a namespace", name)?))).collect()
    }

    /// Returns a namespace.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::read`].
    pub async fn namespace(&mut self, of: &AppName, name: &NamespaceName) -> Result<Option<Namespace>> {
        Ok(on!(self, c => sqlx::query_as(
            "select app, name as namespace, format, description, archived_at as namespace_archived_at from namespaces \
             where app = ? and name = ?"
        ).bind(of.as_str()).bind(name.as_str()).fetch_optional(c).await)?)
    }

    /// Creates the namespace that `may` names. `by` is the actor's name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn insert_namespace(
        &mut self,
        may: &May<AddNamespace, (AppName, NamespaceName)>,
        namespace: &Namespace,
        by: &str,
        now: Time,
    ) -> Result<()> {
        let ((app, name), archived) = (may.on(), namespace.archived_at.map(|t| t.0));
        Ok(on!(self, c => sqlx::query(
            "insert into namespaces (app, name, format, description, created_at, archived_at, archived_by) \
             values (?, ?, ?, ?, ?, ?, ?)"
        ).bind(app.as_str()).bind(name.as_str()).bind(namespace.format.as_str()).bind(&namespace.description)
            .bind(now.0).bind(archived).bind(archived.map(|_| by)).execute(c).await.map(|_| ()))?)
    }

    /// Updates a namespace of the application that `may` names. `by` is the actor's name.
    ///
    /// # Errors
    /// Returns the errors of [`super::Db::write`].
    pub async fn update_namespace(&mut self, may: &May<Own, AppName>, namespace: &Namespace, by: &str) -> Result<()> {
        let (app, archived) = (may.on().as_str(), namespace.archived_at.map(|t| t.0));
        Ok(on!(self, c => sqlx::query(concat!(
            "update namespaces set format = ?, description = ?, ", archived_by!(),
            "archived_at = ? where app = ? and name = ?"
        )).bind(namespace.format.as_str()).bind(&namespace.description).bind(archived).bind(by).bind(archived).bind(app)
            .bind(namespace.name.as_str()).execute(c).await.map(|_| ()))?)
    }
}
