//! What everything that speaks HTTP here shares: refusals, request numbers, tokens in headers, JSON bodies.

pub mod bearer;
pub mod body;
pub mod json;
pub mod listener;
pub mod problem;
pub mod query;
pub mod request_id;
pub mod traced;
