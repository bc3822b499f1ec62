//! Tests of tokens: scope, expiry, revocation and storage as hashes.

use trimtab::{
    channel::ListedToken,
    delivery::write_tokens,
    domain::{
        access::{Actor, Pattern, Role},
        error::{Error, Invalid, Problem},
        token::TokenKind,
    },
    service::{NewToken, now},
};

use crate::{on_both_set_ups, support::*};

fn read(patterns: &[&str]) -> NewToken {
    NewToken {
        name: "reader".into(),
        kind: TokenKind::Read,
        patterns: patterns.iter().map(|p| p.parse::<Pattern>().unwrap()).collect(),
        creator: false,
        expires_at: None,
    }
}

on_both_set_ups! {
    async fn token_is_stored_only_as_a_hash(site: Site) {
        let shown = site.service.create_token(&Actor::shell(), read(&["prod/shop/*"])).await.unwrap();
        let kept = site.service.known_tokens().await.unwrap();
        assert_eq!(kept, std::slice::from_ref(&shown.token));
        assert!(!format!("{kept:?}").contains(&shown.text));
        assert_eq!(kept[0].sha256, trimtab::domain::content::sha256(shown.text.as_bytes()));
    }

    async fn token_list_for_reader_nodes_has_only_hashes_and_never_goes_back(site: Site) {
        let shell = Actor::shell();
        let tell = async |node: &Site| write_tokens(&node.service, &node.channel).await.unwrap();
        let heard = async || site.channel.tokens(0).await.unwrap().list.unwrap();
        tell(&site).await;
        assert_eq!(heard().await.tokens, [], "an empty list is written, too");

        let shown = site.service.create_token(&shell, read(&["prod/shop/*"])).await.unwrap();
        tell(&site).await;
        let first = heard().await;
        assert_eq!(first.tokens, [ListedToken::from(shown.token.clone())]);
        assert!(!serde_json::to_string(&first).unwrap().contains(&shown.text));
        tell(&site).await;
        assert_eq!(heard().await, first, "an unchanged list is not written again");

        // Two nodes write at once: the last list is that of the database.
        let other = site.another_node().await;
        for n in 0..20 {
            let name = format!("t{n}");
            let made = site.service.create_token(&shell, NewToken { name, ..read(&["dev/*/*"]) }).await.unwrap().token;
            let revoke = async {
                site.service.revoke_token(&shell, &made.id).await.unwrap();
                tell(&site).await;
            };
            tokio::join!(revoke, tell(&other), tell(&other));
            let list = heard().await;
            let there = list.tokens.iter().find(|token| token.id == made.id).unwrap();
            assert!(there.revoked_at.is_some() && list.version > first.version);
        }

        // A new database beside an old channel deletes nothing.
        let before = heard().await;
        let new = Site::embedded().await;
        write_tokens(&new.service, &site.channel).await.unwrap();
        assert_eq!(heard().await, before);
    }

    async fn revoked_or_expired_token_is_invalid(site: Site) {
        let shell = Actor::shell();
        let revoked = site.service.create_token(&shell, read(&["prod/shop/*"])).await.unwrap().token;
        site.service.revoke_token(&shell, &revoked.id).await.unwrap();
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        for ended in [-1, -DAY_MS - 1] {
            let expired = NewToken { expires_at: Some(now().plus_ms(ended)), ..read(&["prod/shop/*"]) };
            site.service.create_token(&shell, expired).await.unwrap();
        }
        // Recently ended tokens stay known, so that their holders get the reason of the refusal.
        let known = site.service.known_tokens().await.unwrap();
        assert!(known.len() == 2 && known.iter().all(|token| !token.is_valid_at(now())), "{known:?}");
        assert_eq!(site.service.tokens(&shell, None, None).await.unwrap().len(), 3);
    }

    async fn token_name_is_short_and_visible(site: Site) {
        let named = |name: &str| NewToken { name: name.into(), ..read(&["prod/shop/*"]) };
        let shell = Actor::shell();
        for (name, problem) in [
            (" ".to_owned(), Problem::Required),
            ("n".repeat(201), Problem::TooLong { max: 200 }),
            ("deploy\nroot".to_owned(), Problem::Unseen { character: '\n', position: 7 }),
            ("deploy\u{202e}".to_owned(), Problem::Unseen { character: '\u{202e}', position: 7 }),
        ] {
            let refused = site.service.create_token(&shell, named(&name)).await.err();
            assert_eq!(refused, Some(Invalid::new("/name", problem).into()), "{name:?}");
        }
        let made = site.service.create_token(&shell, named(&format!(" {} ", "n".repeat(200)))).await.unwrap();
        assert_eq!(made.token.name.len(), 200);
    }

    async fn owner_manages_only_tokens_of_own_scope(site: Site) {
        let owner = user_with_roles("olga", &[("*/shop/*", Role::OWNER)]);
        let theirs = site.service.create_token(&owner, read(&["prod/shop/*"])).await.unwrap().token;
        assert!(matches!(site.service.create_token(&owner, read(&["prod/mail/*"])).await, Err(Error::Forbidden(_))));
        let other = site.service.create_token(&Actor::shell(), read(&["prod/mail/*"])).await.unwrap().token;
        let seen = site.service.tokens(&owner, None, None).await.unwrap();
        assert_eq!(seen.iter().map(|t| &t.id).collect::<Vec<_>>(), [&theirs.id]);
        assert!(matches!(site.service.revoke_token(&owner, &other.id).await, Err(Error::NotFound(_))));
        let creator = NewToken { creator: true, kind: TokenKind::Automation, ..read(&["*/shop/*"]) };
        assert!(matches!(site.service.create_token(&owner, creator).await, Err(Error::Forbidden(_))));
    }
}
