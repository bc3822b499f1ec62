//! Whole servers, as an operator runs them: started, killed, paused, started again.

mod aborted;
mod crash;
mod etcd;
mod healing;
mod health;
mod leaving;
mod node;
mod paused;
mod readers;
mod traces;
