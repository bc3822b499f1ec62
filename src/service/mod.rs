//! The use cases. Each takes an [`Actor`] and an input, decides, writes in one transaction together with its audit
//! event, and returns a domain result. Authorisation is here, whoever calls: page, API or command line.

mod accounts;
mod apps;
mod changes;
mod configs;
mod delivery;
mod dispatch;
mod drift;
mod import;
mod once;
mod places;
mod publish;
mod releases;
mod save;
mod setup;
mod throttle;
mod tokens;
mod typed;
mod validation;

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
        error::{Error, Invalid, Problem, Result, State},
        limits,
        time::Time,
    },
    storage::{Conn, Db},
};

pub use crate::{
    clock::{self, now},
    domain::release::Why,
};
pub use accounts::{Account, LoginTry, NewUser};
pub use apps::{AppCard, AppMatrix, Cell, PutApp, PutEnv, PutNamespace};
pub use changes::{ChangeConfig, ChangeSummary, ChangeView};
pub use configs::{ConfigView, Mine, Pending};
pub use delivery::{EnvDelivery, LockState};
pub use dispatch::{Arrived, Dispatch, FoundDrift, Late, Repair};
pub use drift::Settle;
pub use import::{Exported, Import, ImportMode, ImportPreview};
pub use once::Idempotency;
pub use publish::{Publish, Rollback};
pub use releases::{Compared, Side};
pub use save::{Save, Saved};
pub use setup::SETUP_LINK_HOURS;
pub use throttle::KnownBrowser;
pub use tokens::{NewToken, ShownToken};
pub use typed::{ReadAt, TypedItem, TypedText};

/// Everything that Trimtab does for people and programs that write. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    db: Db,
    dispatch: Arc<Dispatch>,
    /// To ask who holds a lock; a command has none.
    channel: Option<Channel>,
    passwords: Passwords,
    /// How long the answer to a publish waits for delivery.
    patience: Duration,
}

impl Service {
    /// A service on a database, whose publishes go out through `dispatch`.
    #[must_use]
    pub fn new(db: Db, dispatch: Arc<Dispatch>) -> Self {
        Self { db, dispatch, channel: None, passwords: Passwords::default(), patience: Duration::from_secs(5) }
    }

    /// The same, beside this channel.
    #[must_use]
    pub fn over(self, channel: Channel) -> Self {
        Self { channel: Some(channel), ..self }
    }

    /// The same, waiting so long for delivery: for a command beside no server, not at all.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What is late in delivery, and why, in the environments of which the actor may see something.
    #[must_use]
    pub fn late(&self, actor: &Actor) -> Vec<Late> {
        let late = self.dispatch.status.late().into_iter().filter(|late| actor.sees_some_of(&late.env));
        late.map(|late| Late { why: told(late.why, actor), ..late }).collect()
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is none.
    pub async fn check_database(&self) -> Result<()> {
        self.db.read().await?.ping().await
    }

    /// Returns those of the sessions that have not ended. They are named by the hashes of their ids.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn sessions_there(&self, sessions: &[String]) -> Result<HashSet<String>> {
        self.db.read().await?.sessions_there(sessions, now()).await
    }

    /// Drops sessions and idempotency keys that are too old to matter.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database does not answer.
    pub async fn sweep(&self) -> Result<()> {
        let service = self.clone();
        detached(async move {
            let mut tx = service.db.write().await?;
            let now = now();
            tx.sweep(now, now.plus_ms(-24 * 3_600_000)).await?;
            tx.commit().await
        })
        .await
    }
}

/// Runs a transaction to its end, whether or not the caller still waits: a browser that goes away in the middle must
/// not leave one open (transact-rs/sqlx#4385). One with large contents runs on a thread of its own.
async fn detached<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(compute::follow(work).in_current_span()).await {
        Ok(result) => result,
        Err(panic) => Err(internal(&panic)),
    }
}

/// How often a transaction is tried that another one was in the way of.
const TRIES: u32 = 6;
/// The longest pause before the second try; it grows with each further one.
const PAUSE: Duration = Duration::from_millis(20);

/// Like [`detached`], and again when another transaction was in the way: it made the same thing at the same moment, or
/// the database found that both waited for one another. What is there by now is then found.
async fn again<T, F>(work: impl Fn() -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    for n in 1..TRIES {
        match detached(work()).await {
            Err(Error::State(State::InProgress)) => tokio::time::sleep(rand::random_range(PAUSE / 4..PAUSE * n)).await,
            done => return done,
        }
    }
    detached(work()).await
}

/// A fault of ours: the cause goes to the log under the id that the user sees.
fn internal(cause: &dyn std::fmt::Display) -> Error {
    let id = new_id();
    tracing::error!(cause = %cause, fault.id = %id, "a use case failed");
    Error::Internal(id)
}

/// A new UUIDv7.
fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// A new change of the actor's, open and empty.
fn new_change(actor: &Actor, message: String, now: Time) -> Change {
    Change {
        id: new_id().parse().expect("a UUID is a change's identity"),
        author: actor.id.clone(),
        author_name: actor.name.clone(),
        message,
        state: ChangeState::Open,
        version: 0,
        created_at: now,
        updated_at: now,
    }
}

/// Why something is late, as this actor is told: a config that may not be seen has no name here either, and a driver's
/// words, which name addresses, are for administrators.
fn told(why: Why, actor: &Actor) -> Why {
    match &why {
        Why::Channel(_) if !actor.is_administrator() => Why::Channel(None),
        Why::Mismatch(config, _) | Why::Ahead(config, _) | Why::Unreadable(config, _)
            if actor.may_view(config).is_err() =>
        {
            Why::Slow
        }
        _ => why,
    }
}

/// Records an audit event in the transaction of the action.
async fn record(tx: &mut Conn, actor: &Actor, event: &Event) -> Result<()> {
    tx.record(&new_id(), now(), actor, event).await
}

/// Checks a title, message or description: not too long, no control characters but line ends.
fn check_text(pointer: &str, text: &str) -> Result<(), Invalid> {
    if text.len() > limits::TEXT_BYTES {
        return Err(Invalid::new(pointer, Problem::TooLong { max: limits::TEXT_BYTES }));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Invalid::new(pointer, Problem::Control));
    }
    Ok(())
}
