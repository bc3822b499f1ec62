//! What pages and islands are made of. Plain functions of data: they know no service and no request, only what stands
//! in their context: the language, the time, and what was refused when a form comes back.
//!
//! An island gets its language as a property and starts with `provide_context(lang)`: context stops at its edge.

mod code;
mod curve;
mod diff;
mod diff_text;
mod env;
mod field;
mod form;
mod icon;
mod layout;
mod list;
mod marks;
mod nav;
mod sentence;
#[cfg(test)]
mod tests;
mod text_area;
mod when;

use leptos::context::use_context;

pub use self::{
    code::*, curve::*, diff::*, diff_text::*, env::*, field::*, form::*, icon::*, layout::*, list::*, marks::*, nav::*,
    sentence::*, text_area::*, when::*,
};
use crate::texts::Lang;

/// The path and query of the page, as its forms and filters refer to it; also when it came back after a post.
#[derive(Clone, Debug)]
pub struct Here {
    /// Path and query.
    pub path: String,
    /// It stands at another address: a form came back.
    pub came_back: bool,
}

/// The language of the page.
#[must_use]
pub fn lang() -> Lang {
    use_context().unwrap_or_default()
}
