//! Parent trace spans of deliveries: the spans of the publishes that they belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::{
    domain::{change::ChangeId, names::EnvName},
    traces::TraceParent,
};

/// Maximum number of spans that wait for the worker of one environment. Beyond it they are forgotten.
const MAX_SPANS: usize = 4096;

/// Spans of changes, until a worker takes them.
#[derive(Debug, Default)]
pub struct TraceParents(Mutex<BTreeMap<EnvName, HashMap<ChangeId, TraceParent>>>);

impl TraceParents {
    /// Adds the span in which a change was accepted, for each of its environments.
    pub fn add(&self, envs: &BTreeSet<EnvName>, change: &ChangeId, parent: &TraceParent) {
        let mut spans = self.0.lock();
        for env in envs {
            let spans = spans.entry(env.clone()).or_default();
            if spans.len() >= MAX_SPANS {
                spans.clear();
            }
            spans.insert(change.clone(), parent.clone());
        }
    }

    /// Returns the span of one of the changes of an environment.
    pub fn any(&self, env: &EnvName) -> Option<TraceParent> {
        self.0.lock().get(env)?.values().next().cloned()
    }

    /// Takes the spans of the changes of an environment.
    pub fn take(&self, env: &EnvName) -> HashMap<ChangeId, TraceParent> {
        self.0.lock().remove(env).unwrap_or_default()
    }
}
