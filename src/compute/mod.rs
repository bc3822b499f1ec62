//! Threads for work whose duration grows with the size of contents: parsing, comparing, merging, rendering.
//!
//! The runtime's own threads serve the readers, so no work may occupy one of them for long. A request that handles more
//! than [`MAX_INLINE_BYTES`] bytes of content therefore runs on a thread of its own. Code that loads such content calls
//! [`weigh`], and the rest of the request then leaves the runtime's threads. Slots limit the number of such requests.
//!
//! - [`run_light`] runs a request that changes nothing. If the request exceeds the limit, it is dropped, and the caller
//!   starts it again with [`Compute::run`]. So no request waits for a slot while it holds a database connection.
//! - [`Compute::run`] waits for a slot. Its thread has a low priority, so that readers go first.
//! - [`Compute::move_to_slot`] waits for a slot within a request, after its body was received.
//! - [`run_or_offload`] runs a transaction. Above the limit it moves to a thread of normal priority at once, because
//!   other transactions wait for its locks. The number of database connections limits these threads.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    thread,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore, oneshot},
    task_local,
    time::timeout,
};
use tracing::Instrument;

use crate::domain::error::{Error, Result};

/// Maximum size of contents that a request handles on the runtime's threads, in bytes. That takes about a millisecond.
pub const MAX_INLINE_BYTES: usize = 64 * 1024;
/// Range of the number of slots. Each request takes up to 100 MB of memory, so the number does not grow with the cores.
const SLOT_RANGE: RangeInclusive<usize> = 1..=4;
/// Maximum number of requests that run or wait.
const MAX_QUEUED: usize = 64;
/// Maximum number of requests of one person that run or wait.
const MAX_QUEUED_PER_PERSON: usize = 32;
/// Timeout for acquiring a slot.
const SLOT_TIMEOUT: Duration = Duration::from_secs(20);
/// Retry delay reported with a refusal, in seconds.
const RETRY_SECONDS: u32 = 5;
/// Niceness of a thread of [`Compute::run`]. A reader on the same core gets nine tenths of it.
const NICENESS: i32 = 10;

/// The slots for heavy requests of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Compute(Arc<ComputeSlots>);

#[derive(Debug)]
struct ComputeSlots {
    queue: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// Maximum number of slots of one person.
    max_per_person: usize,
    people: Mutex<HashMap<String, Arc<Person>>>,
}

/// The requests of one person.
#[derive(Debug)]
struct Person {
    queue: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// A slot, held until it is dropped.
#[derive(Debug)]
struct ComputeSlot {
    /// Keeps the entry of the person alive.
    _person: Arc<Person>,
    _permits: [OwnedSemaphorePermit; 4],
}

impl Default for Compute {
    /// Creates one slot fewer than there are cores, within [`SLOT_RANGE`].
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_slots(cores.saturating_sub(1).clamp(*SLOT_RANGE.start(), *SLOT_RANGE.end()))
    }
}

impl Compute {
    /// Creates a number of slots, of which one person gets at most half.
    pub fn with_slots(slots: usize) -> Self {
        Self(Arc::new(ComputeSlots {
            queue: Arc::new(Semaphore::new(MAX_QUEUED)),
            running: Arc::new(Semaphore::new(slots)),
            max_per_person: slots.div_ceil(2),
            people: Mutex::default(),
        }))
    }

    /// Runs `work` on a separate thread as soon as a slot is free. Dropping the returned future before that cancels the
    /// work; once it runs, it runs to completion.
    ///
    /// `who` is the person or token of the request. Work that already has a slot continues on its thread.
    ///
    /// # Errors
    /// [`Error::Busy`] if too many requests wait, or no slot becomes free in time.
    pub async fn run<F>(&self, person: &str, work: F) -> Result<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        if has_slot() {
            return Ok(work.await);
        }
        let place = self.acquire_slot(person).await?;
        Ok(on_thread(work, Some(place)).await)
    }

    /// Waits for a slot and moves the current task to a separate thread like [`Compute::run`]. The task must run in
    /// [`run_or_offload`] and hold no database connection.
    ///
    /// # Errors
    /// Those of [`Compute::run`].
    pub async fn move_to_slot(&self, who: &str) -> Result<()> {
        let Ok(load) = LOAD.try_with(Arc::clone) else { return Ok(()) };
        if !load.on_thread.load(Ordering::Relaxed) {
            let place = self.acquire_slot(who).await?;
            *load.slot.lock() = Some(place);
            weigh(MAX_INLINE_BYTES + 1).await;
        }
        Ok(())
    }

    async fn acquire_slot(&self, who: &str) -> Result<ComputeSlot> {
        let busy = || {
            tracing::warn!("too many requests with large contents; one is refused");
            Error::Busy(RETRY_SECONDS)
        };
        let person = self.person(who);
        let acquire = |queue: &Arc<Semaphore>| Arc::clone(queue).try_acquire_owned().map_err(|_| busy());
        let (queued, own) = (acquire(&self.0.queue)?, acquire(&person.queue)?);
        // The person's own slot comes first, so that one person cannot fill the common queue.
        let running = async {
            let turn = Arc::clone(&person.running).acquire_owned().await?;
            Ok::<_, AcquireError>((turn, Arc::clone(&self.0.running).acquire_owned().await?))
        };
        let Ok(Ok((turn, running))) = timeout(SLOT_TIMEOUT, running).await else { return Err(busy()) };
        Ok(ComputeSlot { _person: person, _permits: [queued, own, turn, running] })
    }

    /// Returns the entry of a person, and removes entries without requests.
    fn person(&self, who: &str) -> Arc<Person> {
        let mut people = self.0.people.lock();
        people.retain(|_, person| Arc::strong_count(person) > 1);
        let new = || Person {
            queue: Arc::new(Semaphore::new(MAX_QUEUED_PER_PERSON)),
            running: Arc::new(Semaphore::new(self.0.max_per_person)),
        };
        Arc::clone(people.entry(who.to_owned()).or_insert_with(|| Arc::new(new())))
    }
}

/// The weight of the current task, and where it runs.
#[derive(Debug, Default)]
struct Load {
    bytes: AtomicUsize,
    on_thread: AtomicBool,
    /// Slot of the task, until the task ends or calls [`release_slot`].
    slot: Mutex<Option<ComputeSlot>>,
}

impl Load {
    fn is_heavy(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > MAX_INLINE_BYTES && !self.on_thread.load(Ordering::Relaxed)
    }
}

task_local! {
    static LOAD: Arc<Load>;
}

fn is_on_thread() -> bool {
    LOAD.try_with(|load| load.on_thread.load(Ordering::Relaxed)).unwrap_or(false)
}

/// Returns whether the current task has a slot. It has none after [`release_slot`], or in a transaction that
/// [`run_or_offload`] moved.
fn has_slot() -> bool {
    let place = |load: &Arc<Load>| load.slot.lock().is_some();
    LOAD.try_with(place).unwrap_or(false)
}

/// Adds bytes of content that the current task is about to handle. Above the limit the task moves to another thread or
/// is dropped: see [`run_light`] and [`run_or_offload`]. Outside of these two functions it does nothing.
pub async fn weigh(bytes: usize) {
    let Ok(load) = LOAD.try_with(Arc::clone) else { return };
    load.bytes.fetch_add(bytes, Ordering::Relaxed);
    // The poller of this task checks its load, so no waker is needed.
    poll_fn(|_| if load.is_heavy() { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Releases the slot of the current task, because the task only waits from here on.
pub fn release_slot() {
    let _ = LOAD.try_with(|load| load.slot.lock().take());
}

/// Runs `work`, which must change nothing. If it exceeds the limit, drops it unfinished and returns `None`.
pub async fn run_light<F: Future>(work: F) -> Option<F::Output> {
    if has_slot() {
        return Some(work.await);
    }
    let load = Arc::new(Load::default());
    let mut work = Box::pin(LOAD.scope(Arc::clone(&load), work));
    until_heavy(&load, work.as_mut()).await
}

/// Runs `work`, and moves it to a separate thread if it exceeds the limit. Called on such a thread, it starts a new
/// thread at once.
pub fn run_or_offload<F>(work: F) -> impl Future<Output = F::Output> + Send + 'static
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let heavy = is_on_thread();
    async move {
        if heavy {
            return on_thread(work, None).await;
        }
        let load = Arc::new(Load::default());
        let mut work = Box::pin(LOAD.scope(Arc::clone(&load), work));
        if let Some(done) = until_heavy(&load, work.as_mut()).await {
            return done;
        }
        load.on_thread.store(true, Ordering::Relaxed);
        let kept = load.slot.lock().is_some();
        run_on_new_thread(work, niceness(kept)).await
    }
}

/// Polls `work` on the current thread. Returns `None` as soon as it exceeds the limit.
async fn until_heavy<F: Future>(load: &Load, mut work: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if load.is_heavy() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

async fn on_thread<F>(work: F, place: Option<ComputeSlot>) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let niceness = niceness(place.is_some());
    let load = Load { on_thread: true.into(), slot: place.into(), ..Load::default() };
    run_on_new_thread(Box::pin(LOAD.scope(Arc::new(load), work)), niceness).await
}

fn niceness(has_slot: bool) -> i32 {
    if has_slot { NICENESS } else { 0 }
}

/// Polls `work` on a new thread, in the span of the caller. A panic is resumed in the caller.
#[expect(clippy::disallowed_methods, reason = "the thread does not belong to the runtime")]
async fn run_on_new_thread<F>(work: Pin<Box<F>>, niceness: i32) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let (send, done) = oneshot::channel();
    let (runtime, work) = (Handle::current(), work.in_current_span());
    let run = move || {
        // On other systems this would slow down the whole process. Without permission, threads share cores evenly.
        if cfg!(target_os = "linux") && niceness != 0 {
            let _ = rustix::process::nice(niceness);
        }
        let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        // The caller may have been dropped.
        let _ = send.send(done);
    };
    thread::Builder::new().name("compute".to_owned()).spawn(run).expect("the system can start a thread");
    match done.await.expect("the thread sends a result or a panic") {
        Ok(done) => done,
        Err(panic) => resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests;
