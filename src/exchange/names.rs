//! Deterministic names. The same original names always get the same names, in any order and beside any neighbours.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use crate::domain::{content::sha256, names::is_name};

/// Endings that a name keeps when it is shortened or marked.
const ENDINGS: [&str; 8] = [".json", ".yaml", ".yml", ".toml", ".properties", ".xml", ".txt", ".html"];
/// Maximum length of a name.
const MAX_LENGTH: usize = 64;
/// Number of hexadecimal digits that mark a name.
const MARK_DIGITS: usize = 6;
/// Stem of a name of which no letter is left.
const NO_STEM: &str = "x";

/// Returns the names for a set of original names: always valid, always distinct. A valid name keeps itself.
pub fn assign<'n>(originals: impl IntoIterator<Item = &'n str>) -> BTreeMap<String, String> {
    let originals: BTreeSet<&str> = originals.into_iter().collect();
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for original in originals {
        groups.entry(name(original)).or_default().push(original);
    }
    let mut names = BTreeMap::new();
    let mut clashing = Vec::new();
    for (name, group) in &groups {
        match &group[..] {
            [original] => _ = names.insert((*original).to_owned(), name.clone()),
            _ => {
                for original in group {
                    if original == name {
                        names.insert((*original).to_owned(), name.clone());
                    } else {
                        clashing.push(*original);
                    }
                }
            }
        }
    }
    let mut used: BTreeSet<String> = groups.into_keys().collect();
    for original in clashing {
        let mut name = marked(original, original);
        let mut tries = 1;
        // Another original may be spelt like this name.
        while used.contains(&name) {
            tries += 1;
            name = marked(original, &format!("{original}\0{tries}"));
        }
        used.insert(name.clone());
        names.insert(original.to_owned(), name);
    }
    names
}

/// Returns the name for an original name alone.
pub fn name(original: &str) -> String {
    if is_name(original) {
        return original.to_owned();
    }
    let (stem, ending, is_lossy) = parts(original);
    let name = format!("{stem}{ending}");
    if is_lossy || !is_name(&name) { marked(original, original) } else { name }
}

/// Returns a name for `original` that a hash of `distinct` makes distinct.
pub fn marked(original: &str, distinct: &str) -> String {
    let (stem, ending, _) = parts(original);
    let hash = &sha256(distinct.as_bytes())[..MARK_DIGITS];
    let room = MAX_LENGTH - ending.len() - hash.len() - 1;
    let stem = stem[..stem.len().min(room)].trim_end_matches(is_edge);
    let stem = if stem.is_empty() { NO_STEM } else { stem };
    format!("{stem}-{hash}{ending}")
}

/// Returns the permitted characters of a name without its ending, the ending, and whether letters were lost.
fn parts(original: &str) -> (String, &'static str, bool) {
    let folded: String = original.nfkc().flat_map(char::to_lowercase).collect();
    let ending = ENDINGS.into_iter().find(|ending| folded.ends_with(ending)).unwrap_or_default();
    let whole = &folded[..folded.len() - ending.len()];
    let mut stem = String::new();
    let mut is_lossy = false;
    for c in whole.chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-') {
            stem.push(c);
        } else {
            is_lossy |= c.is_alphanumeric();
            if !stem.ends_with('-') {
                stem.push('-');
            }
        }
    }
    let stem = stem.trim_matches(is_edge);
    let is_lossy = is_lossy || stem.is_empty() || stem.len() + ending.len() > MAX_LENGTH;
    (stem.to_owned(), ending, is_lossy)
}

fn is_edge(c: char) -> bool {
    matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_follow_their_originals() {
        for (original, expected) in [
            ("OrderCenter", "ordercenter"),
            ("redis.json", "redis.json"),
            ("order+service", "order-service"),
            ("订单中心", "x-a6762b"),
            ("数据.yaml", "x-dd5eca.yaml"),
            ("com.acme.Cart:1.0.0::provider:cart", "com.acme.cart-1.0.0-provider-cart"),
            (" Ｆull Width ", "full-width"),
            (".hidden", "hidden"),
            ("a-", "a-"),
        ] {
            assert_eq!(name(original), expected, "{original}");
        }
        assert!(is_name(&name(&"Long".repeat(40))) && is_name(&name("")));
    }

    #[test]
    fn clashing_names_are_marked_with_their_own_hash() {
        let names = assign(["redis.json", "Redis.json", "order+service", "order service", "order-service"]);
        let named = |original: &str| names[original].as_str();
        assert_eq!((named("redis.json"), named("Redis.json")), ("redis.json", "redis-36fb62.json"));
        assert_eq!(
            (named("order-service"), named("order+service"), named("order service")),
            ("order-service", "order-service-379b9f", "order-service-225ac6")
        );
        let names = assign(["Redis.json", "REDIS.json", "redis-36fb62.json"]);
        assert_eq!(names["redis-36fb62.json"], "redis-36fb62.json");
        assert_ne!(names["Redis.json"], "redis-36fb62.json", "the name is taken");
    }

    proptest! {
        #[test]
        fn names_are_valid_distinct_and_independent_of_their_order(
            mut originals in prop::collection::vec("[aA0._ +/\u{8ba2}\u{e9}-]{0,4}(\\.json|\\.YAML)?|.{0,80}", 0..12)
        ) {
            let names = assign(originals.iter().map(String::as_str));
            let distinct: BTreeSet<&String> = names.values().collect();
            prop_assert_eq!(distinct.len(), names.len());
            for (original, name) in &names {
                prop_assert!(is_name(name), "{:?} became {:?}", original, name);
                prop_assert!(!is_name(original) || original == name);
            }
            originals.reverse();
            prop_assert_eq!(names, assign(originals.iter().map(String::as_str)));
        }
    }
}
