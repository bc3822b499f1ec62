//! Takes the samples of the history.

use std::{sync::Arc, time::Duration};

use super::Reader;
use crate::{tasks::Task, texts::Lang};

/// Interval between two samples.
const INTERVAL: Duration = Duration::from_secs(60);

/// Returns the background task that takes the samples.
pub fn task(reader: Arc<Reader>) -> Task {
    Task::periodic("history", Lang::task_history, INTERVAL, move || {
        let reader = Arc::clone(&reader);
        async move {
            reader.sample_history();
            Ok(())
        }
    })
}

impl Reader {
    /// Takes a sample. The task does it each minute.
    pub fn sample_history(&self) {
        let now = (self.clock)();
        self.history.sample(&self.store.all(), self.instances.samples(now), now);
    }
}
