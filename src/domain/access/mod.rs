//! Authorization. An [`Actor`] is asked and answers with a [`May`], which the storage functions that write
//! demand: code that has not asked does not compile.

mod actor;
mod pattern;
mod permissions;

use std::marker::PhantomData;

use super::names::ConfigId;
pub use actor::Actor;
pub use pattern::Pattern;
pub use permissions::{Permission, PermissionSet, Role};

/// To see.
#[derive(Debug)]
pub enum View {}
/// To edit in a change.
#[derive(Debug)]
pub enum Change {}
/// To publish and roll back.
#[derive(Debug)]
pub enum Publish {}
/// To discard a change.
#[derive(Debug)]
pub enum Discard {}
/// To manage an application.
#[derive(Debug)]
pub enum Own {}
/// To make a namespace.
#[derive(Debug)]
pub enum Add {}
/// To create applications and environments.
#[derive(Debug)]
pub enum Create {}
/// To manage users and the environments that exist.
#[derive(Debug)]
pub enum Administer {}
/// To hand out and revoke tokens.
#[derive(Debug)]
pub enum GrantToken {}

/// Proof that an actor may do `What` to the object inside. Only an [`Actor`] makes one, and the object that was
/// authorised is the object that is then worked on: there is no second spelling to get wrong.
#[derive(Clone, Debug)]
pub struct May<What, On = ConfigId> {
    on: On,
    what: PhantomData<fn() -> What>,
}

impl<What, On> May<What, On> {
    fn new(on: On) -> Self {
        Self { on, what: PhantomData }
    }

    /// The object.
    pub fn on(&self) -> &On {
        &self.on
    }
}
