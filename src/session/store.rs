//! Storage of sessions in SQL, by the hash of their id: read access to the table is not enough to use a session.

use async_trait::async_trait;
use time::OffsetDateTime;
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::{Error, Result},
};

use crate::{
    domain::{content::sha256, error, time::Time},
    service::{detached, now},
    storage::Db,
};

/// Key of the user's id in a session's data.
pub const USER: &str = "user";

/// Sessions in SQL.
#[derive(Clone, Debug)]
pub struct Sessions {
    db: Db,
}

impl Sessions {
    /// Returns the sessions in this database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    async fn write(&self, record: &Record, new: bool) -> Result<()> {
        let (id, user) = (key(&record.id), record.data.get(USER).and_then(|v| v.as_str()).map(str::to_owned));
        let data = serde_json::to_string(&record.data).expect("session data can be written as JSON");
        let expires = Time(record.expiry_date.unix_timestamp().saturating_mul(1000));
        let db = self.db.clone();
        let write = async move {
            let mut tx = db.write().await?;
            if new {
                tx.insert_session(&id, user.as_deref(), &data, expires, now()).await?;
            } else {
                tx.update_session(&id, user.as_deref(), &data, expires).await?;
            }
            tx.commit().await
        };
        detached(write).await.map_err(backend)
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.write(record, true).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.write(record, false).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let mut db = self.db.read().await.map_err(backend)?;
        let Some((data, expires)) = db.session(&key(id), now()).await.map_err(backend)? else { return Ok(None) };
        let data = serde_json::from_str(&data).map_err(|e| Error::Decode(e.to_string()))?;
        let expiry_date =
            OffsetDateTime::from_unix_timestamp(expires.0 / 1000).map_err(|e| Error::Decode(e.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let (db, id) = (self.db.clone(), key(id));
        let delete = async move {
            let mut tx = db.write().await?;
            tx.delete_session(&id).await?;
            tx.commit().await
        };
        detached(delete).await.map_err(backend)
    }
}

/// Returns the hash by which a session is found.
pub(super) fn key(id: &Id) -> String {
    sha256(&id.0.to_be_bytes())
}

fn backend(error: error::Error) -> Error {
    Error::Backend(error.to_string())
}
