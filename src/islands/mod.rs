//! The parts that come alive in the browser. Each is an enhancement: what it wraps or finds works without it.

mod carry;
mod copy;
mod dom;
mod enhance;
mod exchange;
mod filter;
mod keep;
mod keys;
mod live;
mod menu;
mod swap;
mod times;

pub use self::enhance::*;
