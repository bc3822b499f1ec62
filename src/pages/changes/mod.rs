//! Changes: the open ones, the page of each, resolving conflicts, publishing.

mod config;
mod conflicts;
mod data;
mod list;
mod one;
mod progress;
mod publish;

use axum::{Router, routing::get};

pub(super) use self::list::{ChangeItem, first_line};
use super::console::Console;

/// `/changes`, `/changes/{id}`.
pub fn routes() -> Router<Console> {
    Router::new().route("/changes", get(list::show)).route("/changes/{id}", get(one::show))
}
