//! Environments, applications and namespaces, as they are stored and shown.

use super::{
    content::Format,
    names::{AppName, EnvName, NamespaceName},
    time::Time,
};

/// An environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Env {
    /// Its name.
    pub name: EnvName,
    /// The display name.
    pub title: String,
    /// Its place in the row of environments, from left to right.
    pub position: i32,
    /// Whether publishing wants a message and the name typed.
    pub protected: bool,
    /// When it was archived.
    pub archived_at: Option<Time>,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name.
    pub name: AppName,
    /// The display name.
    pub title: String,
    /// The description.
    pub description: String,
    /// When it was archived.
    pub archived_at: Option<Time>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its application.
    pub app: AppName,
    /// Its name.
    pub name: NamespaceName,
    /// How its documents are written.
    pub format: Format,
    /// The description.
    pub description: String,
    /// When it was archived.
    pub archived_at: Option<Time>,
}
