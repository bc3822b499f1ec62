//! The file: a title line with the SHA-256 of the rest, and the rest as JSON.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, ErrorKind, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    channel::TokenList,
    domain::{
        content::{HashingWriter, sha256},
        entry::Entry,
        time::Time,
    },
};

/// Name of the file in the data folder.
pub const NAME: &str = "last-known-good";
/// Beginning of the title line, with the version of the format.
const TITLE: &str = "trimtab last known good 1 sha256 ";
/// Size of the write buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Contents of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredState {
    /// The installation's `etcd.root`.
    pub root: String,
    /// Time of the last contact with the channel.
    pub heard_at: Time,
    /// Revision of the channel at the last listing.
    pub revision: i64,
    /// Id of the etcd cluster.
    pub cluster: u64,
    /// The list of tokens. `None` on a console, which reads them from SQL.
    pub tokens: Option<TokenList>,
    /// The latest release of each config.
    pub releases: Vec<Entry>,
}

/// Writes the file atomically, so that there is always a whole one, whenever the machine stops.
pub(super) fn write(folder: &Path, kept: &StoredState) -> io::Result<()> {
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
        // A partial file is useless, and a full disk may be the cause of the failure.
        let _ = fs::remove_file(&draft);
    })
}

/// Writes a value as JSON through a buffer, because it may be large. Returns the number of bytes and their SHA-256.
pub(super) fn write_json(file: &File, value: &impl Serialize) -> io::Result<(u64, String)> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, HashingWriter::new(file));
    serde_json::to_writer(&mut writer, value)?;
    Ok(writer.into_inner()?.finish())
}

/// The reason why no file was read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// There is no file.
    Absent,
    /// The system failed to read it.
    Failed(io::Error),
    /// Its contents are damaged.
    Damaged(String),
}

/// Reads the file.
pub(super) fn read(folder: &Path) -> Result<StoredState, ReadError> {
    let bytes = fs::read(folder.join(NAME)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => ReadError::Absent,
        _ => ReadError::Failed(error),
    })?;
    let damaged = |why: &str| ReadError::Damaged(why.to_owned());
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no first line"))?;
    let (title, body) = (&bytes[..end], &bytes[end + 1..]);
    let hash = title.strip_prefix(TITLE.as_bytes()).ok_or_else(|| damaged("its first line is not the title line"))?;
    if hash != sha256(body).as_bytes() {
        return Err(damaged("its SHA-256 does not match"));
    }
    serde_json::from_slice(body).map_err(|error| ReadError::Damaged(error.to_string()))
}

/// Renames an unusable file, so that a person can inspect it. Returns its new name.
pub(super) fn rename_unusable(folder: &Path, name: &str, word: &str, now: Time) -> io::Result<String> {
    let aside = format!("{name}.{word}-{}", now.rfc3339().replace(':', "-"));
    fs::rename(folder.join(name), folder.join(&aside))?;
    Ok(aside)
}
