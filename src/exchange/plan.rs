//! Cuts a large import into changes.

use crate::domain::{limits, names::ConfigId};

/// Cuts configs into changes. Each has configs of one environment, and is within the limits of a change. `configs` has
/// the size of each document in bytes. The order is that of environment, application and namespace.
pub fn plan(mut configs: Vec<(ConfigId, usize)>) -> Vec<Vec<ConfigId>> {
    configs.sort();
    let mut changes: Vec<Vec<ConfigId>> = Vec::new();
    let mut bytes = 0;
    for (config, size) in configs {
        match changes.last_mut() {
            Some(last)
                if last.len() < limits::CHANGE_CONFIGS
                    && bytes + size <= CHANGE_BYTES
                    && last.first().is_some_and(|first| first.env == config.env) =>
            {
                last.push(config);
                bytes += size;
            }
            _ => {
                changes.push(vec![config]);
                bytes = size;
            }
        }
    }
    changes
}

/// Maximum size of a change's documents, in bytes. The rest of a change is for the names and metadata of its configs.
const CHANGE_BYTES: usize = limits::CHANGE_BYTES - limits::CHANGE_CONFIGS * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_change_has_one_environment() {
        let id = |text: &str| -> ConfigId { text.parse().unwrap() };
        let changes = plan(vec![(id("prod/b/x"), 1), (id("dev/a/x"), 1), (id("prod/a/x"), 1)]);
        assert_eq!(changes, [vec![id("dev/a/x")], vec![id("prod/a/x"), id("prod/b/x")]]);
    }

    proptest! {
        #[test]
        fn every_config_is_in_one_change_within_the_limits(
            sizes in prop::collection::vec((0..3_u8, 0..limits::DOCUMENT_BYTES), 0..200)
        ) {
            let configs: Vec<(ConfigId, usize)> = sizes
                .iter()
                .enumerate()
                .map(|(n, (env, size))| (format!("env{env}/app/n{n}").parse().unwrap(), *size))
                .collect();
            let changes = plan(configs.clone());
            let size = |config: &ConfigId| configs.iter().find(|(id, _)| id == config).unwrap().1;
            for change in &changes {
                prop_assert!(!change.is_empty() && change.len() <= limits::CHANGE_CONFIGS);
                prop_assert!(change.len() == 1 || change.iter().map(size).sum::<usize>() <= limits::CHANGE_BYTES);
                prop_assert!(change.iter().all(|config| config.env == change[0].env));
            }
            let mut all: Vec<ConfigId> = configs.iter().map(|(id, _)| id.clone()).collect();
            all.sort();
            prop_assert_eq!(changes.concat(), all);
        }
    }
}
