//! Where things lie in etcd, and how to read them back.

use std::collections::BTreeMap;

use etcd_client::KeyValue;

use super::super::{Damage, Fault, board::NodeId};
use crate::{
    clock::now,
    domain::{
        access::Pattern,
        content::sha256,
        entry::{Entry, Meta},
        names::{ConfigId, EnvName},
    },
};

/// Longest root; with the longest names a key is then 234 bytes.
const ROOT_BYTES: usize = 32;

/// The keys of one root.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    root: String,
}

/// Which half of a release a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Document,
    Meta,
}

/// What lies on the board of the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// That a node is there.
    Name(NodeId),
    /// What it asks.
    Ask(NodeId, Pattern),
    /// What it answers.
    Answer(NodeId, Pattern),
}

impl Keys {
    pub fn new(root: &str) -> Result<Self, Fault> {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if root.len() > ROOT_BYTES || !root.split('/').all(plain) {
            let why = format!("etcd.root is at most {ROOT_BYTES} letters, digits and . _ - with single / between");
            return Err(Fault::Refused(why));
        }
        Ok(Self { root: root.to_owned() })
    }

    pub fn document(&self, config: &ConfigId) -> String {
        format!("{}/config/{config}", self.root)
    }

    pub fn meta(&self, config: &ConfigId) -> String {
        format!("{}/meta/{config}", self.root)
    }

    /// The name of a lock. Environments have no slash, so none is the beginning of another.
    pub fn lock(&self, env: &EnvName) -> String {
        format!("{}/locks/{env}", self.root)
    }

    /// What all documents begin with.
    pub fn documents(&self) -> String {
        format!("{}/config/", self.root)
    }

    /// What all metadata begins with.
    pub fn metas(&self) -> String {
        format!("{}/meta/", self.root)
    }

    /// What reader nodes know of tokens: outside of every prefix that an application reads or watches.
    pub fn tokens(&self) -> String {
        format!("{}/readers/tokens", self.root)
    }

    /// What everything on the board of the nodes begins with.
    pub fn nodes(&self) -> String {
        format!("{}/nodes/", self.root)
    }

    /// Prefix of the names of all nodes.
    pub fn names(&self) -> String {
        format!("{}/nodes/names/", self.root)
    }

    /// What all asks of nodes begin with.
    pub fn asks(&self) -> String {
        format!("{}/nodes/asks/", self.root)
    }

    /// One range over the asks and names of nodes; answers do not lie in between.
    pub fn asks_and_names(&self) -> (String, String) {
        (self.asks(), format!("{}/nodes/names0", self.root))
    }

    pub fn board(&self, what: &Posted) -> String {
        match what {
            Posted::Name(id) => format!("{}names/{id}", self.nodes()),
            Posted::Ask(id, scope) => format!("{}{id}/{scope}", self.asks()),
            Posted::Answer(id, scope) => format!("{}answers/{id}/{scope}", self.nodes()),
        }
    }

    /// What a key of the board is for; none when no node writes it.
    pub fn posted(&self, key: &[u8]) -> Option<Posted> {
        let (kind, rest) = str::from_utf8(key).ok()?.strip_prefix(&self.nodes())?.split_once('/')?;
        let (id, scope) = rest.split_once('/').map_or((rest, None), |(id, scope)| (id, Some(scope)));
        let id = NodeId(i64::from_str_radix(id, 16).ok().filter(|id| *id > 0)?);
        match (kind, scope) {
            ("names", None) => Some(Posted::Name(id)),
            ("asks", Some(scope)) => Some(Posted::Ask(id, scope.parse().ok()?)),
            ("answers", Some(scope)) => Some(Posted::Answer(id, scope.parse().ok()?)),
            _ => None,
        }
    }

    /// One range over documents and metadata, so that one watch brings both halves of a revision in one response. The
    /// locks lie in between.
    pub fn releases(&self) -> (String, String) {
        (self.documents(), format!("{}/meta0", self.root))
    }

    /// Whether a key is under documents or metadata.
    pub fn is_release(&self, key: &[u8]) -> bool {
        key.starts_with(self.documents().as_bytes()) || key.starts_with(self.metas().as_bytes())
    }

    fn parse(&self, key: &[u8]) -> Option<(ConfigId, Half)> {
        let key = str::from_utf8(key).ok()?.strip_prefix(&self.root)?;
        let (name, half) = match key.strip_prefix("/config/") {
            Some(name) => (name, Half::Document),
            None => (key.strip_prefix("/meta/")?, Half::Meta),
        };
        Some((name.parse().ok()?, half))
    }

    /// Joins documents and metadata to releases, in the order of their names; what is not one is named.
    pub fn join(&self, found: impl IntoIterator<Item = KeyValue>) -> (Vec<Entry>, Vec<Damage>) {
        let mut halves: BTreeMap<ConfigId, Halves> = BTreeMap::new();
        let mut damaged = Vec::new();
        for found in found {
            let (key, value) = found.into_key_value();
            match self.parse(&key) {
                Some((config, Half::Document)) => halves.entry(config).or_default().document = Some(value),
                Some((config, Half::Meta)) => halves.entry(config).or_default().meta = Some(value),
                None => {
                    let key = key.escape_ascii().to_string();
                    damaged.push(Damage { key, config: None, why: "is not the name of a config", lost: false });
                }
            }
        }
        let mut entries = Vec::new();
        for (config, halves) in halves {
            let lost = halves.document.is_none() || halves.meta.is_none();
            match halves.join(&config) {
                Ok(entry) => entries.push(entry),
                Err((half, why)) => {
                    let key = if half == Half::Document { self.document(&config) } else { self.meta(&config) };
                    damaged.push(Damage { key, config: Some(config), why, lost });
                }
            }
        }
        (entries, damaged)
    }
}

/// What was found of one config.
#[derive(Default)]
struct Halves {
    document: Option<Vec<u8>>,
    meta: Option<Vec<u8>>,
}

impl Halves {
    /// The release; else which half is wrong, and why.
    fn join(self, config: &ConfigId) -> Result<Entry, (Half, &'static str)> {
        let document = self.document.ok_or((Half::Meta, "is metadata without a document"))?;
        let meta = self.meta.ok_or((Half::Document, "is a document without metadata"))?;
        let meta = Meta::read(&meta, now()).ok_or((Half::Meta, "is not metadata of a release"))?;
        if sha256(&document) != meta.sha256 {
            return Err((Half::Document, "does not match the SHA-256 of its release"));
        }
        let document = String::from_utf8(document).map_err(|_| (Half::Document, "is not UTF-8"))?;
        Ok(Entry { config: config.clone(), meta: meta.into(), document: document.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_back_to_their_config() {
        let keys = Keys::new("trimtab").unwrap();
        let config: ConfigId = "prod/shop/application".parse().unwrap();
        assert_eq!(keys.document(&config), "trimtab/config/prod/shop/application");
        assert_eq!(keys.meta(&config), "trimtab/meta/prod/shop/application");
        assert_eq!(keys.lock(&config.env), "trimtab/locks/prod");
        assert_eq!(keys.parse(keys.document(&config).as_bytes()), Some((config.clone(), Half::Document)));
        assert_eq!(keys.parse(keys.meta(&config).as_bytes()), Some((config, Half::Meta)));
        for other in ["trimtab/locks/prod/1", "trimtab/config/prod/shop", "trimtab/meta/a/b/c/d", "other/config/a/b/c"]
        {
            assert_eq!(keys.parse(other.as_bytes()), None, "{other}");
        }
        assert_eq!(keys.parse(b"trimtab/config/a/b/\xff"), None);
    }

    #[test]
    fn the_watched_range_holds_both_halves() {
        let keys = Keys::new("a/b").unwrap();
        let config = "prod/zz/zz".parse().unwrap();
        let (from, to) = keys.releases();
        for key in [keys.document(&config), keys.meta(&config)] {
            assert!(from < key && key < to && keys.is_release(key.as_bytes()), "{key}");
        }
        assert!(!keys.is_release(keys.lock(&"prod".parse().unwrap()).as_bytes()));
        let tokens = keys.tokens();
        assert!(tokens > to && !keys.is_release(tokens.as_bytes()), "whoever reads releases reads no tokens");
    }

    #[test]
    fn what_lies_on_the_board_is_known_by_its_key() {
        let (keys, id) = (Keys::new("trimtab").unwrap(), NodeId(0x7a3f));
        let scope: Pattern = "*/shop/*".parse().unwrap();
        let [name, ask, answer] =
            [Posted::Name(id), Posted::Ask(id, scope.clone()), Posted::Answer(id, scope)].map(|posted| {
                let key = keys.board(&posted);
                assert_eq!(keys.posted(key.as_bytes()), Some(posted));
                assert!(key > keys.releases().1 && key.starts_with(&keys.nodes()), "apart from what readers watch");
                key
            });
        assert_eq!(ask, "trimtab/nodes/asks/7a3f/*/shop/*");
        let (from, to) = keys.asks_and_names();
        assert!(answer < from && from < ask && ask < name && name < to);
        for other in
            ["names", "names/", "names/x", "names/-1", "asks/7a3f", "asks/7a3f/*/shop", "answers/0/*/*/*", "a/1"]
        {
            assert_eq!(keys.posted(format!("trimtab/nodes/{other}").as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_root_is_plain_and_short() {
        for bad in ["", "/", "a/", "/a", "a//b", "a b", "a\n", "é", &"a".repeat(33)] {
            assert!(Keys::new(bad).is_err(), "{bad:?}");
        }
    }
}
