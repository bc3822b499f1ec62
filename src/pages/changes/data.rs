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
    pub page_href: String,
    /// The address of this page with all lines.
    pub unfolded_href: String,
    /// The config whose difference begins at a later row, and that row.
    pub first_row_of: (String, usize),
    /// Number of differences on the page.
    pub diff_count: usize,
}

impl DiffOptions {
    /// Returns the rows of a config that are shown.
    pub fn window(&self, config: &ConfigId) -> Window {
        let (turned, row) = &self.first_row_of;
        Window::after(if *turned == config.to_string() { *row } else { 0 }).shared_by(self.diff_count)
    }

    /// Returns the address of the page that shows other rows of a config.
    pub fn rows_address(&self, config: &ConfigId) -> String {
        paths::with(&self.page_href, &[("config", &config.to_string())])
    }
}

/// Data of the page.
#[derive(Clone)]
pub(super) struct ChangePageData {
    pub change: ChangeView,
    pub env_styles: EnvStyles,
    pub diff_options: DiffOptions,
    /// Number of instances that read the configs with differences.
    pub readers: usize,
    /// Its releases with their delivery progress, once it is published.
    pub progress: Vec<ReleaseProgress>,
    pub late: Vec<LateEnv>,
    /// Other nodes that reported their readers, and those that did not.
    pub coverage: NodeCoverage,
    /// Value of `data-live`, by which the page is kept up to date.
    pub live_query: String,
}
