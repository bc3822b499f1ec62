//! Environments, applications and namespaces.

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
    /// Its position among the environments, from left to right.
    pub position: i32,
    /// Whether publishing requires a message and the typed name of the environment.
    pub protected: bool,
    /// Time when it was archived.
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
    /// Time when it was archived.
    pub archived_at: Option<Time>,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its application.
    pub app: AppName,
    /// Its name.
    pub name: NamespaceName,
    /// Format of its documents.
    pub format: Format,
    /// The description.
    pub description: String,
    /// Time when it was archived.
    pub archived_at: Option<Time>,
}
