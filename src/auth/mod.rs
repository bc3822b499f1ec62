//! Credentials without I/O: passwords, tokens, signatures, request rates.

pub mod passwords;
pub mod rate;
pub mod signing;
pub mod tokens;
pub mod user_name;
