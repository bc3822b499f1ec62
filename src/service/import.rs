//! Import and export: what people already have, shown as a difference before it enters a change.

use super::{ConfigView, Save, Saved, Service};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        content::{Content, Format, Items},
        diff::Diff,
        error::{Error, Result},
        merge::{At, Edit},
        names::ConfigId,
    },
    formats::{self, Source, Typing},
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
    pub text: String,
    /// Whether numbers and booleans keep their type.
    pub typing: Typing,
    /// What happens to other keys.
    pub mode: ImportMode,
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

impl Service {
    /// What an import would change, without changing it.
    ///
    /// # Errors
    /// [`Error::Invalid`] with line and column, [`Error::NotFound`], [`Error::Forbidden`], [`Error::Unavailable`].
    pub async fn preview_import(&self, actor: &Actor, import: &Import) -> Result<ImportPreview> {
        actor.may_edit(&import.config)?;
        let view = self.config(actor, &import.config, None).await?;
        let now = view.mine.as_ref().map_or(&view.content, |m| &m.config.after);
        let new = match now {
            Content::Text(_) => {
                formats::check(view.namespace.format, &import.text).map_err(|e| e.of("/text"))?;
                Content::Text(import.text.as_str().into())
            }
            Content::Kv(there) => {
                let read = formats::read(import.source, &import.text, import.typing).map_err(Error::Invalid)?;
                Content::Kv(imported(there, read, import.mode))
            }
        };
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

    /// A config's live content as a file: the text as it is, items in the format asked for.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a key cannot be written in that format, [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn export(
        &self,
        actor: &Actor,
        id: &ConfigId,
        source: Source,
        seq: Option<u64>,
    ) -> Result<(Format, String)> {
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
            Content::Text(text) => Ok((format, text.to_string())),
            Content::Kv(items) => Ok((Format::Kv, formats::write(source, &items).map_err(Error::Invalid)?)),
        }
    }
}

/// The items with the imported ones over them. A file without comments does not take away those that are there.
fn imported(there: &Items, read: Items, mode: ImportMode) -> Items {
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
        (Content::Text(a), Content::Text(b)) if a != b => vec![(String::new(), Edit::Text(b.to_string()))],
        _ => Vec::new(),
    }
}
