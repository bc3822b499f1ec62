//! Edits of a config, as the forms of its page send them. They are saved in the author's change and not published.
//!
//! `change`, `base` and `version` are what the page showed: the author's change (may be empty), the live release and
//! the version of the change (0 without a change). `q` is the filter of the page.

#![expect(clippy::too_many_arguments, reason = "each is a field of a form")]

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{paths, response};
use crate::domain::{change::ChangeId, error::Result, names::ConfigId};

/// Saves a key: its value, type and comment.
#[server(prefix = "/fn", endpoint = "save-item")]
pub async fn save_item(
    /// The config.
    config: ConfigId,
    /// The change. Empty if there was none.
    #[server(default)]
    change: String,
    /// The live release that the page showed.
    base: u64,
    /// The version of the change that the page showed.
    version: u64,
    /// The key.
    key: String,
    /// Whether it must be a new key.
    #[server(default)]
    new: bool,
    /// The value.
    value: String,
    /// The original text of the field from `form_text::hidden_value`, if a browser would change it. Otherwise empty.
    #[server(default)]
    value_was: String,
    /// Its type.
    kind: String,
    /// Its comment.
    #[server(default)]
    comment: String,
    /// The original text of the field from `form_text::hidden_value`, if a browser would change it. Otherwise empty.
    #[server(default)]
    comment_was: String,
    /// The filter of the page.
    #[server(default)]
    q: String,
) -> Result<()> {
    use crate::service::{EnteredItem, EnteredText, FormBase};
    let (service, user) = crate::session::guard::caller()?;
    let at = FormBase { config: config.clone(), change: change_id(&change)?, base, version };
    let value = EnteredText { sent: value.into(), hidden_value: value_was.into() };
    let comment = EnteredText { sent: comment.into(), hidden_value: comment_was.into() };
    let typed = EnteredItem { key: key.clone(), new, value, kind: kind.parse()?, comment };
    service.enter_item(&user.actor, at, typed).await?;
    redirect_to_saved(&config, &q, &key);
    Ok(())
}

/// Saves the removal of a key.
#[server(prefix = "/fn", endpoint = "remove-item")]
pub async fn remove_item(
    /// The config.
    config: ConfigId,
    /// The change. Empty if there was none.
    #[server(default)]
    change: String,
    /// The live release that the page showed.
    base: u64,
    /// The version of the change that the page showed.
    version: u64,
    /// The key.
    key: String,
    /// The filter of the page.
    #[server(default)]
    q: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    let at = crate::service::FormBase { config: config.clone(), change: change_id(&change)?, base, version };
    service.remove_item(&user.actor, at, key.clone()).await?;
    redirect_to_saved(&config, &q, &key);
    Ok(())
}

/// Saves the text of a config.
#[server(prefix = "/fn", endpoint = "save-text")]
pub async fn save_text(
    /// The config.
    config: ConfigId,
    /// The change. Empty if there was none.
    #[server(default)]
    change: String,
    /// The live release that the page showed.
    base: u64,
    /// The version of the change that the page showed.
    version: u64,
    /// The text.
    text: String,
    /// The original text of the field from `form_text::hidden_value`, if a browser would change it. Otherwise empty.
    #[server(default)]
    text_was: String,
) -> Result<()> {
    use crate::service::{EnteredText, FormBase};
    let (service, user) = crate::session::guard::caller()?;
    let at = FormBase { config: config.clone(), change: change_id(&change)?, base, version };
    let text = EnteredText { sent: text.into(), hidden_value: text_was.into() };
    service.enter_text(&user.actor, at, &text).await?;
    redirect_to_saved(&config, "", "");
    Ok(())
}

/// Saves the items of a config, entered as one text: what differs from the present items.
#[server(prefix = "/fn", endpoint = "save-items")]
pub async fn save_items(
    /// The config.
    config: ConfigId,
    /// The change. Empty if there was none.
    #[server(default)]
    change: String,
    /// The live release that the page showed.
    base: u64,
    /// The version of the change that the page showed.
    version: u64,
    /// The format of the text.
    source: String,
    /// The text.
    text: String,
    /// The original text of the field from `form_text::hidden_value`, if a browser would change it. Otherwise empty.
    #[server(default)]
    text_was: String,
) -> Result<()> {
    use crate::service::{EnteredText, FormBase};
    let (service, user) = crate::session::guard::caller()?;
    let at = FormBase { config: config.clone(), change: change_id(&change)?, base, version };
    let text = EnteredText { sent: text.into(), hidden_value: text_was.into() };
    let saved = service.enter_items(&user.actor, at, source.parse()?, &text).await?;
    response::redirect(&paths::config(&config));
    let t = response::lang();
    response::flash(if saved.is_some() { t.edit_saved() } else { t.text_unchanged() });
    Ok(())
}

/// A problem of a text, for the editor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TextProblem {
    /// 1-based line, if the parser reports it.
    pub line: Option<u32>,
    /// 1-based column in the line, in characters.
    pub column: Option<u32>,
    /// The problem in the language of the page.
    pub message: String,
}

/// Checks a text or a value while it is typed, as saving it would.
#[server(prefix = "/fn", endpoint = "check-text")]
pub async fn check_text(
    /// The config.
    config: ConfigId,
    /// The type of the value, if it is one.
    #[server(default)]
    kind: String,
    /// The format of the items, if the text has those of a config. Without `kind` and `source` it is the text of a config.
    #[server(default)]
    source: String,
    /// The text.
    text: String,
    /// The original text of the field from `form_text::hidden_value`, if a browser would change it. Otherwise empty.
    #[server(default)]
    text_was: String,
) -> Result<Vec<TextProblem>> {
    use crate::service::{EnteredPart, EnteredText};
    let (service, user) = crate::session::guard::caller()?;
    let part = match (kind.as_str(), source.as_str()) {
        ("", "") => EnteredPart::Document,
        ("", source) => EnteredPart::Items(source.parse()?),
        (kind, _) => EnteredPart::Value(kind.parse()?),
    };
    let text = EnteredText { sent: text.into(), hidden_value: text_was.into() };
    let problem = service.check_entered_text(&user.actor, &config, part, &text).await?;
    let lang = response::lang();
    let shown = problem.map(|problem| TextProblem {
        line: problem.line,
        column: problem.column,
        message: lang.invalid(&problem),
    });
    Ok(shown.into_iter().collect())
}

/// Reverts one edit of the change, so that the live value stays. Without a change there is nothing to revert.
#[server(prefix = "/fn", endpoint = "revert-item")]
pub async fn revert_item(
    /// The config.
    config: ConfigId,
    /// The change. Empty if there was none.
    #[server(default)]
    change: String,
    /// The key. Empty for a text.
    #[server(default)]
    key: String,
    /// The filter of the page.
    #[server(default)]
    q: String,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    if let Some(change) = change_id(&change)? {
        service.revert(&user.actor, &change, &config, &key).await?;
    }
    response::redirect(&page_at(&config, &q, &key));
    response::flash(response::lang().edit_reverted());
    Ok(())
}

/// Undoes the last saved action on the edits of a config, or redoes the one that was undone last. `act` is the pressed
/// button: `undo` or `redo`.
#[server(prefix = "/fn", endpoint = "undo-edits")]
pub async fn undo_edits(
    /// The config.
    config: ConfigId,
    /// The change.
    change: ChangeId,
    /// The version of the change that the page showed.
    version: u64,
    /// The pressed button.
    act: String,
) -> Result<()> {
    use crate::domain::{
        error::{Invalid, Problem, truncate},
        undo::UndoDirection,
    };
    let (service, user) = crate::session::guard::caller()?;
    let t = response::lang();
    let (direction, says) = match act.as_str() {
        "undo" => (UndoDirection::Undo, t.edits_undone()),
        "redo" => (UndoDirection::Redo, t.edits_redone()),
        _ => {
            let known = ["undo", "redo"].map(str::to_owned).to_vec();
            return Err(Invalid::new("/act", Problem::Unknown { given: truncate(&act), known }).into());
        }
    };
    let key = service.undo(&user.actor, &config, &change, version, direction).await?;
    response::redirect(&page_at(&config, "", &key));
    response::flash(says);
    Ok(())
}

/// Acts on the keys that the user selected on the page of a config. `act` is the pressed button: `remove`, `revert`,
/// `move` or `copy`.
#[server(prefix = "/fn", endpoint = "edit-keys")]
pub async fn edit_keys(
    /// The config.
    config: ConfigId,
    /// The change. Empty if there was none.
    #[server(default)]
    change: String,
    /// The live release that the page showed.
    base: u64,
    /// The version of the change that the page showed.
    version: u64,
    /// The filter of the page.
    #[server(default)]
    q: String,
    /// The keys.
    #[server(default)]
    keys: Vec<String>,
    /// Selects all keys that the filter lists instead.
    #[server(default)]
    all: bool,
    /// Keys that `all` does not select.
    #[server(default)]
    except: Vec<String>,
    /// Action on the keys.
    act: String,
    /// For `move`: the other change. Empty for a new one.
    #[server(default)]
    into: String,
    /// For `copy`: the configs that get the keys.
    #[server(default)]
    to: Vec<String>,
    /// For `copy`: one more config.
    #[server(default)]
    other: String,
    /// For `copy`: whether existing keys get the copied value.
    #[server(default)]
    overwrite: bool,
) -> Result<()> {
    use crate::{
        domain::error::{Invalid, Problem, truncate},
        service::{CopyKeys, CopyMode, FormBase, SelectedKeys},
    };
    let (service, user) = crate::session::guard::caller()?;
    let at = FormBase { config: config.clone(), change: change_id(&change)?, base, version };
    let selected = if all { SelectedKeys::Listed { filter: q.clone(), except } } else { SelectedKeys::These(keys) };
    let t = response::lang();
    let back = page_at(&config, &q, "");
    let (leads_to, says) = match act.as_str() {
        "remove" => {
            service.remove_items(&user.actor, at, &selected).await?;
            (back, t.edit_saved())
        }
        "revert" => {
            service.revert_items(&user.actor, at, &selected).await?;
            (back, t.edit_reverted())
        }
        "move" => {
            let into = service.move_edits(&user.actor, at, &selected, change_id(&into)?).await?;
            (paths::change(&into), t.edits_moved())
        }
        "copy" => {
            let targets: Vec<&str> = to.iter().map(String::as_str).chain([other.trim()]).collect();
            let targets = targets.into_iter().filter(|target| !target.is_empty());
            let to = targets.map(str::parse).collect::<std::result::Result<Vec<ConfigId>, _>>();
            let to = to.map_err(|_| Invalid::new("/other", Problem::Config { text: truncate(other.trim()) }))?;
            if to.is_empty() {
                return Err(Invalid::new("/to", Problem::Required).into());
            }
            let mode = if overwrite { CopyMode::Overwrite } else { CopyMode::AddMissing };
            let copy = CopyKeys { from: config.clone(), keys: Vec::new(), to, mode };
            let message = |n| t.copy_message(n, &config.to_string());
            let change = service.copy_items(&user.actor, &at, &selected, copy, message).await?;
            (paths::change(&change), t.keys_copied())
        }
        _ => {
            let known = ["remove", "revert", "move", "copy"].map(str::to_owned).to_vec();
            return Err(Invalid::new("/act", Problem::Unknown { given: truncate(&act), known }).into());
        }
    };
    response::redirect(&leads_to);
    response::flash(says);
    Ok(())
}

/// Discards all edits of a change, in all its configs.
#[server(prefix = "/fn", endpoint = "discard-edits")]
pub async fn discard_edits(
    /// The config whose page sent the form.
    config: ConfigId,
    /// The change.
    change: ChangeId,
) -> Result<()> {
    let (service, user) = crate::session::guard::caller()?;
    service.discard(&user.actor, &change).await?;
    response::redirect(&paths::config(&config));
    response::flash(response::lang().edits_discarded());
    Ok(())
}

/// Saves a previewed import in the change.
#[server(prefix = "/fn", endpoint = "add-import")]
pub async fn add_import(
    /// The config.
    config: ConfigId,
    /// The change. Empty if there was none.
    #[server(default)]
    change: String,
    /// The format of the text. It is ignored if the config is a text.
    source: String,
    /// Whether numbers and booleans become strings.
    strings: bool,
    /// Whether keys that are not in the text are removed.
    replace: bool,
    /// The text in base64 (RFC 4648, 5, without padding), because a form would change its line ends.
    text: String,
) -> Result<()> {
    use crate::{
        formats::Typing,
        service::{Import, ImportMode},
    };
    let (service, user) = crate::session::guard::caller()?;
    let import = Import {
        config: config.clone(),
        source: source.parse()?,
        text: decoded(&text)?.into(),
        typing: if strings { Typing::Strings } else { Typing::Keep },
        mode: if replace { ImportMode::Replace } else { ImportMode::Merge },
        allow_empty: false,
    };
    service.import(&user.actor, &import, change_id(&change)?).await?;
    response::redirect(&paths::config(&config));
    response::flash(response::lang().import_added());
    Ok(())
}

/// Decodes the text of [`AddImport`].
///
/// # Errors
/// [`crate::domain::error::Error::Invalid`] at `/text`.
#[cfg(feature = "ssr")]
pub fn decoded(text: &str) -> Result<String> {
    use crate::domain::error::{Invalid, Problem};
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let text = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Invalid::new("/text", Problem::Unicode).into())
}

/// Parses the id of a change in a form. The empty text means no change.
///
/// # Errors
/// [`crate::domain::error::Error::Invalid`] for a malformed id.
pub fn change_id(change: &str) -> Result<Option<ChangeId>> {
    if change.is_empty() { Ok(None) } else { Ok(Some(change.parse()?)) }
}

/// Returns the path of a config's page that scrolls to a key. `q` is the filter of the page.
pub fn page_at(config: &ConfigId, q: &str, key: &str) -> String {
    let page = paths::with(&paths::config(config), &[("q", q), ("at", key)]);
    if key.is_empty() { page } else { page + "#at" }
}

/// Redirects to the saved key and shows a message.
pub fn redirect_to_saved(config: &ConfigId, q: &str, key: &str) {
    response::redirect(&page_at(config, q, key));
    response::flash(response::lang().edit_saved());
}
