//! The server: layers around its routes.

pub mod layers;
