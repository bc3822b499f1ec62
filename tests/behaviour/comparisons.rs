//! Comparisons of any two configs, also of two applications.

use trimtab::{
    domain::{
        access::{Actor, Role},
        content::Format,
        diff::Diff,
        error::{Error, Problem},
    },
    service::Side,
};

use crate::{on_both_set_ups, support::*};

const DEV: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";
const ROUTES: &str = "dev/shop/routes.yaml";
const MAIL: &str = "prod/mail/application";

fn viewer_of(pattern: &str) -> Actor {
    user_with_roles("vera", &[(pattern, Role::VIEWER)])
}

on_both_set_ups! {
    async fn live_contents_of_two_applications_are_compared(site: Site) {
        let site = site.with_shop().await;
        site.publish_key(ana(), DEV, "a", "1").await;
        site.publish_key(ana(), DEV, "b", "1").await;
        site.publish_key(ana(), MAIL, "a", "2").await;
        let compare = async |actor: &Actor, left: &str, right: &str| {
            site.service.compare(actor, &Side::Live(config(left)), &Side::Live(config(right))).await
        };
        let compared = compare(ana(), MAIL, DEV).await.unwrap();
        assert_eq!((compared.old_seq, compared.new_seq), (1, 2));
        let Diff::Kv(keys) = compared.diff else { panic!("{:?}", compared.diff) };
        let keys: Vec<_> = keys.iter().map(|key| (key.key.as_str(), key.old.is_some())).collect();
        assert_eq!(keys, [("a", true), ("b", false)]);
        // A right for one of them is not enough, and a hidden config is like a missing one.
        let guest = viewer_of("dev/shop/*");
        for (left, right) in [(MAIL, DEV), (DEV, MAIL)] {
            assert_eq!(compare(&guest, left, right).await.unwrap_err(), Error::NotFound(MAIL.into()));
        }
        assert_eq!(compare(ana(), "prod/none/a", DEV).await.unwrap_err(), Error::NotFound("prod/none/a".into()));
        let other = compare(ana(), ROUTES, DEV).await.unwrap_err();
        let problem = Problem::OtherFormat { format: Format::Kv, other: Format::Yaml };
        assert!(matches!(&other, Error::Invalid(all) if all[0].problem == problem), "{other:?}");
        assert_eq!(compare(&guest, "prod/mail/routes.yaml", DEV).await.unwrap_err(), Error::NotFound("prod/mail/routes.yaml".into()));
    }

    async fn configs_of_the_same_format_are_offered_for_comparison(site: Site) {
        let site = site.with_shop().await;
        let offered = async |actor: &Actor, limit| {
            let found = site.service.comparable_configs(actor, &config(DEV), limit).await.unwrap();
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let all = [PROD, "dev/mail/application", MAIL];
        assert_eq!(offered(ana(), 300).await, all);
        assert_eq!(offered(ana(), 2).await, all[..2]);
        assert_eq!(offered(&viewer_of("dev/*/*"), 300).await, all[1..2]);
        let hidden = site.service.comparable_configs(&viewer_of("dev/mail/*"), &config(DEV), 300).await.unwrap_err();
        assert_eq!(hidden, Error::NotFound(DEV.into()));
    }
}
