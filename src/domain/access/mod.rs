//! Authorisation. An [`Actor`] checks its rights and returns a [`May`]. Storage functions that write require one, so
//! code without the check does not compile.

mod actor;
mod pattern;
mod permissions;

use std::marker::PhantomData;

use super::names::ConfigId;
pub use actor::Actor;
pub use pattern::Pattern;
pub use permissions::{Permission, PermissionSet, Role};

/// Seeing a config.
#[derive(Debug)]
pub enum View {}
/// Editing a config in a change.
#[derive(Debug)]
pub enum EditConfig {}
/// Publishing and rolling back.
#[derive(Debug)]
pub enum Publish {}
/// Discarding a change.
#[derive(Debug)]
pub enum Discard {}
/// Managing an application.
#[derive(Debug)]
pub enum Own {}
/// Creating a namespace.
#[derive(Debug)]
pub enum AddNamespace {}
/// Creating applications and environments.
#[derive(Debug)]
pub enum Create {}
/// Managing users and existing environments.
#[derive(Debug)]
pub enum Administer {}
/// Removing archived objects for good.
#[derive(Debug)]
pub enum Remove {}
/// Granting and revoking tokens.
#[derive(Debug)]
pub enum GrantToken {}

/// Evidence that an actor may do `What` to the object inside. Only an [`Actor`] creates one. Functions work on the
/// object inside it, so the authorised object and the changed object cannot differ.
#[derive(Clone, Debug)]
pub struct May<What, On = ConfigId> {
    on: On,
    what: PhantomData<fn() -> What>,
}

impl<What, On> May<What, On> {
    fn new(on: On) -> Self {
        Self { on, what: PhantomData }
    }

    /// Returns the object.
    pub fn on(&self) -> &On {
        &self.on
    }
}
