//! Sessions of users: their storage, the current user, and the streams that end with a session.

pub mod browsers;
pub mod guard;
pub mod store;
pub mod streams;
