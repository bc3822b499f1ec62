//! The releases of an application in all environments, in the order of time.

use trimtab::{
    domain::{
        access::{Actor, Role},
        error::Error,
        names::NamespaceName,
        release::{Release, ReleasePosition},
    },
    service::Rollback,
};

use crate::{on_both_set_ups, support::*};

const DEV: &str = "dev/shop/application";
const PROD: &str = "prod/shop/application";
const ROUTES: &str = "dev/shop/routes.yaml";
const MAIL: &str = "prod/mail/application";

/// Returns a page of releases as `env/namespace number`, and where the next one begins.
async fn page(
    site: &Site,
    actor: &Actor,
    namespace: Option<&str>,
    before: Option<ReleasePosition>,
    limit: u32,
) -> (Vec<String>, Option<ReleasePosition>) {
    let (app, namespace) = ("shop".parse().unwrap(), namespace.map(|name| name.parse::<NamespaceName>().unwrap()));
    let found = site.service.releases_of_app(actor, &app, namespace.as_ref(), before, limit).await.unwrap();
    let name = |r: &Release| format!("{}/{} {}", r.config.env, r.config.namespace, r.seq);
    (found.releases.iter().map(name).collect(), found.next)
}

async fn publish_in(site: &Site, env: &str, configs: &[&str], value: &str) {
    let edits = |id: &str| if id == ROUTES { text(&format!("a: {value}\n")) } else { set("a", value) };
    let saves = configs.iter().map(|id| save(id, vec![edits(id)])).collect();
    site.service.save_and_publish(ana(), "test".into(), env.into(), saves, None).await.unwrap();
}

fn viewer_of(pattern: &str) -> Actor {
    user_with_roles("vera", &[(pattern, Role::VIEWER)])
}

on_both_set_ups! {
    async fn pages_of_a_time_line_stay_when_a_release_comes_between_them(site: Site) {
        let site = site.with_shop().await;
        assert_eq!(page(&site, ana(), None, None, 3).await, (vec![], None), "nothing is published");
        publish_in(&site, "dev", &[DEV], "1").await;
        // The releases of one change have one time. A page may end between them.
        publish_in(&site, "prod", &[PROD, DEV, ROUTES], "2").await;
        publish_in(&site, "prod", &[PROD], "3").await;
        publish_in(&site, "prod", &[MAIL], "1").await;
        let (first, next) = page(&site, ana(), None, None, 2).await;
        assert_eq!(first, ["prod/application 2", "prod/application 1"]);
        publish_in(&site, "dev", &[DEV], "4").await;
        let (second, next) = page(&site, ana(), None, next, 2).await;
        assert_eq!(second, ["dev/routes.yaml 1", "dev/application 2"]);
        // Addresses of pages have the position as a text.
        let next = next.map(|position| position.to_string().parse().unwrap());
        assert_eq!(page(&site, ana(), None, next, 2).await, (vec!["dev/application 1".into()], None));
        let (all, end) = page(&site, ana(), None, None, 50).await;
        assert_eq!((all.len(), all[0].as_str(), end), (6, "dev/application 3", None));
        // A full page that is the last one has no next one.
        assert_eq!(page(&site, ana(), None, None, 6).await, (all, None));
        let of_routes = page(&site, ana(), Some("routes.yaml"), None, 50).await;
        assert_eq!(of_routes, (vec!["dev/routes.yaml 1".into()], None));
        assert_eq!(page(&site, ana(), Some("nothing"), None, 50).await, (vec![], None));
    }

    async fn a_time_line_has_only_releases_that_the_actor_sees(site: Site) {
        let site = site.with_shop().await;
        publish_in(&site, "dev", &[DEV, ROUTES], "1").await;
        for n in 0..6 {
            publish_in(&site, "prod", &[PROD], &n.to_string()).await;
        }
        publish_in(&site, "dev", &[DEV], "2").await;
        // More hidden releases than a page has lie between those that are seen.
        let (first, next) = page(&site, &viewer_of("dev/shop/*"), None, None, 1).await;
        assert_eq!(first, ["dev/application 2"]);
        let (second, next) = page(&site, &viewer_of("dev/shop/*"), None, next, 1).await;
        assert_eq!(second, ["dev/routes.yaml 1"]);
        assert_eq!(
            page(&site, &viewer_of("dev/shop/*"), None, next, 1).await,
            (vec!["dev/application 1".into()], None)
        );
        let routes = viewer_of("*/shop/routes.yaml");
        assert_eq!(page(&site, &routes, None, None, 50).await, (vec!["dev/routes.yaml 1".into()], None));
        assert_eq!(page(&site, &routes, Some("application"), None, 50).await, (vec![], None));
        // A hidden application and a missing one get the same answer.
        for (app, actor) in [("shop", viewer_of("*/mail/*")), ("none", viewer_of("*/*/*"))] {
            let refused = site.service.releases_of_app(&actor, &app.parse().unwrap(), None, None, 50).await;
            assert_eq!(refused.unwrap_err(), Error::NotFound(app.into()));
        }
    }

    async fn a_time_line_shows_what_a_rollback_restored(site: Site) {
        let site = site.with_shop().await;
        publish_in(&site, "dev", &[DEV], "1").await;
        publish_in(&site, "dev", &[DEV], "2").await;
        let back = Rollback {
            config: config(DEV),
            to: 1,
            message: "back".into(),
            confirm: String::new(),
            live: None,
            idempotency: None,
        };
        site.service.roll_back(ana(), back).await.unwrap();
        site.wait_until_recorded().await;
        let found = site.service.releases_of_app(ana(), &"shop".parse().unwrap(), None, None, 50).await.unwrap();
        let shown = found.releases.iter().map(|r| (r.seq, r.rolled_back_to, r.previous, r.delivered_at.is_some()));
        assert_eq!(shown.collect::<Vec<_>>(), [(3, Some(1), 2, true), (2, None, 1, true), (1, None, 0, true)]);
    }
}
