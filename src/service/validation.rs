//! Rules for content, the same for pages, programs, imports and publishes: a document is valid in its format, an item
//! keeps to its limits, and a change fits into one transaction of the channel. [`check_key`] and
//! [`Item::check`](crate::domain::content::Item::check) check a single item, [`formats::check`] the text of a format.

use super::changes::{ChangeConfig, channel_entry};
use crate::{
    channel::Channel,
    domain::{
        change::Change,
        content::{Content, Format, check_key},
        entry::Entry,
        error::{Error, Invalid, Problem, Result, pointer},
        limits,
        merge::Edit,
        numbers,
    },
    formats,
};

/// Checks that content can be the document of a config of this format. Items are checked when they are saved. Items of
/// older releases can still be published when the rules get stricter.
///
/// # Errors
/// Those of [`formats::check`], with an empty pointer.
pub fn document(format: Format, content: &Content) -> Result<(), Invalid> {
    match content {
        Content::Text(text) => formats::check(format, text.expose()),
        Content::Kv(_) => Ok(()),
    }
}

/// Checks the edits of one config.
///
/// # Errors
/// [`Error::Invalid`] with all problems, at `/text`, `/set` and `/set/<key>/…`.
pub fn edits(format: Format, edits: &[(String, Edit)]) -> Result<()> {
    let mut wrong = Vec::new();
    if edits.is_empty() {
        wrong.push(Invalid::new("/set", Problem::Required));
    }
    if edits.len() > limits::ITEMS {
        wrong.push(Invalid::new("/set", Problem::TooMany { max: limits::ITEMS }));
    }
    for (key, edit) in edits {
        match (format, edit) {
            (Format::Kv, Edit::Text(_)) => wrong.push(Invalid::new("/text", Problem::Kind { format })),
            (Format::Kv, Edit::Remove) => {}
            (Format::Kv, Edit::Set(item)) => {
                let at = format!("/set{}", pointer(key));
                wrong.extend(check_key(key).err().map(|e| e.of(at.as_str())));
                wrong.extend(item.check().err().map(|e| e.under(&at)));
            }
            (_, Edit::Text(text)) => wrong.extend(formats::check(format, text.expose()).err().map(|e| e.of("/text"))),
            (_, _) => wrong.push(Invalid::new("/set", Problem::Kind { format })),
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
}

/// Makes the channel's entries for a publish of the change by `author`. Checks that all entries fit into one
/// transaction of the channel, and that each document is within its limits.
///
/// # Errors
/// [`Error::Invalid`] at `/edits`; [`Error::State`] with `Numbers`.
pub fn entries<'a>(
    change: &Change,
    author: &str,
    configs: impl IntoIterator<Item = &'a ChangeConfig>,
) -> Result<Vec<Entry>> {
    let refused = |problem| Error::from(Invalid::new("/edits", problem));
    let configs: Vec<&ChangeConfig> = configs.into_iter().collect();
    if configs.len() > limits::CHANGE_CONFIGS {
        return Err(refused(Problem::TooMany { max: limits::CHANGE_CONFIGS }));
    }
    if configs.iter().filter_map(|c| c.after.items()).any(|items| items.len() > limits::ITEMS) {
        return Err(refused(Problem::TooMany { max: limits::ITEMS }));
    }
    let entry =
        |c: &&ChangeConfig| Ok(channel_entry(change, author, &c.config, numbers::next(c.last)?, c.format, &c.after));
    let entries: Vec<Entry> = configs.iter().map(entry).collect::<Result<_>>()?;
    let bytes: usize = entries.iter().map(|entry| entry.document.expose().len()).sum();
    if bytes > limits::CHANGE_BYTES || Channel::fits(&entries).is_err() {
        return Err(refused(Problem::TooLong { max: limits::CHANGE_BYTES }));
    }
    Ok(entries)
}
