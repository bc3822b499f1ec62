//! A config as its page shows it: the live content, and the pending edits with their authors.

use std::collections::BTreeMap;

use super::{ChangeConfig, Service, UndoState};
use crate::{
    domain::{
        access::{Actor, PermissionSet},
        catalog::{App, Env, Namespace},
        change::{Change, ChangeId},
        content::Content,
        error::{Error, Result},
        limits,
        merge::Edit,
        names::ConfigId,
        release::Release,
        time::Time,
    },
    storage::{ConfigLocation, LiveConfig},
};

/// The actor's own open change on a config.
#[derive(Clone, Debug)]
pub struct OwnChange {
    /// The change.
    pub change: Change,
    /// This config in it: edits, difference, conflicts.
    pub config: ChangeConfig,
    /// The number of other configs that the change touches.
    pub other_configs: usize,
}

/// Open edits of a config by another author.
#[derive(Clone, Debug)]
pub struct PendingEdits {
    /// The change.
    pub change: Change,
    /// The keys that it edits, and whether it removes them. The empty key is the whole text.
    pub keys: Vec<(String, bool)>,
}

/// Everything that the page of a config shows.
#[derive(Clone, Debug)]
pub struct ConfigView {
    /// The config.
    pub id: ConfigId,
    /// The application.
    pub app: App,
    /// The environment.
    pub env: Env,
    /// The environments in which the actor sees this namespace.
    pub envs: Vec<Env>,
    /// The namespace.
    pub namespace: Namespace,
    /// The permissions of the actor on this config.
    pub permissions: PermissionSet,
    /// The live release. `None` before the first one.
    pub live: Option<Release>,
    /// The live content.
    pub content: Content,
    /// Author and time of each release in which a live item was last changed.
    pub authors: BTreeMap<u64, (String, Time)>,
    /// The actor's own change.
    pub mine: Option<OwnChange>,
    /// Other open changes of the actor, into which edits could go.
    pub other_changes: Vec<Change>,
    /// Open edits of other authors.
    pub others: Vec<PendingEdits>,
    /// The actions that the actor can undo and redo.
    pub undo: Option<UndoState>,
}

impl ConfigView {
    /// Returns the number of the live release, 0 before the first one.
    pub fn live_seq(&self) -> u64 {
        self.live.as_ref().map_or(0, |r| r.seq)
    }

    /// Returns the content that the author sees: the live one with the author's edits.
    pub fn author_content(&self) -> &Content {
        self.mine.as_ref().map_or(&self.content, |mine| &mine.config.after)
    }
}

impl Service {
    /// Returns a config with its live content and the pending edits. `change` chooses one of the actor's changes.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such config or the actor may not see it.
    pub async fn config(&self, actor: &Actor, id: &ConfigId, change: Option<&ChangeId>) -> Result<ConfigView> {
        actor.may_view(id)?;
        let permissions = actor.permissions(id);
        let mut db = self.db.read().await?;
        let live_config = self.live_config(&mut db, id).await?;
        let app = db.app(&id.app).await?.ok_or_else(|| Error::NotFound(id.to_string()))?;
        let envs = db.envs().await?.into_iter().filter(|e| {
            let there = ConfigId { env: e.name.clone(), ..id.clone() };
            e.archived_at.is_none() && actor.may_view(&there).is_ok()
        });
        let envs = envs.collect();
        let live = db.release(id, live_config.live).await?;
        let oldest = live_config.content.items().and_then(|items| items.values().map(|i| i.since).min());
        let authors = match oldest {
            Some(oldest) => db.release_authors(id, oldest).await?.into_iter().collect(),
            None => BTreeMap::new(),
        };
        let (mut mine, mut others) = (None, Vec::new());
        for found in db.open_changes_on(id).await? {
            let edits = db.edits(&found.id).await?;
            if found.author != actor.id {
                let here = edits.into_iter().filter(|e| e.config == *id);
                let keys = here.map(|e| (e.key, e.edit == Edit::Remove)).collect();
                others.push(PendingEdits { change: found, keys });
                continue;
            }
            if mine.is_some() || change.is_some_and(|wanted| *wanted != found.id) {
                continue;
            }
            let (here, elsewhere): (Vec<_>, Vec<_>) = edits.into_iter().partition(|e| e.config == *id);
            let configs: std::collections::BTreeSet<ConfigId> = elsewhere.into_iter().map(|e| e.config).collect();
            let config = self.assemble_one(&mut db, id.clone(), live_config.clone(), here).await?;
            mine = Some(OwnChange { change: found, config, other_configs: configs.len() });
        }
        let mut other_changes = db.open_changes_by(&actor.id, limits::PAGE_ROWS).await?;
        other_changes.retain(|c| mine.as_ref().is_none_or(|m: &OwnChange| m.change.id != c.id));
        let steps = match actor.may_edit(id) {
            Ok(_) => db.steps(&actor.id, id).await?,
            Err(_) => Vec::new(),
        };
        let undo = UndoState::of(steps, mine.as_ref().map(|mine| &mine.change.id));
        let LiveConfig { location: ConfigLocation { env, namespace, .. }, content, .. } = live_config;
        Ok(ConfigView {
            id: id.clone(),
            app,
            env,
            envs,
            namespace,
            permissions,
            live,
            content,
            authors,
            mine,
            other_changes,
            others,
            undo,
        })
    }

    /// Returns the number and content of a config's live release. Before the first one they are 0 and empty.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such config or the actor may not see it.
    pub async fn live_content(&self, actor: &Actor, id: &ConfigId) -> Result<(u64, Content)> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        let live_config = self.live_config(&mut db, id).await?;
        Ok((live_config.live, live_config.content))
    }
}
