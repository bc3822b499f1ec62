//! What proves who somebody is: passwords, sessions, tokens.

pub mod guard;
pub mod passwords;
pub mod sessions;
pub mod tokens;
pub mod user_name;
