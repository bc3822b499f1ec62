//! The state that the handlers of pages share.

use std::sync::Arc;

use crate::{
    reader::{Reader, nodes::Nodes},
    service::Service,
    session::streams::Streams,
};

/// The state that the handlers of pages share.
#[derive(Clone)]
pub struct Console {
    /// The use cases.
    pub service: Service,
    /// What readers of this node are given.
    pub reader: Arc<Reader>,
    /// Who reads what, on all nodes.
    pub nodes: Arc<Nodes>,
    /// Sessions with open streams.
    pub streams: Streams,
    /// How people and programs reach this server.
    pub public_url: Arc<str>,
    /// What all keys in etcd begin with; none without etcd.
    pub etcd_root: Option<Arc<str>>,
}
