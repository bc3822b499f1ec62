//! What proves who somebody is: passwords, sessions, tokens.

pub mod browsers;
pub mod guard;
pub mod passwords;
pub mod sessions;
pub mod signing;
pub mod streams;
pub mod tokens;
pub mod user_name;
