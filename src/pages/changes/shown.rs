//! The data of the page of a change, which its parts share.

use super::way::Progress;
use crate::{
    api::paths,
    components::DiffView,
    domain::{diff::Window, names::ConfigId},
    pages::parts::Looks,
    reader::nodes::Told,
    service::{ChangeView, Late},
};

/// How the differences are to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub view: DiffView,
    /// Lines around each difference of a text.
    pub context: usize,
    /// The page that shows each difference from its first row on.
    pub here: String,
    /// The address of this page with all lines.
    pub unfold: String,
    /// The config of which other rows than the first are shown, and from which row on.
    pub turned: (String, usize),
    /// Differences on the page.
    pub parts: usize,
}

impl Drawn {
    /// The rows of a config that are shown.
    pub fn window(&self, config: &ConfigId) -> Window {
        let (turned, row) = &self.turned;
        Window::after(if *turned == config.to_string() { *row } else { 0 }).one_of(self.parts)
    }

    /// The page that shows other rows of a config.
    pub fn turn(&self, config: &ConfigId) -> String {
        paths::with(&self.here, &[("config", &config.to_string())])
    }
}

/// The data of the page.
#[derive(Clone)]
pub(super) struct Shown {
    pub change: ChangeView,
    pub looks: Looks,
    pub drawn: Drawn,
    /// How many instances read what it would change.
    pub readers: usize,
    /// Its releases, when it is published, and how far each has come.
    pub progress: Vec<Progress>,
    pub late: Vec<Late>,
    /// Which nodes told who reads.
    pub told: Told,
    /// The state that the page follows: see [`live::followed`](crate::pages::live::followed).
    pub followed: String,
}
