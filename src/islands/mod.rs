//! Parts that run in the browser. Each is an enhancement: the page works without it.

mod cell;
mod check;
mod copy;
mod dom;
mod editor;
mod enhance;
mod filter;
mod keep_filter;
mod keep_input;
mod live;
mod long_table;
mod match_count;
mod menu;
mod palette;
mod replace;
mod select;
mod selection;
mod shortcuts;
mod swap;
mod times;

pub use self::enhance::*;
