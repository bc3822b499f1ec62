//! The tokens of reader nodes, in one key.

use std::sync::Arc;

use etcd_client::{Client, Compare, CompareOp, EventType, GetOptions, KeyValue, Txn, TxnOp, WatchOptions};

use super::{
    super::{Fault, TokenList, Tokens},
    Etcd, head,
    watch::Stream,
};

/// A watch of the tokens in etcd.
#[derive(Debug)]
pub struct EtcdTokenWatch {
    stream: Stream,
}

impl Etcd {
    pub(in super::super) async fn tokens(&self, since: i64) -> Result<Tokens, Fault> {
        let key = &self.keys.tokens();
        let get = move |mut etcd: Client| async move {
            // What is not newer is not sent.
            etcd.get(key.as_str(), Some(GetOptions::new().with_min_mod_revision(since + 1))).await
        };
        let answer = self.call(self.timing.page, get).await?;
        let revision = head(answer.header())?.revision;
        let Some(kv) = answer.kvs().first() else { return Ok(Tokens { revision, ..Tokens::default() }) };
        Ok(Tokens { revision, written: kv.mod_revision(), list: list(kv) })
    }

    pub(in super::super) async fn put_tokens(&self, list: &TokenList, written: i64) -> Result<bool, Fault> {
        let key = self.keys.tokens();
        let value = serde_json::to_string(list).expect("strings and numbers are JSON");
        let unmoved = Compare::mod_revision(key.as_str(), CompareOp::Equal, written);
        let txn = Txn::new().when([unmoved]).and_then([TxnOp::put(key, value, None)]);
        Ok(self.txn(&txn).await?.succeeded())
    }

    pub(in super::super) async fn watch_tokens(self: &Arc<Self>, after: i64) -> Result<EtcdTokenWatch, Fault> {
        let stream = Stream::open(self, &self.keys.tokens(), WatchOptions::new(), after).await?;
        Ok(EtcdTokenWatch { stream })
    }
}

impl EtcdTokenWatch {
    pub(in super::super) async fn next(&mut self) -> Result<TokenList, Fault> {
        loop {
            let response = self.stream.next().await?;
            let puts = response.events().iter().filter(|event| event.event_type() == EventType::Put);
            let news = puts.filter_map(|event| event.kv().filter(|kv| self.stream.is_news(kv)));
            // Whether the last one counts is for whoever knows what it has: etcd may send one twice.
            if let Some(list) = news.filter_map(list).next_back() {
                return Ok(list);
            }
        }
    }
}

/// The list that a key holds; none when it holds something else.
fn list(kv: &KeyValue) -> Option<TokenList> {
    let list = serde_json::from_slice(kv.value());
    if list.is_err() {
        // What it is instead is not repeated.
        tracing::warn!(key = %kv.key().escape_ascii(), "not a list of tokens; readers keep those they know");
    }
    list.ok()
}
