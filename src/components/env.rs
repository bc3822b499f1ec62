//! Environments: told apart by hue and by name, never by hue alone; a protected one carries a lock.

use leptos::prelude::*;

use super::{I, Icon, lang};

/// How many hues there are for environments that are not protected.
const HUES: usize = 4;

/// An environment as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvLook {
    /// Its name.
    pub name: String,
    /// Its place in the order of environments, from 0: chooses the hue.
    pub place: usize,
    /// Protected ones are red and carry a lock.
    pub protected: bool,
}

impl EnvLook {
    /// The classes of its style.
    #[must_use]
    pub fn class(&self) -> &'static str {
        const CLASSES: [&str; HUES] = ["env hue-0", "env hue-1", "env hue-2", "env hue-3"];
        if self.protected { "env guarded" } else { CLASSES[self.place % HUES] }
    }
}

/// The name of an environment in its colour.
#[component]
pub fn EnvTag(
    /// Which.
    env: EnvLook,
    /// Without the lock, where many stand side by side.
    #[prop(optional)]
    bare: bool,
) -> impl IntoView {
    let lock = env.protected && !bare;
    let class = env.class();
    view! {
        <span class=class>
            {env.name}
            {lock.then(|| view! { <Icon name=I::Lock label=lang().protected() /> })}
        </span>
    }
}
