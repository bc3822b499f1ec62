//! Sessions with open streams. When a session ends, for any reason and on any node, its streams end.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tower_sessions::Session;

use super::store::key;
use crate::{domain::error::Result, service::Service, tasks::Task, texts::Lang};

/// Maximum interval between checks of the sessions: half of the second within which a stream must end.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Sessions with open streams. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SessionStreams(Arc<Mutex<HashMap<String, Watched>>>);

#[derive(Debug, Default)]
struct Watched {
    streams: usize,
    ended: CancellationToken,
}

/// An open stream of a session, until it is dropped.
#[derive(Debug)]
pub struct SessionStream {
    of: SessionStreams,
    session: String,
    ended: CancellationToken,
}

impl SessionStreams {
    /// Registers an open stream of a session. Returns `None` for a session that was never stored.
    pub fn open(&self, session: &Session) -> Option<SessionStream> {
        let session = key(&session.id()?);
        let mut all = self.0.lock();
        let watched = all.entry(session.clone()).or_default();
        watched.streams += 1;
        let ended = watched.ended.clone();
        drop(all);
        Some(SessionStream { of: self.clone(), session, ended })
    }

    /// Returns the background task that ends the streams of ended sessions.
    pub fn task(&self, service: Service) -> Task {
        let streams = self.clone();
        Task::periodic("session_streams", Lang::task_session_streams, CHECK_INTERVAL, move || {
            let (streams, service) = (streams.clone(), service.clone());
            async move { streams.close_ended(&service).await }
        })
    }

    /// Ends the streams of ended sessions. It ends none while the database does not answer.
    async fn close_ended(&self, service: &Service) -> Result<()> {
        let open: Vec<String> = self.0.lock().keys().cloned().collect();
        if open.is_empty() {
            return Ok(());
        }
        let there = service.existing_sessions(&open).await?;
        let mut all = self.0.lock();
        for gone in open.iter().filter(|session| !there.contains(*session)) {
            if let Some(watched) = all.remove(gone) {
                watched.ended.cancel();
            }
        }
        Ok(())
    }
}

impl SessionStream {
    /// Waits until the session has ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for SessionStream {
    fn drop(&mut self) {
        let mut all = self.of.0.lock();
        if let Some(watched) = all.get_mut(&self.session).filter(|_| !self.ended.is_cancelled()) {
            watched.streams -= 1;
            if watched.streams == 0 {
                all.remove(&self.session);
            }
        }
    }
}
