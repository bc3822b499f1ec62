//! Threads for work that grows with what people store and send: parsing, comparing, merging, drawing.
//!
//! The runtime's own threads serve the readers, so nothing may occupy one of them for long. A request that gets hold of
//! more than [`SMALL`] bytes of content therefore runs on a thread of its own. The places that read such content call
//! [`weigh`], and all that follows is then off the runtime's threads, whatever it is.
//!
//! - [`light`] runs a request that changes nothing until it weighs too much, and drops it then. The caller starts it again
//!   with [`Compute::run`]: nothing waits for a place while it holds a connection to the database.
//! - [`Compute::run`] waits for one of a few places. Its thread has a low priority, so that readers go first.
//! - [`Compute::enter`] waits for a place in the midst of a request, between its body and all that follows.
//! - [`follow`] runs a transaction, which others wait for. It moves to a thread as soon as it weighs too much, at once and
//!   at normal priority. The connections to the database are its bound.

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

/// Bytes of content that a request may handle on the runtime's own threads. It takes them about a millisecond.
pub const SMALL: usize = 64 * 1024;
/// Numbers of requests that run at once. Each takes up to 100 MB, so many cores do not make them many.
const PLACES: RangeInclusive<usize> = 1..=4;
/// Maximum number of requests that run or wait.
const QUEUE: usize = 64;
/// Maximum number of requests of one person that run or wait.
const QUEUE_EACH: usize = 32;
/// Maximum wait for a place.
const WAIT: Duration = Duration::from_secs(20);
/// Seconds after which a refused request is worth another try.
const RETRY_SECONDS: u32 = 5;
/// Niceness of a thread of [`Compute::run`]. A reader that wants the same core gets nine tenths of it.
const NICENESS: i32 = 10;

/// The places for heavy requests of one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Compute(Arc<Places>);

#[derive(Debug)]
struct Places {
    queue: Arc<Semaphore>,
    running: Arc<Semaphore>,
    /// Places that one person may take at once.
    each: usize,
    people: Mutex<HashMap<String, Arc<Person>>>,
}

/// The requests of one person.
#[derive(Debug)]
struct Person {
    queue: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

/// A place, until it is dropped.
#[derive(Debug)]
struct Place {
    /// Keeps the person known.
    _person: Arc<Person>,
    _permits: [OwnedSemaphorePermit; 4],
}

impl Default for Compute {
    /// One place fewer than there are cores, within [`PLACES`].
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::with_places(cores.saturating_sub(1).clamp(*PLACES.start(), *PLACES.end()))
    }
}

impl Compute {
    /// A number of places, of which one person takes at most half at once.
    #[must_use]
    pub fn with_places(places: usize) -> Self {
        Self(Arc::new(Places {
            queue: Arc::new(Semaphore::new(QUEUE)),
            running: Arc::new(Semaphore::new(places)),
            each: places.div_ceil(2),
            people: Mutex::default(),
        }))
    }

    /// Runs `work` on a thread of its own as soon as there is a place. Dropping the returned future before that cancels
    /// the work. Once it runs, it runs to its end.
    ///
    /// `who` is the person or token that it is for. Work that has a place already goes on there.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already, or no place is free in time.
    pub async fn run<F>(&self, who: &str, work: F) -> Result<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        if has_place() {
            return Ok(work.await);
        }
        let place = self.place(who).await?;
        Ok(on_thread(work, Some(place)).await)
    }

    /// Waits for a place, and moves the task at hand to a thread of its own as [`Compute::run`] does. It must hold no
    /// connection to the database, and be run by [`follow`].
    ///
    /// # Errors
    /// As [`Compute::run`].
    pub async fn enter(&self, who: &str) -> Result<()> {
        let Ok(load) = LOAD.try_with(Arc::clone) else { return Ok(()) };
        if !load.on_thread.load(Ordering::Relaxed) {
            let place = self.place(who).await?;
            *load.place.lock() = Some(place);
            weigh(SMALL + 1).await;
        }
        Ok(())
    }

    async fn place(&self, who: &str) -> Result<Place> {
        let busy = || {
            tracing::warn!("too many requests with large contents at once; one is refused");
            Error::Busy(RETRY_SECONDS)
        };
        let person = self.person(who);
        let acquire = |queue: &Arc<Semaphore>| Arc::clone(queue).try_acquire_owned().map_err(|_| busy());
        let (queued, own) = (acquire(&self.0.queue)?, acquire(&person.queue)?);
        // First the person's own turn, so that no person fills the line that all share.
        let running = async {
            let turn = Arc::clone(&person.running).acquire_owned().await?;
            Ok::<_, AcquireError>((turn, Arc::clone(&self.0.running).acquire_owned().await?))
        };
        let Ok(Ok((turn, running))) = timeout(WAIT, running).await else { return Err(busy()) };
        Ok(Place { _person: person, _permits: [queued, own, turn, running] })
    }

    /// Returns the requests of a person. Persons without requests are forgotten.
    fn person(&self, who: &str) -> Arc<Person> {
        let mut people = self.0.people.lock();
        people.retain(|_, person| Arc::strong_count(person) > 1);
        let new =
            || Person { queue: Arc::new(Semaphore::new(QUEUE_EACH)), running: Arc::new(Semaphore::new(self.0.each)) };
        Arc::clone(people.entry(who.to_owned()).or_insert_with(|| Arc::new(new())))
    }
}

/// The weight of the task at hand, and where it runs.
#[derive(Debug, Default)]
struct Load {
    bytes: AtomicUsize,
    on_thread: AtomicBool,
    /// The place that it has, until it ends or [`leave`]s.
    place: Mutex<Option<Place>>,
}

impl Load {
    fn is_too_much(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > SMALL && !self.on_thread.load(Ordering::Relaxed)
    }
}

task_local! {
    static LOAD: Arc<Load>;
}

fn is_on_thread() -> bool {
    LOAD.try_with(|load| load.on_thread.load(Ordering::Relaxed)).unwrap_or(false)
}

/// Whether the task at hand has a place. One that gave it back, or whose transaction was moved without one, has none.
fn has_place() -> bool {
    let place = |load: &Arc<Load>| load.place.lock().is_some();
    LOAD.try_with(place).unwrap_or(false)
}

/// Adds bytes of content that the task at hand is about to handle. When they become too many, it goes on elsewhere, or
/// ends here in favour of a new start: see [`light`] and [`follow`]. Outside of those nothing happens.
pub async fn weigh(bytes: usize) {
    let Ok(load) = LOAD.try_with(Arc::clone) else { return };
    load.bytes.fetch_add(bytes, Ordering::Relaxed);
    // Whoever polls this task looks at its load, so nobody has to be woken.
    poll_fn(|_| if load.is_too_much() { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Gives the place of the task at hand back, because it only waits from here on.
pub fn leave() {
    let _ = LOAD.try_with(|load| load.place.lock().take());
}

/// Runs `work`, which changes nothing, and returns `None` if it weighs too much. It is not finished then.
pub async fn light<F: Future>(work: F) -> Option<F::Output> {
    if has_place() {
        return Some(work.await);
    }
    let load = Arc::new(Load::default());
    let mut work = Box::pin(LOAD.scope(Arc::clone(&load), work));
    until_too_much(&load, work.as_mut()).await
}

/// Runs `work`, and moves it to a thread of its own if it weighs too much. What is called on such a thread is taken to
/// weigh too much from the start.
pub fn follow<F>(work: F) -> impl Future<Output = F::Output> + Send + 'static
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
        if let Some(done) = until_too_much(&load, work.as_mut()).await {
            return done;
        }
        load.on_thread.store(true, Ordering::Relaxed);
        let kept = load.place.lock().is_some();
        thread_of(work, niceness(kept)).await
    }
}

/// Polls `work` here. Returns `None` as soon as it weighs too much.
async fn until_too_much<F: Future>(load: &Load, mut work: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if load.is_too_much() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

async fn on_thread<F>(work: F, place: Option<Place>) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let niceness = niceness(place.is_some());
    let load = Load { on_thread: true.into(), place: place.into(), ..Load::default() };
    thread_of(Box::pin(LOAD.scope(Arc::new(load), work)), niceness).await
}

fn niceness(has_place: bool) -> i32 {
    if has_place { NICENESS } else { 0 }
}

/// Polls `work` on a new thread, in the span of the caller. A panic goes on in the caller.
#[expect(clippy::disallowed_methods, reason = "the thread is none of the runtime's")]
async fn thread_of<F>(work: Pin<Box<F>>, niceness: i32) -> F::Output
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    let (send, done) = oneshot::channel();
    let (runtime, work) = (Handle::current(), work.in_current_span());
    let run = move || {
        // Elsewhere this would slow down the whole process. Where it is not allowed, threads share the cores evenly.
        if cfg!(target_os = "linux") && niceness != 0 {
            let _ = rustix::process::nice(niceness);
        }
        let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
        // The caller may have gone away.
        let _ = send.send(done);
    };
    thread::Builder::new().name("compute".to_owned()).spawn(run).expect("the system has a thread for a request");
    match done.await.expect("a thread sends what became of its work") {
        Ok(done) => done,
        Err(panic) => resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests;
