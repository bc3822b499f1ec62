//! Lists all releases at one revision.

use etcd_client::{Client, Error, GetOptions, GetResponse, KeyValue};

use super::{
    super::{ChannelError, Head, Listing},
    Etcd, head,
};
use crate::domain::entry::Entry;

/// Number of keys of the first page. Even with the largest documents it stays below [`MAX_MESSAGE_BYTES`].
const FIRST_PAGE_KEYS: i64 = 32;
/// Maximum number of keys of a page.
const MAX_PAGE_KEYS: i64 = 500;
/// Target size of a page, in bytes.
const TARGET_PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Maximum size of a response. Small in tests, so that they reach it.
pub(super) const MAX_MESSAGE_BYTES: usize = if cfg!(test) { 4 } else { 64 } * 1024 * 1024;

impl Etcd {
    /// Lists all releases at one revision and keeps what `keep` returns. Both halves of a few releases are read and
    /// joined before the next ones, so only a page or two are in memory, unless many halves are missing.
    pub(in super::super) async fn list_by<T>(
        &self,
        mut keep: impl FnMut(Entry) -> T + Send,
    ) -> Result<Listing<T>, ChannelError> {
        let (documents, metas) = (self.keys.documents(), self.keys.metas());
        let (mut pages, mut others) = (PagedRange::of(&documents), PagedRange::of(&metas));
        let (mut at, mut kept, mut damaged) = (None, Vec::new(), Vec::new());
        loop {
            let Page { head, keys: mut halves, more } = self.page(&mut pages, at).await?;
            at = Some(head);
            // Names have the same order under both prefixes. Reads all metadata up to the last document.
            let last = halves.last().and_then(|kv| kv.key().strip_prefix(documents.as_bytes()));
            others.to = match last.filter(|_| more) {
                Some(name) => [metas.as_bytes(), name, &[0]].concat(),
                None => prefix_end(&metas),
            };
            loop {
                let page = self.page(&mut others, at).await?;
                halves.extend(page.keys);
                if !page.more {
                    break;
                }
            }
            let keys = self.keys.clone();
            // Hashing all documents may take long.
            let (entries, others) = tokio::task::spawn_blocking(move || keys.join(halves)).await?;
            kept.extend(entries.into_iter().map(&mut keep));
            damaged.extend(others);
            if !more {
                return Ok(Listing { revision: head.revision, cluster: head.cluster, entries: kept, damaged });
            }
        }
    }

    /// Reads the next keys of a range at the revision of `at`, or the latest. etcd does not limit the bytes of a
    /// response and does not tell sizes in advance, so the number of keys adapts to the size of the last page.
    async fn page(&self, pages: &mut PagedRange, at: Option<Head>) -> Result<Page, ChannelError> {
        loop {
            let options = GetOptions::new()
                .with_range(pages.to.as_slice())
                .with_limit(pages.limit)
                .with_revision(at.map_or(0, |head| head.revision));
            let (start, options) = (pages.from.as_slice(), &options);
            let answer = self.call(self.timing.page, move |etcd| read_page(etcd, start, options)).await?;
            let Some(mut answer) = answer else {
                if pages.limit == 1 {
                    let why =
                        format!("a key from {} on is larger than {MAX_MESSAGE_BYTES} bytes", start.escape_ascii());
                    return Err(ChannelError::Refused(why));
                }
                pages.limit = (pages.limit / 16).max(1);
                continue;
            };
            let (head, more) = (at.map_or_else(|| head(answer.header()), Ok)?, answer.more());
            let keys = answer.take_kvs();
            if let Some(last) = keys.last() {
                pages.from = [last.key(), &[0]].concat();
            }
            if more {
                pages.limit = next_limit(pages.limit, keys.iter().map(|kv| kv.key().len() + kv.value().len()).sum());
            }
            return Ok(Page { head, keys, more });
        }
    }
}

/// A range of keys that is read page by page.
struct PagedRange {
    from: Vec<u8>,
    to: Vec<u8>,
    limit: i64,
}

impl PagedRange {
    /// Covers all keys under a prefix, which ends with a slash.
    fn of(prefix: &str) -> Self {
        Self { from: prefix.into(), to: prefix_end(prefix), limit: FIRST_PAGE_KEYS }
    }
}

/// Returns the exclusive end of all keys under a prefix, which ends with a slash.
fn prefix_end(prefix: &str) -> Vec<u8> {
    format!("{}0", prefix.trim_end_matches('/')).into()
}

/// Some keys of a range.
struct Page {
    head: Head,
    keys: Vec<KeyValue>,
    /// Whether more keys follow.
    more: bool,
}

/// Reads a page. Returns `None` when it is larger than [`MAX_MESSAGE_BYTES`].
async fn read_page(etcd: Client, from: &[u8], options: &GetOptions) -> Result<Option<GetResponse>, Error> {
    let mut kv = etcd.kv_client().max_decoding_message_size(MAX_MESSAGE_BYTES);
    match kv.get(from, Some(options.clone())).await {
        Err(Error::GRpcStatus(status)) if is_too_long(status.message()) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Returns whether tonic refused a response for its size.
pub(super) fn is_too_long(message: &str) -> bool {
    message.contains("message length too large")
}

/// Returns the number of keys of the next page: twice as many after a small page, fewer after a large one.
fn next_limit(limit: i64, bytes: usize) -> i64 {
    if bytes <= TARGET_PAGE_BYTES / 2 {
        return (limit * 2).min(MAX_PAGE_KEYS);
    }
    let fitting = i64::try_from(TARGET_PAGE_BYTES * usize::try_from(limit).unwrap_or(1) / bytes).unwrap_or(limit);
    fitting.clamp(1, limit.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_limits_adapt_to_the_size_of_values() {
        assert_eq!(next_limit(32, 10_000), 64);
        assert_eq!(next_limit(400, 1_000_000), MAX_PAGE_KEYS);
        assert_eq!(next_limit(400, TARGET_PAGE_BYTES), 400);
        assert_eq!(next_limit(32, 32 * 1_400_000), 2);
        assert_eq!(next_limit(1, 1_400_000_000), 1);
    }
}
