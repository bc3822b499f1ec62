//! Server functions, which forms and islands post to. Each is thin: guard, parse, one service call, map the error.
//!
//! Declare a function like this. The forms depend on its prefix and its endpoint:
//! ```text
//! #[server(prefix = "/fn", endpoint = "log-in")]
//! pub async fn log_in(name: String, password: String) -> Result<()> { … }
//! ```
//! Arguments are strings, numbers and booleans (the fields of a form). The error is always [`Error`].

pub mod account;
pub mod apps;
pub mod bin;
pub mod changes;
pub mod config;
pub mod copies;
pub mod favourites;
pub mod paths;
pub mod people;
pub mod prefer;
pub mod publish;
pub mod response;
pub mod setup;
pub mod tokens;

use leptos::server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};

use crate::domain::error::{Error, Invalid, Problem};

/// Prefix of the paths of all server functions: `/fn/<endpoint>`.
pub const PREFIX: &str = "/fn/";

impl FromServerFnError for Error {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        match value {
            ServerFnErrorErr::Args(detail) | ServerFnErrorErr::MissingArg(detail) => {
                Invalid::new("", Problem::Body { detail }).into()
            }
            // Other errors occur only in the browser. They mean that the server did not answer.
            _ => Self::Internal(String::new()),
        }
    }
}
