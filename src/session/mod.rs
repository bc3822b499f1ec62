//! Sessions of people: where they are stored, who is asking, and the streams that end with them.

pub mod browsers;
pub mod guard;
pub mod store;
pub mod streams;
