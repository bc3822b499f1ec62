//! The way of releases from SQL into the channel: what is due goes out, what the channel lost goes out again. And of
//! what reader nodes have to know of tokens.

mod failure;
mod hold;
mod marks;
mod publisher;
mod reconciler;
mod tokens;

pub use publisher::Publisher;
pub use tokens::{keep_tokens, write_tokens};
