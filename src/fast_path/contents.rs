//! Contents that were published on this node a moment ago. The next publish of the config does not read them again.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::{
    domain::{content::Content, names::ConfigId, release::Release},
    storage::KnownRelease,
};

/// Maximum total size of the remembered contents. Beyond it all are forgotten.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Size of a remembered content beside its texts, rounded up.
const OVERHEAD_BYTES: usize = 1024;

/// The content that was accepted last for each config.
#[derive(Debug, Default)]
pub(super) struct RememberedContents(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    known: HashMap<ConfigId, KnownRelease>,
    bytes: usize,
}

impl RememberedContents {
    pub fn get(&self, config: &ConfigId) -> Option<KnownRelease> {
        self.0.lock().known.get(config).cloned()
    }

    pub fn add(&self, release: &Release, content: Content) {
        let mut contents = self.0.lock();
        contents.bytes += content.bytes() + OVERHEAD_BYTES;
        if contents.bytes > MAX_BYTES {
            *contents = Contents::default();
        } else {
            let known = KnownRelease { change: release.change.clone(), content: Arc::new(content) };
            contents.known.insert(release.config.clone(), known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::release, *};

    #[test]
    fn keeps_the_latest_content_until_the_maximum_size() {
        let (contents, a, b) = (RememberedContents::default(), "prod/shop/a", "prod/shop/b");
        let text = |config: &str| contents.get(&config.parse().unwrap()).map(|known| known.content.document());
        contents.add(&release(a), Content::Text("one".into()));
        contents.add(&release(a), Content::Text("two".into()));
        contents.add(&release(b), Content::Text("three".into()));
        assert_eq!((text(a), text(b)), (Some("two".into()), Some("three".into())));
        contents.add(&release(b), Content::Text("x".repeat(MAX_BYTES).into()));
        assert_eq!((text(a), text(b)), (None, None));
    }

    #[test]
    fn many_small_contents_are_bounded() {
        let contents = RememberedContents::default();
        (1..=2 * MAX_BYTES / OVERHEAD_BYTES)
            .for_each(|n| contents.add(&release(&format!("prod/shop/n{n}")), Content::Text("".into())));
        assert!(contents.0.lock().known.len() <= MAX_BYTES / OVERHEAD_BYTES);
    }
}
