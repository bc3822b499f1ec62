//! Data of the page of a change, shared by its components.

use super::progress::ReleaseProgress;
use crate::{
    api::paths,
    components::DiffView,
    domain::{
        diff::{KeyChange, Window},
        names::ConfigId,
    },
    pages::shared::EnvStyles,
    reader::nodes::NodeCoverage,
    service::{ChangeView, LateEnv},
};

/// The config of which the address asks for certain rows.
#[derive(Clone, Debug)]
pub(super) struct TurnedConfig {
    /// Its name; empty without one.
    pub config: String,
    /// The first row.
    pub row: usize,
    /// The kind of keys, if only these are shown.
    pub kind: Option<KeyChange>,
}

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
    /// The config of which other rows are shown than the first ones.
    pub turned: TurnedConfig,
    /// Number of differences on the page.
    pub diff_count: usize,
}

/// Returns the id of a config's part of the page.
pub(super) fn anchor(config: &ConfigId) -> String {
    format!("config-{}-{}-{}", config.env, config.app, config.namespace)
}

impl DiffOptions {
    /// Returns the rows of a config that are shown.
    pub fn window(&self, config: &ConfigId) -> Window {
        let row = self.turned_to(config).map_or(0, |turned| turned.row);
        Window::after(row).shared_by(self.diff_count)
    }

    /// Returns the kind of keys of a config, if only these are shown.
    pub fn kind(&self, config: &ConfigId) -> Option<KeyChange> {
        self.turned_to(config)?.kind
    }

    fn turned_to(&self, config: &ConfigId) -> Option<&TurnedConfig> {
        Some(&self.turned).filter(|turned| turned.config == config.to_string())
    }

    /// Returns the address of the page that shows other rows of a config.
    pub fn rows_address(&self, config: &ConfigId) -> String {
        let address = paths::with(&self.page_href, &[("config", &config.to_string())]);
        format!("{address}#{}", anchor(config))
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
