//! What people type into the forms of a config's page. It goes into their change as any other edit does; but a form
//! cannot carry every text as it is, and adding a key is not the same as changing one.

use super::{ConfigView, Save, Saved, Service};
use crate::domain::{
    access::Actor,
    change::ChangeId,
    content::{Content, Item, ValueType, check_key},
    error::{Invalid, Problem, Result},
    merge::Edit,
    names::ConfigId,
    sensitive::Sensitive,
    typed::{restored, shown},
};

/// Where a form was: what its page had read.
#[derive(Clone, Debug)]
pub struct ReadAt {
    /// The config.
    pub config: ConfigId,
    /// The author's change; none when there was none.
    pub change: Option<ChangeId>,
    /// The live release, 0 before the first.
    pub base: u64,
    /// The change's version, 0 when there was none.
    pub version: u64,
}

impl ReadAt {
    fn save(self, key: String, edit: Edit) -> Save {
        let Self { config, change, base, version } = self;
        Save { config, change, base: Some(base), version: Some(version), edits: vec![(key, edit)] }
    }
}

/// A key as it was typed.
#[derive(Clone, Debug)]
pub struct TypedItem {
    /// The key.
    pub key: String,
    /// It is to be a new one.
    pub new: bool,
    /// The value, as the form sent it.
    pub value: TypedText,
    /// The type.
    pub kind: ValueType,
    /// The comment, as the form sent it.
    pub comment: TypedText,
}

/// A text as a form sent it.
#[derive(Clone, Debug, Default)]
pub struct TypedText {
    /// The text.
    pub sent: Sensitive,
    /// The content that the field showed, as the form carried it ([`crate::domain::typed::carried`]); empty for none.
    pub was: Sensitive,
}

impl TypedText {
    /// The text that was meant. A form that carried nothing showed what is there, as far as one can know.
    fn meant(&self, there: &str) -> String {
        restored(shown(self.was.expose()).as_deref().unwrap_or(there), self.sent.expose())
    }
}

impl Service {
    /// Saves a key that was typed.
    ///
    /// # Errors
    /// As [`Service::save`]; [`Problem::Taken`] when a new key is there already.
    pub async fn type_item(&self, actor: &Actor, at: ReadAt, typed: TypedItem) -> Result<Saved> {
        check_key(&typed.key)?;
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let there = now(&view).items().and_then(|items| items.get(&typed.key));
        // When the page was not up to date, saving finds what the author did not see: a conflict, or the same value.
        let seen = at.base == view.live_seq() && at.version == view.mine.as_ref().map_or(0, |m| m.change.version);
        if typed.new && there.is_some() && seen {
            return Err(Invalid::new("/key", Problem::Taken).into());
        }
        let item = Item {
            value: typed.value.meant(there.map_or("", |item| item.value.expose())).into(),
            kind: typed.kind,
            comment: typed.comment.meant(there.map_or("", |item| &item.comment)),
            since: 0,
        };
        // The field says it, not the key in the list of edits.
        item.check()?;
        self.save(actor, at.save(typed.key, Edit::Set(item))).await
    }

    /// Saves the removal of a key.
    ///
    /// # Errors
    /// As [`Service::save`].
    pub async fn remove_item(&self, actor: &Actor, at: ReadAt, key: String) -> Result<Saved> {
        self.save(actor, at.save(key, Edit::Remove)).await
    }

    /// Saves a text that was typed.
    ///
    /// # Errors
    /// As [`Service::save`].
    pub async fn type_text(&self, actor: &Actor, at: ReadAt, text: &TypedText) -> Result<Saved> {
        let view = self.config(actor, &at.config, at.change.as_ref()).await?;
        let text = text.meant(now(&view).text().unwrap_or_default());
        self.save(actor, at.save(String::new(), Edit::Text(text.into()))).await
    }
}

/// What the author sees: the live content with the own edits on top.
fn now(view: &ConfigView) -> &Content {
    view.mine.as_ref().map_or(&view.content, |mine| &mine.config.after)
}
