//! The list of tokens in etcd, under one key.

use std::sync::Arc;

use etcd_client::{Compare, CompareOp, EventType, GetOptions, KeyValue, Txn, TxnOp, WatchOptions};

use super::{
    super::{ChannelError, TokenList, TokenListing},
    Etcd, head,
    watch::ResponseStream,
};
use crate::clock::now;

/// A watch of the tokens in etcd.
#[derive(Debug)]
pub struct EtcdTokenWatch {
    stream: ResponseStream,
}

impl Etcd {
    pub(in super::super) async fn tokens(&self, since: i64) -> Result<TokenListing, ChannelError> {
        // etcd then sends nothing unless it is newer.
        let options = GetOptions::new().with_min_mod_revision(since + 1);
        let answer = self.get(self.timing.page, &self.keys.tokens(), options).await?;
        let revision = head(answer.header())?.revision;
        let there = answer.kvs().first().map(parse).unwrap_or_default();
        Ok(TokenListing { revision, ..there })
    }

    pub(in super::super) async fn put_tokens(&self, list: &TokenList, written: i64) -> Result<bool, ChannelError> {
        let key = self.keys.tokens();
        let value = serde_json::to_string(list).expect("strings and numbers are JSON");
        let unmoved = Compare::mod_revision(key.as_str(), CompareOp::Equal, written);
        let txn = Txn::new().when([unmoved]).and_then([TxnOp::put(key, value, None)]);
        Ok(self.txn(&txn).await?.succeeded())
    }

    pub(in super::super) async fn watch_tokens(self: &Arc<Self>, after: i64) -> Result<EtcdTokenWatch, ChannelError> {
        let stream = ResponseStream::open(self, &self.keys.tokens(), WatchOptions::new(), after).await?;
        Ok(EtcdTokenWatch { stream })
    }
}

impl EtcdTokenWatch {
    pub(in super::super) async fn next(&mut self) -> Result<TokenListing, ChannelError> {
        loop {
            let response = self.stream.next().await?;
            let news = response.events().iter().filter(|event| event.kv().is_some_and(|kv| self.stream.is_new(kv)));
            let news = news.map(|event| match event.event_type() {
                EventType::Put => event.kv().map(parse).unwrap_or_default(),
                EventType::Delete => TokenListing::default(),
            });
            // The caller decides whether the list is newer, because etcd may send one twice.
            let better = |held: TokenListing, new: TokenListing| {
                if new.list.is_none() && held.list.is_some() { held } else { new }
            };
            if let Some(there) = news.reduce(better) {
                return Ok(there);
            }
        }
    }
}

/// Parses the key's value.
fn parse(kv: &KeyValue) -> TokenListing {
    let (written, read) = (kv.mod_revision(), TokenList::read(kv.value(), now()));
    TokenListing { revision: written, list_revision: written, refused: read.as_ref().err().copied(), list: read.ok() }
}
