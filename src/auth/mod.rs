//! Credentials, without I/O: passwords, tokens, signatures, and how fast their holders may ask.

pub mod passwords;
pub mod rate;
pub mod signing;
pub mod tokens;
pub mod user_name;
