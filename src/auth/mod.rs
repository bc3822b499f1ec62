//! Who is asking: passwords, sessions, tokens.

pub mod tokens;
