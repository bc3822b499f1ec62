//! Import of whole applications and environments: the comparison with what is live, which is shown first.
//! `apply_export.rs` makes open changes of it. Nothing is published by itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ImportMode, Service,
    import::{edits, imported},
};
use crate::{
    compute,
    domain::{
        access::Actor,
        catalog::{App, Env, Namespace},
        content::{Content, Format, Items, sha256},
        diff::{ConfigDiff, Diff, diff_sha256},
        error::{Error, Need, Result},
        limits,
        merge::{Edit, KeyState},
        names::{AppName, ConfigId, EnvName, NamespaceName},
    },
    exchange::{self, FoundConfig},
    storage::Conn,
};

/// Configs of an export to be imported.
#[derive(Clone, Debug)]
pub struct ApplyExport {
    /// The configs.
    pub configs: Vec<FoundConfig>,
    /// Treatment of live content that differs.
    pub choice: ConfigChoice,
    /// Other treatments, by config.
    pub choices: BTreeMap<ConfigId, ConfigChoice>,
    /// Whether missing applications and namespaces are created.
    pub create: bool,
    /// Whether configs are imported of which keys or documents are left out.
    pub allow_incomplete: bool,
    /// The message of the changes.
    pub message: String,
}

/// Treatment of live content that differs from an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConfigChoice {
    /// Keys are added and changed. Keys that are only live stay.
    #[default]
    Merge,
    /// The config then has only the content of the export.
    Replace,
    /// Missing keys are added. Live values and texts stay.
    KeepLive,
    /// The config is not imported.
    Skip,
}

impl ConfigChoice {
    /// All choices, in the order of the menus.
    pub const ALL: [Self; 4] = [Self::Merge, Self::Replace, Self::KeepLive, Self::Skip];

    /// Returns the name in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Replace => "replace",
            Self::KeepLive => "keep-live",
            Self::Skip => "skip",
        }
    }
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
    /// Returns the SHA-256 of what the preview shows, with the live releases that it is compared with. A page sends it
    /// back, so that only what it showed is imported.
    pub fn sha256(&self) -> String {
        let diff = |previewed: &PreviewedConfig| {
            let diff = previewed.outcome.diff()?;
            Some(ConfigDiff { config: previewed.config.clone(), diff })
        };
        let diffs: Vec<ConfigDiff> = self.configs.iter().filter_map(diff).collect();
        let outcome = |previewed: &PreviewedConfig| {
            let state = match &previewed.outcome {
                ConfigOutcome::Same => "same".to_owned(),
                ConfigOutcome::Nothing => "nothing".to_owned(),
                ConfigOutcome::Skipped { live, .. } => format!("skipped {live}"),
                ConfigOutcome::Edited { live, .. } => format!("edited {live}"),
                ConfigOutcome::Refused(why) => format!("{why:?}"),
            };
            format!("{} {state}\n", previewed.config)
        };
        let outcomes: String = self.configs.iter().map(outcome).collect();
        let new = format!("{:?} {:?} {:?}", self.new_apps, self.new_namespaces, self.changes);
        sha256(format!("{}\n{outcomes}{new}", diff_sha256(&diffs)).as_bytes())
    }

    /// Returns the size of all documents that are imported, in bytes.
    pub fn imported_bytes(&self) -> usize {
        let bytes = |previewed: &PreviewedConfig| match &previewed.outcome {
            ConfigOutcome::Edited { bytes, .. } => *bytes,
            _ => 0,
        };
        self.configs.iter().map(bytes).sum()
    }

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
    /// The content differs, and by choice nothing of it is imported.
    Skipped {
        /// The live release, 0 if there is none.
        live: u64,
        /// Number of keys that are live with another value. A text counts as one.
        differing: usize,
    },
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
        /// Number of keys that are live with another value, which the import changes or keeps. A text counts as one.
        differing: usize,
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
        let is_skipped = apply.choice_of(&found.config) == ConfigChoice::Skip;
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
        if found.is_incomplete() && !apply.allow_incomplete && !is_skipped {
            return Err(RefusedConfig::Incomplete);
        }
        match self.namespaces.get(&(app.clone(), namespace.clone())) {
            Some(there) if there.archived_at.is_some() => Err(RefusedConfig::Archived),
            Some(there) if there.format != found.format => {
                Err(RefusedConfig::Format { live: there.format, found: found.format })
            }
            Some(_) => Ok(false),
            None if is_skipped => Ok(true),
            None if !apply.create => Err(RefusedConfig::Missing),
            None if there.is_none() && actor.may_create().is_err() => Err(RefusedConfig::MayNotCreate),
            None if actor.may_add(app, namespace).is_err() => Err(RefusedConfig::MayNotCreate),
            None => Ok(true),
        }
    }
}

impl ApplyExport {
    fn choice_of(&self, config: &ConfigId) -> ConfigChoice {
        self.choices.get(config).copied().unwrap_or(self.choice)
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
                    let outcome = outcome(live, now, found.content.clone(), apply.choice_of(id));
                    if is_new && !matches!(outcome, ConfigOutcome::Refused(_) | ConfigOutcome::Skipped { .. }) {
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
}

fn outcome(live: u64, now: Content, found: Option<Content>, choice: ConfigChoice) -> ConfigOutcome {
    let skipped = ConfigOutcome::Skipped { live, differing: 0 };
    let Some(mut found) = found else {
        return if choice == ConfigChoice::Skip { skipped } else { ConfigOutcome::Nothing };
    };
    let only_live = match (now.items(), found.items()) {
        (Some(now), Some(found)) => now.keys().filter(|key| !found.contains_key(*key)).count(),
        _ => 0,
    };
    let is_other = |key: &str| match now.text() {
        Some(_) => live > 0,
        None => KeyState::of(&now, key) != KeyState::Absent,
    };
    let merged = edits(&now, &imported(&now, found.clone(), ImportMode::Merge));
    let differing = merged.iter().filter(|(key, _)| is_other(key)).count();
    let skipped = ConfigOutcome::Skipped { live, differing };
    let mode = match choice {
        ConfigChoice::Skip => return skipped,
        ConfigChoice::Replace => ImportMode::Replace,
        ConfigChoice::Merge | ConfigChoice::KeepLive => ImportMode::Merge,
    };
    if choice == ConfigChoice::KeepLive {
        match &mut found {
            Content::Kv(items) => items.retain(|key, _| !is_other(key)),
            Content::Text(_) if live > 0 && differing > 0 => return skipped,
            Content::Text(_) => {}
        }
    }
    let new = imported(&now, found, mode);
    let edits = edits(&now, &new);
    let (items, bytes) = (new.items().map_or(0, Items::len), new.document().len());
    let limit = match () {
        () if edits.is_empty() && differing > 0 => return skipped,
        () if edits.is_empty() => return ConfigOutcome::Same,
        () if items > limits::ITEMS => SizeLimit::Items(items),
        () if edits.len() > limits::ITEMS => SizeLimit::Edits(edits.len()),
        () if bytes > limits::DOCUMENT_BYTES => SizeLimit::Bytes(bytes),
        () => return ConfigOutcome::Edited { live, now, new, only_live, differing, edits, bytes },
    };
    ConfigOutcome::Refused(RefusedConfig::TooLarge(limit))
}
