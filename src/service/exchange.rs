//! Import and export of whole applications and environments. An import is compared with what is live, and becomes open
//! changes. Nothing is published by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ImportMode, PutApp, PutNamespace, Save, Service,
    import::{edits, imported},
};
use crate::{
    compute,
    domain::{
        access::Actor,
        catalog::{App, Env, Namespace},
        change::ChangeId,
        content::{Content, Format, Items},
        diff::Diff,
        error::{Error, Invalid, Need, Problem, Result},
        limits,
        merge::Edit,
        names::{AppName, ConfigId, EnvName, NamespaceName},
    },
    exchange::{self, ExportedConfig, FoundConfig, MAX_EXPORT_BYTES},
    storage::Conn,
};

/// Maximum size of the documents of an export, in bytes, so that its JSON can be read back.
const MAX_EXPORTED_BYTES: usize = MAX_EXPORT_BYTES / 4;

/// Configs of an export to be imported.
#[derive(Clone, Debug)]
pub struct ApplyExport {
    /// The configs.
    pub configs: Vec<FoundConfig>,
    /// Treatment of keys that are live but not in the export.
    pub mode: ImportMode,
    /// Whether missing applications and namespaces are created.
    pub create: bool,
    /// Whether configs are imported of which keys or documents are left out.
    pub allow_incomplete: bool,
    /// The message of the changes.
    pub message: String,
}

/// The effect of an import.
#[derive(Clone, Debug)]
pub struct ExportPreview {
    /// The configs, in the order of the export.
    pub configs: Vec<PreviewedConfig>,
    /// Applications that will be created.
    pub new_apps: Vec<AppName>,
    /// Namespaces that will be created.
    pub new_namespaces: Vec<(AppName, NamespaceName, Format)>,
    /// The configs of each change, in order.
    pub changes: Vec<Vec<ConfigId>>,
}

impl ExportPreview {
    /// Returns the configs that cannot be imported, with the reasons.
    pub fn refused(&self) -> impl Iterator<Item = (&ConfigId, &RefusedConfig)> {
        self.configs.iter().filter_map(|previewed| match &previewed.outcome {
            ConfigOutcome::Refused(why) => Some((&previewed.config, why)),
            _ => None,
        })
    }
}

/// A config of an import.
#[derive(Clone, Debug)]
pub struct PreviewedConfig {
    /// The config.
    pub config: ConfigId,
    /// The effect on it.
    pub outcome: ConfigOutcome,
}

/// The effect of an import on a config.
#[derive(Clone, Debug)]
pub enum ConfigOutcome {
    /// The content is live already.
    Same,
    /// Nothing was saved in the export, so there is nothing to import but the namespace.
    Nothing,
    /// The content differs.
    Edited {
        /// The live release, 0 if there is none.
        live: u64,
        /// The live content.
        now: Content,
        /// The content after the import.
        new: Content,
        /// Number of keys that are live but not in the export. They are kept, unless the import replaces.
        only_live: usize,
        /// The edits.
        edits: Vec<(String, Edit)>,
        /// Size of the document after the import, in bytes.
        bytes: usize,
    },
    /// The config is not imported.
    Refused(RefusedConfig),
}

impl ConfigOutcome {
    /// Returns the difference that the import makes.
    pub fn diff(&self) -> Option<Diff> {
        match self {
            Self::Edited { now, new, .. } => Some(Diff::of(now, new)),
            _ => None,
        }
    }
}

/// Reason why a config is not imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedConfig {
    /// There is no such environment. An import creates none.
    NoEnv,
    /// The application or namespace does not exist, and the import may not create it.
    Missing,
    /// The actor lacks the permission to create the application or namespace.
    MayNotCreate,
    /// The environment, application or namespace is archived.
    Archived,
    /// The actor may not see the config.
    NoAccess,
    /// The actor may not edit the config.
    NotAllowed(Need),
    /// The namespace has another format.
    Format {
        /// The format of the namespace.
        live: Format,
        /// The format in the export.
        found: Format,
    },
    /// Keys or documents of it are left out.
    Incomplete,
    /// The import would exceed a limit.
    TooLarge(SizeLimit),
}

/// A limit of a config, with the number that an import would have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeLimit {
    /// Number of items.
    Items(usize),
    /// Number of edits.
    Edits(usize),
    /// Size of the document, in bytes.
    Bytes(usize),
}

/// The result of an import.
#[derive(Clone, Debug)]
pub struct AppliedExport {
    /// The effect.
    pub preview: ExportPreview,
    /// The open changes, in order.
    pub changes: Vec<ChangeId>,
}

/// Objects that exist, as far as an import needs them.
#[derive(Default)]
struct Catalog {
    envs: BTreeMap<EnvName, Env>,
    apps: BTreeMap<AppName, App>,
    namespaces: BTreeMap<(AppName, NamespaceName), Namespace>,
}

impl Catalog {
    async fn read(db: &mut Conn, apps: BTreeSet<&AppName>) -> Result<Self> {
        let envs = db.envs().await?.into_iter().map(|env| (env.name.clone(), env)).collect();
        let mut catalog = Self { envs, ..Self::default() };
        for name in apps {
            let Some(app) = db.app(name).await? else { continue };
            for namespace in db.namespaces(name).await? {
                catalog.namespaces.insert((name.clone(), namespace.name.clone()), namespace);
            }
            catalog.apps.insert(name.clone(), app);
        }
        Ok(catalog)
    }

    /// Returns why a config cannot be imported, and whether its namespace is missing.
    fn check(&self, actor: &Actor, found: &FoundConfig, apply: &ApplyExport) -> Result<bool, RefusedConfig> {
        let ConfigId { env, app, namespace } = &found.config;
        match actor.may_edit(&found.config) {
            Ok(_) => {}
            Err(Error::Forbidden(need)) => return Err(RefusedConfig::NotAllowed(need)),
            Err(_) => return Err(RefusedConfig::NoAccess),
        }
        let Some(env) = self.envs.get(env) else { return Err(RefusedConfig::NoEnv) };
        let there = self.apps.get(app);
        if env.archived_at.is_some() || there.is_some_and(|app| app.archived_at.is_some()) {
            return Err(RefusedConfig::Archived);
        }
        if found.is_incomplete() && !apply.allow_incomplete {
            return Err(RefusedConfig::Incomplete);
        }
        match self.namespaces.get(&(app.clone(), namespace.clone())) {
            Some(there) if there.archived_at.is_some() => Err(RefusedConfig::Archived),
            Some(there) if there.format != found.format => {
                Err(RefusedConfig::Format { live: there.format, found: found.format })
            }
            Some(_) => Ok(false),
            None if !apply.create => Err(RefusedConfig::Missing),
            None if there.is_none() && actor.may_create().is_err() => Err(RefusedConfig::MayNotCreate),
            None if actor.may_add(app, namespace).is_err() => Err(RefusedConfig::MayNotCreate),
            None => Ok(true),
        }
    }
}

impl Service {
    /// Compares the configs of an export with what is live, without saving anything. Open changes are ignored.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn preview_export(&self, actor: &Actor, apply: &ApplyExport) -> Result<ExportPreview> {
        let bytes = |found: &FoundConfig| found.content.as_ref().map_or(0, Content::bytes);
        compute::weigh(apply.configs.iter().map(bytes).sum()).await;
        let mut db = self.db.read().await?;
        let apps = apply.configs.iter().map(|found| &found.config.app).collect();
        let catalog = Catalog::read(&mut db, apps).await?;
        let (mut configs, mut sizes, mut missing) = (Vec::new(), Vec::new(), BTreeMap::new());
        for found in &apply.configs {
            let id = &found.config;
            let outcome = match catalog.check(actor, found, apply) {
                Err(why) => ConfigOutcome::Refused(why),
                Ok(is_new) => {
                    let (live, now) = if is_new {
                        (0, Content::empty(found.format))
                    } else {
                        let live_config = self.live_config(&mut db, id).await?;
                        (live_config.live, live_config.content)
                    };
                    let outcome = outcome(live, now, found.content.clone(), apply.mode);
                    if is_new && !matches!(outcome, ConfigOutcome::Refused(_)) {
                        missing.insert((id.app.clone(), id.namespace.clone()), found.format);
                    }
                    outcome
                }
            };
            if let ConfigOutcome::Edited { bytes, .. } = &outcome {
                sizes.push((id.clone(), *bytes));
            }
            configs.push(PreviewedConfig { config: id.clone(), outcome });
        }
        let new_apps: BTreeSet<AppName> =
            missing.keys().map(|(app, _)| app.clone()).filter(|app| !catalog.apps.contains_key(app)).collect();
        Ok(ExportPreview {
            configs,
            new_apps: new_apps.into_iter().collect(),
            new_namespaces: missing.into_iter().map(|((app, name), format)| (app, name, format)).collect(),
            changes: exchange::plan(sizes),
        })
    }

    /// Imports the configs of an export like [`Service::apply_preview`], as they compare with what is live now.
    ///
    /// # Errors
    /// Those of [`Service::preview_export`] and [`Service::apply_preview`].
    pub async fn apply_export(&self, actor: &Actor, apply: &ApplyExport) -> Result<AppliedExport> {
        let preview = self.preview_export(actor, apply).await?;
        self.apply_preview(actor, apply, preview).await
    }

    /// Imports the configs of a preview into new changes of the actor, which stay open. Missing applications and namespaces
    /// are created first, if `create` says so. Refused configs are left out. If a change cannot be saved, those before it
    /// are discarded.
    ///
    /// # Errors
    /// Those of [`Service::save_all`], [`Service::put_app`] and [`Service::put_namespace`]; [`Error::Conflict`] if a key was
    /// changed after the preview.
    pub async fn apply_preview(
        &self,
        actor: &Actor,
        apply: &ApplyExport,
        preview: ExportPreview,
    ) -> Result<AppliedExport> {
        if apply.message.len() + MESSAGE_SUFFIX_BYTES > limits::TEXT_BYTES {
            let max = limits::TEXT_BYTES - MESSAGE_SUFFIX_BYTES;
            return Err(Invalid::new("/message", Problem::TooLong { max }).into());
        }
        self.create_missing(actor, apply, &preview).await?;
        let mut saves: BTreeMap<&ConfigId, Save> = BTreeMap::new();
        for PreviewedConfig { config, outcome } in &preview.configs {
            if let ConfigOutcome::Edited { live, edits, .. } = outcome {
                let (edits, base) = (edits.clone(), Some(*live));
                saves.insert(config, Save { config: config.clone(), change: None, base, version: None, edits });
            }
        }
        let mut changes = Vec::new();
        for (n, configs) in preview.changes.iter().enumerate() {
            let saves = configs.iter().filter_map(|config| saves.remove(config)).collect();
            let message = match preview.changes.len() {
                1 => apply.message.clone(),
                all => format!("{} ({}/{all})", apply.message, n + 1).trim_start().to_owned(),
            };
            match self.save_all(actor, message, saves, None).await {
                Ok(change) => changes.push(change),
                Err(error) => {
                    for change in &changes {
                        self.discard(actor, change).await?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(AppliedExport { preview, changes })
    }

    async fn create_missing(&self, actor: &Actor, apply: &ApplyExport, preview: &ExportPreview) -> Result<()> {
        for name in &preview.new_apps {
            let put = PutApp { name: name.clone(), title: None, description: None, archived: None };
            self.put_app(actor, put).await?;
        }
        for (app, name, format) in &preview.new_namespaces {
            let is_this = |found: &&FoundConfig| found.config.app == *app && found.config.namespace == *name;
            let mut descriptions = apply.configs.iter().filter(is_this).map(|found| &found.description);
            let put = PutNamespace {
                app: app.clone(),
                name: name.clone(),
                format: Some(*format),
                description: descriptions.find(|description| !description.is_empty()).cloned(),
                archived: None,
            };
            self.put_namespace(actor, put).await?;
        }
        Ok(())
    }

    /// Returns all configs of an environment, of an application, or of both, that the actor sees. Without both, all. They
    /// are those of one moment.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the environment or application does not exist or the actor sees nothing of it;
    /// [`Error::TooLarge`], [`Error::Unavailable`].
    pub async fn export_all(
        &self,
        actor: &Actor,
        env: Option<&EnvName>,
        app: Option<&AppName>,
    ) -> Result<Vec<ExportedConfig>> {
        // A release that is made meanwhile is in the export whole or not at all.
        let mut db = self.db.read_snapshot().await?;
        let mut envs = db.envs().await?;
        envs.retain(|found| found.archived_at.is_none() && env.is_none_or(|env| *env == found.name));
        let mut apps = db.apps().await?;
        apps.retain(|found| found.archived_at.is_none() && app.is_none_or(|app| *app == found.name));
        let (mut configs, mut bytes) = (Vec::new(), 0);
        for app in &apps {
            for namespace in db.namespaces(&app.name).await?.into_iter().filter(|found| found.archived_at.is_none()) {
                for env in &envs {
                    let config =
                        ConfigId { env: env.name.clone(), app: app.name.clone(), namespace: namespace.name.clone() };
                    if actor.may_view(&config).is_err() {
                        continue;
                    }
                    let live_config = self.live_config(&mut db, &config).await?;
                    bytes += live_config.content.bytes();
                    if bytes > MAX_EXPORTED_BYTES {
                        return Err(Error::TooLarge(MAX_EXPORTED_BYTES));
                    }
                    let content = Some(live_config.content).filter(|_| live_config.live > 0);
                    let (format, description) = (namespace.format, namespace.description.clone());
                    configs.push(ExportedConfig { config, format, description, content });
                }
            }
        }
        db.commit().await?;
        if configs.is_empty() {
            let name = |name: Option<&str>| name.unwrap_or("*").to_owned();
            let (env, app) = (name(env.map(EnvName::as_str)), name(app.map(AppName::as_str)));
            return Err(Error::NotFound(format!("{env}/{app}/*")));
        }
        configs.sort_by(|a, b| a.config.cmp(&b.config));
        Ok(configs)
    }
}

/// Room in a message for its number, as ` (12/345)`.
const MESSAGE_SUFFIX_BYTES: usize = 20;

fn outcome(live: u64, now: Content, found: Option<Content>, mode: ImportMode) -> ConfigOutcome {
    let Some(found) = found else { return ConfigOutcome::Nothing };
    let only_live = match (now.items(), found.items()) {
        (Some(now), Some(found)) => now.keys().filter(|key| !found.contains_key(*key)).count(),
        _ => 0,
    };
    let new = imported(&now, found, mode);
    let edits = edits(&now, &new);
    let (items, bytes) = (new.items().map_or(0, Items::len), new.document().len());
    let limit = match () {
        () if edits.is_empty() => return ConfigOutcome::Same,
        () if items > limits::ITEMS => SizeLimit::Items(items),
        () if edits.len() > limits::ITEMS => SizeLimit::Edits(edits.len()),
        () if bytes > limits::DOCUMENT_BYTES => SizeLimit::Bytes(bytes),
        () => return ConfigOutcome::Edited { live, now, new, only_live, edits, bytes },
    };
    ConfigOutcome::Refused(RefusedConfig::TooLarge(limit))
}
