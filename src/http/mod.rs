//! What everything that speaks HTTP here shares: refusals, request numbers, headers of every answer, tokens in headers,
//! JSON bodies, shared places.

pub mod bearer;
pub mod body;
pub mod coding;
pub mod cookies;
pub mod etag;
pub mod headers;
pub mod host;
pub mod json;
pub mod path;
pub mod problem;
pub mod query;
pub mod request_id;
pub mod shares;
pub mod threads;
pub mod traced;
