//! Delivers releases from SQL to the channel: the publisher drains the outbox, and the reconciler delivers lost
//! releases again. Also writes the tokens that reader nodes accept.

mod acks;
mod failure;
mod publisher;
mod reconciler;
mod session;
mod tokens;

pub use publisher::Publisher;
pub use tokens::{tokens_task, write_tokens};
