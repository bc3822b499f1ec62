//! Import and export: what people already have, shown as a difference before it enters a change.

use super::{
    ConfigView, Save, Saved, Service,
    once::{Made, Work},
    validation,
};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        content::{Content, Format, Items},
        diff::Diff,
        error::{Error, Invalid, Problem, Result, State, excerpt},
        merge::{At, Edit},
        names::ConfigId,
        release::Published,
        sensitive::Sensitive,
    },
    formats::{self, Media, Source, Typing},
    storage::Conn,
};

/// What happens to keys that are not in the imported text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportMode {
    /// They stay.
    #[default]
    Merge,
    /// They go: the config becomes what was imported.
    Replace,
}

/// A text to be imported.
#[derive(Clone, Debug)]
pub struct Import {
    /// Into which config.
    pub config: ConfigId,
    /// How it is written; a text namespace takes it as it is.
    pub source: Source,
    /// The text.
    pub text: Sensitive,
    /// Whether numbers and booleans keep their type.
    pub typing: Typing,
    /// What happens to other keys.
    pub mode: ImportMode,
    /// Whether a text without keys may replace all that are there.
    pub allow_empty: bool,
}

/// An import that was read over what is live, for a change of its own.
pub(super) struct ImportAlone {
    import: Import,
    read: Content,
    /// The release that was live then.
    live: u64,
    message: String,
    /// The name of the protected environment, typed, when the change is published at once.
    publish: Option<String>,
}

impl Import {
    /// Reads the text as the content of a config of this format that has this content now.
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
            formats::read_over(there, self.source, self.text.expose(), self.typing).map_err(Error::Invalid)?
        };
        if items.is_empty() && replaces && !self.allow_empty {
            return Err(Invalid::new("/text", Problem::NoKeys).into());
        }
        Ok(Content::Kv(items))
    }

    /// Whether there are no keys in the text, but blank lines and comments. Not every reader takes such a file.
    fn is_blank(&self) -> bool {
        let marks: &[&str] = if self.source == Source::Json { &["#", "//"] } else { &["#"] };
        let mut lines = self.text.expose().trim_start_matches('\u{feff}').split(['\n', '\r']).map(str::trim);
        lines.all(|line| line.is_empty() || marks.iter().any(|mark| line.starts_with(mark)))
    }
}

/// What an import would change.
#[derive(Clone, Debug)]
pub struct ImportPreview {
    /// The config as its page shows it.
    pub view: ConfigView,
    /// What the import does to what is live and pending.
    pub diff: Diff,
    /// The edits that make it so.
    pub edits: Vec<(String, Edit)>,
}

impl Work for ImportAlone {
    const NAME: &'static str = "import";

    async fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> Result<Made> {
        service.import_in(tx, actor, self).await
    }
}

impl Service {
    /// What an import would change, without changing it.
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

    /// Puts an import into the actor's change. Nothing to do is an empty list of edits, and no change.
    ///
    /// # Errors
    /// As [`Service::preview_import`] and [`Service::save`].
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

    /// Puts an import into a new change, on top of what is live. Open changes do not matter.
    ///
    /// # Errors
    /// As [`Service::preview_import`] and [`Service::save`]; [`Error::State`] with `Empty` when all of it is live.
    pub async fn import_alone(&self, actor: &Actor, import: &Import, message: String) -> Result<ChangeId> {
        let alone = self.read_alone(actor, import, message, None).await?;
        Ok(self.once(actor, None, alone).await?.change)
    }

    /// Publishes an import as a change of its own, in one transaction. A refused one leaves no change.
    ///
    /// # Errors
    /// As [`Service::import_alone`] and [`Service::publish`].
    pub async fn import_and_publish(
        &self,
        actor: &Actor,
        import: &Import,
        message: String,
        confirm: String,
    ) -> Result<Published> {
        let alone = self.read_alone(actor, import, message, Some(confirm)).await?;
        let arrivals = self.dispatch.status.arrivals();
        let made = self.once(actor, None, alone).await?;
        Ok(self.published(made, arrivals).await)
    }

    async fn read_alone(
        &self,
        actor: &Actor,
        import: &Import,
        message: String,
        publish: Option<String>,
    ) -> Result<ImportAlone> {
        actor.may_edit(&import.config)?;
        let mut db = self.db.read().await?;
        let standing = self.standing(&mut db, &import.config).await?;
        drop(db);
        let read = import.read(standing.place.namespace.format, &standing.content)?;
        Ok(ImportAlone { import: import.clone(), read, live: standing.live, message, publish })
    }

    /// Compares the import with what is live inside of the transaction: two imports at once never mix. Where something was
    /// published since it was read, it is read again.
    async fn import_in(&self, tx: &mut Conn, actor: &Actor, alone: &ImportAlone) -> Result<Made> {
        let ImportAlone { import, read, live, message, publish } = alone;
        let config = &import.config;
        let standing = match publish {
            Some(_) => self.locked_standing(tx, &actor.may_publish(config)?).await?,
            None => self.open_standing(tx, config).await?,
        };
        let read = if standing.live == *live {
            read.clone()
        } else {
            import.read(standing.place.namespace.format, &standing.content)?
        };
        let edits = edits(&standing.content, &imported(&standing.content, read, import.mode));
        if edits.is_empty() {
            return Err(Error::State(State::Empty));
        }
        // What the edits were made from: something that is published meanwhile is a conflict.
        let base = Some(standing.live);
        let saves = vec![Save { config: config.clone(), change: None, base, version: None, edits }];
        if let Some(confirm) = publish {
            return self.save_and_publish_in(tx, actor, message, confirm, saves).await;
        }
        let change = self.save_in(tx, actor, Some(message.clone()), saves).await?;
        self.check_size(tx, &change).await?;
        Ok(Made::of(change.id, Vec::new()))
    }

    /// Returns the format of the namespace of a config.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when the actor may not see it, [`Error::Unavailable`].
    pub async fn format(&self, actor: &Actor, id: &ConfigId) -> Result<Format> {
        actor.may_view(id)?;
        let mut db = self.db.read().await?;
        Ok(self.place(&mut db, id).await?.namespace.format)
    }

    /// Writes a config as a file: the text as it is, items in the format that is asked for. Without one, items are
    /// JSON.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the format cannot be had or a key cannot be written in it, [`Error::State`] with `Unreleased`
    /// for a text that was never published, [`Error::NotFound`],
    /// [`Error::Unavailable`].
    pub async fn export(
        &self,
        actor: &Actor,
        id: &ConfigId,
        asked: Option<&str>,
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
            // Nothing was published: an empty file is no text of the format, and nobody could import it.
            Content::Text(text) if text.expose().is_empty() => Err(Error::State(State::Unreleased)),
            Content::Text(text) => {
                if let Some(asked) = asked.filter(|asked| !formats::is_called(format, asked)) {
                    let known = vec![format.as_str().to_owned()];
                    return Err(Invalid::new("/format", Problem::Unknown { given: excerpt(asked), known }).into());
                }
                Ok(Exported { text: text.expose().into(), media: formats::media(format) })
            }
            Content::Kv(items) => {
                let source = asked.map_or(Ok(Source::Json), str::parse)?;
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
    /// Ending of its name, and its content type.
    pub media: Media,
}

/// The content with an imported one over it.
fn imported(now: &Content, read: Content, mode: ImportMode) -> Content {
    match (now, read) {
        (Content::Kv(there), Content::Kv(read)) => Content::Kv(merged(there, read, mode)),
        (_, read) => read,
    }
}

/// The items with the imported ones over them. A file without comments does not take away those that are there.
fn merged(there: &Items, read: Items, mode: ImportMode) -> Items {
    let mut items = match mode {
        ImportMode::Merge => there.clone(),
        ImportMode::Replace => {
            there.iter().filter(|(k, _)| read.contains_key(*k)).map(|(k, i)| (k.clone(), i.clone())).collect()
        }
    };
    for (key, mut item) in read {
        if item.comment.is_empty() {
            item.comment = there.get(&key).map(|t| t.comment.clone()).unwrap_or_default();
        }
        items.insert(key, item);
    }
    items
}

fn edits(now: &Content, new: &Content) -> Vec<(String, Edit)> {
    match (now, new) {
        (Content::Kv(there), Content::Kv(items)) => {
            let gone = there.keys().filter(|k| !items.contains_key(*k)).map(|k| (k.clone(), Edit::Remove));
            let set = items.iter().filter(|(k, i)| At::of(now, k) != At::Item(i));
            set.map(|(k, i)| (k.clone(), Edit::Set(i.clone()))).chain(gone).collect()
        }
        (Content::Text(a), Content::Text(b)) if a != b => vec![(String::new(), Edit::Text(b.expose().into()))],
        _ => Vec::new(),
    }
}
