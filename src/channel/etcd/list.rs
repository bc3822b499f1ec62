//! Reads all releases at one revision.

use etcd_client::{Client, Error, GetOptions, GetResponse, KeyValue};

use super::{
    super::{Fault, Head, Listing},
    Etcd, head,
};

/// Keys of the first page. Even if each holds the largest document, they stay below [`MESSAGE_BYTES`].
const FIRST_KEYS: i64 = 32;
/// Keys of a page at the most.
const MOST_KEYS: i64 = 500;
/// What a page should come to, in bytes.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// The largest answer that is taken in. Small in tests, so that they come to the end of it.
pub(super) const MESSAGE_BYTES: usize = if cfg!(test) { 4 } else { 64 } * 1024 * 1024;

impl Etcd {
    pub(in super::super) async fn list(&self) -> Result<Listing, Fault> {
        let (at, documents) = self.range(&self.keys.documents(), None).await?;
        let (_, metas) = self.range(&self.keys.metas(), Some(at)).await?;
        let keys = self.keys.clone();
        // Hashes every document, which may take long.
        let joined = tokio::task::spawn_blocking(move || keys.join(documents.into_iter().chain(metas)));
        let (entries, damaged) = joined.await.map_err(|e| Fault::Unreachable(format!("listing: {e}")))?;
        Ok(Listing { revision: at.revision, cluster: at.cluster, entries, damaged })
    }

    /// All keys under a prefix (which ends with a slash) at one revision: that of `at`, or of the first page. etcd does
    /// not limit the bytes of an answer and tells no sizes beforehand, so pages grow and shrink with what they held.
    async fn range(&self, prefix: &str, at: Option<Head>) -> Result<(Head, Vec<KeyValue>), Fault> {
        let end = format!("{}0", prefix.trim_end_matches('/'));
        let (mut from, mut at, mut limit, mut found) = (prefix.as_bytes().to_vec(), at, FIRST_KEYS, Vec::new());
        loop {
            let options = GetOptions::new()
                .with_range(end.as_str())
                .with_limit(limit)
                .with_revision(at.map_or(0, |head| head.revision));
            let (start, options) = (from.as_slice(), &options);
            let page = self.call(self.timing.page, move |etcd| page(etcd, start, options)).await?;
            let Some(mut page) = page else {
                if limit == 1 {
                    return Err(Fault::Refused(format!("a key under {prefix} is larger than {MESSAGE_BYTES} bytes")));
                }
                limit = (limit / 16).max(1);
                continue;
            };
            let at = *at.get_or_insert(head(page.header())?);
            let keys = page.take_kvs();
            let bytes: usize = keys.iter().map(|kv| kv.key().len() + kv.value().len()).sum();
            if let Some(last) = keys.last() {
                from = [last.key(), &[0]].concat();
            }
            found.extend(keys);
            if !page.more() {
                return Ok((at, found));
            }
            limit = next_limit(limit, bytes);
        }
    }
}

/// A page; none when it is larger than can be taken in.
async fn page(etcd: Client, from: &[u8], options: &GetOptions) -> Result<Option<GetResponse>, Error> {
    let mut kv = etcd.kv_client().max_decoding_message_size(MESSAGE_BYTES);
    match kv.get(from, Some(options.clone())).await {
        Err(Error::GRpcStatus(status)) if is_too_long(status.message()) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Whether tonic refused to take an answer in.
pub(super) fn is_too_long(message: &str) -> bool {
    message.contains("message length too large")
}

/// Twice as many keys while pages are small, fewer when they are large.
fn next_limit(limit: i64, bytes: usize) -> i64 {
    if bytes <= PAGE_BYTES / 2 {
        return (limit * 2).min(MOST_KEYS);
    }
    let fitting = i64::try_from(PAGE_BYTES * usize::try_from(limit).unwrap_or(1) / bytes).unwrap_or(limit);
    fitting.clamp(1, limit.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_the_size_of_what_is_there() {
        assert_eq!(next_limit(32, 10_000), 64);
        assert_eq!(next_limit(400, 1_000_000), MOST_KEYS);
        assert_eq!(next_limit(400, PAGE_BYTES), 400);
        assert_eq!(next_limit(32, 32 * 1_400_000), 2);
        assert_eq!(next_limit(1, 1_400_000_000), 1);
    }
}
