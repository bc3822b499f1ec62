//! Findings about an export of Trimtab or of another product: what is changed, left out or to be decided, and why an
//! export cannot be read.

use std::{fmt, str::FromStr};

use super::{
    names::{AppName, EnvName},
    problem::{Invalid, Problem, truncate},
};

/// A product whose exports can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Product {
    /// Trimtab's own zip or JSON.
    Trimtab,
    /// Apollo, 1.3 to 3.0.
    Apollo,
    /// Nacos, 1.4 to 3.x.
    Nacos,
    /// r-nacos.
    RNacos,
    /// The key-value store of Consul.
    Consul,
    /// Keys of etcd with a common prefix.
    Etcd,
    /// A folder of Spring Cloud Config.
    Spring,
    /// ConfigMaps and Secrets of Kubernetes.
    Kubernetes,
    /// `appsettings.json` of .NET.
    DotNet,
}

impl Product {
    /// All products, in the order of the menus.
    pub const ALL: [Self; 9] = [
        Self::Trimtab,
        Self::Apollo,
        Self::Nacos,
        Self::RNacos,
        Self::Consul,
        Self::Etcd,
        Self::Spring,
        Self::Kubernetes,
        Self::DotNet,
    ];

    /// Returns the name in commands and addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trimtab => "trimtab",
            Self::Apollo => "apollo",
            Self::Nacos => "nacos",
            Self::RNacos => "r-nacos",
            Self::Consul => "consul",
            Self::Etcd => "etcd",
            Self::Spring => "spring",
            Self::Kubernetes => "kubernetes",
            Self::DotNet => "dotnet",
        }
    }

    /// Returns the name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Trimtab => "Trimtab",
            Self::Apollo => "Apollo",
            Self::Nacos => "Nacos",
            Self::RNacos => "r-nacos",
            Self::Consul => "Consul",
            Self::Etcd => "etcd",
            Self::Spring => "Spring Cloud Config",
            Self::Kubernetes => "Kubernetes",
            Self::DotNet => ".NET",
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Product {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|product| product.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.iter().map(|product| product.as_str().to_owned()).collect();
            Invalid::new("/from", Problem::Unknown { given: truncate(text), known })
        })
    }
}

/// The way in which the names of an export become applications, environments and namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportLayout {
    /// Nacos: a group is an application, a data id is a namespace.
    Groups,
    /// Nacos: a data id `{app}-{profile}.{ext}` is an application and an environment.
    DataIds,
    /// Nacos: the application name in the metadata is the application.
    AppNames,
    /// Consul and etcd: `{env}/{app}/{key}`.
    EnvAppKey,
    /// Consul: `{prefix}/{app}[,{profile}]/{key}`, as Spring Cloud Consul writes it.
    AppProfileKey,
    /// Consul and etcd: the last part of a path is a namespace, its value a document.
    Documents,
    /// Consul and etcd: everything below the common folder is a key of one config.
    Keys,
    /// Spring and .NET: the files of each environment become one document.
    Merged,
    /// Spring: each file stays as it is.
    AsIs,
}

impl ImportLayout {
    /// All layouts.
    pub const ALL: [Self; 9] = [
        Self::Groups,
        Self::DataIds,
        Self::AppNames,
        Self::EnvAppKey,
        Self::AppProfileKey,
        Self::Documents,
        Self::Keys,
        Self::Merged,
        Self::AsIs,
    ];

    /// Returns the name in commands and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::DataIds => "data-ids",
            Self::AppNames => "app-names",
            Self::EnvAppKey => "env-app-key",
            Self::AppProfileKey => "app-profile-key",
            Self::Documents => "documents",
            Self::Keys => "keys",
            Self::Merged => "merged",
            Self::AsIs => "as-is",
        }
    }
}

impl FromStr for ImportLayout {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|layout| layout.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.iter().map(|layout| layout.as_str().to_owned()).collect();
            Invalid::new("/layout", Problem::Unknown { given: truncate(text), known })
        })
    }
}

/// A question that an export leaves open, with the answer that was assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportQuestion {
    /// The export names no environment.
    Env {
        /// The assumed one.
        assumed: EnvName,
    },
    /// The configuration without a profile is left out, because nothing names its environment.
    BaseEnv,
    /// The export names no application.
    App {
        /// The assumed one.
        assumed: AppName,
    },
    /// The names can be understood in several ways.
    Layout {
        /// The assumed one.
        assumed: ImportLayout,
        /// All that are possible.
        choices: Vec<ImportLayout>,
    },
    /// A cluster of Apollo becomes an environment of its own.
    Cluster {
        /// Its original name: `PRO/shanghai`.
        cluster: String,
        /// The environment.
        assumed: EnvName,
    },
}

/// Weight of a note for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteLevel {
    /// The content was adapted.
    Changed,
    /// Something in the export is not imported.
    LeftOut,
    /// The reader should check it.
    Check,
}

impl NoteLevel {
    /// Returns the name in reports for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::LeftOut => "left-out",
            Self::Check => "check",
        }
    }
}

/// Subject of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoteKind {
    /// A name had to change, and clients must ask for the new one.
    Renamed,
    /// A name differs only in case, which clients of the product ignore.
    Lowercased,
    /// The format is not the declared one.
    FormatGuessed,
    /// The text is not valid in its format, and becomes plain text.
    StoredAsText,
    /// Values do not fit their type, and become strings.
    TypesDropped,
    /// Comments were longer than the limit, and are cut.
    CommentsCut,
    /// The text was not UTF-8, and was read as GB18030.
    Charset,
    /// The text was not UTF-8, and was read as ISO-8859-1.
    Latin1,
    /// One folder around everything was ignored.
    CommonFolder,
    /// A path is several times in the archive. The last one counts.
    RepeatedPaths,
    /// A key is several times in a file. The last one counts.
    RepeatedKeys,
    /// Keys are in `.properties` and in YAML. Those of `.properties` count.
    PropertiesFirst,
    /// Several files became one document.
    FilesMerged,
    /// Values were no strings, and become their source text.
    SourceTexts,
    /// Blank lines and comments without a key.
    LooseLines,
    /// Keys that Trimtab cannot store.
    Keys,
    /// Keys that were deleted before the export.
    DeletedKeys,
    /// Values, documents or numbers of keys above the limits.
    TooLarge,
    /// Nothing was ever saved there. The namespace is created without a release.
    NothingSaved,
    /// Entries that do not belong to the export.
    Entries,
    /// Entries in which the content is not in the form of the product.
    Unreadable,
    /// Files of operating systems and archivers.
    SystemFiles,
    /// Descriptions and tags.
    Descriptions,
    /// Bytes that are no text.
    Binary,
    /// Secrets.
    Secrets,
    /// Encrypted values.
    Encrypted,
    /// Keys with a lease, such as locks.
    Leases,
    /// Marks of folders.
    FolderMarks,
    /// Flags and sessions of Consul.
    Flags,
    /// Keys outside of the layout.
    OutsideLayout,
    /// Configs of a cluster that equal those of the default cluster.
    SameCluster,
    /// Objects that Kubernetes or Helm manages.
    ManagedObjects,
    /// Other kinds of objects.
    OtherObjects,
    /// Labels, annotations and immutability.
    Labels,
    /// Documents with a condition that an environment cannot decide: an expression of profiles, or a cloud platform.
    Conditions,
    /// Configs that the answers leave out.
    NotChosen,
    /// The export has unpublished edits, and no history, permissions and keys.
    EditingState,
    /// The export has no history, versions and permissions.
    NoHistory,
    /// Keys whose names say that their values are secret.
    LikelySecrets,
    /// A public namespace. Overrides of other applications are not merged into it.
    PublicNamespace,
    /// Something seems to be missing in the export.
    MayBeMissing,
}

impl NoteKind {
    /// Returns the weight.
    pub fn level(self) -> NoteLevel {
        match self {
            Self::Renamed
            | Self::Lowercased
            | Self::FormatGuessed
            | Self::StoredAsText
            | Self::TypesDropped
            | Self::CommentsCut
            | Self::Charset
            | Self::Latin1
            | Self::CommonFolder
            | Self::RepeatedPaths
            | Self::RepeatedKeys
            | Self::PropertiesFirst
            | Self::FilesMerged
            | Self::SourceTexts => NoteLevel::Changed,
            Self::EditingState | Self::LikelySecrets | Self::PublicNamespace | Self::MayBeMissing => NoteLevel::Check,
            _ => NoteLevel::LeftOut,
        }
    }

    /// Returns the name in reports for programs: `renamed`, `deleted-keys` …
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }
}

/// A finding about an export or about one of its configs. It holds names, and never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportNote {
    /// The subject.
    pub kind: NoteKind,
    /// Number of cases, such as keys.
    pub count: usize,
    /// Names of the first cases, at most [`ImportNote::MAX_EXAMPLES`].
    pub examples: Vec<String>,
}

impl ImportNote {
    /// Maximum number of cases that are named.
    pub const MAX_EXAMPLES: usize = 5;

    /// Returns a note about something without a name.
    pub fn new(kind: NoteKind, count: usize) -> Self {
        Self { kind, count, examples: Vec::new() }
    }

    /// Returns a note about one case.
    pub fn about(kind: NoteKind, example: impl AsRef<str>) -> Self {
        Self { kind, count: 1, examples: vec![shortened(example.as_ref())] }
    }
}

/// Maximum size of an example, in characters.
const MAX_EXAMPLE_CHARS: usize = 200;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_EXAMPLE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Notes, one for each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportNotes(Vec<ImportNote>);

impl ImportNotes {
    /// Adds a note to the one of its kind.
    pub fn add(&mut self, note: ImportNote) {
        let Some(there) = self.0.iter_mut().find(|there| there.kind == note.kind) else {
            return self.0.push(note);
        };
        there.count += note.count;
        let room = ImportNote::MAX_EXAMPLES.saturating_sub(there.examples.len());
        there.examples.extend(note.examples.into_iter().take(room));
    }

    /// Adds a case with its name.
    pub fn about(&mut self, kind: NoteKind, example: impl AsRef<str>) {
        self.add(ImportNote::about(kind, example));
    }

    /// Adds cases without names, if there are any.
    pub fn count(&mut self, kind: NoteKind, count: usize) {
        if count > 0 {
            self.add(ImportNote::new(kind, count));
        }
    }

    /// Returns the notes in the order in which their kinds were first found.
    pub fn iter(&self) -> impl Iterator<Item = &ImportNote> {
        self.0.iter()
    }

    /// Returns whether there is a note of a kind.
    pub fn has(&self, kind: NoteKind) -> bool {
        self.0.iter().any(|note| note.kind == kind)
    }
}

/// Reason why an export cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportRefusal {
    /// The content is not an export of a known product.
    Unknown,
    /// The content is not an export of the named product.
    NotOf {
        /// The product.
        product: Product,
    },
    /// The content is empty.
    Empty,
    /// Larger than the limit, in bytes.
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// The archive has more entries than the limit.
    TooManyEntries {
        /// The limit.
        max: usize,
    },
    /// The archive cannot be read.
    Archive {
        /// The message of the reader, in English.
        detail: String,
    },
    /// The archive, or the merged files, expand to far more than their own size.
    Expands,
    /// An entry is encrypted.
    EncryptedEntry {
        /// Its path.
        path: String,
    },
    /// An entry has a zero byte in its name.
    EntryName,
    /// A file is not in a charset that the product writes.
    Charset {
        /// Its path.
        path: String,
    },
    /// A file has a mistake.
    Mistake {
        /// Its path. Empty if the export is one file.
        path: String,
        /// The mistake, with line and column.
        invalid: Invalid,
    },
    /// The plain output of `etcdctl`, in which keys and values cannot be told apart.
    EtcdPlain,
    /// A snapshot of etcd.
    EtcdSnapshot,
    /// Feature flags that decide per user.
    FeatureFlags,
    /// Trimtab's own export in a later version than this program reads.
    Version {
        /// The version.
        version: u64,
    },
    /// A file that the manifest of Trimtab's own export names is missing or changed.
    Manifest {
        /// Its path.
        path: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_one_kind_are_summed_up() {
        let mut notes = ImportNotes::default();
        for n in 0..10 {
            notes.about(NoteKind::DeletedKeys, format!("key {n}"));
        }
        notes.count(NoteKind::Flags, 0);
        notes.count(NoteKind::Flags, 2);
        let all: Vec<_> = notes.iter().map(|note| (note.kind.name(), note.count, note.examples.len())).collect();
        assert_eq!(all, [("deleted-keys".to_owned(), 10, 5), ("flags".to_owned(), 2, 0)]);
        assert!(notes.has(NoteKind::Flags) && !notes.has(NoteKind::Leases));
    }

    #[test]
    fn products_and_layouts_are_found_by_name() {
        for product in Product::ALL {
            assert_eq!(product.as_str().parse(), Ok(product));
        }
        for layout in ImportLayout::ALL {
            assert_eq!(layout.as_str().parse(), Ok(layout));
        }
        assert!("spring-boot".parse::<Product>().is_err() && "".parse::<ImportLayout>().is_err());
    }

    #[test]
    fn examples_are_short() {
        let note = ImportNote::about(NoteKind::Keys, "é".repeat(1000));
        assert_eq!(note.examples[0].chars().count(), MAX_EXAMPLE_CHARS + 1);
    }
}
