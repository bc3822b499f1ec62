//! Reads the edits of a request.

use std::collections::HashSet;

use super::{
    node::{Node, ReadJson, objects, read_optional},
    values::{ItemValue, item},
};
use crate::{
    domain::{
        content::check_key,
        error::{Invalid, Problem, truncate},
        merge::Edit,
        names::ConfigId,
        numbers,
    },
    service::Save,
};

objects! {
    pub(super) struct NewChange {
        /// The edits, grouped by config. A config must not be listed twice.
        #[schema(min_items = 1, max_items = 60)]
        edits: ConfigEdits as Vec<NewEdits<'static>>,
        /// The reason.
        message: Option<String>,
        /// With publish: names of the protected environments that the change affects, separated by spaces.
        confirm: Option<String>,
        #[schema(default = false)]
        publish: Option<bool>,
    }

    /// Edits of one config: keys to set and to remove, or a whole text.
    struct NewEdits<'a> {
        config: Option<Node<'a>> as ConfigId,
        /// The release that the edits are based on, or 0 before the first release. The default is the live release.
        base: Option<Node<'a>> as Option<u64>,
        set: Option<Node<'a>> as Option<IndexMap<String, ItemValue<'static>>>,
        remove: Option<Node<'a>> as Option<Vec<String>>,
        text: Option<Node<'a>> as Option<String>,
    }
}

/// The edits of a change, with each config once.
pub(super) struct ConfigEdits(pub Vec<Save>);

impl ReadJson<'_> for ConfigEdits {
    fn read(node: Node<'_>) -> Option<Self> {
        let mut configs = HashSet::new();
        let edits = node.elements()?.into_iter();
        Some(Self(edits.filter_map(|edit| save(edit, &mut configs)).collect()))
    }
}

fn save(node: Node<'_>, configs: &mut HashSet<ConfigId>) -> Option<Save> {
    let NewEdits { config, base, set, remove, text } = ReadJson::read(node.clone())?;
    let config = node.required("config", config).and_then(|named| {
        let config: ConfigId = named.parsed()?;
        let first = configs.insert(config.clone());
        if first { Some(config) } else { named.record_problem(Problem::Duplicate { key: config.to_string() }) }
    });
    let base = read_optional(base, |base| base.integer(0, numbers::MAX_NUMBER));
    let edits = match (text, set, remove) {
        (Some(text), None, None) => text.string().map(|text| vec![(String::new(), Edit::Text(text.into()))]),
        (Some(text), ..) => {
            let detail = "an edit must have either “text”, or “set” and “remove”".into();
            text.record_problem(Problem::Body { detail })
        }
        (None, None, None) => node.record_mistake(Invalid::new("/set", Problem::Required)),
        (None, set, remove) => keys(set, remove),
    };
    Some(Save { config: config?, change: None, base: base?, version: None, edits: edits? })
}

fn keys(set: Option<Node<'_>>, remove: Option<Node<'_>>) -> Option<Vec<(String, Edit)>> {
    let (set, remove) = (read_optional(set, Node::members), read_optional(remove, Node::elements));
    let mut edits = Vec::new();
    for (key, value) in set?.unwrap_or_default() {
        if let Err(wrong) = check_key(&key) {
            value.record_mistake::<()>(wrong.of(""));
        }
        if let Some(item) = item(&value) {
            edits.push((key, Edit::Set(item)));
        }
    }
    let mut named: HashSet<String> = edits.iter().map(|(key, _)| key.clone()).collect();
    for node in remove?.unwrap_or_default() {
        let Some(key) = node.string() else { continue };
        // An older key may have invisible characters, which new keys must not have. It can still be removed.
        if let Some(wrong) = check_key(&key).err().filter(|wrong| !matches!(wrong.problem, Problem::Unseen { .. })) {
            node.record_mistake::<()>(wrong.of(""));
        } else if named.insert(key.clone()) {
            edits.push((key, Edit::Remove));
        } else {
            node.record_problem::<()>(Problem::Duplicate { key: truncate(&key) });
        }
    }
    Some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        automation::node,
        domain::{
            content::{Item, ValueType},
            error::Error,
        },
    };

    fn read(edits: &str) -> Result<Vec<Save>, Error> {
        let body = format!(r#"{{"edits": {edits}}}"#);
        node::read(serde_json::from_str(&body).unwrap(), |node| NewChange::read(node).map(|change| change.edits.0))
    }

    fn set(value: &str) -> Result<Item, Vec<String>> {
        match read(&format!(r#"[{{"config": "prod/shop/application", "set": {{"a.b": {value}}}}}]"#)) {
            Ok(saves) => Ok(saves[0].edits[0].1.item().unwrap().clone()),
            Err(Error::Invalid(wrong)) => Err(wrong.into_iter().map(|w| w.pointer).collect()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_value_keeps_its_type_and_its_spelling() {
        for (given, value, kind) in [
            (r#""5""#, "5", ValueType::String),
            ("1.50e3", "1.50e3", ValueType::Number),
            ("123456789012345678901234567890", "123456789012345678901234567890", ValueType::Number),
            ("true", "true", ValueType::Boolean),
            (r#"{"value": "5"}"#, "5", ValueType::String),
            (r#"{"value": 0.10}"#, "0.10", ValueType::Number),
            (r#"{"value": "0.10", "type": "number"}"#, "0.10", ValueType::Number),
            (r#"{"value": {"z": 1.0, "a": []}, "type": "json"}"#, r#"{"z": 1.0, "a": []}"#, ValueType::Json),
            (r#"{"value": null, "type": "json"}"#, "null", ValueType::Json),
            (r#"{"value": "[1]", "type": "json", "secret": false, "comment": ""}"#, "[1]", ValueType::Json),
        ] {
            let item = set(given).unwrap();
            assert_eq!((item.value.expose(), item.kind), (value, kind), "{given}");
        }
        assert_eq!(set(r#"{"value": "5", "comment": "why"}"#).unwrap().comment, "why");
    }

    #[test]
    fn invalid_value_is_reported_at_its_pointer() {
        let at = "/edits/0/set/a.b";
        for (given, pointer) in [
            ("null", ""),
            ("[1]", ""),
            (r#"{"valeu": 1, "value": 1}"#, "/valeu"),
            (r#"{"type": "number"}"#, "/value"),
            (r#"{"value": 5, "type": "string"}"#, "/value"),
            (r#"{"value": "x", "type": "number"}"#, "/value"),
            (r#"{"value": "TRUE", "type": "boolean"}"#, "/value"),
            (r#"{"value": "{", "type": "json"}"#, "/value"),
            (r#"{"value": "{\"a\":1,\"a\":2}", "type": "json"}"#, "/value"),
            (r#"{"value": {"a": 1, "b": [{"c": 1, "c": 2}]}, "type": "json"}"#, "/value"),
            (r#"{"value": "[\"\\ud800\"]", "type": "json"}"#, "/value"),
            (r#"{"value": "\u30005", "type": "number"}"#, "/value"),
            (r#"{"value": "\u00a0[]", "type": "json"}"#, "/value"),
            (r#"{"value": "x", "type": "int"}"#, "/type"),
            (r#"{"value": "x", "secret": true}"#, "/secret"),
            (r#"{"value": {"a": 1}}"#, "/value"),
        ] {
            assert_eq!(set(given), Err(vec![format!("{at}{pointer}")]), "{given}");
        }
    }

    #[test]
    fn malformed_edits_are_reported_at_their_pointers() {
        for (edits, pointers) in [
            ("{}", &["/edits"][..]),
            (r#"[{"set": {"a": "1"}}]"#, &["/edits/0/config"]),
            (r#"[{"config": "prod/shop", "set": {"a": "1"}}]"#, &["/edits/0/config"]),
            (r#"[{"config": "prod/shop/a"}]"#, &["/edits/0/set"]),
            (r#"[{"config": "prod/shop/a", "text": "x", "remove": []}]"#, &["/edits/0/text"]),
            (r#"[{"config": "prod/shop/a", "base": -1, "text": "x"}]"#, &["/edits/0/base"]),
            (
                r#"[{"config": "prod/shop/a", "set": {"a": "1"}, "remove": ["b", "a", "b", " "]}]"#,
                &["/edits/0/remove/1", "/edits/0/remove/2", "/edits/0/remove/3"],
            ),
            (
                r#"[{"config": "prod/shop/a", "set": {"a": "1", "a": "2", "": "3"}}]"#,
                &["/edits/0/set/a", "/edits/0/set/"],
            ),
            (
                r#"[{"config": "prod/shop/a", "text": "x"}, {"config": "prod/shop/a", "text": "y"}]"#,
                &["/edits/1/config"],
            ),
        ] {
            let Err(Error::Invalid(wrong)) = read(edits) else { panic!("{edits} was taken") };
            assert_eq!(wrong.iter().map(|w| w.pointer.as_str()).collect::<Vec<_>>(), pointers, "{edits}");
        }
    }
}
