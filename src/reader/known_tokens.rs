//! The tokens of a reader node: copied from the channel, as consoles copy them from SQL. Like releases they never go
//! back, and a channel that lost them takes them from nobody.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::{
    auth::tokens::Table,
    channel::{Refusal, TokenList},
    domain::{numbers, time::Time, token::Token},
};

/// What a reader node knows of tokens.
#[derive(Debug)]
pub struct KnownTokens {
    pub(super) table: Arc<Table>,
    state: Mutex<State>,
    // Rung for whoever keeps them on disk.
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    list: Option<Arc<TokenList>>,
    /// The list is of a later version than the channel's.
    is_ahead: bool,
    /// Why what the channel holds was not taken.
    refused: Option<Refusal>,
    stale: Option<Time>,
}

impl KnownTokens {
    /// None yet; `table` answers for them.
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, state: Mutex::default(), news: Notify::new() }
    }

    /// Takes over a list, unless it is older than the one that is here. Whatever was opened with a token that is gone
    /// or revoked ends at once.
    pub fn take(&self, list: TokenList) {
        {
            let mut state = self.state();
            state.refused = None;
            let older = state.list.as_ref().map(|held| held.version).filter(|held| *held > list.version);
            let was_ahead = std::mem::replace(&mut state.is_ahead, older.is_some());
            if let Some(held) = older {
                if !was_ahead {
                    tracing::warn!(version = list.version, held, "the channel has older tokens than this reader");
                }
                return;
            }
            if state.list.as_ref().is_some_and(|held| **held == list) {
                return;
            }
            state.list = Some(Arc::new(list.clone()));
        }
        self.table.replace(list.tokens.into_iter().map(Token::from).collect());
        self.news.notify_one();
    }

    /// Takes over the list that was kept on disk. One whose version is a time that has not come at `now` lets in whom it
    /// names, but gives way to every list of the channel: a version that is made up must not keep those away.
    pub(super) fn take_kept(&self, list: TokenList, now: Time) {
        let version = if numbers::is_plausible(list.version, now) { list.version } else { 0 };
        self.take(TokenList { version, ..list });
    }

    /// Notes that what the channel holds was not taken, and why.
    pub(super) fn refuse(&self, why: Refusal) {
        if self.state().refused.replace(why) != Some(why) {
            tracing::error!(reason = %why, "the tokens in etcd are refused; this reader keeps those it has");
        }
    }

    /// Why the list in the channel was refused; `None` when it was taken.
    #[must_use]
    pub fn refused(&self) -> Option<Refusal> {
        self.state().refused
    }

    /// The version of the list that counts, when the channel's is older: the channel was set back, or somebody wrote a
    /// later list and took it away again.
    #[must_use]
    pub fn ahead(&self) -> Option<u64> {
        let state = self.state();
        state.list.as_ref().filter(|_| state.is_ahead).map(|list| list.version)
    }

    /// The list that counts; none before the first.
    #[must_use]
    pub fn list(&self) -> Option<Arc<TokenList>> {
        self.state().list.clone()
    }

    /// Since when the channel was not heard.
    #[must_use]
    pub fn stale_since(&self) -> Option<Time> {
        self.state().stale
    }

    /// Returns when there is another list to keep on disk. For one who waits.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Notes that the channel is not heard since `since` (the first such word counts), or is heard again.
    pub(super) fn set_stale(&self, since: Option<Time>) {
        let mut state = self.state();
        state.stale = since.map(|since| state.stale.unwrap_or(since));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        auth::tokens::{Fresh, generate},
        channel::{Channel, ListedToken, Tokens},
        clock::now,
        domain::token::{Denied, TokenKind},
    };
    use tokio_util::sync::CancellationToken;

    fn listed(fresh: &Fresh) -> ListedToken {
        ListedToken {
            id: fresh.id.clone(),
            kind: TokenKind::Read,
            patterns: vec!["prod/shop/*".parse().unwrap()],
            sha256: fresh.sha256.clone(),
            expires_at: None,
            revoked_at: None,
        }
    }

    fn followed(channel: &Channel) -> (Arc<Table>, Arc<KnownTokens>) {
        let table = Arc::new(Table::new());
        let known = Arc::new(KnownTokens::new(Arc::clone(&table)));
        let (following, channel) = (Arc::clone(&known), channel.clone());
        tokio::spawn(async move { following.follow(&channel, None, now, CancellationToken::new()).await });
        (table, known)
    }

    #[tokio::test]
    async fn a_token_that_was_just_made_is_found_and_one_that_ended_ends() {
        let (channel, fresh) = (Channel::local(), generate(TokenKind::Read));
        let (table, known) = followed(&channel);
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(Denied::NotLoaded));
        let tokens = vec![listed(&fresh)];
        assert!(channel.put_tokens(&TokenList { version: 1, tokens }, 0).await.unwrap());
        known.news().await;
        let grant = table.authenticate(&fresh.text, now()).unwrap();

        let later = generate(TokenKind::Read);
        let revoked = ListedToken { revoked_at: Some(now()), ..listed(&fresh) };
        let tokens = vec![revoked, listed(&later)];
        let written = channel.tokens(0).await.unwrap().written;
        assert!(channel.put_tokens(&TokenList { version: 2, tokens }, written).await.unwrap());
        table.renewed().await;
        assert!(table.authenticate(&later.text, now()).is_ok());
        grant.over().await;
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(Denied::Revoked));
    }

    #[test]
    fn tokens_never_go_back() {
        let fresh = generate(TokenKind::Read);
        let table = Arc::new(Table::new());
        let known = KnownTokens::new(Arc::clone(&table));
        known.take(TokenList { version: 2, tokens: vec![] });
        known.take(TokenList { version: 1, tokens: vec![listed(&fresh)] });
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(Denied::Unknown));
        known.take(TokenList { version: 3, tokens: vec![listed(&fresh)] });
        assert!(table.authenticate(&fresh.text, now()).is_ok());
    }

    #[test]
    fn a_reader_that_is_ahead_of_the_channel_knows_it_until_a_later_list_comes() {
        let known = KnownTokens::new(Arc::new(Table::new()));
        let take = |version| known.take(TokenList { version, tokens: vec![] });
        take(7);
        assert_eq!(known.ahead(), None);
        take(5);
        assert_eq!(known.ahead(), Some(7));
        take(6);
        assert_eq!(known.ahead(), Some(7));
        take(8);
        assert_eq!((known.ahead(), known.list().unwrap().version), (None, 8));
    }

    #[test]
    fn a_kept_list_of_a_time_that_has_not_come_gives_way_to_every_other() {
        let fresh = generate(TokenKind::Read);
        let table = Arc::new(Table::new());
        let known = KnownTokens::new(Arc::clone(&table));
        known.take_kept(TokenList { version: numbers::MOST, tokens: vec![listed(&fresh)] }, now());
        assert!(table.authenticate(&fresh.text, now()).is_ok(), "it is served without etcd");
        known.take(TokenList { version: 1, tokens: vec![] });
        assert_eq!(table.authenticate(&fresh.text, now()).map(drop), Err(Denied::Unknown));
        assert_eq!(known.ahead(), None);
    }

    #[tokio::test]
    async fn a_list_that_was_refused_is_named_until_a_good_one_comes() {
        let known = KnownTokens::new(Arc::new(Table::new()));
        let take = async |tokens| known.take_in(tokens, None).await.unwrap();
        take(Tokens { list: Some(TokenList { version: 1, tokens: vec![] }), ..Tokens::default() }).await;
        take(Tokens { refused: Some(Refusal::Future), ..Tokens::default() }).await;
        assert_eq!((known.refused(), known.list().unwrap().version), (Some(Refusal::Future), 1));
        take(Tokens::default()).await;
        assert_eq!(known.refused(), Some(Refusal::Future), "nothing newer is no good one");
        take(Tokens { list: Some(TokenList { version: 2, tokens: vec![] }), ..Tokens::default() }).await;
        assert_eq!(known.refused(), None);
    }
}
