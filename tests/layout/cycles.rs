//! Cycles of dependencies between files.

use std::collections::{BTreeMap, BTreeSet};

use super::dependencies::File;

/// Returns sets of files that depend on one another in a cycle. Dependencies between a file and those below it
/// (`publish.rs` and `publish/policy.rs`) do not count.
pub fn cycles(files: &[File]) -> Vec<Vec<String>> {
    let modules: BTreeMap<&[String], usize> = files.iter().enumerate().map(|(n, f)| (&f.module[..], n)).collect();
    let exports = exports(files);
    let mut arrows: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); files.len()];
    for (n, file) in files.iter().enumerate() {
        let known = file.named.iter().filter_map(|named| defining_file(&named.path, &modules, &exports));
        arrows[n] = known.filter(|&to| to != n && !is_nested(&file.module, &files[to].module)).collect();
    }
    let reach: Vec<BTreeSet<usize>> = (0..files.len()).map(|n| reachable(n, &arrows)).collect();
    let mut found: BTreeSet<Vec<String>> = BTreeSet::new();
    for n in 0..files.len() {
        if reach[n].contains(&n) {
            let members = (0..files.len()).filter(|&m| reach[n].contains(&m) && reach[m].contains(&n));
            found.insert(members.map(|m| files[m].name.clone()).collect());
        }
    }
    found.into_iter().collect()
}

/// Map from re-exported paths to their originals, such as `crate::service::Save` to `crate::service::save::Save`.
type Exports = BTreeMap<Vec<String>, Vec<String>>;

fn exports(files: &[File]) -> Exports {
    let mut exports = Exports::new();
    for file in files {
        for named in file.named.iter().filter(|named| named.exported) {
            let mut from = vec!["crate".to_owned()];
            from.extend(file.module.iter().cloned());
            from.extend(named.path.last().cloned());
            // `pub use save::Save` is relative to this module. Full paths of this crate begin with `crate`.
            let mut to = named.path.clone();
            if to.first().is_some_and(|first| first != "crate") {
                to = from[..from.len() - 1].iter().cloned().chain(to).collect();
            }
            if to != from {
                exports.insert(from, to);
            }
        }
    }
    exports
}

/// Returns the file in which a path is defined.
fn defining_file(path: &[String], modules: &BTreeMap<&[String], usize>, exports: &Exports) -> Option<usize> {
    let mut path = path.to_vec();
    // A name may be re-exported several times, at most once per nested folder. Eight is more than the deepest nesting.
    for _ in 0..8 {
        let Some(end) = (1..=path.len()).find(|&end| exports.contains_key(&path[..end])) else { break };
        let rest = path.split_off(end);
        path = exports[&path].iter().cloned().chain(rest).collect();
    }
    let (root, inner) = path.split_first()?;
    if root != "crate" {
        return None;
    }
    (1..=inner.len()).rev().find_map(|end| modules.get(&inner[..end]).copied())
}

/// Returns whether one module is inside the other.
fn is_nested(a: &[String], b: &[String]) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

fn reachable(from: usize, arrows: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(n) = next.pop() {
        next.extend(arrows[n].iter().copied().filter(|&to| seen.insert(to)));
    }
    seen
}
