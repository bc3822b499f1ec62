//! Lists the background tasks of consoles and of reader nodes. A new task is one line in one of the lists, or in both.

use std::sync::Arc;

use super::{bin, confirmed::ConfirmedChannel, refresh, sweep};
use crate::{
    auth::tokens::TokenCache,
    channel::{Channel, RegistryFilter},
    delivery::{self, Publisher},
    reader::{
        Reader, feed,
        known_tokens::KnownTokens,
        last_good::LastGood,
        nodes::{self, Nodes},
        sampler,
    },
    service::{Service, now},
    session::streams::SessionStreams,
    tasks::Task,
};

/// The parts of a console that its tasks need.
pub(super) struct ConsoleTasks {
    pub service: Service,
    pub channel: Channel,
    pub publisher: Publisher,
    pub tokens: Arc<TokenCache>,
    pub streams: SessionStreams,
    pub reader: Arc<Reader>,
    pub nodes: Arc<Nodes>,
    /// The channel, without releases that the database does not confirm.
    pub confirmed: ConfirmedChannel,
    /// `None` without etcd.
    pub last_good: Option<Arc<LastGood>>,
}

impl ConsoleTasks {
    /// Returns all tasks of a console.
    pub fn list(self) -> Vec<Task> {
        let Self { service, channel, publisher, tokens, streams, reader, nodes, confirmed, last_good } = self;
        let (store, file) = (reader.store.clone(), last_good.clone());
        let pictures = sampler::task(reader);
        let feed = match &channel {
            Channel::Etcd(_) => feed::task(confirmed, store, file, now),
            // Its releases come from this database.
            Channel::Local(_) => feed::task(channel.clone(), store, file, now),
        };
        let list = [
            Some(publisher.delivery_task()),
            Some(publisher.repairs_task()),
            Some(publisher.acks_task()),
            Some(publisher.reconciler_task()),
            Some(delivery::tokens_task(service.clone(), channel.clone(), tokens.clone())),
            Some(refresh::task(service.clone(), tokens.clone())),
            Some(sweep::task(service.clone(), tokens)),
            Some(bin::task(service.clone())),
            Some(streams.task(service)),
            Some(feed),
            Some(pictures),
            last_good.map(|file| file.task()),
            channel.node_registry().map(|board| nodes::link::task(nodes, board, RegistryFilter::All, None)),
        ];
        list.into_iter().flatten().collect()
    }
}

/// The parts of a reader node that its tasks need.
pub(super) struct ReaderNodeTasks {
    pub channel: Channel,
    pub reader: Arc<Reader>,
    pub nodes: Arc<Nodes>,
    pub tokens: Arc<KnownTokens>,
    pub last_good: Arc<LastGood>,
}

impl ReaderNodeTasks {
    /// Returns all tasks of a reader node.
    pub fn list(self) -> Vec<Task> {
        let Self { channel, reader, nodes, tokens, last_good } = self;
        let file = Some(last_good.clone());
        let list = [
            Some(feed::task(channel.clone(), reader.store.clone(), file.clone(), now)),
            Some(tokens.task(channel.clone(), file, now)),
            Some(last_good.task()),
            channel.node_registry().map(|board| nodes::link::task(nodes, board, RegistryFilter::Queries, Some(tokens))),
        ];
        list.into_iter().flatten().collect()
    }
}
