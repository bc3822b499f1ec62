//! The entries of an export: a single file, a folder, or a zip archive, which is read in memory and within limits.

use std::{
    borrow::Cow,
    io::{Cursor, Read},
};

use encoding_rs::GB18030;

use crate::{
    domain::{
        exchange::{ExportRefusal, ImportNotes, NoteKind},
        limits,
    },
    formats,
};

/// Maximum size of an export file, and of all files of a folder together, in bytes.
pub const MAX_EXPORT_BYTES: usize = 64 * 1024 * 1024;
/// Maximum number of entries of an export.
pub const MAX_ENTRIES: usize = 20_000;
/// Maximum size of an entry of another product, in bytes. It has room for the JSON of a document in which every character
/// is escaped. An entry of our own export also has comments, so only the total limits it.
const MAX_ENTRY_BYTES: usize = 4 * limits::DOCUMENT_BYTES;
/// Maximum size of all entries together, in bytes.
const MAX_TOTAL_BYTES: usize = 256 * 1024 * 1024;
/// Maximum ratio of the size of all entries to that of the archive, for other products.
const MAX_RATIO: usize = 200;
/// Total size of entries, in bytes, below which the ratio does not matter.
const HARMLESS_BYTES: usize = 16 * 1024 * 1024;

/// Path of the manifest in our own export.
pub(super) const OWN_MANIFEST: &str = "trimtab.json";
/// Bytes that every zip archive, also an empty one, begins with.
const ZIP_STARTS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// Signature of each entry in the central directory.
const ENTRY_SIGNATURE: &[u8] = b"PK\x01\x02";
/// Signature of the end of the central directory.
const END_SIGNATURE: &[u8] = b"PK\x05\x06";
/// Size of the end of the central directory without its comment, in bytes.
const END_BYTES: usize = 22;

/// A file of an export.
#[derive(Clone, PartialEq, Eq)]
pub struct ExportEntry {
    /// Its path, with `/` between the parts.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl ExportEntry {
    /// Returns the parts of the path.
    pub(super) fn parts(&self) -> Vec<&str> {
        self.path.split('/').collect()
    }

    /// Returns the last part of the path.
    pub(super) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the content as it is, for a document that is stored byte for byte.
    ///
    /// # Errors
    /// [`ExportRefusal::Charset`] if it is not UTF-8.
    pub(super) fn document(&self) -> Result<&str, ExportRefusal> {
        std::str::from_utf8(&self.bytes).map_err(|_| ExportRefusal::Charset { path: self.path.clone() })
    }

    /// Returns the content without a byte order mark, for a parser.
    ///
    /// # Errors
    /// [`ExportRefusal::Charset`] if it is not UTF-8.
    pub(super) fn text(&self) -> Result<&str, ExportRefusal> {
        self.document().map(formats::without_bom)
    }

    /// Returns the content like [`ExportEntry::text`], or decodes it with a note if it is not UTF-8.
    ///
    /// # Errors
    /// [`ExportRefusal::Charset`] if it is not in the other charset either.
    pub(super) fn text_or(&self, other: Charset, notes: &mut ImportNotes) -> Result<Cow<'_, str>, ExportRefusal> {
        let refused = match self.text() {
            Ok(text) => return Ok(text.into()),
            Err(refused) => refused,
        };
        let text = other.decode(&self.bytes).ok_or(refused)?;
        notes.about(other.note(), &self.path);
        Ok(text)
    }
}

impl std::fmt::Debug for ExportEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.path, self.bytes.len())
    }
}

/// The content of an export.
#[derive(Clone, Debug)]
pub enum ExportSource {
    /// One file, which may be a zip archive.
    File(Vec<u8>),
    /// The files of a folder, with paths relative to it.
    Folder(Vec<ExportEntry>),
}

/// A charset in which a product writes texts that are not UTF-8.
#[derive(Clone, Copy, Debug)]
pub(super) enum Charset {
    /// Java writes it on a Chinese Windows.
    Gb18030,
    /// Spring reads `.properties` in it.
    Latin1,
}

impl Charset {
    fn note(self) -> NoteKind {
        match self {
            Self::Gb18030 => NoteKind::Charset,
            Self::Latin1 => NoteKind::Latin1,
        }
    }

    fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            // A zero byte is a sign of UTF-16 or of no text at all.
            _ if bytes.contains(&0) => None,
            Self::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(bytes),
            Self::Latin1 => Some(encoding_rs::mem::decode_latin1(bytes)),
        }
    }
}

/// Returns whether the content is a zip archive.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    ZIP_STARTS.iter().any(|start| bytes.starts_with(start))
}

/// Unpacks an archive. Entries above the limit are left out with a note. `max` is the maximum size of all together.
///
/// # Errors
/// [`ExportRefusal`] if the archive is damaged, encrypted, or above the limits.
pub(super) fn unpack(
    bytes: &[u8],
    max: Option<usize>,
    notes: &mut ImportNotes,
) -> Result<Vec<ExportEntry>, ExportRefusal> {
    // The reader takes the number of entries from the archive. More than these signatures cannot be there.
    if memchr::memmem::find_iter(bytes, ENTRY_SIGNATURE).nth(MAX_ENTRIES).is_some() {
        return Err(ExportRefusal::TooManyEntries { max: MAX_ENTRIES });
    }
    let damaged = |error: zip::result::ZipError| ExportRefusal::Archive { detail: error.to_string() };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    notes.count(NoteKind::RepeatedPaths, repeated_paths(bytes, archive.comment().len(), archive.len()));
    let (most, most_of_one) = if archive.index_for_name(OWN_MANIFEST).is_some() {
        (MAX_TOTAL_BYTES, MAX_TOTAL_BYTES)
    } else {
        (MAX_TOTAL_BYTES.min(HARMLESS_BYTES.max(bytes.len().saturating_mul(MAX_RATIO))), MAX_ENTRY_BYTES)
    };
    let most = most.min(max.unwrap_or(MAX_TOTAL_BYTES));
    let mut entries = Vec::new();
    let mut total = 0;
    for n in 0..archive.len() {
        let raw = archive.by_index_raw(n).map_err(damaged)?;
        let path = path(raw.name_raw())?;
        let is_encrypted = raw.encrypted();
        drop(raw);
        if is_encrypted {
            return Err(ExportRefusal::EncryptedEntry { path });
        }
        if path.ends_with('/') {
            continue;
        }
        let mut content = Vec::new();
        let entry = archive.by_index(n).map_err(damaged)?;
        let broken = |error: std::io::Error| ExportRefusal::Archive { detail: format!("{path}: {error}") };
        entry.take(most_of_one as u64 + 1).read_to_end(&mut content).map_err(broken)?;
        total += content.len();
        if total > most {
            return Err(ExportRefusal::Expands);
        }
        add(&mut entries, ExportEntry { path, bytes: content }, most_of_one, notes);
    }
    Ok(entries)
}

/// Checks the files of a folder.
///
/// # Errors
/// [`ExportRefusal`] if there are too many, or too large ones.
pub(super) fn folder(files: Vec<ExportEntry>, notes: &mut ImportNotes) -> Result<Vec<ExportEntry>, ExportRefusal> {
    if files.len() > MAX_ENTRIES {
        return Err(ExportRefusal::TooManyEntries { max: MAX_ENTRIES });
    }
    if files.iter().map(|file| file.bytes.len()).sum::<usize>() > MAX_EXPORT_BYTES {
        return Err(ExportRefusal::TooLarge { max: MAX_EXPORT_BYTES });
    }
    let most_of_one =
        if files.iter().any(|file| file.path == OWN_MANIFEST) { MAX_EXPORT_BYTES } else { MAX_ENTRY_BYTES };
    let mut entries = Vec::new();
    for file in files {
        let path = path(file.path.as_bytes())?;
        add(&mut entries, ExportEntry { path, ..file }, most_of_one, notes);
    }
    Ok(entries)
}

/// Returns whether a file or folder of this name belongs to an operating system, an archiver or Git.
pub fn is_of_system(name: &str) -> bool {
    matches!(name, "__MACOSX" | ".DS_Store" | "Thumbs.db" | "desktop.ini" | ".git") || name.starts_with("._")
}

fn add(entries: &mut Vec<ExportEntry>, entry: ExportEntry, max_bytes: usize, notes: &mut ImportNotes) {
    if entry.path.split('/').any(is_of_system) {
        notes.count(NoteKind::SystemFiles, 1);
    } else if entry.bytes.len() > max_bytes {
        notes.about(NoteKind::TooLarge, &entry.path);
    } else {
        entries.push(entry);
    }
}

/// Returns the path of an entry. Archivers on Windows write backslashes, and older ones write names in GB18030.
fn path(raw: &[u8]) -> Result<String, ExportRefusal> {
    let path = match std::str::from_utf8(raw) {
        Ok(path) => Cow::Borrowed(path),
        Err(_) => Charset::Gb18030.decode(raw).ok_or(ExportRefusal::EntryName)?,
    };
    if path.contains('\0') {
        return Err(ExportRefusal::EntryName);
    }
    Ok(path.replace('\\', "/").trim_start_matches("./").to_owned())
}

/// Returns the number of entries that the reader does not list, because later ones have their path.
fn repeated_paths(bytes: &[u8], comment: usize, listed: usize) -> usize {
    let end = bytes.len().checked_sub(END_BYTES + comment).and_then(|at| bytes.get(at..at + END_BYTES));
    match end.filter(|end| end.starts_with(END_SIGNATURE)) {
        Some(end) => usize::from(u16::from_le_bytes([end[10], end[11]])).saturating_sub(listed),
        None => 0,
    }
}

/// Returns the folder that is around all entries, if there is one.
pub(super) fn common_folder(entries: &[ExportEntry]) -> Option<&str> {
    let first = &entries.first()?.path;
    let end = first.find('/')?;
    entries.iter().all(|entry| entry.path.starts_with(&first[..=end])).then(|| &first[..end])
}

/// Strips the folder that is around all entries, if there is one.
pub(super) fn without_common_folder(entries: &mut [ExportEntry], notes: &mut ImportNotes) {
    let Some(folder) = common_folder(entries).map(str::to_owned) else { return };
    entries.iter_mut().for_each(|entry| drop(entry.path.drain(..=folder.len())));
    notes.about(NoteKind::CommonFolder, folder);
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;

    /// Returns a zip archive of these files.
    pub fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
        let file = |(path, text): &(&str, &str)| ExportEntry { path: (*path).into(), bytes: text.as_bytes().into() };
        zip_of(&files.iter().map(file).collect::<Vec<_>>()).unwrap()
    }

    /// Returns a zip archive of entries, or an error if two have one path.
    pub fn zip_of(entries: &[ExportEntry]) -> zip::result::ZipResult<Vec<u8>> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for entry in entries {
            writer.start_file(entry.path.as_str(), zip::write::SimpleFileOptions::default())?;
            writer.write_all(&entry.bytes)?;
        }
        Ok(writer.finish()?.into_inner())
    }

    fn unpacked(bytes: &[u8]) -> Result<(Vec<String>, ImportNotes), ExportRefusal> {
        let mut notes = ImportNotes::default();
        let entries = unpack(bytes, None, &mut notes)?;
        Ok((entries.into_iter().map(|entry| entry.path).collect(), notes))
    }

    #[test]
    fn entries_are_unpacked_with_plain_paths() {
        let archive = zipped(&[("a\\b.txt", "1"), ("./c.txt", "2"), ("__MACOSX/._c.txt", "3"), ("../d", "4")]);
        let (paths, notes) = unpacked(&archive).unwrap();
        assert_eq!(paths, ["a/b.txt", "c.txt", "../d"]);
        assert!(notes.has(NoteKind::SystemFiles));
    }

    #[test]
    fn large_entry_is_left_out_with_a_note() {
        let large = "x".repeat(MAX_ENTRY_BYTES + 1);
        let (paths, notes) = unpacked(&zipped(&[("large", &large), ("small", "1")])).unwrap();
        assert_eq!(paths, ["small"]);
        assert!(notes.has(NoteKind::TooLarge));
    }

    #[test]
    fn archive_that_expands_too_much_is_refused() {
        let zeros = "0".repeat(MAX_ENTRY_BYTES);
        let archive = zipped(&[("a", &zeros), ("b", &zeros), ("c", &zeros)]);
        assert!(archive.len() * MAX_RATIO < HARMLESS_BYTES);
        assert_eq!(unpacked(&archive).unwrap_err(), ExportRefusal::Expands);
    }

    #[test]
    fn archive_with_too_many_entries_is_refused_before_they_are_listed() {
        let paths: Vec<String> = (0..MAX_ENTRIES + 2).map(|n| n.to_string()).collect();
        let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
        assert_eq!(unpacked(&zipped(&files[2..])).unwrap().0.len(), MAX_ENTRIES);
        let mut archive = zipped(&files);
        let refusal = ExportRefusal::TooManyEntries { max: MAX_ENTRIES };
        assert_eq!(unpacked(&archive).unwrap_err(), refusal);
        // Listing the entries would find the second one damaged.
        let second = memchr::memmem::find_iter(&archive, ENTRY_SIGNATURE).nth(1).unwrap();
        archive[second] = 0;
        assert_eq!(unpacked(&archive).unwrap_err(), refusal);
    }

    #[test]
    fn repeated_path_is_noted() {
        let archive = zipped(&[("same-path-1", "1"), ("same-path-2", "2")]);
        // Names are in the local headers and in the central directory.
        let name = b"same-path-2";
        let mut twice = archive.clone();
        for at in 0..archive.len() {
            if archive[at..].starts_with(name) {
                twice[at + name.len() - 1] = b'1';
            }
        }
        let archive = twice;
        let mut notes = ImportNotes::default();
        let entries = unpack(&archive, None, &mut notes).unwrap();
        assert_eq!((entries.len(), &entries[0].bytes[..]), (1, &b"2"[..]));
        assert!(notes.has(NoteKind::RepeatedPaths));
    }

    #[test]
    fn text_that_is_not_utf_8_is_decoded_only_in_the_charset_of_its_product() {
        let entry = ExportEntry { path: "a".into(), bytes: vec![0xb6, 0xa9, 0xb5, 0xa5] };
        let mut notes = ImportNotes::default();
        assert_eq!(entry.text_or(Charset::Gb18030, &mut notes).unwrap(), "订单");
        assert_eq!(entry.text_or(Charset::Latin1, &mut notes).unwrap(), "¶©µ¥");
        assert!(notes.has(NoteKind::Charset) && notes.has(NoteKind::Latin1));
        assert_eq!(entry.text().unwrap_err(), ExportRefusal::Charset { path: "a".into() });
        let binary = ExportEntry { path: "a".into(), bytes: vec![0, 0xff] };
        for charset in [Charset::Gb18030, Charset::Latin1] {
            assert!(binary.text_or(charset, &mut notes).is_err(), "{charset:?}");
        }
    }

    #[test]
    fn byte_order_mark_is_stripped_for_parsers_only() {
        let entry = ExportEntry { path: "a".into(), bytes: "\u{feff}a".into() };
        assert_eq!((entry.text().unwrap(), entry.document().unwrap()), ("a", "\u{feff}a"));
        assert_eq!(entry.text_or(Charset::Gb18030, &mut ImportNotes::default()).unwrap(), "a");
    }

    #[test]
    fn damaged_archive_is_refused() {
        let archive = zipped(&[("a", "1")]);
        for end in [4, archive.len() / 2, archive.len() - 1] {
            assert!(matches!(unpacked(&archive[..end]), Err(ExportRefusal::Archive { .. })), "{end}");
        }
    }
}
