//! Exports of whole applications and environments.

use super::Service;
use crate::{
    domain::{
        access::Actor,
        error::{Error, Result},
        names::{AppName, ConfigId, EnvName},
    },
    exchange::{self, ExportedConfig, MAX_EXPORT_BYTES},
};

/// Maximum size of the documents of an export, in bytes, so that its JSON can be read back.
pub(super) const MAX_EXPORTED_BYTES: usize = MAX_EXPORT_BYTES / 4;

impl Service {
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

    /// Returns all configs like [`Service::export_all`], as one zip or one JSON.
    ///
    /// # Errors
    /// Those of [`Service::export_all`].
    pub async fn export_file(
        &self,
        actor: &Actor,
        env: Option<&EnvName>,
        app: Option<&AppName>,
        zip: bool,
    ) -> Result<Vec<u8>> {
        let configs = self.export_all(actor, env, app).await?;
        Ok(if zip { exchange::write_zip(&configs) } else { exchange::write_json(&configs).into_bytes() })
    }
}
