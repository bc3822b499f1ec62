//! State shared by the page handlers.

use std::sync::Arc;

use crate::{
    reader::{Reader, nodes::Nodes},
    service::Service,
    session::streams::SessionStreams,
    tasks::TaskDriver,
};

/// State shared by the page handlers.
#[derive(Clone)]
pub struct Console {
    /// The use cases.
    pub service: Service,
    /// The releases and tokens in this node's memory, for its readers.
    pub reader: Arc<Reader>,
    /// Readers of each config, on all nodes.
    pub nodes: Arc<Nodes>,
    /// Sessions with open streams.
    pub streams: SessionStreams,
    /// The background tasks of this node.
    pub tasks: TaskDriver,
    /// Base URL of this server for people and programs.
    pub public_url: Arc<str>,
    /// Prefix of all keys in etcd; `None` without etcd.
    pub etcd_root: Option<Arc<str>>,
}
