//! Tests of whole server processes, which are started, killed, paused and restarted.

/// Runs tests on both set-ups, each with a folder and a database of its own.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(super::Installation::embedded()).await })*
        }
        mod cluster {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(place) = super::Installation::cluster().await { super::$name(place).await }
            })*
        }
    };
}

mod aborted;
mod clients;
mod commands;
mod crash;
mod etcd;
mod forms;
mod healing;
mod health;
mod node;
mod paused;
mod readers;
mod shutdown;
mod traces;
