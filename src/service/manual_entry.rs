//! Manual entry: edits from the forms of a config's page. They are saved like other edits. But a form cannot carry
//! every text unchanged, and adding a key differs from changing one.

use super::{Save, Saved, Service, import};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        content::{Content, Item, Items, ValueType, check_key},
        error::{Error, Invalid, Problem, Result},
        form_text::{restore, shown_text},
        merge::Edit,
        names::ConfigId,
        sensitive::Sensitive,
    },
    formats::{self, ItemFormat, Typing},
};

/// The state of the config that the page of a form showed.
#[derive(Clone, Debug)]
pub struct FormBase {
    /// The config.
    pub config: ConfigId,
    /// The author's change, if there was one.
    pub change: Option<ChangeId>,
    /// The live release, 0 before the first one.
    pub base: u64,
    /// The version of the change, 0 without a change.
    pub version: u64,
}

impl FormBase {
    pub(super) fn save(self, edits: Vec<(String, Edit)>) -> Save {
        let Self { config, change, base, version } = self;
        Save { config, change, base: Some(base), version: Some(version), edits }
    }
}

/// A key that was entered manually.
#[derive(Clone, Debug)]
pub struct EnteredItem {
    /// The key.
    pub key: String,
    /// Whether it must be a new key.
    pub new: bool,
    /// The value, as the form sent it.
    pub value: EnteredText,
    /// The type.
    pub kind: ValueType,
    /// The comment, as the form sent it.
    pub comment: EnteredText,
}

/// A text as a form sent it.
#[derive(Clone, Debug, Default)]
pub struct EnteredText {
    /// The text.
    pub sent: Sensitive,
    /// The earlier text of the field as [`crate::domain::form_text::hidden_value`] encodes it. Empty if the form has no
    /// hidden field.
    pub hidden_value: Sensitive,
}

impl EnteredText {
    /// Returns the text that the author meant. Without a hidden field, the text field is assumed to have shown `present`.
    fn entered(&self, present: &str) -> String {
        restore(shown_text(self.hidden_value.expose()).as_deref().unwrap_or(present), self.sent.expose())
    }
}

/// The part of a config that a text being typed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnteredPart {
    /// The text of the config.
    Document,
    /// The value of a key.
    Value(ValueType),
    /// All items, as one text in this format.
    Items(ItemFormat),
}

impl Service {
    /// Saves a key that was entered manually.
    ///
    /// # Errors
    /// Those of [`Service::save`]; [`Problem::Taken`] if a new key exists already.
    pub async fn enter_item(&self, actor: &Actor, form_base: FormBase, typed: EnteredItem) -> Result<Saved> {
        check_key(&typed.key)?;
        let view = self.config(actor, &form_base.config, form_base.change.as_ref()).await?;
        let there = view.author_content().items().and_then(|items| items.get(&typed.key));
        // On an outdated page, saving detects a key that the author did not see: as a conflict, or as the same value.
        let seen = form_base.base == view.live_seq()
            && form_base.version == view.mine.as_ref().map_or(0, |m| m.change.version);
        if typed.new && there.is_some() && seen {
            return Err(Invalid::new("/key", Problem::Taken).into());
        }
        let item = Item {
            value: typed.value.entered(there.map_or("", |item| item.value.expose())).into(),
            kind: typed.kind,
            comment: typed.comment.entered(there.map_or("", |item| &item.comment)),
            since: 0,
        };
        // Checked here, so that the error points at the field and not into the list of edits.
        item.check()?;
        self.save(actor, form_base.save(vec![(typed.key, Edit::Set(item))])).await
    }

    /// Saves the removal of a key.
    ///
    /// # Errors
    /// Those of [`Service::save`].
    pub async fn remove_item(&self, actor: &Actor, at: FormBase, key: String) -> Result<Saved> {
        self.save(actor, at.save(vec![(key, Edit::Remove)])).await
    }

    /// Saves a text that was entered manually.
    ///
    /// # Errors
    /// Those of [`Service::save`].
    pub async fn enter_text(&self, actor: &Actor, at: FormBase, text: &EnteredText) -> Result<Saved> {
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let text = text.entered(view.author_content().text().unwrap_or_default());
        self.save(actor, at.save(vec![(String::new(), Edit::Text(text.into()))])).await
    }

    /// Saves all items, entered as one text: what differs from the items that the author sees. An unchanged item keeps
    /// its exact value and type. Returns `None` if nothing differs.
    ///
    /// # Errors
    /// Those of [`Service::save`]; [`crate::domain::error::Error::Invalid`] at `/text` with line and column.
    pub async fn enter_items(
        &self,
        actor: &Actor,
        at: FormBase,
        source: ItemFormat,
        text: &EnteredText,
    ) -> Result<Option<Saved>> {
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let now = view.author_content();
        let there =
            now.items().ok_or_else(|| Invalid::new("/text", Problem::Kind { format: view.namespace.format }))?;
        let shown = formats::write(source, there).unwrap_or_default();
        let edits = import::edits(now, &read_items(there, source, &text.entered(&shown))?);
        if edits.is_empty() {
            actor.may_edit(&at.config)?;
            return Ok(None);
        }
        self.save(actor, at.save(edits)).await.map(Some)
    }

    /// Checks a text that is being typed as saving it would. Returns its first problem.
    ///
    /// # Errors
    /// [`crate::domain::error::Error::NotFound`], [`crate::domain::error::Error::Forbidden`] and
    /// [`crate::domain::error::Error::State`] as saving returns them; those of the database.
    pub async fn check_entered_text(
        &self,
        actor: &Actor,
        config: &ConfigId,
        part: EnteredPart,
        text: &EnteredText,
    ) -> Result<Option<Invalid>> {
        actor.may_edit(config)?;
        let mut db = self.db.read().await?;
        let live = self.open_live_config(&mut db, config).await?;
        drop(db);
        let format = live.location.namespace.format;
        let text = text.entered(live.content.text().unwrap_or_default());
        let checked = match (part, live.content.items()) {
            (EnteredPart::Document, None) => formats::check(format, formats::stored(format, &text)),
            (EnteredPart::Value(kind), Some(_)) => Item { value: text.into(), kind, ..Item::default() }.check(),
            (EnteredPart::Items(source), Some(there)) => {
                return match read_items(there, source, &text) {
                    Err(Error::Invalid(problems)) => Ok(problems.into_iter().next()),
                    read => read.map(|_| None),
                };
            }
            _ => Err(Invalid::new("", Problem::Kind { format })),
        };
        Ok(checked.err())
    }
}

/// Reads all items of a config from one text. Formats without comments keep the present ones.
fn read_items(there: &Items, source: ItemFormat, text: &str) -> Result<Content> {
    let read = match text.trim() {
        // Some parsers refuse such a text.
        "" => Ok(Items::new()),
        _ => formats::read_replacing(there, source, text, Typing::Keep),
    };
    let at_text = |problems: Vec<Invalid>| problems.into_iter().map(|problem| problem.of("/text")).collect();
    let mut items = read.map_err(|problems| Error::Invalid(at_text(problems)))?;
    if !source.has_comments() {
        for (key, item) in &mut items {
            item.comment = there.get(key).map(|there| there.comment.clone()).unwrap_or_default();
        }
    }
    Ok(Content::Kv(items))
}
