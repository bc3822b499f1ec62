//! The tokens of a reader node, copied from the channel. Consoles copy them from SQL. Like releases they never go back,
//! and a channel that lost its list removes none.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    auth::tokens::TokenCache,
    channel::{TokenList, TokenListError},
    domain::{numbers, time::Time, token::Token},
};

/// The tokens of a reader node.
#[derive(Debug)]
pub struct KnownTokens {
    pub(super) table: Arc<TokenCache>,
    state: Mutex<State>,
    // Notifies the task that keeps them on disk.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    list: Option<Arc<TokenList>>,
    /// Whether the list has a later version than the channel's.
    is_ahead: bool,
    /// The reason why the channel's list was refused.
    refused: Option<TokenListError>,
    stale: Option<Time>,
}

impl KnownTokens {
    /// Returns an empty list. Accepted tokens are written to `table`.
    pub fn new(table: Arc<TokenCache>) -> Self {
        Self { table, state: Mutex::default(), changed: Notify::new() }
    }

    /// Accepts a list, unless it is older than the present one. Polls and streams of removed or revoked tokens end at
    /// once.
    pub fn accept(&self, list: TokenList) {
        {
            let mut state = self.state.lock();
            state.refused = None;
            let older = state.list.as_ref().map(|held| held.version).filter(|held| *held > list.version);
            let was_ahead = std::mem::replace(&mut state.is_ahead, older.is_some());
            if let Some(held) = older {
                if !was_ahead {
                    tracing::warn!(
                        version = list.version,
                        held,
                        "the channel has an older list of tokens than this node"
                    );
                }
                return;
            }
            if state.list.as_ref().is_some_and(|held| **held == list) {
                return;
            }
            state.list = Some(Arc::new(list.clone()));
        }
        self.table.replace(list.tokens.into_iter().map(Token::from).collect());
        self.changed.notify_one();
    }

    /// Accepts the list from disk. If its version is in the future at `now`, the list counts, but every list of the
    /// channel replaces it: an invented version must not block those.
    pub(super) fn accept_from_disk(&self, list: TokenList, now: Time) {
        let version = if numbers::is_plausible(list.version, now) { list.version } else { 0 };
        self.accept(TokenList { version, ..list });
    }

    /// Records that the channel's list was refused, and why.
    pub(super) fn refuse(&self, why: TokenListError) {
        if self.state.lock().refused.replace(why) != Some(why) {
            tracing::error!(reason = %why, "the list of tokens in etcd is refused, this node keeps its own");
        }
    }

    /// Returns the reason why the channel's list was refused. `None` if it was accepted.
    pub fn refused(&self) -> Option<TokenListError> {
        self.state.lock().refused
    }

    /// Returns the version of this node's list if the channel's is older: etcd was restored, or a later list was
    /// written there and removed again.
    pub fn ahead_version(&self) -> Option<u64> {
        let state = self.state.lock();
        state.list.as_ref().filter(|_| state.is_ahead).map(|list| list.version)
    }

    /// Returns the present list. `None` before the first.
    pub fn list(&self) -> Option<Arc<TokenList>> {
        self.state.lock().list.clone()
    }

    /// Returns the time since when the channel is disconnected.
    pub fn stale_since(&self) -> Option<Time> {
        self.state.lock().stale
    }

    /// Waits for a new list to keep on disk. Only one task may wait.
    pub async fn wait_for_change(&self) {
        self.changed.notified().await;
    }

    /// Marks the tokens as stale since `since` (the first such time counts), or as up to date.
    pub(super) fn set_stale(&self, since: Option<Time>) {
        let mut state = self.state.lock();
        state.stale = since.map(|since| state.stale.unwrap_or(since));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::tokens::{GeneratedToken, generate},
        channel::{Channel, ListedToken, TokenListing},
        clock::now,
        domain::token::{TokenKind, TokenRefusal},
        tasks::TaskHandle,
    };

    fn listed(fresh: &GeneratedToken) -> ListedToken {
        ListedToken {
            id: fresh.id.clone(),
            kind: TokenKind::Read,
            patterns: vec!["prod/shop/*".parse().unwrap()],
            sha256: fresh.sha256.clone(),
            expires_at: None,
            revoked_at: None,
        }
    }

    fn followed(channel: &Channel) -> (Arc<TokenCache>, Arc<KnownTokens>) {
        let table = Arc::new(TokenCache::new());
        let known = Arc::new(KnownTokens::new(Arc::clone(&table)));
        let (following, channel) = (Arc::clone(&known), channel.clone());
        tokio::spawn(async move { following.follow(&channel, None, now, &TaskHandle::unwatched()).await });
        (table, known)
    }

    #[tokio::test]
    async fn a_new_token_is_accepted_and_a_revoked_one_ends() {
        let (channel, fresh) = (Channel::local(), generate(TokenKind::Read));
        let (table, known) = followed(&channel);
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(TokenRefusal::NotLoaded));
        let tokens = vec![listed(&fresh)];
        assert!(channel.put_tokens(&TokenList { version: 1, tokens }, 0).await.unwrap());
        known.wait_for_change().await;
        let grant = table.authenticate(&fresh.text, now()).unwrap();

        let later = generate(TokenKind::Read);
        let revoked = ListedToken { revoked_at: Some(now()), ..listed(&fresh) };
        let tokens = vec![revoked, listed(&later)];
        let written = channel.tokens(0).await.unwrap().list_revision;
        assert!(channel.put_tokens(&TokenList { version: 2, tokens }, written).await.unwrap());
        table.request_refresh().await;
        assert!(table.authenticate(&later.text, now()).is_ok());
        grant.ended().await;
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(TokenRefusal::Revoked));
    }

    #[test]
    fn an_older_list_of_tokens_is_not_accepted() {
        let fresh = generate(TokenKind::Read);
        let table = Arc::new(TokenCache::new());
        let known = KnownTokens::new(Arc::clone(&table));
        known.accept(TokenList { version: 2, tokens: vec![] });
        known.accept(TokenList { version: 1, tokens: vec![listed(&fresh)] });
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(TokenRefusal::Unknown));
        known.accept(TokenList { version: 3, tokens: vec![listed(&fresh)] });
        assert!(table.authenticate(&fresh.text, now()).is_ok());
    }

    #[test]
    fn a_reader_is_ahead_of_the_channel_until_a_later_list_comes() {
        let known = KnownTokens::new(Arc::new(TokenCache::new()));
        let take = |version| known.accept(TokenList { version, tokens: vec![] });
        take(7);
        assert_eq!(known.ahead_version(), None);
        take(5);
        assert_eq!(known.ahead_version(), Some(7));
        take(6);
        assert_eq!(known.ahead_version(), Some(7));
        take(8);
        assert_eq!((known.ahead_version(), known.list().unwrap().version), (None, 8));
    }

    #[test]
    fn a_stored_list_with_a_future_version_is_replaced_by_any_other() {
        let fresh = generate(TokenKind::Read);
        let table = Arc::new(TokenCache::new());
        let known = KnownTokens::new(Arc::clone(&table));
        known.accept_from_disk(TokenList { version: numbers::MAX_NUMBER, tokens: vec![listed(&fresh)] }, now());
        assert!(table.authenticate(&fresh.text, now()).is_ok(), "it counts without etcd");
        known.accept(TokenList { version: 1, tokens: vec![] });
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(TokenRefusal::Unknown));
        assert_eq!(known.ahead_version(), None);
    }

    #[tokio::test]
    async fn a_refused_list_is_reported_until_a_valid_one_comes() {
        let known = KnownTokens::new(Arc::new(TokenCache::new()));
        let take = async |tokens| known.handle_listing(tokens, None).await.unwrap();
        take(TokenListing { list: Some(TokenList { version: 1, tokens: vec![] }), ..TokenListing::default() }).await;
        take(TokenListing { refused: Some(TokenListError::FutureVersion), ..TokenListing::default() }).await;
        assert_eq!((known.refused(), known.list().unwrap().version), (Some(TokenListError::FutureVersion), 1));
        take(TokenListing::default()).await;
        assert_eq!(known.refused(), Some(TokenListError::FutureVersion), "no newer list is not a valid list");
        take(TokenListing { list: Some(TokenList { version: 2, tokens: vec![] }), ..TokenListing::default() }).await;
        assert_eq!(known.refused(), None);
    }
}
