//! Idempotency: work that makes changes or releases runs in one transaction, and only once for each idempotency key. A
//! retry gets the result of the first try.

use std::sync::Arc;

use tracing::Instrument;

use super::{Service, now, retry_conflicts};
use crate::{
    domain::{
        access::Actor,
        change::ChangeId,
        content::Content,
        error::{Error, Invalid, Problem, Result},
        release::Release,
    },
    fast_path::AcceptedRelease,
    storage::Conn,
    traces,
};

/// A key that the client chose for a request, with the hash of that request.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The key.
    pub key: String,
    /// SHA-256 of the request, in hexadecimal.
    pub body_sha256: String,
}

/// The result of work.
pub(super) struct WorkOutcome {
    pub change: ChangeId,
    /// The releases of the change, as they were accepted or as a retry reads them.
    pub releases: Vec<Release>,
    /// The releases that this call accepted.
    pub accepted: Vec<AcceptedRelease>,
    /// The contents of the accepted releases in the same order, if they are kept.
    pub contents: Vec<Content>,
}

impl WorkOutcome {
    /// Returns a result without newly accepted releases.
    pub fn of(change: ChangeId, releases: Vec<Release>) -> Self {
        Self { change, releases, accepted: Vec::new(), contents: Vec::new() }
    }
}

/// Work that makes a change or releases in one transaction. It may run several times: see [`retry_conflicts`].
pub(super) trait Work: Send + Sync + 'static {
    /// Its name in traces.
    const NAME: &'static str;

    /// Does the work in `tx`. The caller commits.
    fn run(&self, service: &Service, tx: &mut Conn, actor: &Actor) -> impl Future<Output = Result<WorkOutcome>> + Send;
}

impl Service {
    /// Does `work`, unless its key was used before. Returns the result of the work or, for a used key, the recorded
    /// result. A database failure after the commit does not turn the result into an error.
    pub(super) async fn run_once<W: Work>(
        &self,
        actor: &Actor,
        key: Option<Idempotency>,
        work: W,
    ) -> Result<WorkOutcome> {
        let (span, work) = (traces::use_case(W::NAME), Arc::new(work));
        let done = retry_conflicts(|| {
            let (service, actor, key, work) = (self.clone(), actor.clone(), key.clone(), Arc::clone(&work));
            async move {
                match service.run_work(&actor, key.as_ref(), &*work).await {
                    // An actor that has lost its permission must not see the earlier result. Any other error may be due
                    // to a concurrent request with the same key: its change is published, its difference has changed,
                    // or the key is taken.
                    Err(error @ (Error::Forbidden(_) | Error::NotFound(_))) => Err(error),
                    Err(error) => service.recorded_outcome(&actor, key.as_ref()).await.ok_or(error),
                    done => done,
                }
            }
        });
        let done = done.instrument(span.clone()).await;
        if let Err(error) = &done {
            traces::failed(&span, error.name());
        }
        done
    }

    async fn recorded_outcome(&self, actor: &Actor, key: Option<&Idempotency>) -> Option<WorkOutcome> {
        let key = key?;
        let mut db = self.db.read().await.ok()?;
        find_outcome(&mut db, actor, Some(key)).await.ok()?
    }

    async fn run_work<W: Work>(&self, actor: &Actor, key: Option<&Idempotency>, work: &W) -> Result<WorkOutcome> {
        let mut tx = self.db.write().await?;
        if let Some(done) = find_outcome(&mut tx, actor, key).await? {
            return Ok(done);
        }
        let mut made = work.run(self, &mut tx, actor).await?;
        if let Some(key) = key {
            tx.insert_idempotency_key(&actor.id, &key.key, &key.body_sha256, &made.change, now()).await?;
        }
        let fast_path = &self.dispatch.fast_path;
        // SQLite has one writer: a separate transaction would block the next publish.
        let acks = self.db.has_one_writer().then(|| fast_path.acks.take());
        if let Some(acks) = &acks {
            acks.store(&mut tx).await?;
        }
        tx.commit().await?;
        if let Some(acks) = acks {
            acks.stored();
        }
        self.dispatch.accept(std::mem::take(&mut made.accepted));
        for (release, content) in made.releases.iter().zip(std::mem::take(&mut made.contents)) {
            fast_path.remember_content(release, content);
        }
        Ok(made)
    }
}

/// Returns the result that is recorded for a key.
async fn find_outcome(db: &mut Conn, actor: &Actor, key: Option<&Idempotency>) -> Result<Option<WorkOutcome>> {
    let Some(key) = key else { return Ok(None) };
    match db.idempotent_change(&actor.id, &key.key).await? {
        None => Ok(None),
        Some((body, change)) if body == key.body_sha256 => {
            let releases = db.releases_of_change(&change).await?;
            releases.iter().try_for_each(|release| actor.may_view(&release.config).map(|_| ()))?;
            Ok(Some(WorkOutcome::of(change, releases)))
        }
        Some(_) => Err(Invalid::new("idempotency-key", Problem::Idempotency).into()),
    }
}
