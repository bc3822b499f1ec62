//! Manual entry: edits from the forms of a config's page. They are saved like other edits. But a form cannot carry
//! every text unchanged, and adding a key differs from changing one.

use super::{Save, Saved, Service};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        content::{Format, Item, ValueType, check_key},
        error::{Invalid, Problem, Result},
        form_text::{restore, shown_text},
        merge::Edit,
        names::ConfigId,
        sensitive::Sensitive,
    },
    formats,
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

    /// Checks a text that is being typed, or a value of type `kind`, as saving it would. Returns its first problem.
    ///
    /// # Errors
    /// [`crate::domain::error::Error::NotFound`], [`crate::domain::error::Error::Forbidden`] and
    /// [`crate::domain::error::Error::State`] as saving returns them; those of the database.
    pub async fn check_entered_text(
        &self,
        actor: &Actor,
        config: &ConfigId,
        kind: Option<ValueType>,
        text: &EnteredText,
    ) -> Result<Option<Invalid>> {
        actor.may_edit(config)?;
        let mut db = self.db.read().await?;
        let live = self.open_live_config(&mut db, config).await?;
        drop(db);
        let format = live.location.namespace.format;
        let text = text.entered(live.content.text().unwrap_or_default());
        let checked = match kind {
            Some(kind) if format == Format::Kv => Item { value: text.into(), kind, ..Item::default() }.check(),
            Some(_) => Err(Invalid::new("", Problem::Kind { format })),
            None => formats::check(format, formats::stored(format, &text)),
        };
        Ok(checked.err())
    }
}
