//! Final state of a round, in SQL and in etcd.

use std::collections::BTreeMap;

use etcd_client::GetOptions;
use serde::{Deserialize, Serialize};
use sqlx::{MySqlConnection, Row};

use crate::{cluster::Cluster, process::Result, readers::Keys};

/// A release in SQL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    pub config: String,
    pub seq: u64,
    /// Identifies the operation that made it.
    pub message: String,
    pub content: String,
    pub sha256: String,
    pub delivered: bool,
}

/// A change in SQL, with its edits as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub message: String,
    pub state: String,
    /// Config, key and edit.
    pub edits: Vec<(String, String, String)>,
}

/// The final state, with the start for comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Number of each config's newest release at the start.
    pub began: BTreeMap<String, u64>,
    /// Number of each config's newest release at the end.
    pub live: BTreeMap<String, u64>,
    /// Releases that were live at the start, and all later ones.
    pub releases: Vec<Release>,
    /// The changes of the round.
    pub changes: Vec<Change>,
    /// Each config's release in etcd at the start.
    pub channel_began: BTreeMap<String, EtcdRelease>,
    /// Each config's release in etcd at the end.
    pub channel: BTreeMap<String, EtcdRelease>,
}

/// A config's release in etcd.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EtcdRelease {
    pub seq: u64,
    pub sha256: String,
    /// Hash of the document with its last line end removed, or one added. A repair writes a release in this form.
    pub rewritten_sha256: String,
}

/// Reads the number of each config's newest release.
pub async fn live(sql: &mut MySqlConnection) -> Result<BTreeMap<String, u64>> {
    let rows = sqlx::query("select concat(env, '/', app, '/', namespace) as config, live from configs");
    let rows = rows.fetch_all(sql).await?;
    rows.iter().map(|row| Ok((row.try_get("config")?, row.try_get::<i64, _>("live")? as u64))).collect()
}

/// Reads each config's release in etcd.
pub async fn channel(cluster: &Cluster) -> Result<BTreeMap<String, EtcdRelease>> {
    let range = GetOptions::new().with_range("trimtab/meta0");
    let listed = cluster.etcd.client().await?.get("trimtab/config/", Some(range)).await?;
    let mut keys = Keys::default();
    listed.kvs().iter().for_each(|kv| keys.put(kv));
    let whole = |config: &&str| Some(((*config).to_owned(), keys.whole(config)?));
    Ok(crate::cluster::CONFIGS.iter().filter_map(whole).collect())
}

/// Counts the releases in the outbox.
pub async fn due(sql: &mut MySqlConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from due").fetch_one(sql).await?)
}

/// Counts the drifts that the servers recorded.
pub async fn drifts(sql: &mut MySqlConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("select count(*) from audit_events where action = 'channel.drift'").fetch_one(sql).await?)
}

/// State at the start of a round.
#[derive(Clone, Debug)]
pub struct Begin {
    pub live: BTreeMap<String, u64>,
    channel: BTreeMap<String, EtcdRelease>,
}

impl Begin {
    /// Reads the state at the start.
    pub async fn read(cluster: &Cluster) -> Result<Self> {
        Ok(Self { live: live(&mut cluster.database.root().await?).await?, channel: channel(cluster).await? })
    }
}

impl State {
    /// Reads the final state of the round with this start.
    pub async fn read(cluster: &Cluster, begin: Begin, seed: u64) -> Result<Self> {
        let Begin { live: began, channel: channel_began } = begin;
        let mut sql = cluster.database.root().await?;
        let mut releases = Vec::new();
        for (config, from) in &began {
            let query = sqlx::query(
                "select seq, message, content, sha256, not exists (select 1 from due d where d.env = r.env
                 and d.app = r.app and d.namespace = r.namespace and d.seq = r.seq) as delivered from releases r
                 where concat(env, '/', app, '/', namespace) = ? and seq >= ? order by seq",
            );
            for row in query.bind(config).bind(*from as i64).fetch_all(&mut sql).await? {
                releases.push(Release {
                    config: config.clone(),
                    seq: row.try_get::<i64, _>("seq")? as u64,
                    message: row.try_get("message")?,
                    content: row.try_get("content")?,
                    sha256: row.try_get("sha256")?,
                    delivered: row.try_get::<i64, _>("delivered")? != 0,
                });
            }
        }
        let (live, changes) = (live(&mut sql).await?, changes(&mut sql, seed).await?);
        Ok(Self { began, live, releases, changes, channel_began, channel: channel(cluster).await? })
    }
}

async fn changes(sql: &mut MySqlConnection, seed: u64) -> Result<Vec<Change>> {
    let query = sqlx::query(
        "select c.id, c.message, c.state, concat(e.env, '/', e.app, '/', e.namespace) as config, e.item_key, e.edit
         from changes c left join edits e on e.change_id = c.id where c.message like ? order by c.id",
    );
    let (mut found, mut last): (Vec<Change>, String) = Default::default();
    for row in query.bind(format!("{seed}-%")).fetch_all(sql).await? {
        let id: String = row.try_get("id")?;
        if id != last {
            let (message, state) = (row.try_get("message")?, row.try_get("state")?);
            found.push(Change { message, state, edits: Vec::new() });
            last = id;
        }
        let edit: Option<String> = row.try_get("edit")?;
        if let (Some(edit), Some(change)) = (edit, found.last_mut()) {
            change.edits.push((row.try_get("config")?, row.try_get("item_key")?, edit));
        }
    }
    Ok(found)
}
