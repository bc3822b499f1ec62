//! Differences of an application between two environments, and their promotion: they are copied from one environment
//! to the other, into a new change.

use super::{
    Save, Service,
    keys::{CopyMode, key_edits},
};
use crate::domain::{
    access::Actor,
    catalog::Namespace,
    change::ChangeId,
    content::Content,
    diff::{Counts, Diff},
    error::{Error, Result, StateConflict},
    merge::Edit,
    names::{AppName, ConfigId, EnvName, NamespaceName},
};

/// The differences of a namespace between two environments.
#[derive(Clone, Debug)]
pub struct NamespaceDifference {
    /// The namespace.
    pub namespace: Namespace,
    /// Numbers of differences. An added key is one that only the first environment has.
    pub counts: Counts,
    /// Whether the actor may edit the namespace in the second environment.
    pub may_edit: bool,
}

/// Namespaces to promote.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// The application.
    pub app: AppName,
    /// The environment with the wanted content.
    pub from: EnvName,
    /// The environment that gets it.
    pub to: EnvName,
    /// The namespaces.
    pub namespaces: Vec<NamespaceName>,
    /// Whether keys that only the target has are removed.
    pub removes: bool,
}

impl Service {
    /// Compares the live content of all namespaces of an application in two environments. Only namespaces that the
    /// actor sees in both are compared.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the actor does not see the application; those of [`Service::live_content`].
    pub async fn env_differences(
        &self,
        actor: &Actor,
        app: &AppName,
        from: &EnvName,
        to: &EnvName,
    ) -> Result<Vec<NamespaceDifference>> {
        let mut found = Vec::new();
        let matrix = self.app(actor, app).await?;
        let is_archived = matrix.app.archived_at.is_some();
        for (namespace, _) in matrix.rows.into_iter().filter(|(namespace, _)| namespace.archived_at.is_none()) {
            let [source, target] = [from, to].map(|env| id(app, env, &namespace.name));
            if actor.may_view(&source).is_err() || actor.may_view(&target).is_err() {
                continue;
            }
            let may_edit = !is_archived && actor.may_edit(&target).is_ok();
            let (_, wanted) = self.live_content(actor, &source).await?;
            let (_, live) = self.live_content(actor, &target).await?;
            found.push(NamespaceDifference { counts: Diff::of(&live, &wanted).counts(), namespace, may_edit });
        }
        Ok(found)
    }

    /// Copies the live content of namespaces from one environment to another, into a new change with this message.
    ///
    /// # Errors
    /// [`Error::State`] with `NothingToCopy` if the target would not change; those of [`Service::save_all`].
    pub async fn promote(&self, actor: &Actor, promotion: Promotion, message: String) -> Result<ChangeId> {
        let Promotion { app, from, to, mut namespaces, removes } = promotion;
        namespaces.sort();
        namespaces.dedup();
        let mut saves = Vec::new();
        for namespace in &namespaces {
            let [source, config] = [&from, &to].map(|env| id(&app, env, namespace));
            actor.may_edit(&config)?;
            let (_, wanted) = self.live_content(actor, &source).await?;
            let (live, target) = self.live_content(actor, &config).await?;
            let edits = edits(&wanted, &target, removes);
            if !edits.is_empty() {
                saves.push(Save { config, change: None, base: Some(live), version: None, edits });
            }
        }
        if saves.is_empty() {
            return Err(Error::State(StateConflict::NothingToCopy));
        }
        self.save_all(actor, message, saves, None).await
    }
}

fn id(app: &AppName, env: &EnvName, namespace: &NamespaceName) -> ConfigId {
    ConfigId { env: env.clone(), app: app.clone(), namespace: namespace.clone() }
}

/// Returns the edits after which the target has the wanted content.
fn edits(wanted: &Content, target: &Content, removes: bool) -> Vec<(String, Edit)> {
    match (wanted, target) {
        (Content::Kv(items), Content::Kv(there)) => {
            let keys: Vec<String> = items.keys().cloned().collect();
            let gone = there.keys().filter(|key| removes && !items.contains_key(*key));
            let gone = gone.map(|key| (key.clone(), Edit::Remove));
            key_edits(&keys, wanted, target, CopyMode::Overwrite).into_iter().chain(gone).collect()
        }
        // A text that was never published is no content to copy.
        (Content::Text(text), Content::Text(there)) if text != there && !text.expose().is_empty() => {
            vec![(String::new(), Edit::Text(text.expose().into()))]
        }
        _ => Vec::new(),
    }
}
