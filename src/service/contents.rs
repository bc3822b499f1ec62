//! Contents that were published on this node a moment ago: who publishes or looks at the same config next need not read
//! them again.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::{
    domain::{content::Content, names::ConfigId, release::Release},
    storage::Known,
};

/// Bytes of contents that are remembered; beyond them all are forgotten.
const MOST: usize = 4 * 1024 * 1024;
/// What remembering one takes beside its texts, rounded up.
const AROUND: usize = 1024;

/// The latest of each config.
#[derive(Debug, Default)]
pub(super) struct Contents(Mutex<Room>);

#[derive(Debug, Default)]
struct Room {
    known: HashMap<ConfigId, Known>,
    bytes: usize,
}

impl Contents {
    /// What is known of a config. It may be an older release.
    pub fn of(&self, config: &ConfigId) -> Option<Known> {
        self.0.lock().known.get(config).cloned()
    }

    /// Remembers the content of a release.
    pub fn note(&self, release: &Release, content: Content) {
        let mut room = self.0.lock();
        room.bytes += content.bytes() + AROUND;
        if room.bytes > MOST {
            *room = Room::default();
        } else {
            let known = Known { change: release.change.clone(), content: Arc::new(content) };
            room.known.insert(release.config.clone(), known);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    fn release(config: &str) -> Release {
        Release {
            config: config.parse().unwrap(),
            seq: 1,
            previous: 0,
            format: crate::domain::content::Format::Text,
            sha256: String::new(),
            author: String::new(),
            message: String::new(),
            change: "0192f0c1-2345-7000-8000-000000000000".parse().unwrap(),
            rolled_back_to: None,
            accepted_at: Time(0),
            delivered_at: None,
            revision: None,
        }
    }

    #[test]
    fn the_latest_is_known_until_there_is_too_much() {
        let (contents, a, b) = (Contents::default(), "prod/shop/a", "prod/shop/b");
        let text = |config: &str| contents.of(&config.parse().unwrap()).map(|known| known.content.document());
        contents.note(&release(a), Content::Text("one".into()));
        contents.note(&release(a), Content::Text("two".into()));
        contents.note(&release(b), Content::Text("three".into()));
        assert_eq!((text(a), text(b)), (Some("two".into()), Some("three".into())));
        contents.note(&release(b), Content::Text("x".repeat(MOST).into()));
        assert_eq!((text(a), text(b)), (None, None));
    }

    #[test]
    fn many_small_ones_are_too_much_as_well() {
        let contents = Contents::default();
        (1..=2 * MOST / AROUND)
            .for_each(|n| contents.note(&release(&format!("prod/shop/n{n}")), Content::Text("".into())));
        assert!(contents.0.lock().known.len() <= MOST / AROUND);
    }
}
