//! Logging in, passwords, users.

use trimtab::{
    domain::{
        access::{Actor, Role},
        error::{Error, Problem, State},
    },
    service::{LoginTry, NewUser},
};

use crate::{on_both_set_ups, support::*};

const PASSWORD: &str = "correct horse battery";

fn attempt(name: &str, password: &str) -> LoginTry {
    LoginTry { name: name.into(), password: password.into(), address: "192.0.2.1".into() }
}

fn new(name: &str, administrator: bool) -> NewUser {
    NewUser {
        name: name.into(),
        password: PASSWORD.into(),
        administrator,
        roles: vec![("dev/shop/*".parse().unwrap(), Role::Editor)],
    }
}

on_both_set_ups! {
    async fn the_set_up_link_works_once(site: Site) {
        let s = &site.service;
        assert!(s.needs_setup().await.unwrap());
        let code = s.setup_code().await.unwrap();
        s.check_setup(&code).await.unwrap();
        assert!(matches!(s.check_setup("0000").await, Err(Error::Invalid(_))));
        let root = s.set_up(&code, "Root", PASSWORD).await.unwrap();
        assert!(root.administrator && root.name == "root");
        assert_eq!(s.set_up(&code, "eve", PASSWORD).await.unwrap_err(), Error::State(State::SetUp));
        assert_eq!(s.setup_code().await.unwrap_err(), Error::State(State::SetUp));
        s.log_in(attempt("ROOT ", PASSWORD)).await.unwrap();
    }

    async fn two_who_set_up_at_once_make_one_administrator(site: Site) {
        let code = site.service.setup_code().await.unwrap();
        let (a, b) = tokio::join!(site.service.set_up(&code, "a", PASSWORD), site.service.set_up(&code, "b", PASSWORD));
        assert_eq!(usize::from(a.is_ok()) + usize::from(b.is_ok()), 1, "{a:?} {b:?}");
    }

    async fn a_wrong_name_and_a_wrong_password_sound_the_same(site: Site) {
        site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        let wrong_password = site.service.log_in(attempt("ana", "wrong password here")).await.unwrap_err();
        let wrong_name = site.service.log_in(attempt("nobody", PASSWORD)).await.unwrap_err();
        assert_eq!(wrong_name, wrong_password);
        assert!(matches!(&wrong_name, Error::Invalid(w) if w[0].problem == Problem::Credentials));
    }

    async fn after_five_failures_there_is_a_pause_and_no_lock_out(site: Site) {
        site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        for _ in 0..5 {
            let _ = site.service.log_in(attempt("ana", "wrong password here")).await;
        }
        let paused = site.service.log_in(attempt("ana", PASSWORD)).await.unwrap_err();
        let Error::Throttled(seconds) = paused else { panic!("{paused:?}") };
        assert!((1..=60).contains(&seconds));
    }

    async fn roles_come_back_as_they_were_given(site: Site) {
        let made = site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        let seen = site.service.account(&made.id).await.unwrap().unwrap();
        assert_eq!(seen.roles, made.roles);
        assert!(!seen.actor().is_administrator());
        let taken = site.service.create_user(&Actor::shell(), new("Ana", false)).await.unwrap_err();
        assert!(matches!(&taken, Error::Invalid(w) if w[0].problem == Problem::Taken), "{taken:?}");
    }

    async fn the_last_administrator_stays(site: Site) {
        let shell = Actor::shell();
        let root = site.service.create_user(&shell, new("root", true)).await.unwrap();
        let refused = site.service.change_user(&shell, &root.id, false, false, vec![]).await.unwrap_err();
        assert!(matches!(&refused, Error::Invalid(w) if w[0].problem == Problem::LastAdministrator), "{refused:?}");
        site.service.create_user(&shell, new("second", true)).await.unwrap();
        site.service.change_user(&shell, &root.id, true, true, vec![]).await.unwrap();
        assert!(site.service.account(&root.id).await.unwrap().is_none(), "a disabled user is nobody");
        assert!(site.service.log_in(attempt("root", PASSWORD)).await.is_err());
    }

    async fn a_new_password_replaces_the_old_one(site: Site) {
        let account = site.service.create_user(&Actor::shell(), new("ana", false)).await.unwrap();
        let wrong = site.service.change_password(&account, "not it, really", "another long password").await.unwrap_err();
        assert!(matches!(&wrong, Error::Invalid(w) if w[0].problem == Problem::PasswordWrong));
        site.service.change_password(&account, PASSWORD, "another long password").await.unwrap();
        assert!(site.service.log_in(attempt("ana", PASSWORD)).await.is_err());
        site.service.log_in(attempt("ana", "another long password")).await.unwrap();
    }

    async fn a_locked_out_administrator_is_let_in_from_the_shell(site: Site) {
        let shell = Actor::shell();
        assert!(site.service.put_administrator(&shell, "root", PASSWORD).await.unwrap());
        assert!(!site.service.put_administrator(&shell, "root", "another long password").await.unwrap());
        assert!(site.service.log_in(attempt("root", "another long password")).await.unwrap().administrator);
    }
}
