//! Recognises the product of an export by its content.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::{
    ExportEntry, ExportSource, ReadOptions, apollo, archive, consul, dotnet, etcd, kubernetes, nacos, own, spring,
};
use crate::domain::exchange::{ExportRefusal, ImportNotes, Product};

/// Position and value of the magic number of a bbolt file, which a snapshot of etcd is.
const BBOLT_MAGIC: (usize, [u8; 4]) = (16, [0xed, 0xda, 0x0c, 0xed]);

/// A recognised export.
pub(super) struct Recognised {
    pub product: Product,
    /// The files. A single file has an empty path.
    pub entries: Vec<ExportEntry>,
}

/// Unpacks an export and recognises its product, unless the options name it.
///
/// # Errors
/// [`ExportRefusal`] if the content is not recognised, damaged, or above the limits.
pub(super) fn detect(
    source: ExportSource,
    options: &ReadOptions,
    notes: &mut ImportNotes,
) -> Result<Recognised, ExportRefusal> {
    let entries = match source {
        ExportSource::File(bytes) if bytes.len() > archive::MAX_EXPORT_BYTES => {
            return Err(ExportRefusal::TooLarge { max: archive::MAX_EXPORT_BYTES });
        }
        ExportSource::File(bytes) if archive::is_zip(&bytes) => archive::unpack(&bytes, options.max_unpacked, notes)?,
        ExportSource::File(bytes) => {
            let entry = ExportEntry { path: String::new(), bytes };
            let product = match options.product {
                Some(product) => product,
                None => product_of_file(&entry)?,
            };
            return Ok(Recognised { product, entries: vec![entry] });
        }
        ExportSource::Folder(files) => archive::folder(files, notes)?,
    };
    if entries.is_empty() {
        return Err(ExportRefusal::Empty);
    }
    let product = options.product.or_else(|| product_of(&entries)).ok_or(ExportRefusal::Unknown)?;
    Ok(Recognised { product, entries })
}

fn product_of(entries: &[ExportEntry]) -> Option<Product> {
    let any = |is: fn(&ExportEntry) -> bool| entries.iter().any(is);
    let all = |is: fn(&ExportEntry) -> bool| entries.iter().all(is);
    // A group of Nacos is such a folder, too.
    let is_packed = archive::common_folder(entries).is_some_and(|folder| folder != nacos::DEFAULT_GROUP);
    // Configs of our own export may be called like files of another product.
    Some(if any(own::is_manifest) {
        Product::Trimtab
    } else if any(apollo::is_path) {
        Product::Apollo
    } else if any(nacos::is_metadata) {
        Product::Nacos
    } else if all(kubernetes::is_manifest_file) {
        Product::Kubernetes
    } else if is_packed && any(spring::is_shared_file) {
        Product::Spring
    } else if is_packed && any(dotnet::is_settings_file) {
        Product::DotNet
    } else if all(|entry| entry.parts().len() == 2) || matches!(entries, [entry] if nacos::is_empty_mark(entry)) {
        nacos::product(entries)
    } else if any(spring::is_shared_file) {
        Product::Spring
    } else if any(dotnet::is_settings_file) {
        Product::DotNet
    } else {
        return None;
    })
}

fn product_of_file(entry: &ExportEntry) -> Result<Product, ExportRefusal> {
    let (at, magic) = BBOLT_MAGIC;
    if entry.bytes.get(at..at + magic.len()) == Some(&magic[..]) {
        return Err(ExportRefusal::EtcdSnapshot);
    }
    let text = entry.text().map_err(|_| ExportRefusal::Unknown)?.trim();
    match text.as_bytes() {
        [] | b"[]" | b"{}" => Err(ExportRefusal::Empty),
        [b'[', ..] if apollo::is_items(text) => Ok(Product::Apollo),
        [b'[', ..] if consul::is_export(text) => Ok(Product::Consul),
        [b'{', ..] => product_of_object(text),
        _ if kubernetes::is_manifest(text) => Ok(Product::Kubernetes),
        _ if etcd::is_plain(text) => Err(ExportRefusal::EtcdPlain),
        _ => Err(ExportRefusal::Unknown),
    }
}

fn product_of_object(text: &str) -> Result<Product, ExportRefusal> {
    let keys: BTreeMap<String, IgnoredAny> = serde_json::from_str(text).map_err(|_| ExportRefusal::Unknown)?;
    let has = |names: &[&str]| names.iter().all(|name| keys.contains_key(*name));
    match () {
        () if has(&[own::VERSION_KEY]) => Ok(Product::Trimtab),
        () if has(&["header"]) && (has(&["kvs"]) || keys.len() <= 3) => Ok(Product::Etcd),
        () if has(&["kind", "apiVersion"]) => Ok(Product::Kubernetes),
        () if has(&["features", "segments"]) || has(&["flags", "values"]) || has(&["features", "strategies"]) => {
            Err(ExportRefusal::FeatureFlags)
        }
        () => Err(ExportRefusal::Unknown),
    }
}
