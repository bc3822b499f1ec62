//! The keys of a namespace in all environments, side by side, and copies of them.

use std::collections::HashSet;

use super::{Save, Service};
use crate::domain::{
    access::Actor,
    catalog::{Env, Namespace},
    change::ChangeId,
    content::{Content, Item},
    error::{Error, Result, StateConflict},
    merge::Edit,
    names::{AppName, ConfigId, NamespaceName},
};

/// A key in all environments.
#[derive(Clone, Debug)]
pub struct KeyRow {
    /// The key.
    pub key: String,
    /// Its live item in each environment.
    pub items: Vec<Option<Item>>,
}

/// Comparison of a key's items in all environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAgreement {
    /// Value and type are the same everywhere.
    Same,
    /// The key is everywhere, with different values or types.
    Differs,
    /// Some environments do not have the key.
    Missing,
}

impl KeyRow {
    /// Compares the items. Comments do not count.
    pub fn agreement(&self) -> KeyAgreement {
        let contents: Vec<_> = self.items.iter().flatten().map(|item| (&item.value, item.kind)).collect();
        match () {
            () if contents.len() < self.items.len() => KeyAgreement::Missing,
            () if contents.windows(2).all(|pair| pair[0] == pair[1]) => KeyAgreement::Same,
            () => KeyAgreement::Differs,
        }
    }

    /// Returns whether a filter shows the key: `show` is `differs`, `missing` or empty, `q` has words of the key or of
    /// a value.
    pub fn is_shown(&self, show: &str, q: &str) -> bool {
        let agrees = match show {
            "differs" => self.agreement() == KeyAgreement::Differs,
            "missing" => self.agreement() == KeyAgreement::Missing,
            _ => true,
        };
        let has = |text: &str, word: &str| text.to_lowercase().contains(word);
        let found =
            |word: &str| has(&self.key, word) || self.items.iter().flatten().any(|item| has(item.value.expose(), word));
        agrees && q.to_lowercase().split_whitespace().all(found)
    }
}

/// The keys of a namespace in all environments.
#[derive(Clone, Debug)]
pub struct KeyMatrix {
    /// The namespace.
    pub namespace: Namespace,
    /// The environments in which the actor sees it, and whether the actor may edit it there.
    pub envs: Vec<(Env, bool)>,
    /// All keys, in the order of the environments' documents. A text has none.
    pub rows: Vec<KeyRow>,
}

/// Treatment of a key that the target has with another value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyMode {
    /// The target keeps its value; only missing keys are added.
    AddMissing,
    /// The target gets the copied value.
    Overwrite,
}

/// Keys to copy from one config to others.
#[derive(Clone, Debug)]
pub struct CopyKeys {
    /// The config with the keys.
    pub from: ConfigId,
    /// The keys. One that the config does not have is ignored.
    pub keys: Vec<String>,
    /// The configs that get them.
    pub to: Vec<ConfigId>,
    /// Treatment of existing keys.
    pub mode: CopyMode,
}

impl Service {
    /// Returns the live keys of a namespace in all environments.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such namespace or the actor sees it in no environment.
    pub async fn key_matrix(&self, actor: &Actor, app: &AppName, namespace: &NamespaceName) -> Result<KeyMatrix> {
        let missing = || Error::NotFound(format!("{app}/{namespace}"));
        let mut db = self.db.read().await?;
        let (mut envs, mut contents) = (Vec::new(), Vec::new());
        for env in db.envs().await?.into_iter().filter(|env| env.archived_at.is_none()) {
            let id = ConfigId { env: env.name.clone(), app: app.clone(), namespace: namespace.clone() };
            if actor.may_view(&id).is_ok() {
                contents.push(self.live_config(&mut db, &id).await?.content);
                envs.push((env, actor.may_edit(&id).is_ok()));
            }
        }
        if envs.is_empty() {
            return Err(missing());
        }
        let namespace = db.namespace(app, namespace).await?.ok_or_else(missing)?;
        let is_archived =
            namespace.archived_at.is_some() || db.app(app).await?.is_none_or(|app| app.archived_at.is_some());
        for (_, may_edit) in &mut envs {
            *may_edit &= !is_archived;
        }
        Ok(KeyMatrix { rows: rows(&contents), namespace, envs })
    }

    /// Copies live items from one config to others, into a new change. Its message is that for the number of keys.
    ///
    /// # Errors
    /// [`Error::State`] with `NothingToCopy` if no target would change; those of [`Service::save_all`].
    pub async fn copy_keys(
        &self,
        actor: &Actor,
        copy: CopyKeys,
        message: impl FnOnce(usize) -> String,
    ) -> Result<ChangeId> {
        let (_, source) = self.live_content(actor, &copy.from).await?;
        self.copy_items_of(actor, &source, copy, message).await
    }

    /// Copies items of a content as [`Service::copy_keys`] does.
    pub(super) async fn copy_items_of(
        &self,
        actor: &Actor,
        source: &Content,
        copy: CopyKeys,
        message: impl FnOnce(usize) -> String,
    ) -> Result<ChangeId> {
        let (mut saves, mut copied) = (Vec::new(), HashSet::new());
        for config in copy.to.into_iter().filter(|config| *config != copy.from) {
            actor.may_edit(&config)?;
            let (live, target) = self.live_content(actor, &config).await?;
            let edits = key_edits(&copy.keys, source, &target, copy.mode);
            copied.extend(edits.iter().map(|(key, _)| key.clone()));
            if !edits.is_empty() {
                saves.push(Save { config, change: None, base: Some(live), version: None, edits });
            }
        }
        if saves.is_empty() {
            return Err(Error::State(StateConflict::NothingToCopy));
        }
        self.save_all(actor, message(copied.len()), saves, None).await
    }
}

fn rows(contents: &[Content]) -> Vec<KeyRow> {
    let mut seen = HashSet::new();
    let keys = contents.iter().filter_map(Content::items).flat_map(|items| items.keys());
    keys.filter(|key| seen.insert(key.as_str()))
        .map(|key| {
            let items = contents.iter().map(|content| content.items()?.get(key).cloned()).collect();
            KeyRow { key: key.clone(), items }
        })
        .collect()
}

/// Returns the edits that bring the keys to the target, one for each key.
pub(super) fn key_edits(keys: &[String], source: &Content, target: &Content, mode: CopyMode) -> Vec<(String, Edit)> {
    let (Some(source), Some(target)) = (source.items(), target.items()) else { return Vec::new() };
    let edit = |key: &String| {
        let item = source.get(key)?;
        let is_wanted = match target.get(key) {
            None => true,
            Some(there) => mode == CopyMode::Overwrite && (&there.value, there.kind) != (&item.value, item.kind),
        };
        is_wanted.then(|| (key.clone(), Edit::Set(Item { since: 0, ..item.clone() })))
    };
    let mut seen = HashSet::new();
    keys.iter().filter(|key| seen.insert(key.as_str())).filter_map(edit).collect()
}
