//! YAML as a tree of plain values, for files that are no configuration of their own, such as manifests.

use super::{
    collector::{Position, ScalarKind},
    tree::TreeNode,
    yaml::trees,
    yaml_scalar::problem,
};
use crate::domain::error::Invalid;

/// Maximum number of values of all documents. Aliases count each time.
const MAX_NODES: usize = 800_000;
/// Maximum size of all scalars and keys, in bytes. Aliases count each time.
const MAX_BYTES: usize = 128 * 1024 * 1024;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum YamlNode {
    /// A scalar in its original spelling.
    Scalar {
        /// The text.
        text: String,
        /// Whether it is a string, and not a number, boolean or null.
        is_string: bool,
    },
    /// A sequence.
    List(Vec<YamlNode>),
    /// A mapping, in order.
    Map(Vec<(String, YamlNode)>),
}

impl YamlNode {
    /// Returns the value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Returns the entries of a mapping. Other values have none.
    pub fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the elements of a sequence. Other values have none.
    pub fn elements(&self) -> &[Self] {
        match self {
            Self::List(nodes) => nodes,
            _ => &[],
        }
    }

    /// Returns the text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// Parses all documents of a stream.
///
/// # Errors
/// [`Problem::Syntax`](crate::domain::error::Problem::Syntax) or
/// [`Problem::Duplicate`](crate::domain::error::Problem::Duplicate), with line and column and an empty pointer.
pub fn yaml_documents(text: &str) -> Result<Vec<YamlNode>, Invalid> {
    let text = super::without_bom(text);
    let mut budget = Budget { nodes: MAX_NODES, bytes: MAX_BYTES };
    let nodes = trees(text)?.iter().map(|node| budget.node(node)).collect::<Option<Vec<_>>>();
    nodes.ok_or_else(|| Position::Line(1, 1).invalid(text, problem("aliases expand to more than the limit")))
}

struct Budget {
    nodes: usize,
    bytes: usize,
}

impl Budget {
    /// Copies a value, or returns `None` if the budget does not suffice.
    fn node(&mut self, node: &TreeNode) -> Option<YamlNode> {
        self.nodes = self.nodes.checked_sub(1)?;
        Some(match node {
            TreeNode::Scalar(scalar) => YamlNode::Scalar {
                text: self.text(&scalar.text)?,
                is_string: matches!(scalar.kind, ScalarKind::String),
            },
            TreeNode::List(nodes) => YamlNode::List(nodes.iter().map(|node| self.node(node)).collect::<Option<_>>()?),
            TreeNode::Map(entries) => {
                let entry = |entry: &super::tree::TreeEntry| Some((self.text(&entry.key)?, self.node(&entry.node)?));
                YamlNode::Map(entries.iter().map(entry).collect::<Option<_>>()?)
            }
        })
    }

    fn text(&mut self, text: &str) -> Option<String> {
        self.bytes = self.bytes.checked_sub(text.len())?;
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_become_trees_with_their_spelling() {
        let documents = yaml_documents("a: 0x1F\nb: [yes, \"1\", {c: }]\n---\n- 1\n").unwrap();
        let b = documents[0].get("b").unwrap().elements();
        assert_eq!(documents[0].get("a").unwrap().text(), Some("0x1F"));
        assert_eq!(b[1], YamlNode::Scalar { text: "1".into(), is_string: true });
        assert!(matches!(documents[1].elements(), [YamlNode::Scalar { is_string: false, .. }]));
        assert!(yaml_documents("a: 1\na: 2\n").is_err() && yaml_documents("a: [").is_err());
    }

    #[test]
    fn aliases_expand_only_within_the_limit() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let alias = format!("*a{}", n - 1);
            text += &format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 10].join(", "));
        }
        assert!(yaml_documents(&text).is_err());
    }
}
