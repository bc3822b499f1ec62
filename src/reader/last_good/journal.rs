//! The journal: what came since the file was written, on disk before anybody sees it, so that a server that is killed
//! comes back with all that its readers saw.
//!
//! A line is a batch: JSON, which has no line feeds inside, a space and the SHA-256 of the JSON. It is not synced: a machine
//! without power may lose the last lines.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::file::{self, Kept, Release};
use crate::{
    channel::TokenList,
    domain::{content::sha256, time::Time},
};

/// Its name in the data folder.
pub(super) const NAME: &str = "last-known-good.journal";
/// The name of what goes into the file that is being written.
pub(super) const OLD: &str = "last-known-good.journal.old";
/// From this length on the file is to be written now.
const LONG: u64 = 16 << 20;
/// From this length on nothing is added; one batch may go over it.
const MOST: u64 = 4 * LONG;

/// A batch.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Of which `etcd.root`.
    pub root: String,
    /// When the channel was last heard.
    pub heard_at: Time,
    /// Where the channel was, when there was no release before this batch: it needs no file under it.
    pub whole: Option<(i64, u64)>,
    /// Releases.
    pub releases: Vec<Release>,
    /// Another list of tokens.
    pub tokens: Option<TokenList>,
}

/// The journal that is written.
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

    /// Adds a batch, whole or not at all.
    pub fn append(&mut self, record: &Record) -> io::Result<()> {
        self.open()?;
        let (Some(file), length) = (&mut self.file, self.length) else { return Ok(()) };
        if length >= MOST {
            return Err(io::Error::other("it is full"));
        }
        // Half of a line that could not be taken back when it failed.
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
            // Tried again before the next line.
            let _ = file.set_len(length);
        })?;
        Ok(())
    }

    /// Makes sure that there is one to write to.
    pub fn open(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            let path = self.folder.join(NAME);
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            self.length = file.metadata()?.len();
            self.file = Some(file);
        }
        Ok(())
    }

    /// Whether the file is to be written soon, which empties it.
    pub fn is_long(&self) -> bool {
        self.length >= LONG
    }

    /// Begins a new one, when what the old one holds is about to be written to the file: called under the lock under
    /// which that is looked at. An old one that is still there, because that write failed, goes first, alone.
    pub fn turn(&mut self) {
        let old = self.folder.join(OLD);
        if matches!(old.try_exists(), Ok(false)) {
            match fs::rename(self.folder.join(NAME), old) {
                Err(error) if error.kind() != ErrorKind::NotFound => {}
                // Somebody may have taken it away, too.
                _ => (self.file, self.length) = (None, 0),
            }
        }
    }
}

/// Removes what is in the file now. One that stays is read again, which changes nothing, and keeps the next from
/// being emptied.
pub(super) fn remove_old(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder.join(OLD)).or_else(|error| match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}

/// Reads a journal, and why it was set aside if it was. Half a line at the end is what a server leaves that is killed
/// while it writes: nobody saw that batch, and it is cut off. Of anything else that is not a batch, only what is before
/// it counts.
pub(super) fn read(folder: &Path, name: &str, root: &str, now: Time) -> io::Result<(Vec<Record>, Option<String>)> {
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
                let aside = file::set_aside(folder, name, "foreign", now)?;
                return Ok((Vec::new(), Some(format!("it is of etcd.root = {:?}; it is now {aside}", record.root))));
            }
            None => {
                let aside = file::set_aside(folder, name, "damaged", now)?;
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(&bytes[..good])?;
                let why = format!("batch {} is damaged, those before it count; it is now {aside}", records.len() + 1);
                return Ok((records, Some(why)));
            }
        }
        good += line.len();
    }
    if good < bytes.len() {
        tracing::warn!(file = %path.display(), bytes = bytes.len() - good, "half a batch at the end is cut off");
        OpenOptions::new().write(true).open(&path)?.set_len(good as u64)?;
    }
    Ok((records, None))
}

fn parse(line: &[u8]) -> Option<Record> {
    let (body, hash) = line.split_at_checked(line.len().checked_sub(64)?)?;
    let body = body.strip_suffix(b" ")?;
    if hash != sha256(body).as_bytes() {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// What came of the file and the journals on top of it.
#[derive(Debug)]
pub(super) struct Replayed {
    /// All that is known; tokens alone, when there are no releases.
    pub kept: Option<Kept>,
    /// Whether there were releases without all the others: what is missing would look as if it were not there.
    pub is_partial: bool,
}

/// Puts batches on top of the file, in the order in which they came.
pub(super) fn replay(file: Option<Kept>, records: Vec<Record>) -> Replayed {
    let (mut is_based, mut is_partial) = (file.is_some(), false);
    let mut kept = file;
    for record in records {
        let Record { root, heard_at, whole, releases, tokens } = record;
        let kept = kept.get_or_insert_with(|| Kept {
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
