//! Whole servers, as an operator runs them: started, killed, paused, started again.

mod crash;
mod etcd;
mod leaving;
mod node;
mod paused;
mod readers;
