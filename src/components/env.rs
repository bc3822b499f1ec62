//! Environments, distinguished by hue and name, never by hue alone. Protected ones have a lock icon.

use super::{I, Icon, lang, view::*};

/// Number of hues for environments that are not protected.
const HUES: usize = 4;

/// Name and style of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvStyle {
    /// Name of the environment.
    pub name: String,
    /// Position in the order of environments, from 0. It chooses the hue.
    pub position: usize,
    /// Protected environments are red and have a lock icon.
    pub protected: bool,
}

impl EnvStyle {
    /// Returns the CSS classes.
    pub fn class(&self) -> &'static str {
        const CLASSES: [&str; HUES] = ["env hue-0", "env hue-1", "env hue-2", "env hue-3"];
        if self.protected { "env guarded" } else { CLASSES[self.position % HUES] }
    }
}

/// The name of an environment in its colour.
#[component]
pub fn EnvTag(
    /// The environment.
    env: EnvStyle,
    /// Hides the lock icon, for pages with many environments side by side.
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
