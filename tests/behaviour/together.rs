//! Concurrency: nodes that start together, and requests that create the same object together.

use std::{convert::Infallible, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::timeout;
use trimtab::{
    domain::time::Time,
    service::{PutApp, PutNamespace},
    storage::Db,
};

use crate::{on_both_set_ups, support::*};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_started_together_on_an_empty_database_all_open_it() {
    let mut databases = vec![Database::sqlite()];
    if let Some((mysql, _)) = servers() {
        databases.push(Database::mysql(&mysql).await);
    }
    for database in databases {
        let open = async || Db::open(&database.url).await.map(drop);
        let nodes = tokio::join!(open(), open(), open(), open());
        assert_eq!(nodes, (Ok(()), Ok(()), Ok(()), Ok(())));
    }
}

const LATER: Time = Time(i64::MAX);

/// Runs a transaction that never ends by itself. Each second one soon waits between two statements, as it would for
/// another service; the others are dropped in the middle of a statement.
async fn write_for_ever(db: &Db, n: u64) -> trimtab::domain::error::Result<Infallible> {
    let mut tx = db.write().await?;
    if n % 2 == 1 {
        tx.insert_session(&n.to_string(), None, "{}", LATER, Time(0)).await?;
        return std::future::pending().await;
    }
    loop {
        for id in [format!("{n}"), format!("x{n}"), "everybody's".to_owned()] {
            tx.insert_session(&id, None, "{}", LATER, Time(0)).await?;
            tx.delete_session(&id).await?;
        }
    }
}

on_both_set_ups! {
    async fn transaction_dropped_at_any_moment_is_rolled_back(site: Site) {
        const DROPPED: u64 = 400;
        let mut dice = StdRng::seed_from_u64(20_261_124);
        for first in (0..DROPPED).step_by(20) {
            let dropped = (first..first + 20)
                .map(|n| timeout(Duration::from_micros(dice.random_range(0..20_000)), write_for_ever(&site.db, n)));
            let dropped: Vec<_> = dropped.collect();
            futures::future::join_all(dropped).await;
        }
        // A lock of a dropped transaction would fail these.
        for n in 0..40 {
            let mut tx = site.db.write().await.unwrap();
            tx.insert_session("everybody's", None, "{}", LATER, Time(0)).await.unwrap();
            tx.insert_session(&format!("y{n}"), None, "{}", LATER, Time(0)).await.unwrap();
            tx.delete_session("everybody's").await.unwrap();
            tx.commit().await.unwrap();
        }
        let mut db = site.db.read().await.unwrap();
        for n in 0..DROPPED {
            for id in [format!("{n}"), format!("x{n}")] {
                assert_eq!(db.session(&id, Time(0)).await.unwrap(), None, "{id} was never committed");
            }
        }
        drop(db);
        // The server rolls back the transactions of closed connections with a delay.
        eventually("no transaction is open", async || open_transactions(&site.database).await.is_empty()).await;
    }

    async fn concurrent_first_publishes_of_a_config_are_merged(site: Site) {
        const AT_ONCE: usize = 16;
        let site = std::sync::Arc::new(site.with_shop().await);
        let publish = |n: usize| {
            let site = site.clone();
            tokio::spawn(async move {
                let saves = vec![save("dev/shop/application", vec![set(&format!("key{n}"), "1")])];
                site.service.save_and_publish(ana(), "test".into(), String::new(), saves, None).await
            })
        };
        let all: Vec<_> = (0..AT_ONCE).map(publish).collect();
        for published in all {
            assert_delivered(&published.await.unwrap().unwrap());
        }
        let (seq, document) = site.in_channel("dev/shop/application").await.unwrap();
        assert_eq!((seq, document.matches("key").count()), (AT_ONCE as u64, AT_ONCE));
    }

    async fn app_and_namespace_are_created_once_by_concurrent_requests(site: Site) {
        let site = std::sync::Arc::new(site.with_shop().await);
        let make = |_| {
            let site = site.clone();
            tokio::spawn(async move {
                let shell = trimtab::domain::access::Actor::shell();
                let name: trimtab::domain::names::AppName = "billing".parse().unwrap();
                let app = PutApp { name: name.clone(), title: None, description: None, archived: None };
                let new = site.service.put_app(&shell, app).await.unwrap();
                let put = PutNamespace {
                    app: name,
                    name: "application".parse().unwrap(),
                    format: None,
                    description: None,
                    archived: None,
                };
                (new, site.service.put_namespace(&shell, put).await.unwrap())
            })
        };
        let all: Vec<_> = (0..8).map(make).collect();
        let (mut apps, mut namespaces) = (0, 0);
        for made in all {
            let (app, namespace) = made.await.unwrap();
            apps += usize::from(app);
            namespaces += usize::from(namespace);
        }
        assert_eq!((apps, namespaces), (1, 1));
    }
}
