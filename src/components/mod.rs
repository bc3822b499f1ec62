//! Components of pages and islands. They are plain functions of data without access to services or requests. Their
//! context has the language, the time, and the refused form if there is one.
//!
//! An island gets its language as a property and starts with `provide_context(lang)`: it does not inherit the context.

mod chart;
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
mod pick;
mod sentence;
mod term;
#[cfg(test)]
mod tests;
mod text_area;
mod timeline;
pub mod view;
mod when;

use leptos::context::use_context;

pub use self::{
    chart::*, code::*, curve::*, diff::*, diff_text::*, env::*, field::*, form::*, icon::*, layout::*, list::*,
    marks::*, nav::*, pick::*, sentence::*, term::*, text_area::*, timeline::*, when::*,
};
use crate::texts::Lang;

/// Address of the page that its forms and filters refer to, even if the page is the response to a post.
#[derive(Clone, Debug)]
pub struct PageAddress {
    /// Path and query.
    pub path: String,
    /// The page is shown at another address, because a form was refused.
    pub refused_form: bool,
}

/// Returns the language of the page.
pub fn lang() -> Lang {
    use_context().unwrap_or_default()
}
