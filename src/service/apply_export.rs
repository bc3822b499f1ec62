//! Applying an import: the missing applications and namespaces, and the open changes, in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use tracing::Instrument;

use super::{
    ApplyExport, ConfigOutcome, ExportPreview, PreviewedConfig, PutApp, PutNamespace, Save, Service, apps::NameUse,
    retry_conflicts,
};
use crate::{
    domain::{
        access::Actor,
        change::{Change, ChangeId},
        error::{Error, Invalid, Problem, Result},
        limits,
        names::ConfigId,
    },
    exchange::FoundConfig,
    traces,
};

/// Maximum size of the documents that one transaction imports, in bytes. Only the command line imports more. A
/// transaction must end within seconds, because on SQLite it keeps others from writing.
pub const MAX_TRANSACTION_BYTES: usize = 8 * 1024 * 1024;
/// Maximum number of applications, namespaces and configs of one transaction: 250 configs, each with its own of them.
const MAX_TRANSACTION_OBJECTS: usize = 750;
/// Room in a message for its number, as ` (12/345)`.
const MESSAGE_SUFFIX_BYTES: usize = 20;

/// The result of an import.
#[derive(Clone, Debug)]
pub struct AppliedExport {
    /// The effect.
    pub preview: ExportPreview,
    /// The open changes, in order.
    pub changes: Vec<ChangeId>,
}

/// A transaction of an import.
#[derive(Default)]
struct ImportTransaction {
    /// An application whose name must be free.
    new_app: Option<PutApp>,
    apps: Vec<PutApp>,
    namespaces: Vec<PutNamespace>,
    /// Messages and edits of the changes.
    changes: Vec<(String, Vec<Save>)>,
}

/// The transactions of an import. The last one is not full.
struct ImportTransactions {
    all: Vec<ImportTransaction>,
    objects: usize,
    bytes: usize,
}

impl ImportTransactions {
    fn of(apply: &ApplyExport, preview: &ExportPreview, new_app: Option<PutApp>) -> Result<Self> {
        let (changes, bytes) = (changes_of(apply, preview)?, bytes_of(preview));
        let first = ImportTransaction { new_app, ..ImportTransaction::default() };
        let mut transactions = Self { all: vec![first], objects: 1, bytes: 0 };
        for name in preview.new_apps.iter().cloned() {
            let put = PutApp { name, title: None, description: None, archived: None };
            transactions.with_room(1, 0).apps.push(put);
        }
        for put in namespaces_of(apply, preview) {
            transactions.with_room(1, 0).namespaces.push(put);
        }
        for (message, saves) in changes {
            let size = saves.iter().map(|save| bytes[&save.config]).sum();
            transactions.with_room(saves.len(), size).changes.push((message, saves));
        }
        Ok(transactions)
    }

    /// Returns the last transaction, or a new one if it has no room.
    fn with_room(&mut self, objects: usize, bytes: usize) -> &mut ImportTransaction {
        (self.objects, self.bytes) = (self.objects + objects, self.bytes + bytes);
        if self.objects > MAX_TRANSACTION_OBJECTS || self.bytes > MAX_TRANSACTION_BYTES {
            self.all.push(ImportTransaction::default());
            (self.objects, self.bytes) = (objects, bytes);
        }
        self.all.last_mut().expect("there is a first one")
    }
}

impl Service {
    /// Imports the configs of an export like [`Service::apply_preview`], as they compare with what is live now.
    ///
    /// # Errors
    /// Those of [`Service::preview_export`] and [`Service::apply_preview`].
    pub async fn apply_export(&self, actor: &Actor, apply: &ApplyExport) -> Result<AppliedExport> {
        let preview = self.preview_export(actor, apply).await?;
        self.apply_preview(actor, apply, preview).await
    }

    /// Imports the configs of an export, if the preview is still that of this SHA-256.
    ///
    /// # Errors
    /// [`Error::Stale`] if what is live has changed since; [`Error::TooLarge`] above [`MAX_TRANSACTION_BYTES`]; those of
    /// [`Service::apply_export`].
    pub async fn apply_seen_export(&self, actor: &Actor, apply: &ApplyExport, seen: &str) -> Result<AppliedExport> {
        let preview = self.preview_export(actor, apply).await?;
        let now = preview.sha256();
        if now != seen {
            return Err(Error::Stale(now));
        }
        if preview.imported_bytes() > MAX_TRANSACTION_BYTES {
            return Err(Error::TooLarge(MAX_TRANSACTION_BYTES));
        }
        self.apply_preview(actor, apply, preview).await
    }

    /// Imports the configs of a preview into new changes of the actor, which stay open. Missing applications and namespaces
    /// are created first, if `create` says so. Refused configs are left out. Up to 250 configs and
    /// [`MAX_TRANSACTION_BYTES`] everything is one transaction: after a failure nothing is there. If a later one fails, the
    /// changes of those before it are discarded.
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
        let changes = self.run_imports(actor, ImportTransactions::of(apply, &preview, None)?).await?;
        Ok(AppliedExport { preview, changes })
    }

    /// Imports a preview into a new application like [`Service::apply_preview`].
    ///
    /// # Errors
    /// [`Problem::Taken`] at `/app`; those of [`Service::apply_preview`].
    pub(super) async fn apply_to_new_app(
        &self,
        actor: &Actor,
        apply: &ApplyExport,
        preview: &ExportPreview,
        app: PutApp,
    ) -> Result<Vec<ChangeId>> {
        self.run_imports(actor, ImportTransactions::of(apply, preview, Some(app))?).await
    }

    async fn run_imports(&self, actor: &Actor, transactions: ImportTransactions) -> Result<Vec<ChangeId>> {
        let mut changes = Vec::new();
        for transaction in transactions.all {
            match self.run_import(actor, transaction).await {
                Ok(opened) => changes.extend(opened),
                Err(error) => {
                    for change in &changes {
                        self.discard(actor, change).await?;
                    }
                    return Err(error);
                }
            }
        }
        Ok(changes)
    }

    async fn run_import(&self, actor: &Actor, import: ImportTransaction) -> Result<Vec<ChangeId>> {
        let (span, import) = (traces::use_case("import-export"), Arc::new(import));
        let done = retry_conflicts(|| {
            let (service, actor, import) = (self.clone(), actor.clone(), Arc::clone(&import));
            async move {
                let mut tx = service.db.write().await?;
                let new = import.new_app.iter().map(|put| (put, NameUse::Free));
                for (put, name) in new.chain(import.apps.iter().map(|put| (put, NameUse::Any))) {
                    service.write_app_in(&mut tx, &actor, put.clone(), name).await?;
                }
                for put in &import.namespaces {
                    service.write_namespace_in(&mut tx, &actor, put.clone(), NameUse::Any).await?;
                }
                let mut changes = Vec::new();
                for (message, saves) in &import.changes {
                    let change = service.save_in(&mut tx, &actor, Some(message.clone()), saves.clone()).await?;
                    service.check_size(&mut tx, &change).await?;
                    changes.push(change.id);
                }
                tx.commit().await?;
                Ok(changes)
            }
        });
        let done = done.instrument(span.clone()).await;
        if let Err(error) = &done {
            traces::failed(&span, error.name());
        }
        done
    }

    /// Returns those of these changes that the actor made.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn own_changes(&self, actor: &Actor, ids: &[ChangeId]) -> Result<Vec<Change>> {
        let mut db = self.db.read().await?;
        let mut changes = Vec::new();
        for id in ids {
            changes.extend(db.change(id).await?.filter(|change| change.author == actor.id));
        }
        Ok(changes)
    }
}

/// Returns the sizes of the imported documents, in bytes.
fn bytes_of(preview: &ExportPreview) -> BTreeMap<ConfigId, usize> {
    let bytes = |PreviewedConfig { config, outcome }: &PreviewedConfig| match outcome {
        ConfigOutcome::Edited { bytes, .. } => Some((config.clone(), *bytes)),
        _ => None,
    };
    preview.configs.iter().filter_map(bytes).collect()
}

fn namespaces_of(apply: &ApplyExport, preview: &ExportPreview) -> Vec<PutNamespace> {
    let put = |(app, name, format): &(_, _, _)| {
        let is_this = |found: &&FoundConfig| found.config.app == *app && found.config.namespace == *name;
        let mut descriptions = apply.configs.iter().filter(is_this).map(|found| &found.description);
        PutNamespace {
            app: app.clone(),
            name: name.clone(),
            format: Some(*format),
            description: descriptions.find(|description| !description.is_empty()).cloned(),
            archived: None,
        }
    };
    preview.new_namespaces.iter().map(put).collect()
}

/// Returns the messages and edits of the changes.
///
/// # Errors
/// [`Problem::TooLong`] at `/message`.
fn changes_of(apply: &ApplyExport, preview: &ExportPreview) -> Result<Vec<(String, Vec<Save>)>, Invalid> {
    if apply.message.len() + MESSAGE_SUFFIX_BYTES > limits::TEXT_BYTES {
        let max = limits::TEXT_BYTES - MESSAGE_SUFFIX_BYTES;
        return Err(Invalid::new("/message", Problem::TooLong { max }));
    }
    let mut saves: BTreeMap<&ConfigId, Save> = BTreeMap::new();
    for PreviewedConfig { config, outcome } in &preview.configs {
        if let ConfigOutcome::Edited { live, edits, .. } = outcome {
            let (edits, base) = (edits.clone(), Some(*live));
            saves.insert(config, Save { config: config.clone(), change: None, base, version: None, edits });
        }
    }
    let all = preview.changes.len();
    let change = |(n, configs): (usize, &Vec<ConfigId>)| {
        let saves = configs.iter().filter_map(|config| saves.remove(config)).collect();
        let message = match all {
            1 => apply.message.clone(),
            _ => format!("{} ({}/{all})", apply.message, n + 1).trim_start().to_owned(),
        };
        (message, saves)
    };
    Ok(preview.changes.iter().enumerate().map(change).collect())
}
