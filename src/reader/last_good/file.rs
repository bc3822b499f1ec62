//! The file: a line that says what it is, with the SHA-256 of the rest, and the rest as JSON.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    channel::TokenList,
    domain::{
        content::{Hashing, sha256},
        entry::{Entry, Meta},
        names::ConfigId,
        sensitive::{self, Sensitive},
        time::Time,
    },
};

/// Its name in the data folder.
pub const NAME: &str = "last-known-good";
/// What it begins with; the number rises with its form.
const TITLE: &str = "trimtab last known good 1 sha256 ";
/// How much is written at once, in bytes.
const PIECE: usize = 64 << 10;

/// What lies in it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Of which `etcd.root`.
    pub root: String,
    /// When the channel was last heard.
    pub heard_at: Time,
    /// Where the channel was when it was last listed.
    pub revision: i64,
    /// Which cluster it was.
    pub cluster: u64,
    /// What is known of tokens; a console asks SQL.
    pub tokens: Option<TokenList>,
    /// The latest release of each config.
    pub releases: Vec<Release>,
}

/// A release.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Release {
    config: ConfigId,
    meta: Arc<Meta>,
    #[serde(with = "sensitive::plain")]
    document: Sensitive<Arc<str>>,
}

impl From<Entry> for Release {
    fn from(entry: Entry) -> Self {
        Self { config: entry.config, meta: entry.meta, document: entry.document }
    }
}

impl From<Release> for Entry {
    fn from(release: Release) -> Self {
        Self { config: release.config, meta: release.meta, document: release.document }
    }
}

/// Writes the file so that there is always a whole one, whenever the machine stops.
pub(super) fn write(folder: &Path, kept: &Kept) -> io::Result<()> {
    let (path, draft) = (folder.join(NAME), folder.join(format!("{NAME}.new")));
    let written = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        let title = |hash: &str| format!("{TITLE}{hash:64}\n");
        file.write_all(title("").as_bytes())?;
        let (_, hash) = write_json(&file, kept)?;
        file.rewind()?;
        file.write_all(title(&hash).as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(folder)?.sync_all()
    };
    written().inspect_err(|_| {
        // Half of a file only takes up room, which may be what is missing.
        let _ = fs::remove_file(&draft);
    })
}

/// Writes a value as JSON a piece at a time, for it may be as large as all that is kept. Gives how many bytes that was, and
/// their SHA-256.
pub(super) fn write_json(file: &File, value: &impl Serialize) -> io::Result<(u64, String)> {
    let mut writer = BufWriter::with_capacity(PIECE, Hashing::new(file));
    serde_json::to_writer(&mut writer, value)?;
    let written = writer.into_inner()?;
    Ok((written.count(), written.finish()))
}

/// Why there is nothing to begin with.
#[derive(Debug)]
pub(super) enum Unread {
    /// It was never written.
    Absent,
    /// The system does not give it.
    Failed(io::Error),
    /// It is not what was written.
    Damaged(String),
}

/// Reads the file.
pub(super) fn read(folder: &Path) -> Result<Kept, Unread> {
    let bytes = fs::read(folder.join(NAME)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Unread::Absent,
        _ => Unread::Failed(error),
    })?;
    let damaged = |why: &str| Unread::Damaged(why.to_owned());
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no first line"))?;
    let (title, body) = (&bytes[..end], &bytes[end + 1..]);
    let hash = title.strip_prefix(TITLE.as_bytes()).ok_or_else(|| damaged("its first line is another one"))?;
    if hash != sha256(body).as_bytes() {
        return Err(damaged("its SHA-256 is another one"));
    }
    serde_json::from_slice(body).map_err(|error| Unread::Damaged(error.to_string()))
}

/// Renames a file that is of no use, so that somebody can look at it. Gives its new name.
pub(super) fn set_aside(folder: &Path, name: &str, word: &str, now: Time) -> io::Result<String> {
    let aside = format!("{name}.{word}-{}", now.rfc3339().replace(':', "-"));
    fs::rename(folder.join(name), folder.join(&aside))?;
    Ok(aside)
}
