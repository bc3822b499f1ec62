//! Fields of the form. Every preview has all of them again, with the file in base64, so the server keeps nothing.

use std::collections::BTreeMap;

use axum::{
    extract::{Multipart, multipart::MultipartError},
    http::StatusCode,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    domain::{
        error::{Error, Invalid, Problem, Result},
        exchange::{ImportLayout, Product},
        names::{AppName, ConfigId, EnvName, NamespaceName},
    },
    exchange::ReadOptions,
    http::body::is_too_long,
    pages::forms::MAX_EXPORT_FILE_BYTES,
    service::ConfigChoice,
};

/// Maximum number of files, documents and mappings that are unpacked, in bytes of all together.
const MAX_UNPACKED_BYTES: usize = 48 * 1024 * 1024;
/// Maximum number of names of a kind that the page maps, and of choices.
pub(super) const MAX_NAMES: usize = 100;
/// Maximum number of choices that the form keeps.
const MAX_CHOICES: usize = 2000;
/// Maximum size of a field that is not the file, in bytes.
const MAX_FIELD_BYTES: usize = 8 * 1024;

/// A name of the product, and the name that it gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MappedName {
    /// The name in the product.
    pub original: String,
    /// The name that it gets by itself.
    pub proposed: String,
    /// The name that the user chose. Empty leaves it out.
    pub chosen: String,
}

/// Kinds of names that the form maps, by the names of their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameKind {
    Env,
    App,
    Namespace,
}

impl NameKind {
    /// All kinds, in their order on the page.
    pub const ALL: [Self; 3] = [Self::Env, Self::App, Self::Namespace];

    /// Returns the beginning of the names of its fields.
    pub fn field(self) -> &'static str {
        match self {
            Self::Env => "map-env",
            Self::App => "map-app",
            Self::Namespace => "map-namespace",
        }
    }
}

/// Fields of the form.
#[derive(Clone, Default)]
pub(super) struct ImportForm {
    /// The file.
    pub file: Vec<u8>,
    /// All other fields as they were sent, but for the file.
    pub fields: Vec<(String, String)>,
    /// The mapped names.
    pub names: BTreeMap<NameKind, Vec<MappedName>>,
    /// The choices that differ from that for all configs.
    pub choices: BTreeMap<ConfigId, ConfigChoice>,
}

/// Parts of a field with a number: `map-env-3`, `map-env-3-of`.
fn numbered<'a>(name: &'a str, prefix: &str) -> Option<(usize, &'a str)> {
    let rest = name.strip_prefix(prefix)?.strip_prefix('-')?;
    let (number, part) = rest.split_once('-').unwrap_or((rest, ""));
    Some((number.parse().ok()?, part))
}

impl ImportForm {
    /// Reads the form.
    ///
    /// # Errors
    /// [`Error::TooLarge`] and [`Error::Invalid`].
    pub async fn read(mut sent: Multipart) -> Result<Self> {
        let mut form = Self::default();
        let mut uploaded = None;
        while let Some(field) = sent.next_field().await.map_err(|error| read_error(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            let file = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
            let bytes = field.bytes().await.map_err(|error| read_error(&error))?;
            match (name.as_str(), file) {
                ("file", Some(file)) => uploaded = Some((file, bytes)),
                ("file", None) => {}
                ("data", _) => {
                    let wrong = |_| Invalid::new("/file", Problem::Required);
                    form.file = URL_SAFE_NO_PAD.decode(&bytes).map_err(wrong)?;
                }
                _ if bytes.len() > MAX_FIELD_BYTES => return Err(Error::TooLarge(MAX_FIELD_BYTES)),
                _ => {
                    let text = String::from_utf8(bytes.into()).map_err(|_| Invalid::new("", Problem::Unicode))?;
                    form.fields.push((name, text));
                }
            }
        }
        match uploaded {
            // A new file begins anew: names and choices are those of another export.
            Some((name, bytes)) => {
                form.file = bytes.into();
                form.fields.retain(|(field, _)| is_general(field));
                form.fields.push(("name".to_owned(), name));
            }
            None => form.read_numbered(),
        }
        if form.file.len() > MAX_EXPORT_FILE_BYTES {
            return Err(Error::TooLarge(MAX_EXPORT_FILE_BYTES));
        }
        Ok(form)
    }

    fn read_numbered(&mut self) {
        let mut configs: BTreeMap<usize, (String, String)> = BTreeMap::new();
        for kind in NameKind::ALL {
            let mut names: BTreeMap<usize, MappedName> = BTreeMap::new();
            for (field, value) in &self.fields {
                let Some((n, part)) = numbered(field, kind.field()).filter(|(n, _)| *n < MAX_NAMES) else { continue };
                let name = names.entry(n).or_default();
                match part {
                    "of" => name.original.clone_from(value),
                    "by" => name.proposed.clone_from(value),
                    _ => value.trim().clone_into(&mut name.chosen),
                }
            }
            self.names.insert(kind, names.into_values().collect());
        }
        for (field, value) in &self.fields {
            let Some((n, part)) = numbered(field, "choice").filter(|(n, _)| *n < MAX_CHOICES) else { continue };
            let config = configs.entry(n).or_default();
            if part == "of" { config.0.clone_from(value) } else { config.1.clone_from(value) }
        }
        let choice = |(config, choice): &(String, String)| {
            let choice = ConfigChoice::ALL.into_iter().find(|known| known.as_str() == choice)?;
            Some((config.parse().ok()?, choice))
        };
        self.choices = configs.values().filter_map(choice).collect();
    }

    /// Returns the value of a field. A field that was not sent is empty.
    pub fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// Returns whether the form is that of a preview of the same file.
    pub fn is_preview(&self) -> bool {
        !self.text("again").is_empty() && self.text("name") == self.text("again")
    }

    /// Returns a checkbox. The first form has none, so they are checked there as `first` says.
    pub fn is_checked(&self, name: &str, first: bool) -> bool {
        if self.is_preview() { !self.text(name).is_empty() } else { first }
    }

    /// Returns the treatment of live content that differs.
    pub fn choice(&self) -> ConfigChoice {
        let sent = self.text("choice");
        ConfigChoice::ALL.into_iter().find(|choice| choice.as_str() == sent).unwrap_or_default()
    }

    /// Returns the names that were chosen for names of the product.
    pub fn chosen(&self, kind: NameKind) -> impl Iterator<Item = &MappedName> {
        self.names.get(&kind).into_iter().flatten().filter(|name| name.chosen != name.proposed)
    }

    /// Returns the answers for reading the export. Invalid ones are left out, and listed with the pointers of their fields.
    pub fn options(&self) -> (ReadOptions, Vec<Invalid>) {
        let mut invalid = Vec::new();
        let mut options = ReadOptions {
            product: parsed::<Product>(self.text("product"), "/product", &mut invalid),
            env: parsed(self.text("env"), "/env", &mut invalid),
            app: parsed(self.text("app"), "/app", &mut invalid),
            namespace: parsed(self.text("namespace"), "/namespace", &mut invalid),
            layout: parsed::<ImportLayout>(self.text("layout"), "/layout", &mut invalid),
            max_unpacked: Some(MAX_UNPACKED_BYTES),
            ..ReadOptions::default()
        };
        options.envs = self.mapped::<EnvName>(NameKind::Env, &mut invalid);
        options.apps = self.mapped::<AppName>(NameKind::App, &mut invalid);
        options.namespaces = self.mapped::<NamespaceName>(NameKind::Namespace, &mut invalid);
        (options, invalid)
    }

    fn mapped<T: std::str::FromStr<Err = Invalid>>(
        &self,
        kind: NameKind,
        invalid: &mut Vec<Invalid>,
    ) -> BTreeMap<String, Option<T>> {
        let names = self.names.get(&kind).into_iter().flatten().enumerate();
        let names = names.filter(|(_, name)| name.chosen != name.proposed);
        let answer = |(n, name): (usize, &MappedName)| match name.chosen.as_str() {
            "" => Some((name.original.clone(), None)),
            chosen => {
                let chosen = parsed(chosen, &format!("/{}-{n}", kind.field()), invalid)?;
                Some((name.original.clone(), Some(chosen)))
            }
        };
        names.filter_map(answer).collect()
    }
}

/// Returns whether a field is kept if another file is chosen.
fn is_general(field: &str) -> bool {
    matches!(field, "form" | "product" | "env" | "app" | "namespace" | "choice")
}

/// Parses a field. An empty one is no answer.
fn parsed<T: std::str::FromStr<Err = Invalid>>(text: &str, pointer: &str, invalid: &mut Vec<Invalid>) -> Option<T> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    text.parse().map_err(|wrong: Invalid| invalid.push(wrong.of(pointer))).ok()
}

/// Returns a file as the form has it.
pub(super) fn encoded(file: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(file)
}

fn read_error(error: &MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(MAX_EXPORT_FILE_BYTES),
        _ if is_too_long(error) => Error::TooLarge(MAX_EXPORT_FILE_BYTES),
        _ => Invalid::new("", Problem::Body { detail: error.body_text() }).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fields: &[(&str, &str)]) -> ImportForm {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut form = ImportForm { fields, ..ImportForm::default() };
        form.read_numbered();
        form
    }

    #[test]
    fn only_changed_names_are_answers() {
        let form = form(&[
            ("map-env-0-of", "PRO"),
            ("map-env-0-by", "prod"),
            ("map-env-0", "prod"),
            ("map-env-1-of", "DEV"),
            ("map-env-1-by", "dev"),
            ("map-env-1", ""),
            ("map-app-0-of", "Orders-Of-All"),
            ("map-app-0-by", "orders-of-all"),
            ("map-app-0", " orders "),
            ("map-app-1-of", "a"),
            ("map-app-1-by", "a"),
            ("map-app-1", "A B"),
            ("map-app-100", "too-many"),
            ("map-app-x", "no number"),
        ]);
        let (options, invalid) = form.options();
        assert_eq!(options.envs, BTreeMap::from([("DEV".to_owned(), None)]));
        assert_eq!(options.apps, BTreeMap::from([("Orders-Of-All".to_owned(), Some("orders".parse().unwrap()))]));
        assert_eq!(invalid.iter().map(|wrong| wrong.pointer.as_str()).collect::<Vec<_>>(), ["/map-app-1"]);
        assert_eq!(form.names[&NameKind::App].len(), 2);
    }

    #[test]
    fn choices_name_configs() {
        let form = form(&[
            ("choice", "keep-live"),
            ("choice-0-of", "dev/shop/a"),
            ("choice-0", "skip"),
            ("choice-1-of", "dev/shop/b"),
            ("choice-1", ""),
            ("choice-2-of", "no config"),
            ("choice-2", "skip"),
        ]);
        assert_eq!(form.choice(), ConfigChoice::KeepLive);
        assert_eq!(form.choices, BTreeMap::from([("dev/shop/a".parse().unwrap(), ConfigChoice::Skip)]));
    }
}
