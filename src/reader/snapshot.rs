//! A release in the form that readers get. All bytes that do not depend on the request are made once.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{body::Bytes, http::HeaderValue};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::gzip::CompressedForm;
use crate::domain::{
    content::{Format, Sha256Hex},
    entry::Entry,
    names::{AppName, EnvName, NamespaceName},
    sensitive::Sensitive,
};

/// A form of a release, made once for all requests. Protocols compose their bodies of these and texts of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON with the document and the release's number, time and hash.
    Envelope,
    /// The document alone, with its own content type.
    Document,
}

/// A release, ready to be sent.
pub struct Snapshot {
    /// The release.
    pub entry: Entry,
    /// The strong validator: the document's SHA-256, quoted. Releases with the same bytes share it.
    pub etag: HeaderValue,
    /// The release's number as a header value.
    pub number: HeaderValue,
    /// Answers with this config since the last sample. Shared by all of its releases.
    pub(super) reads: Arc<ReadCounter>,
    // Each form is made at its first request, because it is as large as the document and most configs are read in one
    // form only.
    envelope: OnceLock<Bytes>,
    event: OnceLock<Bytes>,
    compressed: OnceLock<Box<[CompressedForm; 2]>>,
}

/// Counts the answers with a config. [`super::history`] takes the number each minute.
#[derive(Debug, Default)]
pub(super) struct ReadCounter(AtomicU32);

impl ReadCounter {
    /// Counts one answer. This is all that the history costs a read.
    pub fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of answers since the last call.
    pub fn take(&self) -> u32 {
        // Most configs have no reads. A load leaves their cache lines shared.
        if self.0.load(Ordering::Relaxed) == 0 { 0 } else { self.0.swap(0, Ordering::Relaxed) }
    }
}

// Omits the bytes that are made from the document, because they would reveal it.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// The live release of a config.
#[derive(Serialize, ToSchema)]
#[schema(as = Config)]
pub struct Envelope<'a> {
    env: &'a EnvName,
    app: &'a AppName,
    namespace: &'a NamespaceName,
    format: Format,
    release: u64,
    /// SHA-256 of the document's bytes.
    #[schema(value_type = Sha256Hex)]
    sha256: &'a str,
    #[schema(format = DateTime)]
    published_at: String,
    /// For kv an object: strings, but for items with a type. Else the text.
    content: Content<'a>,
}

/// Content of a document. `kv` is JSON already and is copied: a parser could change its numbers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Content<'a> {
    // It is JSON already. Parsing and writing it again could change its numbers.
    #[schema(value_type = Object)]
    Items(&'a RawValue),
    Text(&'a str),
}

/// Owner of a document's bytes, so that they are shared with the channel instead of copied.
struct Document(Sensitive<Arc<str>>);

impl AsRef<[u8]> for Document {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

impl Snapshot {
    /// Prepares a release.
    ///
    /// # Errors
    /// The reason why it cannot be sent: a foreign write made its `kv` document something else than a JSON object.
    pub fn new(entry: Entry) -> Result<Self, String> {
        content(&entry)?;
        Ok(Self {
            etag: HeaderValue::from_str(&format!("\"{}\"", entry.meta.sha256)).map_err(|e| e.to_string())?,
            number: entry.meta.seq.into(),
            reads: Arc::default(),
            envelope: OnceLock::new(),
            event: OnceLock::new(),
            compressed: OnceLock::new(),
            entry,
        })
    }

    /// Returns `{env, app, namespace, format, release, sha256, published_at, content}`.
    pub fn envelope(&self) -> &Bytes {
        let (config, meta) = (&self.entry.config, &self.entry.meta);
        self.envelope.get_or_init(|| {
            let envelope = serde_json::to_vec(&Envelope {
                env: &config.env,
                app: &config.app,
                namespace: &config.namespace,
                format: meta.format,
                release: meta.seq,
                sha256: &meta.sha256,
                published_at: meta.published_at.rfc3339(),
                content: content(&self.entry).expect("checked in Snapshot::new"),
            });
            // Drops the spare capacity.
            envelope.expect("strings and numbers are JSON").into_boxed_slice().into()
        })
    }

    /// Returns the release's number.
    pub fn seq(&self) -> u64 {
        self.entry.meta.seq
    }

    /// Returns the bytes of a form.
    pub fn text(&self, shape: Shape) -> Bytes {
        match shape {
            Shape::Envelope => self.envelope().clone(),
            Shape::Document => Bytes::from_owner(Document(self.entry.document.clone())),
        }
    }

    /// Returns the compressed bytes of a form.
    pub fn form(&self, shape: Shape) -> &CompressedForm {
        &self.compressed.get_or_init(Box::default)[shape as usize]
    }

    /// Returns the data of a server-sent event: the text after `data: `, up to the blank line.
    pub fn event(&self) -> &Bytes {
        self.event.get_or_init(|| {
            let envelope = self.envelope();
            // A JSON item may have line breaks between its tokens. Each line is a separate `data`.
            let mut lines = envelope.split(|b| matches!(b, b'\n' | b'\r')).filter(|line| !line.is_empty());
            match (lines.next(), lines.next()) {
                (Some(first), Some(second)) => {
                    let lines: Vec<&[u8]> = [first, second].into_iter().chain(lines).collect();
                    lines.join(&b"\ndata: "[..]).into()
                }
                _ => envelope.clone(),
            }
        })
    }
}

fn content(entry: &Entry) -> Result<Content<'_>, String> {
    Ok(match entry.meta.format {
        Format::Kv => Content::Items(object(entry.document.expose())?),
        _ => Content::Text(entry.document.expose()),
    })
}

fn object(document: &str) -> Result<&RawValue, String> {
    let raw: &RawValue = serde_json::from_str(document).map_err(|e| e.to_string())?;
    if raw.get().starts_with('{') { Ok(raw) } else { Err("a kv document is a JSON object".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::tests::entry;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_envelope_holds_the_document_as_it_is() {
        let made = Snapshot::new(entry("prod/shop/a", 7, r#"{"n":1.50e3}"#)).unwrap();
        let sha = crate::domain::content::sha256(br#"{"n":1.50e3}"#);
        let wanted = format!(
            r#"{{"env":"prod","app":"shop","namespace":"a","format":"kv","release":7,"sha256":"{sha}","published_at":"2026-11-22T16:31:00.123Z","content":{{"n":1.50e3}}}}"#
        );
        assert_eq!(text(made.envelope()), wanted);
        assert_eq!(text(&made.text(Shape::Document)), r#"{"n":1.50e3}"#);
        assert_eq!(made.etag, format!("\"{sha}\""));
    }

    #[test]
    fn debug_hides_the_document() {
        let made = Snapshot::new(entry("prod/shop/a", 7, r#"{"n":"hush"}"#)).unwrap();
        _ = (made.envelope(), made.event());
        let printed = format!("{made:?}");
        assert!(printed.contains("[redacted]") && !printed.contains("hush"), "{printed}");
    }

    #[test]
    fn a_text_is_one_string() {
        let mut yaml = entry("prod/shop/a", 1, "a: \"1\"\n");
        Arc::make_mut(&mut yaml.meta).format = Format::Yaml;
        let made = Snapshot::new(yaml).unwrap();
        assert!(text(made.envelope()).ends_with(r#""content":"a: \"1\"\n"}"#), "{:?}", made.envelope());
    }

    #[test]
    fn a_kv_document_must_be_a_json_object() {
        for foreign in ["", "[]", "{", "null", "{} {}"] {
            assert!(Snapshot::new(entry("prod/shop/a", 1, foreign)).is_err(), "{foreign}");
        }
    }

    #[test]
    fn each_line_of_a_document_is_a_line_of_its_event() {
        let made = Snapshot::new(entry("prod/shop/a", 1, "{\"j\":[1,\r\n2]}")).unwrap();
        let lines: Vec<_> = text(made.event()).lines().collect();
        assert!(lines[0].ends_with(r#""content":{"j":[1,"#) && lines[1] == "data: 2]}}", "{lines:?}");
    }

    #[test]
    fn an_event_shares_the_bytes_of_the_envelope() {
        let made = Snapshot::new(entry("prod/shop/a", 1, "{}")).unwrap();
        assert_eq!(made.event().as_ptr(), made.envelope().as_ptr());
    }
}
