//! Data of the page of a change, shared by its components.

use super::way::Progress;
use crate::{
    api::paths,
    components::DiffView,
    domain::{diff::Window, names::ConfigId},
    pages::parts::Looks,
    reader::nodes::Told,
    service::{ChangeView, Late},
};

/// Display options of the differences.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    pub view: DiffView,
    /// Number of unchanged lines around each difference of a text.
    pub context: usize,
    /// The address of this page with each difference from its first row on.
    pub here: String,
    /// The address of this page with all lines.
    pub unfold: String,
    /// The config that is not shown from its first row on, and the first row that is shown.
    pub turned: (String, usize),
    /// Number of differences on the page.
    pub parts: usize,
}

impl Drawn {
    /// Returns the rows of a config that are shown.
    pub fn window(&self, config: &ConfigId) -> Window {
        let (turned, row) = &self.turned;
        Window::after(if *turned == config.to_string() { *row } else { 0 }).one_of(self.parts)
    }

    /// Returns the address of the page that shows other rows of a config.
    pub fn turn(&self, config: &ConfigId) -> String {
        paths::with(&self.here, &[("config", &config.to_string())])
    }
}

/// Data of the page.
#[derive(Clone)]
pub(super) struct Shown {
    pub change: ChangeView,
    pub looks: Looks,
    pub drawn: Drawn,
    /// Number of instances that read the configs it would change.
    pub readers: usize,
    /// Its releases with their delivery progress, once it is published.
    pub progress: Vec<Progress>,
    pub late: Vec<Late>,
    /// Other nodes that reported their readers, and those that did not.
    pub told: Told,
    /// Value of `data-live`, by which the page is kept up to date.
    pub followed: String,
}
