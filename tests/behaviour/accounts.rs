//! Tests of log-in, passwords and users.

use trimtab::{
    domain::{
        access::{Actor, Role},
        error::{Error, Invalid, Need, Problem, StateConflict},
    },
    service::{KnownBrowser, LoginAttempt, NewUser, now},
};

use crate::{on_both_set_ups, support::*};

const PASSWORD: &str = "correct horse battery";

fn attempt(name: &str, password: &str) -> LoginAttempt {
    LoginAttempt {
        name: name.into(),
        password: password.into(),
        address: "192.0.2.1".into(),
        known_browsers: Vec::new(),
    }
}

fn from(address: &str, name: &str, password: &str) -> LoginAttempt {
    LoginAttempt { address: address.into(), ..attempt(name, password) }
}

fn is_credentials(error: &Error) -> bool {
    matches!(error, Error::Invalid(w) if w[0].problem == Problem::Credentials)
}

fn new(name: &str, administrator: bool) -> NewUser {
    NewUser {
        name: name.into(),
        password: PASSWORD.into(),
        administrator,
        roles: vec![("dev/shop/*".parse().unwrap(), Role::EDITOR)],
    }
}

on_both_set_ups! {
    async fn set_up_link_works_once(site: Site) {
        let s = &site.service;
        assert!(s.needs_setup().await.unwrap());
        let code = s.setup_code().await.unwrap();
        s.check_setup(&code).await.unwrap();
        assert!(matches!(s.check_setup("0000").await, Err(Error::Invalid(_))));
        let root = s.set_up(&code, "Root", PASSWORD).await.unwrap();
        assert!(root.administrator && root.name == "root");
        assert_eq!(s.set_up(&code, "eve", PASSWORD).await.unwrap_err(), Error::State(StateConflict::SetUp));
        assert_eq!(s.setup_code().await.unwrap_err(), Error::State(StateConflict::SetUp));
        s.log_in(attempt("ROOT ", PASSWORD)).await.unwrap();
    }

    async fn one_link_used_twice_at_once_creates_one_administrator(site: Site) {
        let code = site.service.setup_code().await.unwrap();
        let (a, b) = tokio::join!(site.service.set_up(&code, "a", PASSWORD), site.service.set_up(&code, "b", PASSWORD));
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "{a:?} {b:?}");
    }

    async fn two_links_used_at_once_create_one_administrator(site: Site) {
        let s = &site.service;
        let (one, two) = (s.setup_code().await.unwrap(), s.setup_code().await.unwrap());
        let (a, b) = tokio::join!(s.set_up(&one, "a", PASSWORD), s.set_up(&two, "b", PASSWORD));
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "{a:?} {b:?}");
        assert_eq!(a.and(b).unwrap_err(), Error::State(StateConflict::SetUp), "the slower request waits and is refused");
    }

    async fn user_name_is_equal_in_every_spelling(site: Site) {
        let (s, root) = (&site.service, Actor::shell());
        s.create_user(&root, new("Zoe\u{308}", false)).await.unwrap();
        for typed in ["zoë", " ZOË ", "ｚｏë", "Zoe\u{308}"] {
            assert_eq!(s.log_in(attempt(typed, PASSWORD)).await.unwrap().name, "zoë", "{typed}");
        }
        for taken in ["ZOË", "ｚｏe\u{308}"] {
            let refused = s.create_user(&root, new(taken, false)).await.unwrap_err();
            assert!(matches!(&refused, Error::Invalid(w) if w[0].problem == Problem::Taken), "{refused:?}");
        }
        // The first letter is Cyrillic.
        let refused = s.create_user(&root, new("аna", false)).await.unwrap_err();
        let mixed = Problem::Scripts { word: "аna".into(), scripts: vec!["Cyrillic".into(), "Latin".into()] };
        assert_eq!(refused, Invalid::new("/name", mixed).into());
    }

    async fn user_name_in_old_non_canonical_form_still_logs_in(site: Site) {
        let (s, root) = (&site.service, Actor::shell());
        for (now, before) in [("one", "ｏｎｅ"), ("two", "t\u{443}wo"), ("three four", "three  four")] {
            s.create_user(&root, new(now, false)).await.unwrap();
            execute(&site.database, &format!("update users set name = '{before}' where name = '{now}'")).await;
            assert_eq!(s.log_in(attempt(before, PASSWORD)).await.unwrap().name, before);
            assert_eq!(s.log_in(attempt(&before.to_uppercase(), PASSWORD)).await.unwrap().name, before);
            assert!(is_credentials(&s.log_in(attempt(now, PASSWORD)).await.unwrap_err()));
        }
    }

    async fn wrong_name_and_wrong_password_get_the_same_error(site: Site) {
        site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        let wrong_password = site.service.log_in(attempt("ana", "wrong password here")).await.unwrap_err();
        let wrong_name = site.service.log_in(attempt("nobody", PASSWORD)).await.unwrap_err();
        assert_eq!(wrong_name, wrong_password);
        assert!(matches!(&wrong_name, Error::Invalid(w) if w[0].problem == Problem::Credentials));
    }

    async fn log_in_is_throttled_after_five_failures(site: Site) {
        site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        for _ in 0..5 {
            let _ = site.service.log_in(attempt("ana", "wrong password here")).await;
        }
        let paused = site.service.log_in(attempt("ana", PASSWORD)).await.unwrap_err();
        let Error::Throttled(seconds) = paused else { panic!("{paused:?}") };
        assert!((1..=60).contains(&seconds));
    }

    async fn concurrent_guesses_are_counted_one_by_one(site: Site) {
        site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        let mut guesses = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let service = site.service.clone();
            guesses.spawn(async move { service.log_in(attempt("ana", "wrong password here")).await });
        }
        let answers: Vec<Error> = guesses.join_all().await.into_iter().map(|answer| answer.unwrap_err()).collect();
        let checked = answers.iter().filter(|error| is_credentials(error)).count();
        let paused = answers.iter().filter(|error| matches!(error, Error::Throttled(_))).count();
        // On a slow machine the first pause, of one second, ends before the last guess is counted.
        assert!((5..=7).contains(&checked) && checked + paused == 16, "{answers:?}");
    }

    async fn successful_log_ins_do_not_reset_guesses_at_other_names(site: Site) {
        site.service.create_user(&Actor::shell(), new("eve", false)).await.unwrap();
        for n in 0..20 {
            let guess = site.service.log_in(attempt(&format!("user{n}"), "wrong password here")).await.unwrap_err();
            assert!(is_credentials(&guess), "{n}: {guess:?}");
            if n % 5 == 4 && n < 19 {
                site.service.log_in(attempt("eve", PASSWORD)).await.unwrap();
            }
        }
        let paused = site.service.log_in(attempt("eve", PASSWORD)).await.unwrap_err();
        assert!(matches!(paused, Error::Throttled(_)), "{paused:?}");
    }

    async fn successful_log_ins_are_not_throttled(site: Site) {
        site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        for _ in 0..25 {
            site.service.log_in(attempt("ana", PASSWORD)).await.unwrap();
        }
    }

    async fn guesses_from_another_address_do_not_block_the_user(site: Site) {
        let ana = site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        for _ in 0..5 {
            let _ = site.service.log_in(attempt("ana", "wrong password here")).await;
        }
        let paused = site.service.log_in(attempt("ana", PASSWORD)).await.unwrap_err();
        assert!(matches!(paused, Error::Throttled(_)), "{paused:?}");
        // Ana has another address, and a colleague has the address of the guesses.
        site.service.log_in(from("192.0.2.2", "ana", PASSWORD)).await.unwrap();
        site.service.reauthenticate(&ana, PASSWORD).await.unwrap();
        site.service.change_password(&ana, PASSWORD, "another long password").await.unwrap();
        site.service.create_user(&Actor::shell(), new("ben", false)).await.unwrap();
        site.service.log_in(attempt("ben", PASSWORD)).await.unwrap();
    }

    async fn guesses_from_many_networks_block_neither_new_addresses_nor_known_browsers(site: Site) {
        let ana = site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        for n in 0..120 {
            let guess = site.service.log_in(from(&format!("2001:db8:0:{n:x}::1"), "ana", "wrong password here")).await;
            assert!(is_credentials(&guess.unwrap_err()), "{n}");
        }
        for n in 0..15 {
            site.service.log_in(from("192.0.2.2", "ana", PASSWORD)).await.unwrap_or_else(|e| panic!("{n}: {e}"));
        }
        // The total of all networks is limited. Half of it is reserved for networks with hardly any guesses.
        let bound = |tries: u32| format!("update failures set tries = {tries}, last_at = {} where subject = 'name:ana'", now().0);
        execute(&site.database, &bound(500)).await;
        site.service.log_in(from("192.0.2.3", "ana", PASSWORD)).await.unwrap();
        for _ in 0..3 {
            assert!(is_credentials(&site.service.log_in(from("192.0.2.4", "ana", "wrong password here")).await.unwrap_err()));
        }
        let paused = site.service.log_in(from("192.0.2.4", "ana", PASSWORD)).await.unwrap_err();
        assert!(matches!(paused, Error::Throttled(1..=60)), "{paused:?}");
        execute(&site.database, &bound(1000)).await;
        let paused = site.service.log_in(from("192.0.2.5", "ana", PASSWORD)).await.unwrap_err();
        assert!(matches!(paused, Error::Throttled(1..=4)), "{paused:?}");
        let browser = |user: &str| vec![KnownBrowser { user: user.into(), id: "b".into() }];
        let known = |address: &str, password: &str| LoginAttempt { known_browsers: browser(&ana.id), ..from(address, "ana", password) };
        for address in ["192.0.2.4", "192.0.2.5", "2001:db8:0:1::1"] {
            site.service.log_in(known(address, PASSWORD)).await.unwrap();
        }
        let of_another = LoginAttempt { known_browsers: browser("another"), ..from("192.0.2.5", "ana", PASSWORD) };
        assert!(matches!(site.service.log_in(of_another).await, Err(Error::Throttled(_))));
        // A stolen cookie does not allow more guesses.
        for _ in 0..5 {
            assert!(is_credentials(&site.service.log_in(known("192.0.2.6", "wrong password here")).await.unwrap_err()));
        }
        assert!(matches!(site.service.log_in(known("192.0.2.7", PASSWORD)).await, Err(Error::Throttled(_))));
    }

    async fn addresses_of_one_ipv6_network_are_counted_together(site: Site) {
        site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        for n in 0..5 {
            let guess = site.service.log_in(from(&format!("2001:db8:0:1::{n}"), "ana", "wrong password here")).await;
            assert!(is_credentials(&guess.unwrap_err()), "{n}");
        }
        let paused = site.service.log_in(from("2001:db8:0:1:ffff::9", "ana", PASSWORD)).await.unwrap_err();
        assert!(matches!(paused, Error::Throttled(_)), "{paused:?}");
        site.service.log_in(from("2001:db8:0:2::1", "ana", PASSWORD)).await.unwrap();
    }

    async fn all_nodes_share_one_signing_key(site: Site) {
        let other = site.another_node().await;
        let (one, two) = tokio::join!(site.service.signer(), other.service.signer());
        assert_eq!(one.unwrap().hex(), two.unwrap().hex());
    }

    async fn reauthentication_has_its_own_throttle(site: Site) {
        let ana = site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        for _ in 0..5 {
            let wrong = site.service.reauthenticate(&ana, "wrong password here").await.unwrap_err();
            assert!(matches!(&wrong, Error::Invalid(w) if w[0].problem == Problem::PasswordWrong), "{wrong:?}");
        }
        let paused = site.service.reauthenticate(&ana, PASSWORD).await.unwrap_err();
        assert!(matches!(paused, Error::Throttled(_)), "{paused:?}");
        site.service.log_in(attempt("ana", PASSWORD)).await.unwrap();
    }

    async fn created_user_keeps_its_roles(site: Site) {
        let made = site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        let seen = site.service.account(&made.id).await.unwrap().unwrap();
        assert_eq!(seen.roles, made.roles);
        assert!(!seen.actor().is_administrator());
        let taken = site.service.create_user(&Actor::shell(), new("Ana", false)).await.unwrap_err();
        assert!(matches!(&taken, Error::Invalid(w) if w[0].problem == Problem::Taken), "{taken:?}");
    }

    async fn last_administrator_cannot_be_removed(site: Site) {
        let shell = Actor::shell();
        let root = site.service.create_user(&shell, new("root", true)).await.unwrap();
        let refused = site.service.change_user(&shell, &root.id, false, false, vec![]).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(w) if w[0].problem == Problem::LastAdministrator), "{refused:?}");
        site.service.create_user(&shell, new("second", true)).await.unwrap();
        site.service.change_user(&shell, &root.id, true, true, vec![]).await.unwrap();
        assert!(site.service.account(&root.id).await.unwrap().is_none(), "a disabled user has no account");
        assert!(site.service.log_in(attempt("root", PASSWORD)).await.is_err());
    }

    async fn administrators_removing_each_other_leave_one(site: Site) {
        let (shell, s) = (Actor::shell(), &site.service);
        let mut pair = Vec::new();
        for name in ["anton", "berta"] {
            pair.push(s.create_user(&shell, new(name, true)).await.unwrap());
        }
        let [a, b] = &pair[..] else { unreachable!() };
        let (of_a, of_b) = (a.actor(), b.actor());
        for _ in 0..5 {
            let (ends_b, ends_a) = tokio::join!(
                s.change_user(&of_a, &b.id, false, false, vec![]),
                s.change_user(&of_b, &a.id, true, true, vec![])
            );
            assert_eq!(usize::from(ends_b.is_ok()) + usize::from(ends_a.is_ok()), 1, "{ends_b:?} {ends_a:?}");
            for refused in [ends_b, ends_a].into_iter().filter_map(Result::err) {
                assert_eq!(refused, Error::Forbidden(Need::Administer));
            }
            for user in &pair {
                s.change_user(&shell, &user.id, true, false, vec![]).await.unwrap();
            }
        }
    }

    async fn former_administrator_cannot_manage_users(site: Site) {
        let (shell, s) = (Actor::shell(), &site.service);
        s.create_user(&shell, new("root", true)).await.unwrap();
        let eve = s.create_user(&shell, new("eve", true)).await.unwrap();
        // The actor of a request that began before the rights were removed.
        let actor = eve.actor();
        s.change_user(&shell, &eve.id, false, false, vec![]).await.unwrap();
        for refused in [
            s.change_user(&actor, &eve.id, true, false, vec![]).await.err(),
            s.create_user(&actor, new("eve2", true)).await.err(),
            s.reset_password(&actor, &eve.id, "another long password").await.err(),
            s.put_administrator(&actor, "eve", "another long password").await.err(),
        ] {
            assert_eq!(refused, Some(Error::Forbidden(Need::Administer)));
        }
    }

    async fn password_is_checked_before_the_transaction_begins(site: Site) {
        let _writing = site.db.write().await.unwrap();
        let weak = NewUser { password: "short".into(), ..new("ana", false) };
        let refused = site.service.create_user(&Actor::shell(), weak).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(w) if w[0].problem == Problem::PasswordLength), "{refused:?}");
    }

    async fn password_is_rejected_after_reset_or_disabling(site: Site) {
        let shell = Actor::shell();
        let ana = site.service.create_user(&shell, new("ana", false)).await.unwrap();
        let hash = site.db.read().await.unwrap().user(&ana.id).await.unwrap().unwrap().password;
        let fits = async || site.db.write().await.unwrap().still_has_password(&ana.id, &hash).await.unwrap();
        assert!(fits().await);
        site.service.change_user(&shell, &ana.id, false, true, vec![]).await.unwrap();
        assert!(!fits().await, "disabled");
        site.service.change_user(&shell, &ana.id, false, false, vec![]).await.unwrap();
        site.service.reset_password(&shell, &ana.id, "another long password").await.unwrap();
        assert!(!fits().await, "another password");
    }

    async fn user_names_that_imitate_other_authors_are_refused(site: Site) {
        let shell = Actor::shell();
        for name in ["command line", "Trimtab", "token deploy", "an\u{200b}a", "an\u{202e}a"] {
            let refused = site.service.create_user(&shell, new(name, false)).await.unwrap_err();
            assert!(matches!(&refused, Error::Invalid(w) if w[0].pointer == "/name"), "{name:?}: {refused:?}");
        }
    }

    async fn new_password_replaces_the_old_one(site: Site) {
        let account = site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        let wrong = site.service.change_password(&account, "not it, really", "another long password").await.unwrap_err();
        assert!(matches!(&wrong, Error::Invalid(w) if w[0].problem == Problem::PasswordWrong));
        site.service.change_password(&account, PASSWORD, "another long password").await.unwrap();
        assert!(site.service.log_in(attempt("ana", PASSWORD)).await.is_err());
        site.service.log_in(attempt("ana", "another long password")).await.unwrap();
    }

    async fn command_line_resets_password_of_locked_out_administrator(site: Site) {
        let shell = Actor::shell();
        assert!(site.service.put_administrator(&shell, "root", PASSWORD).await.unwrap());
        assert!(!site.service.put_administrator(&shell, "root", "another long password").await.unwrap());
        assert!(site.service.log_in(attempt("root", "another long password")).await.unwrap().administrator);
    }
}
