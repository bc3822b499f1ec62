//! Whole servers, as an operator runs them: started, killed, paused, started again.

/// Runs tests on both set-ups, each in a place of its own.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Place::embedded()).await })*
        }
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(place) = super::Place::cluster().await { super::$name(place).await }
            })*
        }
    };
}

mod aborted;
mod commands;
mod crash;
mod etcd;
mod forms;
mod healing;
mod health;
mod leaving;
mod node;
mod paused;
mod readers;
mod traces;
