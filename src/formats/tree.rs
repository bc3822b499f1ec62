//! Nested objects, for JSON, YAML and TOML.

use std::rc::Rc;

use super::collector::{ItemCollector, Position, Scalar, ScalarKind, quote};
use crate::domain::{
    error::{Invalid, Problem},
    limits,
};

/// A value of a tree. Shared, because a YAML alias refers to an existing value.
pub(super) enum TreeNode {
    Scalar(Scalar),
    List(Vec<Rc<TreeNode>>),
    Map(Vec<TreeEntry>),
}

/// A key with its value.
#[derive(Clone)]
pub(super) struct TreeEntry {
    pub(super) key: String,
    pub(super) node: Rc<TreeNode>,
    pub(super) comment: String,
    pub(super) at: Position,
}

/// Adds the leaves of a map with their keys joined by dots.
pub(super) fn flatten(map: &[TreeEntry], reading: &mut ItemCollector) -> Result<(), Invalid> {
    flatten_under(None, map, reading)
}

fn flatten_under(prefix: Option<&str>, map: &[TreeEntry], reading: &mut ItemCollector) -> Result<(), Invalid> {
    for TreeEntry { key, node, comment, at } in map {
        let key = prefix.map_or_else(|| key.clone(), |prefix| format!("{prefix}.{key}"));
        match &**node {
            TreeNode::Map(inner) if inner.is_empty() => {
                reading.add(key, Scalar::new(ScalarKind::Json, "{}"), comment.clone(), *at)?;
            }
            TreeNode::Map(_) if key.len() > limits::KEY_BYTES => {
                reading.refuse(&key, Problem::TooLong { max: limits::KEY_BYTES }, *at)?;
            }
            TreeNode::Map(inner) if !reading.is_one_item(&key) => flatten_under(Some(&key), inner, reading)?,
            TreeNode::Scalar(scalar) => reading.add(key, scalar.clone(), comment.clone(), *at)?,
            whole @ (TreeNode::List(_) | TreeNode::Map(_)) => {
                let mut json = String::new();
                whole.push_json(&mut json);
                reading.add(key, Scalar::new(ScalarKind::Json, json), comment.clone(), *at)?;
            }
        }
    }
    Ok(())
}

impl TreeNode {
    /// Appends its JSON. Stops soon after the limit of a value, because aliases can make the JSON arbitrarily long.
    fn push_json(&self, out: &mut String) {
        if out.len() > limits::VALUE_BYTES {
            return;
        }
        match self {
            Self::Scalar(scalar) => out.push_str(&scalar.json()),
            Self::List(nodes) => {
                out.push('[');
                for (n, node) in nodes.iter().enumerate() {
                    out.push_str(if n == 0 { "" } else { "," });
                    node.push_json(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                for (n, entry) in entries.iter().enumerate() {
                    out.push_str(if n == 0 { "" } else { "," });
                    out.push_str(&quote(&entry.key));
                    out.push(':');
                    entry.node.push_json(out);
                }
                out.push('}');
            }
        }
    }
}
