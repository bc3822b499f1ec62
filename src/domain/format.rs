//! The formats of documents.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Format of a namespace's documents. `kv` has items, the others are texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Keys and values; the document is a JSON object.
    #[default]
    Kv,
    /// JSON text.
    Json,
    /// YAML text.
    Yaml,
    /// TOML text.
    Toml,
    /// Java properties text.
    Properties,
    /// XML text.
    Xml,
    /// Any text.
    Text,
}

impl Format {
    /// All formats, in the order of the menus.
    pub const ALL: [Self; 7] = [Self::Kv, Self::Json, Self::Yaml, Self::Toml, Self::Properties, Self::Xml, Self::Text];

    /// Returns the name: `kv`, `json` …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Toml => "toml",
            Self::Properties => "properties",
            Self::Xml => "xml",
            Self::Text => "text",
        }
    }

    /// Returns the `Content-Type` of the document.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Kv | Self::Json => "application/json",
            Self::Yaml => "application/yaml; charset=utf-8",
            Self::Toml => "application/toml; charset=utf-8",
            Self::Properties | Self::Text => "text/plain; charset=utf-8",
            Self::Xml => "application/xml; charset=utf-8",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
