//! The history of a config, and comparisons.

use super::Service;
use crate::domain::{
    access::Actor,
    change::ChangeId,
    content::{Content, Format},
    diff::Diff,
    error::{Error, Invalid, Problem, Result},
    limits,
    names::ConfigId,
    release::Release,
};

/// Maximum number of pages of releases that are read to find some that the actor may see.
const PAGES: u32 = 20;

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// The live content.
    Live(ConfigId),
    /// A release by its number. Number 0 is empty.
    Release(ConfigId, u64),
    /// A config with the edits of a change.
    Change(ConfigId, ChangeId),
}

impl Side {
    fn config(&self) -> &ConfigId {
        match self {
            Self::Live(id) | Self::Release(id, _) | Self::Change(id, _) => id,
        }
    }
}

/// Two contents and their difference.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The left side.
    pub old: Content,
    /// The number of the release on the left, 0 if it is a change.
    pub old_seq: u64,
    /// The right side.
    pub new: Content,
    /// The number of the release on the right, 0 if it is a change.
    pub new_seq: u64,
    /// The difference.
    pub diff: Diff,
}

impl Service {
    /// Returns a page of a config's releases, the newest first: those before `before`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such config or the actor may not see it.
    pub async fn releases(
        &self,
        actor: &Actor,
        id: &ConfigId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Release>> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        self.location(&mut db, id).await?;
        db.releases(id, before, limit.clamp(1, limits::MAX_PAGE_ROWS)).await
    }

    /// Returns a release with its content.
    ///
    /// # Errors
    /// Those of [`Service::releases`]; [`Error::NotFound`] if there is no such release.
    pub async fn release_with_content(&self, actor: &Actor, id: &ConfigId, seq: u64) -> Result<(Release, Content)> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        let missing = || Error::NotFound(format!("{id} release {seq}"));
        let release = db.release(id, seq).await?.ok_or_else(missing)?;
        let content = db.content(id, seq).await?.ok_or_else(missing)?;
        Ok((release, content))
    }

    /// Returns the latest releases of all configs that the actor sees, the newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn latest_releases(&self, actor: &Actor, limit: u32) -> Result<Vec<Release>> {
        let (mut db, limit, mut releases) = (self.db.read().await?, limit as usize, Vec::new());
        // Releases that may not be seen are left out, so more are read than are shown.
        for page in 0..PAGES {
            let read = db.latest_releases(limits::MAX_PAGE_ROWS, page * limits::MAX_PAGE_ROWS).await?;
            let last = read.len() < limits::MAX_PAGE_ROWS as usize;
            releases.extend(read.into_iter().filter(|r| actor.may_view(&r.config).is_ok()));
            if last || releases.len() >= limit {
                break;
            }
        }
        releases.truncate(limit);
        Ok(releases)
    }

    /// Compares two contents: releases, the live contents of two configs, or the result of a change.
    ///
    /// # Errors
    /// Those of [`Service::releases`]; [`Problem::OtherFormat`] at `/with` if the formats of two configs differ.
    pub async fn compare(&self, actor: &Actor, left: &Side, right: &Side) -> Result<Compared> {
        let (format, old_seq, old) = self.side(actor, left).await?;
        let (other, new_seq, new) = self.side(actor, right).await?;
        if format != other {
            return Err(Invalid::new("/with", Problem::OtherFormat { format: other, other: format }).into());
        }
        let diff = Diff::of(&old, &new);
        Ok(Compared { old, old_seq, new, new_seq, diff })
    }

    /// Returns up to `limit` other configs of the format of a config that the actor may see, without archived ones:
    /// first those of its application, then those of namespaces with its name.
    ///
    /// # Errors
    /// Those of [`Service::releases`].
    pub async fn comparable_configs(&self, actor: &Actor, id: &ConfigId, limit: usize) -> Result<Vec<ConfigId>> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        let format = self.location(&mut db, id).await?.namespace.format;
        let mut namespaces = db.namespaces_of_format(format).await?;
        namespaces.retain(|(app, namespace)| actor.sees_namespace(app, namespace));
        namespaces.sort_by_key(|(app, namespace)| (*app != id.app, *namespace != id.namespace));
        let envs = db.envs().await?;
        let configs = namespaces.into_iter().flat_map(|(app, namespace)| {
            let open = envs.iter().filter(|env| env.archived_at.is_none());
            open.map(move |env| ConfigId { env: env.name.clone(), app: app.clone(), namespace: namespace.clone() })
        });
        Ok(configs.filter(|config| config != id && actor.may_view(config).is_ok()).take(limit).collect())
    }

    /// Returns the format of the side's config, the number of its release, and its content.
    async fn side(&self, actor: &Actor, side: &Side) -> Result<(Format, u64, Content)> {
        let id = side.config();
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        let live_config = self.live_config(&mut db, id).await?;
        let format = live_config.location.namespace.format;
        match side {
            Side::Live(_) => Ok((format, live_config.live, live_config.content)),
            Side::Release(_, 0) => Ok((format, 0, Content::empty(format))),
            Side::Release(_, seq) if *seq == live_config.live => Ok((format, live_config.live, live_config.content)),
            Side::Release(_, seq) => {
                if let Some(content) = db.content(id, *seq).await? {
                    return Ok((format, *seq, content));
                }
                // The number may have been skipped when the channel was ahead. Then the release before it is compared.
                let wrong = || Error::from(Invalid::new("/release", Problem::Release { release: *seq }));
                let before = db.releases(id, Some(*seq), 1).await?.pop().map(|release| release.seq);
                let seq = before.filter(|_| *seq < live_config.live).ok_or_else(wrong)?;
                let content = db.content(id, seq).await?.ok_or_else(wrong)?;
                Ok((format, seq, content))
            }
            Side::Change(_, change) => {
                let view = self.change(actor, change).await?;
                let found = view.configs.into_iter().find(|c| c.config == *id);
                let config = found.ok_or_else(|| Error::NotFound(id.to_string()))?;
                Ok((format, 0, config.after))
            }
        }
    }
}
