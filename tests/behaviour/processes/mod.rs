//! Whole servers, as an operator runs them: started, killed, paused, started again.

mod crash;
mod node;
mod paused;
