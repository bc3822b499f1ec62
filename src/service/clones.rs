//! Clones of applications.

use std::collections::{BTreeMap, HashSet};

use super::{ApplyExport, ConfigChoice, ConfigOutcome, PutApp, RefusedConfig, Service};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        error::{Error, Invalid, Need, Problem, Result},
        names::{AppName, ConfigId, EnvName},
    },
    exchange::{ExportedConfig, FoundConfig, OriginalNames},
};

/// A clone of an application to be made.
#[derive(Clone, Debug)]
pub struct CloneApp {
    /// The application to clone.
    pub from: AppName,
    /// Name of the new application.
    pub to: AppName,
    /// Its title, which may be empty.
    pub title: String,
    /// Environments whose live content is copied.
    pub envs: Vec<EnvName>,
}

impl Service {
    /// Creates an application with the namespaces of another one, and copies their live content in some environments
    /// into new changes of the actor, which stay open. Returns these changes. Up to 250 configs
    /// it is one transaction: after a failure nothing is there.
    ///
    /// # Errors
    /// [`Error::Invalid`] with [`Problem::Taken`] at `/to`; [`Error::Forbidden`] if the actor may not create
    /// applications, or not edit the new one in all of these environments; those of [`Service::export_all`] and
    /// [`Service::apply_preview`].
    pub async fn clone_app(&self, actor: &Actor, clone: CloneApp, message: String) -> Result<Vec<ChangeId>> {
        actor.may_create()?;
        let CloneApp { from, to, title, envs } = clone;
        let mut db = self.db.read().await?;
        // The preview would compare with an application of this name.
        if db.app(&to).await?.is_some() {
            return Err(Invalid::new("/to", Problem::Taken).into());
        }
        let description = db.app(&from).await?.map(|app| app.description);
        drop(db);
        let envs: HashSet<EnvName> = envs.into_iter().collect();
        let exported = self.export_all(actor, None, Some(&from)).await?;
        let configs = exported.into_iter().map(|config| found(config, &to, &envs)).collect();
        let (choice, choices) = (ConfigChoice::Merge, BTreeMap::new());
        let apply = ApplyExport { configs, choice, choices, create: true, allow_incomplete: false, message };
        let mut preview = self.preview_export(actor, &apply).await?;
        // Configs without content need no right to edit.
        preview.configs.retain(|previewed| envs.contains(&previewed.config.env));
        let is_refused = |outcome: &ConfigOutcome| match outcome {
            ConfigOutcome::Refused(RefusedConfig::NotAllowed(need)) => Some(*need),
            ConfigOutcome::Refused(_) => Some(Need::Edit),
            _ => None,
        };
        if let Some(need) = preview.configs.iter().find_map(|previewed| is_refused(&previewed.outcome)) {
            return Err(Error::Forbidden(need));
        }
        let put = PutApp { name: to, title: Some(title), description, archived: None };
        self.apply_to_new_app(actor, &apply, &preview, put).await.map_err(at_to)
    }
}

/// Returns a config of the new application. Its content is copied only in these environments.
fn found(exported: ExportedConfig, to: &AppName, envs: &HashSet<EnvName>) -> FoundConfig {
    let ExportedConfig { config, format, description, content } = exported;
    FoundConfig {
        content: content.filter(|_| envs.contains(&config.env)),
        config: ConfigId { app: to.clone(), ..config },
        original: OriginalNames::default(),
        path: String::new(),
        format,
        description,
        notes: Default::default(),
    }
}

/// Moves the problem of a name to the field of the form.
fn at_to(error: Error) -> Error {
    match error {
        Error::Invalid(all) if all.iter().any(|invalid| invalid.problem == Problem::Taken) => {
            Invalid::new("/to", Problem::Taken).into()
        }
        other => other,
    }
}
