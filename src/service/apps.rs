//! Environments, applications and namespaces: creating, changing, archiving, listing; the matrix of an application.

use std::collections::{BTreeMap, HashMap};

use super::{Service, check_text, detached, now, record, retry_conflicts};
use crate::{
    compute,
    domain::{
        access::{Actor, AddNamespace, May},
        audit::Event,
        catalog::{App, Env, Namespace},
        content::Format,
        error::{Error, Invalid, Problem, Result, StateConflict},
        names::{AppName, ConfigId, EnvName, NamespaceName},
        release::Release,
    },
    storage::Conn,
};

/// Cost of rendering one cell of a matrix, in bytes of content.
const CELL_BYTES: usize = 100;

/// An environment to be created or changed. A field that is `None` keeps its value.
#[derive(Clone, Debug)]
pub struct PutEnv {
    /// Its name.
    pub name: EnvName,
    /// The title.
    pub title: Option<String>,
    /// The position in the list of environments.
    pub position: Option<i32>,
    /// Whether a publish requires a message and the typed name of the environment.
    pub protected: Option<bool>,
    /// Whether it is archived.
    pub archived: Option<bool>,
}

/// An application to be created or changed. A field that is `None` keeps its value.
#[derive(Clone, Debug)]
pub struct PutApp {
    /// Its name.
    pub name: AppName,
    /// The title.
    pub title: Option<String>,
    /// The description.
    pub description: Option<String>,
    /// Whether it is archived.
    pub archived: Option<bool>,
}

/// A namespace to be created or changed. A field that is `None` keeps its value.
#[derive(Clone, Debug)]
pub struct PutNamespace {
    /// Its application.
    pub app: AppName,
    /// Its name.
    pub name: NamespaceName,
    /// The format of its documents. It is fixed once there is a release.
    pub format: Option<Format>,
    /// The description.
    pub description: Option<String>,
    /// Whether it is archived.
    pub archived: Option<bool>,
}

/// An application in a list.
#[derive(Clone, Debug)]
pub struct AppCard {
    /// The application.
    pub app: App,
    /// The number of its namespaces that the actor may see.
    pub namespaces: u64,
}

/// One config in the matrix of an application.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Whether the actor may see it.
    pub visible: bool,
    /// Its live release.
    pub live: Option<Release>,
    /// Open edits: the id of the author, the name of the author, the number of edits.
    pub pending: Vec<(String, String, u64)>,
}

/// An application with its configs: namespaces × environments, without those that the actor may not see at all.
#[derive(Clone, Debug)]
pub struct AppMatrix {
    /// The application.
    pub app: App,
    /// The columns.
    pub envs: Vec<Env>,
    /// The rows. Each has one cell for each environment.
    pub rows: Vec<(Namespace, Vec<Cell>)>,
    /// Whether the actor may add namespaces and change the description.
    pub is_owner: bool,
}

impl Service {
    /// Creates or changes an environment. Returns whether it is new. Only administrators change an existing one. An
    /// actor that may create environments may repeat the present values.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn put_env(&self, actor: &Actor, put: PutEnv) -> Result<bool> {
        self.write_env(actor, put, NameUse::Any).await
    }

    /// Creates an environment.
    ///
    /// # Errors
    /// Those of [`Service::put_env`], and [`Problem::Taken`] at `/env` if the name is taken.
    pub async fn create_env(&self, actor: &Actor, put: PutEnv) -> Result<()> {
        self.write_env(actor, put, NameUse::Free).await.map(|_| ())
    }

    async fn write_env(&self, actor: &Actor, put: PutEnv, name: NameUse) -> Result<bool> {
        retry_conflicts(|| {
            let (service, actor, put) = (self.clone(), actor.clone(), put.clone());
            async move {
                let may_create = actor.may_create()?;
                check_text("/title", put.title.as_deref().unwrap_or_default())?;
                let mut tx = service.db.write().await?;
                let before = tx.env(&put.name).await?;
                name.check("/env", before.is_some())?;
                let last = tx.envs().await?.last().map_or(0, |e| e.position.saturating_add(10));
                let old = before.clone().unwrap_or(Env {
                    name: put.name.clone(),
                    title: String::new(),
                    position: last,
                    protected: false,
                    archived_at: None,
                });
                let env = Env {
                    name: put.name,
                    title: put.title.unwrap_or(old.title),
                    position: put.position.unwrap_or(old.position),
                    protected: put.protected.unwrap_or(old.protected),
                    archived_at: archived(put.archived, old.archived_at),
                };
                let new = before.is_none();
                if before.as_ref() == Some(&env) {
                    return Ok(false);
                }
                if new {
                    tx.insert_env(&may_create, &env, &actor.name, now()).await?;
                } else {
                    tx.update_env(&actor.may_administer()?, &env, &actor.name).await?;
                }
                let (protected, archived, env) = (env.protected, env.archived_at.is_some(), env.name);
                let event = match new {
                    true => Event::EnvCreated { env, protected, archived },
                    false => Event::EnvChanged { env, protected, archived },
                };
                record(&mut tx, &actor, &event).await?;
                tx.commit().await?;
                Ok(new)
            }
        })
        .await
    }

    /// Returns whether the change would remove the protection of an environment.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the actor is an administrator; [`Error::Unavailable`].
    pub async fn removes_protection(&self, actor: &Actor, put: &PutEnv) -> Result<bool> {
        actor.may_administer()?;
        let there = self.db.read().await?.env(&put.name).await?;
        Ok(put.protected == Some(false) && there.is_some_and(|env| env.protected))
    }

    /// Moves an environment one position to the left (towards development) or to the right, if there is one.
    ///
    /// # Errors
    /// [`Error::Forbidden`] unless the actor is an administrator, whether or not the environment exists;
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn move_env(&self, actor: &Actor, env: &EnvName, earlier: bool) -> Result<()> {
        let (service, actor, moved) = (self.clone(), actor.clone(), env.clone());
        detached(async move {
            let may = actor.may_administer()?;
            let mut tx = service.db.write().await?;
            let mut envs = tx.envs().await?;
            let at = envs.iter().position(|env| env.name == moved).ok_or_else(|| Error::NotFound(moved.to_string()))?;
            let to = if earlier { at.checked_sub(1) } else { Some(at + 1) };
            let Some(to) = to.filter(|to| *to < envs.len()) else { return Ok(()) };
            envs.swap(at, to);
            for (env, position) in envs.iter_mut().zip((0..).step_by(10)) {
                if env.position != position {
                    env.position = position;
                    tx.update_env(&may, env, &actor.name).await?;
                }
            }
            let envs = envs.into_iter().map(|env| env.name).collect();
            record(&mut tx, &actor, &Event::EnvsOrdered { envs }).await?;
            tx.commit().await
        })
        .await
    }

    /// Creates or changes an application. Returns whether it is new.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Invalid`], [`Error::Unavailable`].
    pub async fn put_app(&self, actor: &Actor, put: PutApp) -> Result<bool> {
        self.write_app(actor, put, NameUse::Any).await
    }

    /// Creates an application.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Invalid`] with [`Problem::Taken`] at `/app`, [`Error::Unavailable`].
    pub async fn create_app(&self, actor: &Actor, put: PutApp) -> Result<()> {
        // An actor without the permission must not learn which names are taken.
        actor.may_create()?;
        self.write_app(actor, put, NameUse::Free).await.map(|_| ())
    }

    async fn write_app(&self, actor: &Actor, put: PutApp, name: NameUse) -> Result<bool> {
        retry_conflicts(|| {
            let (service, actor, put) = (self.clone(), actor.clone(), put.clone());
            async move {
                check_app(&actor, &put)?;
                let mut tx = service.db.write().await?;
                let new = service.write_app_in(&mut tx, &actor, put, name).await?;
                tx.commit().await?;
                Ok(new)
            }
        })
        .await
    }

    /// Creates or changes an application in a transaction.
    pub(super) async fn write_app_in(&self, tx: &mut Conn, actor: &Actor, put: PutApp, name: NameUse) -> Result<bool> {
        check_app(actor, &put)?;
        let before = tx.app(&put.name).await?;
        name.check("/app", before.is_some())?;
        let new = before.is_none();
        let old = before.clone().unwrap_or(App {
            name: put.name.clone(),
            title: String::new(),
            description: String::new(),
            archived_at: None,
        });
        let app = App {
            name: put.name,
            title: put.title.unwrap_or(old.title),
            description: put.description.unwrap_or(old.description),
            archived_at: archived(put.archived, old.archived_at),
        };
        if new {
            tx.insert_app(&actor.may_create()?, &app, now()).await?;
        } else {
            let may = actor.may_own(&app.name);
            if before.as_ref() == Some(&app) && (may.is_ok() || actor.may_create().is_ok()) {
                return Ok(false);
            }
            tx.update_app(&may?, &app, &actor.name).await?;
        }
        let app = app.name;
        let event = if new { Event::AppCreated { app } } else { Event::AppChanged { app } };
        record(tx, actor, &event).await?;
        Ok(new)
    }

    /// Creates or changes a namespace of an application. Returns whether it is new. Only owners of the application
    /// change an existing one.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; [`Error::NotFound`] if there is no such application; [`Error::Invalid`] if the format of a
    /// namespace in use would change; [`Error::Unavailable`].
    pub async fn put_namespace(&self, actor: &Actor, put: PutNamespace) -> Result<bool> {
        self.write_namespace(actor, put, NameUse::Any).await
    }

    /// Creates a namespace of an application.
    ///
    /// # Errors
    /// Those of [`Service::put_namespace`], and [`Problem::Taken`] at `/namespace` if the name is taken.
    pub async fn create_namespace(&self, actor: &Actor, put: PutNamespace) -> Result<()> {
        self.write_namespace(actor, put, NameUse::Free).await.map(|_| ())
    }

    async fn write_namespace(&self, actor: &Actor, put: PutNamespace, name: NameUse) -> Result<bool> {
        retry_conflicts(|| {
            let (service, actor, put) = (self.clone(), actor.clone(), put.clone());
            async move {
                check_namespace(&actor, &put)?;
                let mut tx = service.db.write().await?;
                let new = service.write_namespace_in(&mut tx, &actor, put, name).await?;
                tx.commit().await?;
                Ok(new)
            }
        })
        .await
    }

    /// Creates or changes a namespace in a transaction.
    pub(super) async fn write_namespace_in(
        &self,
        tx: &mut Conn,
        actor: &Actor,
        put: PutNamespace,
        name: NameUse,
    ) -> Result<bool> {
        let may_add = check_namespace(actor, &put)?;
        let app = tx.app(&put.app).await?.ok_or_else(|| Error::NotFound(put.app.to_string()))?;
        if app.archived_at.is_some() {
            return Err(Error::State(StateConflict::Archived));
        }
        let before = tx.namespace(&put.app, &put.name).await?;
        name.check("/namespace", before.is_some())?;
        let old = before.clone().unwrap_or(Namespace {
            app: put.app.clone(),
            name: put.name.clone(),
            format: put.format.unwrap_or_default(),
            description: String::new(),
            archived_at: None,
        });
        let format = put.format.unwrap_or(old.format);
        if format != old.format {
            actor.may_own(&put.app)?;
            if self.is_used(tx, &put.app, &put.name).await? {
                return Err(Invalid::new("/format", Problem::FormatFixed { format: old.format }).into());
            }
        }
        let namespace = Namespace {
            app: put.app,
            name: put.name,
            format,
            description: put.description.unwrap_or(old.description),
            archived_at: archived(put.archived, old.archived_at),
        };
        let new = before.is_none();
        if before.as_ref() == Some(&namespace) {
            return Ok(false);
        }
        if new {
            tx.insert_namespace(&may_add, &namespace, &actor.name, now()).await?;
        } else {
            tx.update_namespace(&actor.may_own(&namespace.app)?, &namespace, &actor.name).await?;
        }
        let (app, namespace) = (namespace.app, namespace.name);
        let event = match new {
            true => Event::NamespaceCreated { app, namespace, format },
            false => Event::NamespaceChanged { app, namespace, format },
        };
        record(tx, actor, &event).await?;
        Ok(new)
    }

    /// Returns whether a namespace has a release or an open edit in any environment.
    async fn is_used(&self, tx: &mut Conn, app: &AppName, name: &NamespaceName) -> Result<bool> {
        let released = tx.live_releases(app).await?.iter().any(|r| r.config.namespace == *name);
        let edited = tx.pending_counts(app.as_str()).await?.iter().any(|(_, ns, ..)| ns == name.as_str());
        Ok(released || edited)
    }

    /// Returns all environments in their order, with archived ones.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn envs(&self) -> Result<Vec<Env>> {
        self.db.read().await?.envs().await
    }

    /// Returns the applications that the actor sees, sorted by name.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn apps(&self, actor: &Actor) -> Result<Vec<AppCard>> {
        let mut db = self.db.read().await?;
        let mut counts: HashMap<AppName, u64> = HashMap::new();
        for (app, _) in db.all_namespaces().await?.into_iter().filter(|(app, name)| actor.sees_namespace(app, name)) {
            *counts.entry(app).or_default() += 1;
        }
        let apps = db.apps().await?.into_iter().filter(|app| actor.sees_app(&app.name));
        Ok(apps.map(|app| AppCard { namespaces: counts.get(&app.name).copied().unwrap_or(0), app }).collect())
    }

    /// Returns an application with its matrix of configs.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the application does not exist or the actor may see none of it.
    pub async fn app(&self, actor: &Actor, name: &AppName) -> Result<AppMatrix> {
        if !actor.sees_app(name) {
            return Err(Error::NotFound(name.to_string()));
        }
        let mut db = self.db.read().await?;
        let app = db.app(name).await?.ok_or_else(|| Error::NotFound(name.to_string()))?;
        let mut envs = db.envs().await?;
        envs.retain(|e| e.archived_at.is_none() && actor.sees_env(name, &e.name));
        let mut namespaces = db.namespaces(name).await?;
        namespaces.retain(|ns| actor.sees_namespace(name, &ns.name));
        compute::weigh(namespaces.len() * envs.len() * CELL_BYTES).await;
        let mut live: HashMap<ConfigId, Release> =
            db.live_releases(name).await?.into_iter().map(|r| (r.config.clone(), r)).collect();
        let mut pending: BTreeMap<(String, String), Vec<_>> = BTreeMap::new();
        for (env, namespace, author, author_name, n) in db.pending_counts(name.as_str()).await? {
            let n = u64::try_from(n).unwrap_or(0);
            pending.entry((env, namespace)).or_default().push((author, author_name, n));
        }
        let mut cell = |env: &Env, namespace: &Namespace| {
            let id = ConfigId { env: env.name.clone(), app: name.clone(), namespace: namespace.name.clone() };
            if actor.may_view(&id).is_err() {
                return Cell::default();
            }
            let key = (env.name.to_string(), namespace.name.to_string());
            Cell { visible: true, live: live.remove(&id), pending: pending.remove(&key).unwrap_or_default() }
        };
        let rows = namespaces.into_iter().map(|ns| {
            let cells = envs.iter().map(|env| cell(env, &ns)).collect();
            (ns, cells)
        });
        let rows = rows.collect();
        Ok(AppMatrix { is_owner: actor.may_own(name).is_ok(), app, envs, rows })
    }
}

/// Checks what needs no database to refuse an application.
fn check_app(actor: &Actor, put: &PutApp) -> Result<()> {
    check_text("/title", put.title.as_deref().unwrap_or_default())?;
    check_text("/description", put.description.as_deref().unwrap_or_default())?;
    // An actor that may not see the application must not learn whether it exists.
    if actor.sees_app(&put.name) { Ok(()) } else { Err(Error::NotFound(put.name.to_string())) }
}

/// Checks what needs no database to refuse a namespace, and returns the permission to add it.
fn check_namespace(actor: &Actor, put: &PutNamespace) -> Result<May<AddNamespace, (AppName, NamespaceName)>> {
    let may_add = actor.may_add(&put.app, &put.name)?;
    check_text("/description", put.description.as_deref().unwrap_or_default())?;
    Ok(may_add)
}

/// Whether the name of the object may be in use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NameUse {
    /// The object is created or changed.
    Any,
    /// The object is created. A name in use is refused.
    Free,
}

impl NameUse {
    fn check(self, pointer: &str, taken: bool) -> Result<(), Invalid> {
        if self == Self::Free && taken { Err(Invalid::new(pointer, Problem::Taken)) } else { Ok(()) }
    }
}

fn archived(wanted: Option<bool>, at: Option<crate::domain::time::Time>) -> Option<crate::domain::time::Time> {
    match wanted {
        None => at,
        Some(true) => at.or_else(|| Some(now())),
        Some(false) => None,
    }
}
