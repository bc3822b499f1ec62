//! Limits of the input.

/// Maximum size of a key, in bytes.
pub const KEY_BYTES: usize = 256;
/// Maximum size of an item's value, in bytes.
pub const VALUE_BYTES: usize = 1024 * 1024;
/// Maximum size of a document, in bytes. An etcd request has at most 1.5 MiB, which includes metadata and compares.
pub const DOCUMENT_BYTES: usize = 1024 * 1024 * 14 / 10;
/// Maximum total size of a change's documents, in bytes, because a change is one etcd transaction.
pub const CHANGE_BYTES: usize = DOCUMENT_BYTES;
/// Maximum number of configs in a change. An etcd transaction has at most 128 operations, and each config needs two.
pub const CHANGE_CONFIGS: usize = 60;
/// Maximum nesting of a document: the limit of `serde_json`, which no real configuration reaches.
pub const NESTING: usize = 128;
/// Maximum number of items in a config.
pub const ITEMS: usize = 20_000;
/// Maximum size of a message, title, comment or description, in bytes.
pub const TEXT_BYTES: usize = 2000;
/// Maximum size of a token's name, in bytes.
pub const TOKEN_NAME_BYTES: usize = 200;
/// Default number of rows on a page of a list.
pub const PAGE_ROWS: u32 = 50;
/// Maximum number of rows on a page of a list.
pub const MAX_PAGE_ROWS: u32 = 200;
