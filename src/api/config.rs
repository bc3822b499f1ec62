//! Edits of a config, as the forms of its page send them. Each goes into the author's change; nothing is published.
//!
//! `change`, `base` and `version` are what the page had read: the author's change (empty: none), the live release and
//! the change's version (0: none). `q` is what the page was filtered by.

#![expect(clippy::too_many_arguments, reason = "each is a field of a form")]

use leptos::prelude::*;

use super::{paths, shim};
use crate::domain::{change::ChangeId, error::Result, names::ConfigId};

/// Saves a key: its value, type and comment.
#[server(prefix = "/fn", endpoint = "save-item")]
pub async fn save_item(
    /// The config.
    config: ConfigId,
    /// The change; empty for none.
    #[server(default)]
    change: String,
    /// The live release that was read.
    base: u64,
    /// The change's version that was read.
    version: u64,
    /// The key.
    key: String,
    /// The key is to be a new one.
    #[server(default)]
    new: bool,
    /// The value.
    value: String,
    /// The content that its field showed, where a browser changes it; empty for none.
    #[server(default)]
    value_was: String,
    /// Its type.
    kind: String,
    /// What it is for.
    #[server(default)]
    comment: String,
    /// The content that its field showed, where a browser changes it; empty for none.
    #[server(default)]
    comment_was: String,
    /// What the page was filtered by.
    #[server(default)]
    q: String,
) -> Result<()> {
    use crate::{
        service::{ReadAt, TypedItem, TypedText},
        session::guard,
    };
    let user = guard::user()?;
    let at = ReadAt { config: config.clone(), change: named(&change)?, base, version };
    let value = TypedText { sent: value.into(), was: value_was.into() };
    let comment = TypedText { sent: comment.into(), was: comment_was.into() };
    let typed = TypedItem { key: key.clone(), new, value, kind: kind.parse()?, comment };
    guard::service()?.type_item(&user.actor, at, typed).await?;
    saved(&config, &q, &key);
    Ok(())
}

/// Saves that a key goes.
#[server(prefix = "/fn", endpoint = "remove-item")]
pub async fn remove_item(
    /// The config.
    config: ConfigId,
    /// The change; empty for none.
    #[server(default)]
    change: String,
    /// The live release that was read.
    base: u64,
    /// The change's version that was read.
    version: u64,
    /// The key.
    key: String,
    /// What the page was filtered by.
    #[server(default)]
    q: String,
) -> Result<()> {
    use crate::{service::ReadAt, session::guard};
    let user = guard::user()?;
    let at = ReadAt { config: config.clone(), change: named(&change)?, base, version };
    guard::service()?.remove_item(&user.actor, at, key.clone()).await?;
    saved(&config, &q, &key);
    Ok(())
}

/// Saves the text of a config.
#[server(prefix = "/fn", endpoint = "save-text")]
pub async fn save_text(
    /// The config.
    config: ConfigId,
    /// The change; empty for none.
    #[server(default)]
    change: String,
    /// The live release that was read.
    base: u64,
    /// The change's version that was read.
    version: u64,
    /// The text.
    text: String,
    /// The content that its field showed, where a browser changes it; empty for none.
    #[server(default)]
    text_was: String,
) -> Result<()> {
    use crate::{
        service::{ReadAt, TypedText},
        session::guard,
    };
    let user = guard::user()?;
    let at = ReadAt { config: config.clone(), change: named(&change)?, base, version };
    let text = TypedText { sent: text.into(), was: text_was.into() };
    guard::service()?.type_text(&user.actor, at, &text).await?;
    saved(&config, "", "");
    Ok(())
}

/// Takes one edit out of the change: what is live stays. Without a change there is nothing to take back.
#[server(prefix = "/fn", endpoint = "revert-item")]
pub async fn revert_item(
    /// The config.
    config: ConfigId,
    /// The change; empty for none.
    #[server(default)]
    change: String,
    /// The key; empty for a text.
    #[server(default)]
    key: String,
    /// What the page was filtered by.
    #[server(default)]
    q: String,
) -> Result<()> {
    use crate::session::guard;
    let user = guard::user()?;
    if let Some(change) = named(&change)? {
        guard::service()?.revert(&user.actor, &change, &config, &key).await?;
    }
    shim::redirect(&at(&config, &q, &key));
    shim::say(shim::lang().edit_reverted());
    Ok(())
}

/// Throws all edits of a change away, whichever configs they are of.
#[server(prefix = "/fn", endpoint = "discard-edits")]
pub async fn discard_edits(
    /// The config whose page it is.
    config: ConfigId,
    /// The change.
    change: ChangeId,
) -> Result<()> {
    use crate::session::guard;
    let user = guard::user()?;
    guard::service()?.discard(&user.actor, &change).await?;
    shim::redirect(&paths::config(&config));
    shim::say(shim::lang().edits_discarded());
    Ok(())
}

/// Puts an import that was previewed into the change.
#[server(prefix = "/fn", endpoint = "add-import")]
pub async fn add_import(
    /// The config.
    config: ConfigId,
    /// The change; empty for none.
    #[server(default)]
    change: String,
    /// How the text is written; of no matter when the config is a text.
    source: String,
    /// Numbers and booleans become strings.
    strings: bool,
    /// Keys that are not in the text go.
    replace: bool,
    /// The text in base64 (RFC 4648, 5, without padding): a form would change its line ends.
    text: String,
) -> Result<()> {
    use crate::{
        domain::error::{Invalid, Problem},
        formats::Typing,
        service::{Import, ImportMode},
        session::guard,
    };
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let user = guard::user()?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Invalid::new("/text", Problem::Unicode))?;
    let import = Import {
        config: config.clone(),
        source: source.parse()?,
        text: String::from_utf8(bytes).map_err(|_| Invalid::new("/text", Problem::Unicode))?.into(),
        typing: if strings { Typing::Strings } else { Typing::Keep },
        mode: if replace { ImportMode::Replace } else { ImportMode::Merge },
        allow_empty: false,
    };
    guard::service()?.import(&user.actor, &import, named(&change)?).await?;
    shim::redirect(&paths::config(&config));
    shim::say(shim::lang().import_added());
    Ok(())
}

/// The change that a form names; the empty text names none.
///
/// # Errors
/// [`crate::domain::error::Error::Invalid`] for what is no change's identity.
pub fn named(change: &str) -> Result<Option<ChangeId>> {
    if change.is_empty() { Ok(None) } else { Ok(Some(change.parse()?)) }
}

/// The page of the config, at a key.
#[must_use]
pub fn at(config: &ConfigId, q: &str, key: &str) -> String {
    let page = paths::with(&paths::config(config), &[("q", q), ("at", key)]);
    if key.is_empty() { page } else { page + "#at" }
}

/// Goes back to the key that was saved, and says so.
pub fn saved(config: &ConfigId, q: &str, key: &str) {
    shim::redirect(&at(config, q, key));
    shim::say(shim::lang().edit_saved());
}
