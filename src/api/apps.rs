//! Applications, their namespaces, and environments: made, described, archived.

use leptos::prelude::*;

use crate::domain::error::Result;

/// Makes an application, with a namespace `application` when `namespace` is ticked, and goes there.
#[server(prefix = "/fn", endpoint = "create-app")]
pub async fn create_app(
    /// Its name.
    app: String,
    /// What people call it; may be empty.
    #[server(default)]
    title: String,
    /// Whether it begins with a namespace.
    #[server(default)]
    namespace: bool,
) -> Result<()> {
    use crate::{
        domain::content::Format,
        service::{PutApp, PutNamespace},
    };
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let name: crate::domain::names::AppName = app.trim().parse()?;
    let title = Some(title.trim().to_owned());
    service.create_app(&user.actor, PutApp { name: name.clone(), title, description: None, archived: None }).await?;
    if namespace {
        let (app, format) = (name.clone(), Some(Format::Kv));
        let first = PutNamespace { app, name: "application".parse()?, format, description: None, archived: None };
        service.put_namespace(&user.actor, first).await?;
    }
    super::shim::redirect(&format!("/apps/{name}"));
    Ok(())
}

/// Says what an application is called and what it does.
#[server(prefix = "/fn", endpoint = "describe-app")]
pub async fn describe_app(
    /// Which.
    app: String,
    /// What people call it.
    #[server(default)]
    title: String,
    /// What it does.
    #[server(default)]
    description: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let (title, description) = (Some(title.trim().to_owned()), Some(description.trim().to_owned()));
    let name: crate::domain::names::AppName = app.parse()?;
    // Also for those who may make applications: this form makes none.
    service.app(&user.actor, &name).await?;
    service.put_app(&user.actor, crate::service::PutApp { name, title, description, archived: None }).await?;
    super::shim::say(super::shim::lang().saved());
    Ok(())
}

/// Puts an application away, or takes it back.
#[server(prefix = "/fn", endpoint = "archive-app")]
pub async fn archive_app(
    /// Which.
    app: String,
    /// Away, or back.
    archived: bool,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let name: crate::domain::names::AppName = app.parse()?;
    service.app(&user.actor, &name).await?;
    let put = crate::service::PutApp { name, title: None, description: None, archived: Some(archived) };
    service.put_app(&user.actor, put).await?;
    let t = super::shim::lang();
    super::shim::say(if archived { t.archived_now(&app) } else { t.restored_now(&app) });
    Ok(())
}

/// Makes a namespace.
#[server(prefix = "/fn", endpoint = "create-namespace")]
pub async fn create_namespace(
    /// Of which application.
    app: String,
    /// Its name.
    namespace: String,
    /// How its documents are written.
    format: String,
    /// What it is for.
    #[server(default)]
    description: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let put = crate::service::PutNamespace {
        app: app.parse()?,
        name: namespace.trim().parse()?,
        format: Some(format.parse()?),
        description: Some(description.trim().to_owned()),
        archived: None,
    };
    service.create_namespace(&user.actor, put).await?;
    super::shim::say(super::shim::lang().namespace_made(namespace.trim()));
    super::shim::redirect(&format!("/apps/{app}"));
    Ok(())
}

/// Says what a namespace is for and, before its first release, how it is written.
#[server(prefix = "/fn", endpoint = "change-namespace")]
pub async fn change_namespace(
    /// Of which application.
    app: String,
    /// Which.
    namespace: String,
    /// How its documents are written; empty when it is fixed.
    #[server(default)]
    format: String,
    /// What it is for.
    #[server(default)]
    description: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let put = crate::service::PutNamespace {
        app: app.parse()?,
        name: namespace.parse()?,
        format: if format.is_empty() { None } else { Some(format.parse()?) },
        description: Some(description.trim().to_owned()),
        archived: None,
    };
    service.put_namespace(&user.actor, put).await?;
    super::shim::say(super::shim::lang().saved());
    super::shim::redirect(&format!("/apps/{app}"));
    Ok(())
}

/// Puts a namespace away, or takes it back.
#[server(prefix = "/fn", endpoint = "archive-namespace")]
pub async fn archive_namespace(
    /// Of which application.
    app: String,
    /// Which.
    namespace: String,
    /// Away, or back.
    archived: bool,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let (t, name) = (super::shim::lang(), namespace.parse()?);
    let put = crate::service::PutNamespace {
        app: app.parse()?,
        name,
        format: None,
        description: None,
        archived: Some(archived),
    };
    service.put_namespace(&user.actor, put).await?;
    super::shim::say(if archived { t.archived_now(&namespace) } else { t.restored_now(&namespace) });
    super::shim::redirect(&format!("/apps/{app}"));
    Ok(())
}

/// Makes an environment.
#[server(prefix = "/fn", endpoint = "create-env")]
pub async fn create_env(
    /// Its name.
    env: String,
    /// What people call it.
    #[server(default)]
    title: String,
    /// Whether publishing wants a reason and the name typed.
    #[server(default)]
    protected: bool,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let (name, title) = (env.trim().parse()?, Some(title.trim().to_owned()));
    let put = crate::service::PutEnv { name, title, position: None, protected: Some(protected), archived: None };
    service.create_env(&user.actor, put).await?;
    super::shim::say(super::shim::lang().env_made(env.trim()));
    Ok(())
}

/// Changes what an environment is called and whether it is protected.
#[server(prefix = "/fn", endpoint = "change-env")]
pub async fn change_env(
    /// Which.
    env: String,
    /// What people call it.
    #[server(default)]
    title: String,
    /// Whether publishing wants a reason and the name typed.
    #[server(default)]
    protected: bool,
    /// The caller's own password, when the protection goes and it is not fresh.
    #[server(default)]
    proof: String,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let (name, title) = (env.parse()?, Some(title.trim().to_owned()));
    let put = crate::service::PutEnv { name, title, position: None, protected: Some(protected), archived: None };
    if service.loosens(&user.actor, &put).await? {
        crate::session::guard::proven(&proof).await?;
    }
    service.put_env(&user.actor, put).await?;
    super::shim::say(super::shim::lang().saved());
    super::shim::redirect("/envs");
    Ok(())
}

/// Puts an environment away, or takes it back.
#[server(prefix = "/fn", endpoint = "archive-env")]
pub async fn archive_env(
    /// Which.
    env: String,
    /// Away, or back.
    archived: bool,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    let (t, name) = (super::shim::lang(), env.parse()?);
    let put = crate::service::PutEnv { name, title: None, position: None, protected: None, archived: Some(archived) };
    service.put_env(&user.actor, put).await?;
    super::shim::say(if archived { t.archived_now(&env) } else { t.restored_now(&env) });
    super::shim::redirect("/envs");
    Ok(())
}

/// Moves an environment one place to the left or the right.
#[server(prefix = "/fn", endpoint = "move-env")]
pub async fn move_env(
    /// Which.
    env: String,
    /// To the left, where it is nearer to development.
    earlier: bool,
) -> Result<()> {
    let (service, user) = (crate::session::guard::service()?, crate::session::guard::user()?);
    service.move_env(&user.actor, &env.parse()?, earlier).await
}
