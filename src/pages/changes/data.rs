//! Data of the page of a change, shared by its components.

use super::progress::ReleaseProgress;
use crate::{
    api::paths,
    components::DiffView,
    domain::{diff::Window, names::ConfigId},
    pages::shared::EnvStyles,
    reader::nodes::NodeCoverage,
    service::{ChangeView, LateEnv},
};

/// Display options of the differences.
#[derive(Clone, Debug)]
pub(super) struct DiffOptions {
    pub view: DiffView,
    /// Number of unchanged lines around each difference of a text.
    pub context: usize,
    /// The address of this page that shows every difference from its first row on.
    pub here: String,
    /// The address of this page with all lines.
    pub unfold: String,
    /// The config whose difference begins at a later row, and that row.
    pub shown_from: (String, usize),
    /// Number of differences on the page.
    pub diff_count: usize,
}

impl DiffOptions {
    /// Returns the rows of a config that are shown.
    pub fn window(&self, config: &ConfigId) -> Window {
        let (turned, row) = &self.shown_from;
        Window::after(if *turned == config.to_string() { *row } else { 0 }).shared_by(self.diff_count)
    }

    /// Returns the address of the page that shows other rows of a config.
    pub fn rows_address(&self, config: &ConfigId) -> String {
        paths::with(&self.here, &[("config", &config.to_string())])
    }
}

/// Data of the page.
#[derive(Clone)]
pub(super) struct ChangePageData {
    pub change: ChangeView,
    pub looks: EnvStyles,
    pub drawn: DiffOptions,
    /// Number of instances that read the configs with differences.
    pub readers: usize,
    /// Its releases with their delivery progress, once it is published.
    pub progress: Vec<ReleaseProgress>,
    pub late: Vec<LateEnv>,
    /// Other nodes that reported their readers, and those that did not.
    pub told: NodeCoverage,
    /// Value of `data-live`, by which the page is kept up to date.
    pub live_query: String,
}
