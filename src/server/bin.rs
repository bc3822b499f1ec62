//! Removes archived objects for good after the time that the bin keeps them.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    service::Service,
    tasks::{Task, TaskHandle},
    texts::Lang,
};

/// Interval between two runs. The time of a removal is a day, so minutes do not count.
const INTERVAL: Duration = Duration::from_secs(600);
/// Pause before the next run if there may be more to remove, or after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// Returns the background task that removes. All consoles run it, and each object is removed by one of them.
pub fn task(service: Service) -> Task {
    Task::looping("bin", Lang::task_bin, move |task| {
        let service = service.clone();
        async move { _ = task.until_stopped(run(&service, &task)).await }
    })
}

async fn run(service: &Service, task: &TaskHandle) {
    loop {
        let pause = match service.remove_expired().await {
            Ok(more) => {
                task.ran();
                if more { PAUSE } else { INTERVAL.mul_f64(rand::random_range(0.9..1.0)) }
            }
            Err(error) => {
                tracing::warn!(error = %error, "archived objects could not be removed, retrying");
                task.failed(error.name(), &error);
                PAUSE
            }
        };
        task.next_in(pause);
        sleep(pause).await;
    }
}
