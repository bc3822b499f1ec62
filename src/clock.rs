//! The present time.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::SystemTime,
};

use crate::domain::time::Time;

/// Offset of this process's clock in milliseconds. It is 0 except in `trimtab demo`.
static OFFSET_MS: AtomicI64 = AtomicI64::new(0);

/// Returns the present time.
pub fn now() -> Time {
    real().plus_ms(OFFSET_MS.load(Ordering::Relaxed))
}

/// Sets the clock of this process, for the invented history of `trimtab demo`.
pub fn set_to(instant: Time) {
    OFFSET_MS.store(instant.0 - real().0, Ordering::Relaxed);
}

fn real() -> Time {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
