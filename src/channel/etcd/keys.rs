//! Names of the keys in etcd, and their parsing.

use std::collections::BTreeMap;

use etcd_client::KeyValue;

use super::super::{ChannelError, DamagedKey, registry::NodeId};
use crate::{
    clock::now,
    domain::{
        access::Pattern,
        content::sha256,
        entry::{Entry, Meta},
        names::{ConfigId, EnvName},
    },
};

/// Maximum length of a root, in bytes. With the longest names a key then has 234 bytes.
const MAX_ROOT_BYTES: usize = 32;

/// The keys under one root.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    root: String,
}

/// The half of a release that a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Document,
    Meta,
}

/// A key of the node registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RegistryKey {
    /// The name of a node.
    Name(NodeId),
    /// A query of a node.
    Query(NodeId, Pattern),
    /// A reply of a node.
    Reply(NodeId, Pattern),
}

impl Keys {
    pub fn new(root: &str) -> Result<Self, ChannelError> {
        let plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if root.len() > MAX_ROOT_BYTES || !root.split('/').all(plain) {
            let why = format!("etcd.root is at most {MAX_ROOT_BYTES} letters, digits and . _ - with single / between");
            return Err(ChannelError::Refused(why));
        }
        Ok(Self { root: root.to_owned() })
    }

    pub fn document(&self, config: &ConfigId) -> String {
        format!("{}/config/{config}", self.root)
    }

    pub fn meta(&self, config: &ConfigId) -> String {
        format!("{}/meta/{config}", self.root)
    }

    /// Returns the name of a lock. Environments have no slash, so no name is the prefix of another.
    pub fn lock(&self, env: &EnvName) -> String {
        format!("{}/locks/{env}", self.root)
    }

    /// Returns the prefix of all documents.
    pub fn documents(&self) -> String {
        format!("{}/config/", self.root)
    }

    /// Returns the prefix of all metadata.
    pub fn metas(&self) -> String {
        format!("{}/meta/", self.root)
    }

    /// Returns the key of the list of tokens. No application reads or watches a prefix of it.
    pub fn tokens(&self) -> String {
        format!("{}/readers/tokens", self.root)
    }

    /// Returns the prefix of the node registry.
    pub fn registry(&self) -> String {
        format!("{}/nodes/", self.root)
    }

    /// Returns the prefix of all names.
    pub fn names(&self) -> String {
        format!("{}/nodes/names/", self.root)
    }

    /// Returns the prefix of all queries.
    pub fn queries(&self) -> String {
        format!("{}/nodes/asks/", self.root)
    }

    /// Returns one range with the queries and names of all nodes, but no replies.
    pub fn queries_and_names(&self) -> (String, String) {
        (self.queries(), format!("{}/nodes/names0", self.root))
    }

    pub fn registry_key(&self, what: &RegistryKey) -> String {
        match what {
            RegistryKey::Name(id) => format!("{}names/{id}", self.registry()),
            RegistryKey::Query(id, scope) => format!("{}{id}/{scope}", self.queries()),
            RegistryKey::Reply(id, scope) => format!("{}answers/{id}/{scope}", self.registry()),
        }
    }

    /// Parses a key of the node registry. Returns `None` when no node writes such a key.
    pub fn parse_registry_key(&self, key: &[u8]) -> Option<RegistryKey> {
        let (kind, rest) = str::from_utf8(key).ok()?.strip_prefix(&self.registry())?.split_once('/')?;
        let (id, scope) = rest.split_once('/').map_or((rest, None), |(id, scope)| (id, Some(scope)));
        let id = NodeId(i64::from_str_radix(id, 16).ok().filter(|id| *id > 0)?);
        match (kind, scope) {
            ("names", None) => Some(RegistryKey::Name(id)),
            ("asks", Some(scope)) => Some(RegistryKey::Query(id, scope.parse().ok()?)),
            ("answers", Some(scope)) => Some(RegistryKey::Reply(id, scope.parse().ok()?)),
            _ => None,
        }
    }

    /// Returns one range with all documents and metadata, so that one watch returns both halves of a revision in one
    /// response. The range includes the locks.
    pub fn releases(&self) -> (String, String) {
        (self.documents(), format!("{}/meta0", self.root))
    }

    /// Returns whether a key holds a document or metadata.
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

    /// Returns the config of a key of a release.
    pub fn config(&self, key: &[u8]) -> Option<ConfigId> {
        self.parse(key).map(|(config, _)| config)
    }

    /// Joins documents and metadata to releases, and takes metadata of removals alone, ordered by name. Also returns the
    /// keys that are no valid release.
    pub fn join(&self, found: impl IntoIterator<Item = KeyValue>) -> (Vec<Entry>, Vec<DamagedKey>) {
        let mut halves: BTreeMap<ConfigId, Halves> = BTreeMap::new();
        let mut damaged = Vec::new();
        for found in found {
            let (key, value) = found.into_key_value();
            match self.parse(&key) {
                Some((config, Half::Document)) => halves.entry(config).or_default().document = Some(value),
                Some((config, Half::Meta)) => halves.entry(config).or_default().meta = Some(value),
                None => {
                    let key = key.escape_ascii().to_string();
                    damaged.push(DamagedKey {
                        key,
                        config: None,
                        damage: "is not the name of a config",
                        is_incomplete: false,
                    });
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
                    damaged.push(DamagedKey { key, config: Some(config), damage: why, is_incomplete: lost });
                }
            }
        }
        (entries, damaged)
    }
}

/// The keys of one config.
#[derive(Default)]
struct Halves {
    document: Option<Vec<u8>>,
    meta: Option<Vec<u8>>,
}

impl Halves {
    /// Returns the release, or the invalid half and the reason.
    fn join(self, config: &ConfigId) -> Result<Entry, (Half, &'static str)> {
        let meta = self.meta.as_ref().map(|meta| Meta::read(meta, now()));
        let document = match (self.document, &meta) {
            (None, Some(Some(meta))) if meta.is_removal() => Vec::new(),
            (document, _) => document.ok_or((Half::Meta, "is metadata without a document"))?,
        };
        let meta = meta.ok_or((Half::Document, "is a document without metadata"))?;
        let meta = meta.ok_or((Half::Meta, "is not metadata of a release"))?;
        if meta.is_removal() {
            return match document.is_empty() {
                true => Ok(Entry { config: config.clone(), meta: meta.into(), document: String::new().into() }),
                false => Err((Half::Document, "is a document of a removed config")),
            };
        }
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
    fn keys_are_parsed_back_to_their_config() {
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
        assert!(tokens > to && !keys.is_release(tokens.as_bytes()), "a range over releases has no tokens");
    }

    #[test]
    fn registry_keys_are_parsed_back() {
        let (keys, id) = (Keys::new("trimtab").unwrap(), NodeId(0x7a3f));
        let scope: Pattern = "*/shop/*".parse().unwrap();
        let [name, ask, answer] =
            [RegistryKey::Name(id), RegistryKey::Query(id, scope.clone()), RegistryKey::Reply(id, scope)].map(
                |posted| {
                    let key = keys.registry_key(&posted);
                    assert_eq!(keys.parse_registry_key(key.as_bytes()), Some(posted));
                    assert!(
                        key > keys.releases().1 && key.starts_with(&keys.registry()),
                        "apart from what readers watch"
                    );
                    key
                },
            );
        assert_eq!(ask, "trimtab/nodes/asks/7a3f/*/shop/*");
        let (from, to) = keys.queries_and_names();
        assert!(answer < from && from < ask && ask < name && name < to);
        for other in
            ["names", "names/", "names/x", "names/-1", "asks/7a3f", "asks/7a3f/*/shop", "answers/0/*/*/*", "a/1"]
        {
            assert_eq!(keys.parse_registry_key(format!("trimtab/nodes/{other}").as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_root_is_plain_and_short() {
        for bad in ["", "/", "a/", "/a", "a//b", "a b", "a\n", "é", &"a".repeat(33)] {
            assert!(Keys::new(bad).is_err(), "{bad:?}");
        }
    }
}
