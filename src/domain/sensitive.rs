//! Texts that stay out of logs and error messages: values, texts and documents of configs.

use std::{borrow::Borrow, fmt, sync::Arc};

/// Text of a config. No formatting prints it: the type has no `Display`, and its `Debug` hides the text. Code reads the
/// text with [`Sensitive::expose`], so that each use can be found. A type that stores or sends such a text marks the
/// field with `#[serde(with = "sensitive::plain")]`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sensitive<T = String>(T);

impl<T: Borrow<str>> Sensitive<T> {
    /// Returns the text.
    pub fn expose(&self) -> &str {
        self.0.borrow()
    }

    /// Borrows the sensitive text.
    pub fn as_deref(&self) -> Sensitive<&str> {
        Sensitive(self.expose())
    }
}

impl<T> Sensitive<T> {
    /// Returns the wrapped text.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl Sensitive {
    /// Appends to the text.
    pub fn push_str(&mut self, text: &str) {
        self.0.push_str(text);
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: for<'a> From<&'a str>> From<&str> for Sensitive<T> {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl<T: From<String>> From<String> for Sensitive<T> {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for Sensitive<Arc<str>> {
    fn from(text: Arc<str>) -> Self {
        Self(text)
    }
}

/// Serializes the text as it is.
pub mod plain {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Sensitive;

    /// Writes the text.
    ///
    /// # Errors
    /// Errors of the serializer.
    pub fn serialize<T: Serialize, S: Serializer>(text: &Sensitive<T>, serializer: S) -> Result<S::Ok, S::Error> {
        text.0.serialize(serializer)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// Errors of the deserializer.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(de: D) -> Result<Sensitive<T>, D::Error> {
        T::deserialize(de).map(Sensitive)
    }

    /// Serializes the text, if there is one, as it is.
    pub mod optional {
        use super::{Deserialize, Deserializer, Sensitive, Serialize, Serializer};

        /// Writes the text.
        ///
        /// # Errors
        /// Errors of the serializer.
        // The signature is serde's.
        #[allow(clippy::ref_option)]
        pub fn serialize<T: Serialize, S: Serializer>(
            text: &Option<Sensitive<T>>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            text.as_ref().map(|text| &text.0).serialize(serializer)
        }

        /// Reads a text.
        ///
        /// # Errors
        /// Errors of the deserializer.
        pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
            de: D,
        ) -> Result<Option<Sensitive<T>>, D::Error> {
            Ok(Option::<T>::deserialize(de)?.map(Sensitive))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        content::{Content, Item, Items},
        diff::{Diff, Window, lines},
        error::Error,
        merge::{Edit, conflict},
    };

    #[test]
    fn debug_of_whatever_holds_a_value_hides_it() {
        let kv = |value: &str| Content::Kv(Items::from([("key".into(), Item::string(value))]));
        let text = |text: &str| Content::Text(text.into());
        let (old, new) = (kv("hush-old"), kv("hush-new"));
        let edit = Edit::Set(Item::string("hush-mine"));
        let met = conflict(&"prod/shop/application".parse().unwrap(), "key", &edit, &old, &new).unwrap();
        let printed = [
            format!("{:?}", Diff::of(&old, &new)),
            format!("{:?}", Diff::of(&text("hush-old"), &text("hush-new"))),
            format!("{:?}", lines("hush\nold", "hush\nnew", 3, Window::after(0))),
            format!("{edit:?} {:?}", Edit::Text("hush".into())),
            format!("{:?}", Error::Conflict(vec![met])),
            format!("{:?}", Sensitive::<Arc<str>>::from("hush").as_deref()),
            format!("{old:?} {:?}", text("hush")),
        ];
        for printed in printed {
            assert!(printed.contains("[redacted]") && !printed.contains("hush"), "{printed}");
        }
    }
}
