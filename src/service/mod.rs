//! The use cases. Each takes an [`Actor`] and an input, decides, writes in one transaction together with its audit
//! event, and returns a domain result. It checks permissions itself, for pages, API and command line alike.

mod accounts;
mod apply_export;
mod apps;
mod bin;
mod change_search;
mod changes;
mod clones;
mod comments;
mod configs;
mod delivery;
mod dispatch;
mod drift;
mod exchange;
mod favourites;
mod history;
mod hits;
mod idempotency;
mod import;
mod item_rows;
mod keys;
mod locations;
mod manual_entry;
mod many_keys;
mod promote;
mod publish;
mod releases;
mod save;
mod search;
mod setup;
mod throttle;
mod timeline;
mod tokens;
mod undo;
mod validation;
mod whole_exports;

use std::{collections::HashSet, sync::Arc, time::Duration};

use tracing::Instrument;

use crate::{
    auth::passwords::Passwords,
    channel::Channel,
    compute,
    domain::{
        access::Actor,
        audit::Event,
        change::{Change, ChangeState},
        error::{Error, Invalid, Problem, Result, StateConflict},
        limits,
        time::Time,
    },
    storage::{Conn, Db},
};

pub use crate::{
    clock::{self, now},
    domain::release::DelayReason,
    storage::SavedStep,
};
pub use accounts::{Account, LoginAttempt, NewUser};
pub use apply_export::{AppliedExport, MAX_TRANSACTION_BYTES};
pub use apps::{AppCard, AppMatrix, Cell, PutApp, PutEnv, PutNamespace};
pub use bin::RemovalPreview;
pub use changes::{ChangeConfig, ChangeSummary, ChangeView};
pub use clones::CloneApp;
use comments::LiveComments;
pub use comments::SkippedComments;
pub use configs::{ConfigView, OwnChange, PendingEdits};
pub use delivery::{EnvDelivery, LockState};
pub use dispatch::{Arrival, Dispatch, FoundDrift, LateEnv, Repair};
pub use drift::ResolveDrift;
pub use exchange::{
    ApplyExport, ConfigChoice, ConfigOutcome, ExportPreview, PreviewedConfig, RefusedConfig, SizeLimit,
};
pub use history::{BlamedText, KeyHistory, KeyRelease};
pub use hits::{CommentHit, EditHit, HitGroup, ReleasedChange, UserHit};
pub use idempotency::Idempotency;
pub use import::{Exported, Import, ImportMode, ImportPreview};
pub use item_rows::{ItemRow, OtherEdits, filter_words, item_rows, other_edits};
pub use keys::{CopyKeys, CopyMode, KeyAgreement, KeyMatrix, KeyRow};
pub use manual_entry::{EnteredItem, EnteredPart, EnteredText, FormBase};
pub use many_keys::SelectedKeys;
pub use promote::{NamespaceDifference, Promotion};
pub use publish::{PublishRequest, Rollback};
pub use releases::{Compared, Side};
pub use save::{Save, Saved};
pub use search::SearchResults;
pub use setup::SETUP_LINK_HOURS;
pub use throttle::KnownBrowser;
pub use timeline::AppReleases;
pub use tokens::{NewToken, ShownToken};
pub use undo::UndoState;

/// The use cases on a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    db: Db,
    dispatch: Arc<Dispatch>,
    /// For queries of locks. `None` in commands.
    channel: Option<Channel>,
    passwords: Passwords,
    comments: Arc<LiveComments>,
    /// Timeout of the wait for delivery in the answer to a publish.
    delivery_timeout: Duration,
    /// Days for which archived objects are kept. 0 keeps them for ever.
    bin_days: u32,
}

impl Service {
    /// Returns the use cases on a database. Accepted releases are handed over to `dispatch`.
    pub fn new(db: Db, dispatch: Arc<Dispatch>) -> Self {
        Self {
            db,
            dispatch,
            channel: None,
            passwords: Passwords::default(),
            comments: Arc::default(),
            delivery_timeout: Duration::from_secs(5),
            bin_days: 0,
        }
    }

    /// Adds the channel.
    #[must_use]
    pub fn with_channel(self, channel: Channel) -> Self {
        Self { channel: Some(channel), ..self }
    }

    /// Changes the timeout of the wait for delivery. It is zero for a command without a running server.
    #[must_use]
    pub fn with_delivery_timeout(self, timeout: Duration) -> Self {
        Self { delivery_timeout: timeout, ..self }
    }

    /// Removes archived objects for good after some days. 0 keeps them for ever.
    #[must_use]
    pub fn with_bin_days(self, bin_days: u32) -> Self {
        Self { bin_days, ..self }
    }

    /// Returns the days for which archived objects are kept. 0 keeps them for ever.
    pub fn bin_days(&self) -> u32 {
        self.bin_days
    }

    /// Returns the late environments of which the actor sees something, with the reasons that the actor may know.
    pub fn late(&self, actor: &Actor) -> Vec<LateEnv> {
        let late = self.dispatch.status.late().into_iter().filter(|late| actor.sees_any_of_env(&late.env));
        late.map(|late| LateEnv { reason: reason_for(late.reason, actor), ..late }).collect()
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not.
    pub async fn check_database(&self) -> Result<()> {
        self.db.read().await?.ping().await
    }

    /// Returns those of the sessions that still exist. Sessions are named by the hashes of their ids.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn existing_sessions(&self, sessions: &[String]) -> Result<HashSet<String>> {
        self.db.read().await?.existing_sessions(sessions, now()).await
    }

    /// Deletes expired sessions, and idempotency keys and failed log-ins that are older than a day. Records when tokens
    /// were last used.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn sweep(&self, uses: Vec<(String, Time)>) -> Result<()> {
        let service = self.clone();
        detached(async move {
            let mut tx = service.db.write().await?;
            let now = now();
            tx.delete_expired(now, now.plus_ms(-24 * 3_600_000)).await?;
            tx.forget_closed_steps().await?;
            tx.set_tokens_last_used(&uses).await?;
            tx.commit().await
        })
        .await
    }
}

/// Runs a transaction to its end, even if the caller no longer waits: a client that disconnects must not leave one open
/// (transact-rs/sqlx#4385). A transaction with large contents runs on a thread of its own.
///
/// # Errors
/// Those of the transaction; [`Error::Internal`] if it panics.
pub async fn detached<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(compute::run_or_offload(work).in_current_span()).await {
        Ok(result) => result,
        // Its message may hold values. The log has the line of the code: `server::telemetry`.
        Err(_) => Err(internal(&"the transaction panicked")),
    }
}

/// Maximum number of tries of a transaction that conflicts with another one.
const MAX_TRIES: u32 = 6;
/// Maximum pause before the second try. It grows with each further try.
const MAX_FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Runs a transaction like [`detached`], and again if it conflicts: another one made the same object at the same
/// moment, or both deadlocked. The next try sees the result of the other one.
async fn retry_conflicts<T, F>(work: impl Fn() -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    for n in 1..MAX_TRIES {
        match detached(work()).await {
            Err(Error::State(StateConflict::InProgress)) => {
                tokio::time::sleep(rand::random_range(MAX_FIRST_PAUSE / 4..MAX_FIRST_PAUSE * n)).await
            }
            done => return done,
        }
    }
    detached(work()).await
}

/// Logs the cause of an internal error under an id, which the user sees.
fn internal(cause: &dyn std::fmt::Display) -> Error {
    let id = new_id();
    tracing::error!(cause = %cause, fault.id = %id, "internal error; the user sees this id");
    Error::Internal(id)
}

/// Makes a UUIDv7.
fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Makes a new change of the actor. It is open and empty.
fn new_change(actor: &Actor, message: String, now: Time) -> Change {
    Change {
        id: new_id().parse().expect("a UUID is a valid change id"),
        author: actor.id.clone(),
        author_name: actor.name.clone(),
        message,
        state: ChangeState::Open,
        version: 0,
        created_at: now,
        updated_at: now,
    }
}

/// Returns the part of a reason that an actor may know. It must not name a config that the actor may not see. Errors of
/// drivers, which name addresses, are for administrators.
fn reason_for(why: DelayReason, actor: &Actor) -> DelayReason {
    match &why {
        DelayReason::Channel(_) if !actor.is_administrator() => DelayReason::Channel(None),
        DelayReason::Mismatch(config, _) | DelayReason::Ahead(config, _) | DelayReason::Unreadable(config, _)
            if actor.may_view(config).is_err() =>
        {
            DelayReason::Slow
        }
        _ => why,
    }
}

/// Records an audit event in the transaction of the action.
async fn record(tx: &mut Conn, actor: &Actor, event: &Event) -> Result<()> {
    tx.record(&new_id(), now(), actor, event).await
}

/// Checks a title, message or description: its length, and that it has no control characters but line ends and tabs.
fn check_text(pointer: &str, text: &str) -> Result<(), Invalid> {
    if text.len() > limits::TEXT_BYTES {
        return Err(Invalid::new(pointer, Problem::TooLong { max: limits::TEXT_BYTES }));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Invalid::new(pointer, Problem::Control));
    }
    Ok(())
}
