//! Sizes beyond which input is refused.

/// Longest key of an item, in bytes.
pub const KEY_BYTES: usize = 256;
/// Longest value of an item, in bytes.
pub const VALUE_BYTES: usize = 1024 * 1024;
/// Longest document, in bytes. etcd takes 1.5 MiB a request; the rest is for metadata and the compares.
pub const DOCUMENT_BYTES: usize = 1024 * 1024 * 14 / 10;
/// Documents of one change that goes out in one etcd transaction, in bytes together.
pub const CHANGE_BYTES: usize = DOCUMENT_BYTES;
/// Configs of one change. etcd takes 128 operations a transaction: two puts a config.
pub const CHANGE_CONFIGS: usize = 60;
/// Levels of nesting in a document: the limit of `serde_json`, and more than any configuration has.
pub const NESTING: usize = 128;
/// Items of one config.
pub const ITEMS: usize = 20_000;
/// Longest message, title, comment or description, in bytes.
pub const TEXT_BYTES: usize = 2000;
/// Longest name of a token, in bytes.
pub const TOKEN_NAME_BYTES: usize = 200;
/// Rows of a page of any list, unless asked otherwise, and at the most.
pub const PAGE: u32 = 50;
/// The most rows that a page of any list may have.
pub const PAGE_MAX: u32 = 200;
