//! The way of releases from SQL into the channel: what is due goes out, what the channel lost goes out again.

mod hold;
mod publisher;
mod reconciler;

pub use publisher::Publisher;
