//! A strict JSON reader. It reports all mistakes at once, each with its JSON pointer, and keeps the spelling of
//! numbers. The deserializers of `serde` end at the first mistake.

use std::{cell::RefCell, collections::HashSet, str::FromStr};

use serde_json::value::RawValue;
use similar::get_close_matches;

use crate::domain::{
    content::Format,
    error::{Error, Invalid, Problem, pointer, truncate},
    json::Members,
};

/// Maximum number of mistakes in one answer.
const MAX_MISTAKES: usize = 100;
/// Maximum length of a name in a pointer, in bytes. Longer ones are cut.
const MAX_NAME_BYTES: usize = 300;

/// A type that can be read from JSON.
pub(super) trait ReadJson<'a>: Sized {
    /// Reads the value. Records each mistake, and returns `None` if the value is malformed.
    fn read(node: Node<'a>) -> Option<Self>;

    /// Reads the member `name` of `object`. The member is required, except where a type overrides this method.
    fn member(object: &Node<'a>, name: &str, member: Option<Node<'a>>) -> Option<Self> {
        object.required(name, member).and_then(Self::read)
    }
}

/// An optional member. `null` does not count as left out.
impl<'a, T: ReadJson<'a>> ReadJson<'a> for Option<T> {
    fn read(node: Node<'a>) -> Option<Self> {
        T::read(node).map(Some)
    }

    fn member(_: &Node<'a>, _: &str, member: Option<Node<'a>>) -> Option<Self> {
        member.map_or(Some(None), Self::read)
    }
}

/// A member that the caller reads later.
impl<'a> ReadJson<'a> for Node<'a> {
    fn read(node: Node<'a>) -> Option<Self> {
        Some(node)
    }
}

/// A whole number from `MIN` to `MAX`.
pub(super) struct IntegerInRange<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> ReadJson<'_> for IntegerInRange<MIN, MAX> {
    fn read(node: Node<'_>) -> Option<Self> {
        node.integer(MIN, MAX).map(Self)
    }
}

/// Implements [`ReadJson`] for each type with a method of [`Node`].
macro_rules! read {
    ($($type:ty: $method:ident),+) => { $(
        impl ReadJson<'_> for $type {
            fn read(node: Node<'_>) -> Option<Self> {
                node.$method()
            }
        }
    )+ };
}
read!(String: string, bool: boolean, Format: parsed);

/// Declares the objects of bodies. Other members than the declared ones are mistakes. Members are read in the declared
/// order. The description of the API uses the type after `as`, if there is one.
macro_rules! objects {
    ($(
        $(#[$doc:meta])*
        $vis:vis struct $name:ident $(<$of:lifetime>)? {
            $($(#[$field_doc:meta])* $field:ident: $type:ty $(as $described:ty)?,)*
        }
    )+) => { $(
        #[derive(utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$doc])*
        $vis struct $name $(<$of>)? { $($(#[$field_doc])* $(#[schema(value_type = $described)])? $vis $field: $type,)* }

        impl<'a> ReadJson<'a> for $name $(<$of>)? {
            fn read(node: Node<'a>) -> Option<Self> {
                let [$($field),*] = node.fields([$(stringify!($field).trim_start_matches("r#")),*])?;
                $(let $field = ReadJson::member(&node, stringify!($field).trim_start_matches("r#"), $field);)*
                Some(Self { $($field: $field?,)* })
            }
        }
    )+ };
}
pub(super) use objects;

/// Reads a whole body.
///
/// # Errors
/// [`Error::Invalid`] with all mistakes, each with its JSON pointer.
pub(super) fn read<T>(raw: &RawValue, shape: impl FnOnce(Node<'_>) -> Option<T>) -> Result<T, Error> {
    let wrong = RefCell::default();
    let read = shape(Node { raw, pointer: String::new(), mistakes: &wrong });
    let wrong = wrong.into_inner();
    match read {
        Some(read) if wrong.is_empty() => Ok(read),
        _ => Err(Error::Invalid(wrong)),
    }
}

/// A value in the body. Each reading method expects a type. For a value of another type it records a mistake and
/// returns `None`.
#[derive(Clone)]
pub(super) struct Node<'a> {
    raw: &'a RawValue,
    pointer: String,
    mistakes: &'a RefCell<Vec<Invalid>>,
}

impl<'a> Node<'a> {
    /// Returns the value as it was written.
    pub(super) fn text(&self) -> &'a str {
        self.raw.get()
    }

    /// Returns the first character, which shows the type of the value.
    pub(super) fn first_char(&self) -> char {
        self.text().chars().next().unwrap_or_default()
    }

    /// Records a problem of this value and returns `None`.
    pub(super) fn record_problem<T>(&self, problem: Problem) -> Option<T> {
        self.record_mistake(Invalid::new("", problem))
    }

    /// Records a mistake inside this value and returns `None`. Its pointer is relative to this value.
    pub(super) fn record_mistake<T>(&self, wrong: Invalid) -> Option<T> {
        let mut all = self.mistakes.borrow_mut();
        if all.len() < MAX_MISTAKES {
            all.push(wrong.under(&self.pointer));
        }
        None
    }

    /// Records that `what` was expected and returns `None`.
    pub(super) fn record_expected<T>(&self, what: &str) -> Option<T> {
        self.record_problem(Problem::Body { detail: format!("expected {what}") })
    }

    /// Returns a required member. Records a mistake if it is missing.
    pub(super) fn required(&self, name: &str, member: Option<Self>) -> Option<Self> {
        member.or_else(|| self.record_mistake(Invalid::new(format!("/{name}"), Problem::Required)))
    }

    /// Returns the members `known` of an object. Records other members as mistakes. A member that is `null` is present.
    pub(super) fn fields<const N: usize>(&self, known: [&str; N]) -> Option<[Option<Self>; N]> {
        let mut found = [const { None }; N];
        for (name, node) in self.members()? {
            match known.iter().position(|k| *k == name) {
                Some(at) => found[at] = Some(node),
                None if self.mistakes.borrow().len() >= MAX_MISTAKES => break,
                None => {
                    let given = truncate(&name);
                    // The most similar names come first.
                    let near = get_close_matches(given.as_str(), &known, N, 0.0);
                    let known = near.into_iter().map(str::to_owned).collect();
                    node.record_problem::<()>(Problem::Unknown { given, known });
                }
            }
        }
        Some(found)
    }

    /// Returns the members of an object in their order. Records a repeated name as a mistake.
    pub(super) fn members(&self) -> Option<Vec<(String, Self)>> {
        let Ok(Members(all)) = serde_json::from_str::<Members<String, &RawValue>>(self.text()) else {
            return self.record_expected("an object");
        };
        let mut seen = HashSet::with_capacity(all.len());
        let mut members = Vec::with_capacity(all.len());
        for (name, raw) in &all {
            let node =
                if name.len() > MAX_NAME_BYTES { self.child(&truncate(name), raw) } else { self.child(name, raw) };
            if seen.insert(name) {
                members.push((name.clone(), node));
            } else {
                node.record_problem::<()>(Problem::Duplicate { key: truncate(name) });
            }
        }
        Some(members)
    }

    /// Returns the elements of an array.
    pub(super) fn elements(&self) -> Option<Vec<Self>> {
        match serde_json::from_str::<Vec<&RawValue>>(self.text()) {
            Ok(all) => Some(all.into_iter().enumerate().map(|(n, raw)| self.child(&n.to_string(), raw)).collect()),
            Err(_) => self.record_expected("an array"),
        }
    }

    /// Reads a string.
    pub(super) fn string(&self) -> Option<String> {
        match serde_json::from_str(self.text()) {
            Ok(text) => Some(text),
            // The string contains half of a surrogate pair, so it is not Unicode.
            Err(e) if self.first_char() == '"' => {
                let said = e.to_string();
                self.record_problem(Problem::Body { detail: said.split(" at line ").next().unwrap_or(&said).into() })
            }
            Err(_) => self.record_expected("a string"),
        }
    }

    /// Reads a string and parses it as `T`.
    pub(super) fn parsed<T: FromStr<Err = Invalid>>(&self) -> Option<T> {
        self.string()?.parse().map_or_else(|wrong: Invalid| self.record_mistake(wrong.of("")), Some)
    }

    /// Reads `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        self.text().parse().map_or_else(|_| self.record_expected("true or false"), Some)
    }

    /// Reads a whole number from `min` to `max`.
    pub(super) fn integer(&self, min: u64, max: u64) -> Option<u64> {
        let number = self.text().parse().ok().filter(|n| (min..=max).contains(n));
        number.or_else(|| self.record_problem(Problem::Range { min, max }))
    }

    fn child(&self, name: &str, raw: &'a RawValue) -> Self {
        let at = format!("{}{}", self.pointer, pointer(name));
        Self { raw, pointer: at, mistakes: self.mistakes }
    }
}

/// Reads an optional member. Returns `Some(None)` if it is left out, and `None` if it is refused.
pub(super) fn read_optional<'a, T>(
    member: Option<Node<'a>>,
    read: impl FnOnce(&Node<'a>) -> Option<T>,
) -> Option<Option<T>> {
    member.map_or(Some(None), |node| read(&node).map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong<T: std::fmt::Debug>(body: &str, shape: impl FnOnce(Node<'_>) -> Option<T>) -> Vec<String> {
        let Err(Error::Invalid(wrong)) = read(serde_json::from_str(body).unwrap(), shape) else {
            panic!("{body} was taken")
        };
        wrong.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_mistakes_are_reported_with_pointers() {
        let body = r#"{"mesage": "x", "limit": -1, "on": "yes", "list": 1, "on": true}"#;
        let told = wrong(body, |node| {
            let [message, limit, on, list] = node.fields(["message", "limit", "on", "list"])?;
            node.required("message", message);
            limit?.integer(0, 9);
            on?.boolean();
            list?.elements().map(|all| all.len())
        });
        assert_eq!(
            told,
            [
                r#"/on: Duplicate { key: "on" }"#,
                r#"/mesage: Unknown { given: "mesage", known: ["message", "list", "limit", "on"] }"#,
                "/message: Required",
                "/limit: Range { min: 0, max: 9 }",
                r#"/on: Body { detail: "expected true or false" }"#,
                r#"/list: Body { detail: "expected an array" }"#,
            ]
        );
    }

    #[test]
    fn a_name_is_escaped_in_a_pointer_and_a_huge_one_shortened() {
        let body = format!(r#"{{"a/b~c": {{"x": 1}}, "{}": {{}}}}"#, "k".repeat(5000));
        let told = wrong(&body, |node| {
            for (_, member) in node.members()? {
                let [] = member.fields([])?;
                member.string();
            }
            Some(())
        });
        assert!(told[0].starts_with("/a~1b~0c/x: Unknown"), "{told:?}");
        assert!(told.iter().all(|t| t.len() < 200), "{told:?}");
    }

    #[test]
    fn half_of_a_surrogate_pair_is_no_text() {
        assert_eq!(wrong(r#""\ud800""#, |node| node.string()).len(), 1);
        assert_eq!(wrong("5", |node| node.string()), [r#": Body { detail: "expected a string" }"#]);
    }

    #[test]
    fn number_of_reported_mistakes_is_limited() {
        let body = format!("[{}]", vec!["0"; 1000].join(","));
        let told = wrong(&body, |node| Some(node.elements()?.iter().map(Node::boolean).collect::<Vec<_>>()));
        assert_eq!(told.len(), MAX_MISTAKES);
    }
}
