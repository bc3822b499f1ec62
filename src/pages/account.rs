//! One's own account.

use axum::Router;

use super::console::Console;

/// `/account`.
pub fn routes() -> Router<Console> {
    Router::new()
}
