//! Compressed forms of releases. Each is made once, for the first request that accepts it, and kept with the snapshot.
//!
//! The blocks of a form end at a byte boundary and refer to nothing outside of it. The form of a whole application is
//! therefore joined from those of its configs, without compression.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use axum::body::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared, ready},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

/// Minimum size of a text that is compressed by default. A smaller one fits into one packet either way.
pub const MIN_BYTES: usize = 1024;
/// Maximum size of texts that a request compresses itself, in less than a millisecond.
pub const SMALL_BYTES: usize = 32 * 1024;
/// Maximum total size of the large texts in the queue, in KiB.
const QUEUE_KIB: usize = 64 * 1024;

/// The head of a gzip file: no name, no time, no system (RFC 1952, 2.3).
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The last block of a deflate stream, which is empty (RFC 1951, 3.2.6).
const LAST_BLOCK: [u8; 2] = [3, 0];
/// Size of the end of a file: the last block, the checksum and the length.
const TAIL_BYTES: usize = LAST_BLOCK.len() + 8;

/// A text as a gzip file.
#[derive(Clone)]
pub struct Gzip {
    /// The whole file.
    pub file: Bytes,
    sum: TextSum,
}

// Omits the file, because it contains the text.
impl fmt::Debug for Gzip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

impl Gzip {
    /// Compresses a text.
    pub fn compress(text: &[u8]) -> Self {
        let sum = TextSum::of(text);
        let mut file = Vec::with_capacity(HEAD.len() + text.len() / 2 + TAIL_BYTES);
        file.extend(HEAD);
        let mut deflate = Compress::new(Compression::default(), false);
        loop {
            file.reserve(text.len() / 4 + 64);
            let read = usize::try_from(deflate.total_in()).unwrap_or(text.len());
            // Flushes to a byte boundary. A full buffer means that output is left.
            let status = deflate.compress_vec(&text[read..], &mut file, FlushCompress::Full);
            if !matches!(status, Ok(Status::Ok)) || file.len() < file.capacity() {
                break;
            }
        }
        file.extend(sum.tail());
        // Drops the spare capacity.
        Self { file: file.into_boxed_slice().into(), sum }
    }

    fn blocks(&self) -> Bytes {
        self.file.slice(HEAD.len()..self.file.len() - TAIL_BYTES)
    }
}

/// Checksum and length of a text, for the end of a gzip file.
#[derive(Clone, Debug, Default)]
struct TextSum {
    crc: Hasher,
    length: u32,
}

impl TextSum {
    fn of(text: &[u8]) -> Self {
        let mut crc = Hasher::new();
        crc.update(text);
        // The format wants the length modulo 2^32.
        Self { crc, length: text.len() as u32 }
    }

    fn add(&mut self, next: &Self) {
        self.crc.combine(&next.crc);
        self.length = self.length.wrapping_add(next.length);
    }

    fn tail(&self) -> impl Iterator<Item = u8> + use<> {
        let numbers = [self.crc.clone().finalize(), self.length].into_iter().flat_map(u32::to_le_bytes);
        LAST_BLOCK.into_iter().chain(numbers)
    }
}

/// A gzip file joined from compressed parts with short texts between them.
pub struct JoinedGzip {
    pieces: Vec<Bytes>,
    sum: TextSum,
}

impl Default for JoinedGzip {
    fn default() -> Self {
        Self { pieces: vec![Bytes::from_static(&HEAD)], sum: TextSum::default() }
    }
}

impl JoinedGzip {
    /// Adds a text uncompressed. It must be shorter than 64 KiB.
    pub fn text(&mut self, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        let length = u16::try_from(text.len()).expect("a short text");
        let mut block = vec![0];
        block.extend(length.to_le_bytes());
        block.extend((!length).to_le_bytes());
        block.extend(text);
        self.pieces.push(block.into());
        self.sum.add(&TextSum::of(text));
    }

    /// Adds a compressed part.
    pub fn part(&mut self, part: &Gzip) {
        self.pieces.push(part.blocks());
        self.sum.add(&part.sum);
    }

    /// Returns the file, in pieces that it shares with its parts.
    pub fn finish(mut self) -> Vec<Bytes> {
        self.pieces.push(self.sum.tail().collect());
        self.pieces
    }
}

/// The compression of a text, finished or not. `None` when it failed.
pub type Compressing = Shared<BoxFuture<'static, Option<Gzip>>>;

/// A text's compressed form, made at the first request.
#[derive(Debug, Default)]
pub struct CompressedForm(OnceLock<Compressing>);

impl CompressedForm {
    /// Returns the form if it is made.
    pub fn get_made(&self) -> Option<Gzip> {
        let begun = self.0.get()?;
        begun.peek().cloned().or_else(|| begun.clone().now_or_never())?
    }

    /// Returns the form, and makes it if needed: for small texts.
    pub fn get_or_make(&self, text: &[u8]) -> Option<Gzip> {
        self.0.get_or_init(|| ready(Some(Gzip::compress(text))).boxed().shared());
        self.get_made()
    }

    /// Begins to make the form, unless another request has begun it. Returns `None` if the queue is full.
    pub fn begin(&self, text: Bytes, compressor: &Compressor) -> Option<Compressing> {
        if let Some(begun) = self.0.get() {
            return Some(begun.clone());
        }
        let kib = u32::try_from(text.len().div_ceil(1024)).ok()?;
        let place = Arc::clone(&compressor.queue).try_acquire_many_owned(kib).ok()?;
        Some(self.0.get_or_init(|| compressor.begin(text, place)).clone())
    }
}

/// Compresses large texts one after another, outside of the threads that answer.
#[derive(Debug)]
pub struct Compressor {
    queue: Arc<Semaphore>,
    /// Permit of the text that is being compressed.
    pub(super) turn: Arc<Semaphore>,
}

impl Default for Compressor {
    fn default() -> Self {
        Self { queue: Arc::new(Semaphore::new(QUEUE_KIB)), turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Compressor {
    /// Queues a text. The work goes on even if no request waits for it.
    fn begin(&self, text: Bytes, permit: OwnedSemaphorePermit) -> Compressing {
        let turn = Arc::clone(&self.turn);
        let job = tokio::spawn(async move {
            let _place = permit;
            let _turn = turn.acquire_owned().await.ok()?;
            spawn_blocking(move || Gzip::compress(&text)).await.ok()
        });
        job.map(|done| done.ok().flatten()).boxed().shared()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    /// Unpacks a gzip file like a client. It must have one member and no bytes after it.
    pub fn unpacked(file: &[u8]) -> String {
        let (mut text, mut decoder) = (String::new(), GzDecoder::new(file));
        decoder.read_to_string(&mut text).unwrap();
        assert_eq!(decoder.into_inner().len(), 0, "there are bytes after the end");
        text
    }

    fn random(bytes: usize) -> String {
        (0..bytes).map(|_| char::from(rand::random_range(b' '..=b'~'))).collect()
    }

    #[test]
    fn a_compressed_text_is_unpacked_unchanged() {
        let alike = r#"{"key":"value"},"#.repeat(10_000);
        for text in ["", "a", &alike, &random(10), &random(100_000), &random((1 << 20) + 1)] {
            let gzip = Gzip::compress(text.as_bytes());
            assert_eq!(unpacked(&gzip.file), text);
        }
        assert!(Gzip::compress(alike.as_bytes()).file.len() < alike.len() / 50);
    }

    #[test]
    fn parts_make_one_file_and_share_their_bytes() {
        let parts = ["first".repeat(1000), String::new(), random(70_000)];
        let (mut joined, mut text) = (JoinedGzip::default(), String::from("["));
        joined.text("[");
        let forms: Vec<Gzip> = parts.iter().map(|part| Gzip::compress(part.as_bytes())).collect();
        for (part, form) in parts.iter().zip(&forms) {
            joined.part(form);
            joined.text(",");
            text += &format!("{part},");
        }
        let pieces = joined.finish();
        assert_eq!(unpacked(&pieces.concat()), text);
        assert_eq!(pieces[2].as_ptr(), forms[0].file[HEAD.len()..].as_ptr());
    }

    #[tokio::test]
    async fn a_form_is_made_once() {
        let (form, compressor) = (CompressedForm::default(), Compressor::default());
        assert!(form.get_made().is_none());
        let first = form.begin(Bytes::from("text"), &compressor).unwrap();
        let second = form.begin(Bytes::from("other"), &compressor).unwrap();
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!(first.file.as_ptr(), second.file.as_ptr());
        assert_eq!(form.get_made().unwrap().file.as_ptr(), first.file.as_ptr());
        assert_eq!(form.get_or_make(b"other").unwrap().file.as_ptr(), first.file.as_ptr());
    }

    #[tokio::test]
    async fn a_form_is_finished_even_if_no_request_waits_for_it() {
        let (form, compressor) = (CompressedForm::default(), Compressor::default());
        let turn = Arc::clone(&compressor.turn).acquire_owned().await.unwrap();
        drop(form.begin(Bytes::from("text"), &compressor).unwrap());
        assert!(form.get_made().is_none());
        drop(turn);
        let _all = compressor.queue.acquire_many(u32::try_from(QUEUE_KIB).unwrap()).await.unwrap();
        assert_eq!(unpacked(&form.get_made().expect("the form is made").file), "text");
    }

    #[tokio::test]
    async fn the_size_of_the_queue_is_limited() {
        let compressor = Compressor::default();
        let turn = Arc::clone(&compressor.turn).acquire_owned().await.unwrap();
        let (large, small) = (Bytes::from(vec![b'x'; 40 << 20]), Bytes::from_static(b"text"));
        let forms: [CompressedForm; 3] = Default::default();
        let begun = forms[0].begin(large.clone(), &compressor).unwrap();
        assert!(forms[1].begin(large, &compressor).is_none());
        assert!(forms[2].begin(small, &compressor).is_some());
        drop((turn, begun));
    }
}
