//! Applications, their namespaces, and environments: creating, describing, archiving.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Creates an application, with a namespace `application` if `namespace` is true, and redirects to it.
#[server(prefix = "/fn", endpoint = "create-app")]
pub async fn create_app(
    /// Its name.
    app: String,
    /// The title, which may be empty.
    #[server(default)]
    title: String,
    /// Whether it starts with a namespace.
    #[server(default)]
    namespace: bool,
) -> Result<()> {
    use crate::{
        domain::content::Format,
        service::{PutApp, PutNamespace},
    };
    let (service, user) = crate::session::guard::caller()?;
    let name: crate::domain::names::AppName = app.trim().parse()?;
    let title = Some(title.trim().to_owned());
    service.create_app(&user.actor, PutApp { name: name.clone(), title, description: None, archived: None }).await?;
    if namespace {
        let (app, format) = (name.clone(), Some(Format::Kv));
        let first = PutNamespace { app, name: "application".parse()?, format, description: None, archived: None };
        service.put_namespace(&user.actor, first).await?;
    }
    super::response::redirect(&format!("/apps/{name}"));
    Ok(())
}

/// Clones an application: its namespaces, and its live content in some environments, as open changes. Redirects to the
/// change, or to the application if there is none or there are several.
#[server(prefix = "/fn", endpoint = "clone-app")]
pub async fn clone_app(
    /// The application to clone.
    app: String,
    /// Name of the new one.
    to: String,
    /// Its title, which may be empty.
    #[server(default)]
    title: String,
    /// Environments whose content is copied.
    #[server(default)]
    envs: Vec<String>,
) -> Result<()> {
    use crate::{domain::names::AppName, service::CloneApp};
    let (service, user) = crate::session::guard::caller()?;
    let from: AppName = app.parse()?;
    let to: AppName = to.trim().parse().map_err(|invalid: crate::domain::error::Invalid| invalid.of("/to"))?;
    let envs = envs.iter().map(|env| env.parse()).collect::<std::result::Result<_, _>>()?;
    let t = super::response::lang();
    let message = t.clone_message(from.as_str());
    let clone = CloneApp { from, to: to.clone(), title: title.trim().to_owned(), envs };
    let changes = service.clone_app(&user.actor, clone, message).await?;
    let leads_to = match changes.as_slice() {
        [change] => super::paths::change(change),
        _ => super::paths::app(&to),
    };
    super::response::redirect(&leads_to);
    super::response::flash(t.app_cloned());
    Ok(())
}

/// Changes title and description of an application.
#[server(prefix = "/fn", endpoint = "describe-app")]
pub async fn describe_app(
    /// The application.
    app: String,
    /// The title.
    #[server(default)]
    title: String,
    /// The description.
    #[server(default)]
    description: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let (title, description) = (Some(title.trim().to_owned()), Some(description.trim().to_owned()));
    let name: crate::domain::names::AppName = app.parse()?;
    // `put_app` would create an application for users who may do so. This form must not.
    service.app(&user.actor, &name).await?;
    service.put_app(&user.actor, crate::service::PutApp { name, title, description, archived: None }).await?;
    super::response::flash(super::response::lang().saved());
    Ok(())
}

/// Archives an application, or restores it.
#[server(prefix = "/fn", endpoint = "archive-app")]
pub async fn archive_app(
    /// The application.
    app: String,
    /// Whether to archive it.
    archived: bool,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let name: crate::domain::names::AppName = app.parse()?;
    service.app(&user.actor, &name).await?;
    let put = crate::service::PutApp { name, title: None, description: None, archived: Some(archived) };
    service.put_app(&user.actor, put).await?;
    let t = super::response::lang();
    super::response::flash(if archived { t.archived_now(&app) } else { t.restored_now(&app) });
    Ok(())
}

/// Creates a namespace.
#[server(prefix = "/fn", endpoint = "create-namespace")]
pub async fn create_namespace(
    /// The application.
    app: String,
    /// Its name.
    namespace: String,
    /// The format of its documents.
    format: String,
    /// The description.
    #[server(default)]
    description: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let put = crate::service::PutNamespace {
        app: app.parse()?,
        name: namespace.trim().parse()?,
        format: Some(format.parse()?),
        description: Some(description.trim().to_owned()),
        archived: None,
    };
    service.create_namespace(&user.actor, put).await?;
    super::response::flash(super::response::lang().was_created(namespace.trim()));
    super::response::redirect(&format!("/apps/{app}"));
    Ok(())
}

/// Changes the description of a namespace and, before its first release, the format.
#[server(prefix = "/fn", endpoint = "change-namespace")]
pub async fn change_namespace(
    /// The application.
    app: String,
    /// The namespace.
    namespace: String,
    /// The format of its documents. Empty if it is fixed.
    #[server(default)]
    format: String,
    /// The description.
    #[server(default)]
    description: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let put = crate::service::PutNamespace {
        app: app.parse()?,
        name: namespace.parse()?,
        format: if format.is_empty() { None } else { Some(format.parse()?) },
        description: Some(description.trim().to_owned()),
        archived: None,
    };
    service.put_namespace(&user.actor, put).await?;
    super::response::flash(super::response::lang().saved());
    super::response::redirect(&format!("/apps/{app}"));
    Ok(())
}

/// Archives a namespace, or restores it.
#[server(prefix = "/fn", endpoint = "archive-namespace")]
pub async fn archive_namespace(
    /// The application.
    app: String,
    /// The namespace.
    namespace: String,
    /// Whether to archive it.
    archived: bool,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let (t, name) = (super::response::lang(), namespace.parse()?);
    let put = crate::service::PutNamespace {
        app: app.parse()?,
        name,
        format: None,
        description: None,
        archived: Some(archived),
    };
    service.put_namespace(&user.actor, put).await?;
    super::response::flash(if archived { t.archived_now(&namespace) } else { t.restored_now(&namespace) });
    super::response::redirect(&format!("/apps/{app}"));
    Ok(())
}

/// Creates an environment.
#[server(prefix = "/fn", endpoint = "create-env")]
pub async fn create_env(
    /// Its name.
    env: String,
    /// The title.
    #[server(default)]
    title: String,
    /// Whether a publish requires a message and the typed name of the environment.
    #[server(default)]
    protected: bool,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let (name, title) = (env.trim().parse()?, Some(title.trim().to_owned()));
    let put = crate::service::PutEnv { name, title, position: None, protected: Some(protected), archived: None };
    service.create_env(&user.actor, put).await?;
    super::response::flash(super::response::lang().was_created(env.trim()));
    Ok(())
}

/// Changes the title and the protection of an environment.
#[server(prefix = "/fn", endpoint = "change-env")]
pub async fn change_env(
    /// The environment.
    env: String,
    /// The title.
    #[server(default)]
    title: String,
    /// Whether a publish requires a message and the typed name of the environment.
    #[server(default)]
    protected: bool,
    /// The user's own password, if the protection is removed and re-authentication is due.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let (name, title) = (env.parse()?, Some(title.trim().to_owned()));
    let put = crate::service::PutEnv { name, title, position: None, protected: Some(protected), archived: None };
    if service.removes_protection(&user.actor, &put).await? {
        crate::session::guard::reauthenticated_caller(&proof).await?;
    }
    service.put_env(&user.actor, put).await?;
    super::response::flash(super::response::lang().saved());
    super::response::redirect("/envs");
    Ok(())
}

/// Archives an environment, or restores it.
#[server(prefix = "/fn", endpoint = "archive-env")]
pub async fn archive_env(
    /// The environment.
    env: String,
    /// Whether to archive it.
    archived: bool,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let (t, name) = (super::response::lang(), env.parse()?);
    let put = crate::service::PutEnv { name, title: None, position: None, protected: None, archived: Some(archived) };
    service.put_env(&user.actor, put).await?;
    super::response::flash(if archived { t.archived_now(&env) } else { t.restored_now(&env) });
    super::response::redirect("/envs");
    Ok(())
}

/// Moves an environment one position to the left or the right.
#[server(prefix = "/fn", endpoint = "move-env")]
pub async fn move_env(
    /// The environment.
    env: String,
    /// Whether to move it to the left, towards development.
    earlier: bool,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.move_env(&user.actor, &env.parse()?, earlier).await
}
