//! Import and export of files. An import is shown as a difference before it enters a change.

use super::{
    ConfigView, Save, Saved, Service,
    idempotency::{Work, WorkOutcome},
    validation,
};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        content::{Content, Format, Items},
        diff::Diff,
        error::{Error, Invalid, Problem, Result, StateConflict, truncate},
        merge::{Edit, KeyState},
        names::ConfigId,
        release::Published,
        sensitive::Sensitive,
    },
    formats::{self, ItemFormat, Media, Typing},
    storage::Conn,
};

/// Treatment of keys that are not in the imported text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// They are kept.
    #[default]
    Merge,
    /// They are removed: the config then has only the imported keys.
    Replace,
}

/// A text to be imported.
#[derive(Clone, Debug)]
pub struct Import {
    /// The config to import into.
    pub config: ConfigId,
    /// The format of the text. A text namespace takes any text as it is.
    pub source: ItemFormat,
    /// The text.
    pub text: Sensitive,
    /// Whether numbers and booleans keep their type.
    pub typing: Typing,
    /// Treatment of keys that are not in the text.
    pub mode: ImportMode,
    /// Whether a text without keys may replace all existing ones.
    pub allow_empty: bool,
}

/// An import for a change of its own, parsed against the live content.
pub(super) struct NewChangeImport {
    import: Import,
    read: Content,
    /// The release that was live when the text was parsed.
    live: u64,
    message: String,
    /// The typed name of the protected environment, if the change is published at once.
    publish: Option<String>,
}

impl Import {
    /// Parses the text as the content of a config with this format and this present content.
    fn read(&self, format: Format, now: &Content) -> Result<Content> {
        let Content::Kv(there) = now else {
            let content = Content::Text(formats::stored(format, self.text.expose()).into());
            validation::document(format, &content).map_err(|e| e.of("/text"))?;
            return Ok(content);
        };
        let replaces = self.mode == ImportMode::Replace;
        let items = if replaces && self.is_blank() {
            Items::new()
        } else {
            formats::read_replacing(there, self.source, self.text.expose(), self.typing).map_err(Error::Invalid)?
        };
        if items.is_empty() && replaces && !self.allow_empty {
            return Err(Invalid::new("/text", Problem::NoKeys).into());
        }
        Ok(Content::Kv(items))
    }

    /// Returns whether the text has only blank lines and comments. Some parsers refuse such a file.
    fn is_blank(&self) -> bool {
        let marks: &[&str] = if self.source == ItemFormat::Json { &["#", "//"] } else { &["#"] };
        let mut lines = self.text.expose().trim_start_matches('\u{feff}').split(['\n', '\r']).map(str::trim);
        lines.all(|line| line.is_empty() || marks.iter().any(|mark| line.starts_with(mark)))
    }
}

/// The effect of an import.
#[derive(Clone, Debug)]
pub struct ImportPreview {
    /// The config as its page shows it.
    pub view: ConfigView,
    /// The difference that the import makes to the live content with the actor's pending edits.
    pub diff: Diff,
    /// The edits that lead to it.
    pub edits: Vec<(String, Edit)>,
}

impl Work for NewChangeImport {
    const NAME: &'static str = "import";

    /// Compares the import with the live content inside the transaction, so that concurrent imports never mix. If
    /// another release is live by now, the text is parsed again.
    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<WorkOutcome> {
        let Self { import, read, live, message, publish } = self;
        let config = &import.config;
        let live_config = match publish {
            Some(_) => service.lock_live_config(tx, &actor.may_publish(config)?).await?,
            None => service.open_live_config(tx, config).await?,
        };
        let read = if live_config.live == *live {
            read.clone()
        } else {
            import.read(live_config.location.namespace.format, &live_config.content)?
        };
        let edits = edits(&live_config.content, &imported(&live_config.content, read, import.mode));
        if edits.is_empty() {
            return Err(Error::State(StateConflict::Empty));
        }
        // The release that the edits were made from. A release that is published meanwhile causes a conflict.
        let base = Some(live_config.live);
        let saves = vec![Save { config: config.clone(), change: None, base, version: None, edits }];
        if let Some(confirm) = publish {
            return service.save_and_publish_in(tx, actor, message, confirm, saves).await;
        }
        let change = service.save_in(tx, actor, Some(message.clone()), saves).await?;
        service.check_size(tx, &change).await?;
        Ok(WorkOutcome::of(change.id, Vec::new()))
    }
}

impl Service {
    /// Returns the effect of an import, without saving it.
    ///
    /// # Errors
    /// [`Error::Invalid`] with line and column, [`Error::NotFound`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn preview_import(&self, actor: &Actor, import: &Import) -> Result<ImportPreview> {
        actor.may_edit(&import.config)?;
        let view = self.config(actor, &import.config, None).await?;
        let now = view.mine.as_ref().map_or(&view.content, |m| &m.config.after);
        let new = imported(now, import.read(view.namespace.format, now)?, import.mode);
        let diff = Diff::of(now, &new);
        let edits = edits(now, &new);
        Ok(ImportPreview { diff, edits, view })
    }

    /// Saves an import in the actor's change. Returns `None` if there is nothing to change.
    ///
    /// # Errors
    /// Those of [`Service::preview_import`] and [`Service::save`].
    pub async fn import(&self, actor: &Actor, import: &Import, change: Option<ChangeId>) -> Result<Option<Saved>> {
        let preview = self.preview_import(actor, import).await?;
        if preview.edits.is_empty() {
            return Ok(None);
        }
        let save = Save {
            config: import.config.clone(),
            change,
            base: Some(preview.view.live_seq()),
            version: preview.view.mine.as_ref().map(|m| m.change.version),
            edits: preview.edits,
        };
        self.save(actor, save).await.map(Some)
    }

    /// Saves an import in a new change, on top of the live content. Edits of open changes are ignored.
    ///
    /// # Errors
    /// Those of [`Service::preview_import`] and [`Service::save`]; [`Error::State`] with `Empty` if nothing would
    /// change.
    pub async fn import_into_new_change(&self, actor: &Actor, import: &Import, message: String) -> Result<ChangeId> {
        let new_change = self.prepare_import(actor, import, message, None).await?;
        Ok(self.run_once(actor, None, new_change).await?.change)
    }

    /// Publishes an import as a change of its own, in one transaction. A refused import leaves no change.
    ///
    /// # Errors
    /// Those of [`Service::import_into_new_change`] and [`Service::publish`].
    pub async fn import_and_publish(
        &self,
        actor: &Actor,
        import: &Import,
        message: String,
        confirm: String,
    ) -> Result<Published> {
        let new_change = self.prepare_import(actor, import, message, Some(confirm)).await?;
        self.run_and_deliver(actor, None, new_change).await
    }

    async fn prepare_import(
        &self,
        actor: &Actor,
        import: &Import,
        message: String,
        publish: Option<String>,
    ) -> Result<NewChangeImport> {
        actor.may_edit(&import.config)?;
        let mut db = self.db.read().await?;
        let live_config = self.live_config(&mut db, &import.config).await?;
        drop(db);
        let read = import.read(live_config.location.namespace.format, &live_config.content)?;
        Ok(NewChangeImport { import: import.clone(), read, live: live_config.live, message, publish })
    }

    /// Returns the format of the namespace of a config.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such config or the actor may not see it; [`Error::Unavailable`].
    pub async fn format(&self, actor: &Actor, id: &ConfigId) -> Result<Format> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        Ok(self.location(&mut db, id).await?.namespace.format)
    }

    /// Writes a config as a file: a text as it is, items in the requested format. The default is JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the format does not exist or cannot express a key; [`Error::State`] with `Unreleased` for
    /// a text that was never published; [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn export(
        &self,
        actor: &Actor,
        id: &ConfigId,
        requested_format: Option<&str>,
        seq: Option<u64>,
    ) -> Result<Exported> {
        let (format, content) = match seq {
            Some(seq) => {
                let (release, content) = self.release_with_content(actor, id, seq).await?;
                (release.format, content)
            }
            None => {
                let view = self.config(actor, id, None).await?;
                (view.namespace.format, view.content)
            }
        };
        match content {
            // Nothing was published. An empty file is not valid in most formats and could not be imported again.
            Content::Text(text) if text.expose().is_empty() => Err(Error::State(StateConflict::Unreleased)),
            Content::Text(text) => {
                if let Some(requested) = requested_format.filter(|name| !formats::is_name_of(format, name)) {
                    let known = vec![format.as_str().to_owned()];
                    return Err(Invalid::new("/format", Problem::Unknown { given: truncate(requested), known }).into());
                }
                Ok(Exported { text: text.expose().into(), media: formats::media(format) })
            }
            Content::Kv(items) => {
                let source = requested_format.map_or(Ok(ItemFormat::Json), str::parse)?;
                let text = formats::write(source, &items).map_err(Error::Invalid)?;
                Ok(Exported { text: text.into(), media: source.media() })
            }
        }
    }
}

/// A config as a file.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its content.
    pub text: Sensitive,
    /// The extension of its name, and its content type.
    pub media: Media,
}

/// Returns the content after an import.
pub(super) fn imported(now: &Content, read: Content, mode: ImportMode) -> Content {
    match (now, read) {
        (Content::Kv(there), Content::Kv(read)) => Content::Kv(merged(there, read, mode)),
        (_, read) => read,
    }
}

/// Merges imported items into present ones. An imported item without a comment keeps the present comment.
fn merged(present: &Items, read: Items, mode: ImportMode) -> Items {
    let mut items = match mode {
        ImportMode::Merge => present.clone(),
        ImportMode::Replace => {
            present.iter().filter(|(k, _)| read.contains_key(*k)).map(|(k, i)| (k.clone(), i.clone())).collect()
        }
    };
    for (key, mut item) in read {
        if item.comment.is_empty() {
            item.comment = present.get(&key).map(|t| t.comment.clone()).unwrap_or_default();
        }
        items.insert(key, item);
    }
    items
}

/// Returns the edits that lead from one content to another.
pub(super) fn edits(now: &Content, new: &Content) -> Vec<(String, Edit)> {
    match (now, new) {
        (Content::Kv(there), Content::Kv(items)) => {
            let gone = there.keys().filter(|k| !items.contains_key(*k)).map(|k| (k.clone(), Edit::Remove));
            let set = items.iter().filter(|(k, i)| KeyState::of(now, k) != KeyState::Item(i));
            set.map(|(k, i)| (k.clone(), Edit::Set(i.clone()))).chain(gone).collect()
        }
        (Content::Text(a), Content::Text(b)) if a != b => vec![(String::new(), Edit::Text(b.expose().into()))],
        _ => Vec::new(),
    }
}
