//! What time it is.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::SystemTime,
};

use crate::domain::time::Time;

/// How far this process's clock is turned, in milliseconds; not at all, but in `trimtab demo`.
static TURNED: AtomicI64 = AtomicI64::new(0);

/// The present instant.
#[must_use]
pub fn now() -> Time {
    real().plus_ms(TURNED.load(Ordering::Relaxed))
}

/// Turns the clock of this process, for a history that was not: `trimtab demo`.
pub fn turn_to(instant: Time) {
    TURNED.store(instant.0 - real().0, Ordering::Relaxed);
}

fn real() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
