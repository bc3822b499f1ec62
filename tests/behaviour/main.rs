//! Tests of Trimtab's behaviour, on SQLite with the in-process channel and on MariaDB or MySQL with etcd.
//! `tools/with-servers.sh cargo test --features ssr` starts the servers.

mod accounts;
mod bin;
mod changes;
mod comparisons;
mod delivery;
mod exchange;
mod forged;
mod home;
mod many_keys;
mod nodes;
mod processes;
mod publishing;
mod roles;
mod rollback;
mod search;
mod support;
mod timeline;
mod together;
mod tokens;
mod undo;
