//! Whole servers, as an operator runs them: started, killed, paused, started again.

#[path = "../behaviour/support/mod.rs"]
#[expect(dead_code, reason = "these tests need the databases alone")]
mod support;

mod crash;
mod node;
mod paused;
