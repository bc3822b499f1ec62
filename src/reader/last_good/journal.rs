//! The journal: changes since the file was written. They are on disk before any reader sees them, so a server that is
//! killed restarts with all that its readers saw.
//!
//! A line is a batch: JSON without line feeds, a space and the SHA-256 of the JSON. Lines are not synced: a machine
//! that loses power may lose the last ones.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::file::{self, StoredState};
use crate::{
    channel::TokenList,
    domain::{content::sha256, entry::Entry, time::Time},
};

/// Name of the journal in the data folder.
pub(super) const NAME: &str = "last-known-good.journal";
/// Name of the earlier journal, whose changes the present write of the file includes.
pub(super) const EARLIER_NAME: &str = "last-known-good.journal.old";
/// Length from which the file is written at once, in bytes.
const WRITE_FILE_BYTES: u64 = 16 << 20;
/// Length from which no batch is added, in bytes. One batch may exceed it.
const MAX_JOURNAL_BYTES: u64 = 4 * WRITE_FILE_BYTES;

/// A batch of changes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JournalBatch {
    /// The installation's `etcd.root`.
    pub root: String,
    /// Time of the last contact with the channel.
    pub heard_at: Time,
    /// Revision and cluster of the channel, if there was no release before this batch. Such a batch needs no file.
    pub whole: Option<(i64, u64)>,
    /// New releases.
    pub releases: Vec<Entry>,
    /// A new list of tokens.
    pub tokens: Option<TokenList>,
}

/// The present journal.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Journal {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: None, length: 0 }
    }

    /// Appends a batch, whole or not at all.
    pub fn append(&mut self, record: &JournalBatch) -> io::Result<()> {
        self.open()?;
        let (Some(file), length) = (&mut self.file, self.length) else { return Ok(()) };
        if length >= MAX_JOURNAL_BYTES {
            return Err(io::Error::other("it is full"));
        }
        // Removes a partial line that could not be removed when it failed.
        if file.metadata()?.len() > length {
            file.set_len(length)?;
        }
        let line = |file: &mut File| {
            let (count, hash) = file::write_json(file, record)?;
            let end = format!(" {hash}\n");
            file.write_all(end.as_bytes())?;
            Ok(count + end.len() as u64)
        };
        self.length += line(file).inspect_err(|_: &io::Error| {
            // Retried before the next line.
            let _ = file.set_len(length);
        })?;
        Ok(())
    }

    /// Opens the journal if needed.
    pub fn open(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let path = self.folder.join(NAME);
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            self.length = file.metadata()?.len();
            self.file = Some(file);
        }
        Ok(())
    }

    /// Returns whether the file should be written soon, which empties the journal.
    pub fn is_long(&self) -> bool {
        self.length >= WRITE_FILE_BYTES
    }

    /// Begins a new journal before the changes of this one are written to the file. The caller holds the lock under
    /// which it collects them. If an earlier journal still exists, because that write failed, nothing is rotated.
    pub fn rotate(&mut self) {
        let old = self.folder.join(EARLIER_NAME);
        if matches!(old.try_exists(), Ok(false)) {
            match fs::rename(self.folder.join(NAME), old) {
                Err(error) if error.kind() != ErrorKind::NotFound => {}
                // The journal may also have been deleted.
                _ => (self.file, self.length) = (None, 0),
            }
        }
    }
}

/// Removes the earlier journal, whose changes are in the file now. If that fails, the next start reads the journal
/// again, which changes nothing, and the present journal is not rotated.
pub(super) fn remove_earlier(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(EARLIER_NAME)).or_else(|error| match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

/// Reads a journal. Also returns the reason if it was renamed. A partial last line is cut off: the server was killed
/// during the write, and no reader saw that batch. If any other line is damaged, only the batches before it count.
pub(super) fn read(
    folder: &Path,
    name: &str,
    root: &str,
    now: Time,
) -> io::Result<(Vec<JournalBatch>, Option<String>)> {
    let path = folder.join(name);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), None)),
        bytes => bytes?,
    };
    let (mut records, mut good) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(batch) = line.strip_suffix(b"\n") else { break };
        match parse(batch) {
            Some(record) if record.root == root => records.push(record),
            Some(record) => {
                let aside = file::rename_unusable(folder, name, "foreign", now)?;
                return Ok((Vec::new(), Some(format!("its etcd.root is {:?}; renamed to {aside}", record.root))));
            }
            None => {
                let aside = file::rename_unusable(folder, name, "damaged", now)?;
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(&bytes[..good])?;
                let why = format!("batch {} is damaged, earlier ones are used; renamed to {aside}", records.len() + 1);
                return Ok((records, Some(why)));
            }
        }
        good += line.len();
    }
    if good < bytes.len() {
        tracing::warn!(file = %path.display(), bytes = bytes.len() - good, "cutting off a partial batch at the end");
        OpenOptions::new().write(true).open(&path)?.set_len(good as u64)?;
    }
    Ok((records, None))
}

fn parse(line: &[u8]) -> Option<JournalBatch> {
    let (body, hash) = line.split_at_checked(line.len().checked_sub(64)?)?;
    let body = body.strip_suffix(b" ")?;
    if hash != sha256(body).as_bytes() {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// Result of the file and the journals after it.
#[derive(Debug)]
pub(super) struct Replayed {
    /// All that was kept. Only tokens if there are no releases.
    pub kept: Option<StoredState>,
    /// Whether releases were dropped because their file is missing: other configs would seem not to exist.
    pub is_partial: bool,
}

/// Applies batches to the file, in their order.
pub(super) fn replay(file: Option<StoredState>, records: Vec<JournalBatch>) -> Replayed {
    let (mut is_based, mut is_partial) = (file.is_some(), false);
    let mut kept = file;
    for record in records {
        let JournalBatch { root, heard_at, whole, releases, tokens } = record;
        let kept = kept.get_or_insert_with(|| StoredState {
            root,
            heard_at,
            revision: 0,
            cluster: 0,
            tokens: None,
            releases: Vec::new(),
        });
        if let Some((revision, cluster)) = whole.filter(|_| !is_based) {
            (kept.revision, kept.cluster, is_based) = (revision, cluster, true);
        }
        kept.heard_at = kept.heard_at.max(heard_at);
        if tokens.is_some() {
            kept.tokens = tokens;
        }
        if is_based {
            kept.releases.extend(releases);
        } else {
            is_partial |= !releases.is_empty();
        }
    }
    Replayed { kept, is_partial }
}
