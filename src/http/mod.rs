//! What everything that speaks HTTP here shares: refusals, request numbers, tokens in headers, JSON bodies,
//! shared places.

pub mod bearer;
pub mod body;
pub mod coding;
pub mod cookies;
pub mod etag;
pub mod host;
pub mod json;
pub mod listener;
pub mod path;
pub mod problem;
pub mod query;
pub mod request_id;
pub mod shares;
pub mod threads;
pub mod traced;
