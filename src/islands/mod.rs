//! Parts that run in the browser. Each is an enhancement: the page works without it.

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
