//! Reads the members of a JSON object as byte ranges, without building values.

use std::{borrow::Cow, ops::Range};

use memchr::memchr2;

/// A member of an object.
pub(super) struct MemberRange {
    /// The key, without its quotes, as it is written.
    pub key: Range<usize>,
    /// The value as it is written: a string with its quotes.
    pub value: Range<usize>,
}

/// The members of the object that a text is. Ends at the first byte that is no JSON.
pub(super) struct MemberRanges<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> MemberRanges<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn bytes(&self) -> &'t [u8] {
        self.text.as_bytes()
    }

    /// Skips blanks and these signs.
    fn skip(&mut self, signs: &[u8]) {
        let bytes = self.bytes();
        while bytes.get(self.at).is_some_and(|byte| byte.is_ascii_whitespace() || signs.contains(byte)) {
            self.at += 1;
        }
    }

    /// Skips a string whose opening quote is next. Returns what is between its quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        let bytes = self.bytes();
        let start = self.at + 1;
        self.at = start;
        loop {
            self.at += memchr2(b'"', b'\\', bytes.get(self.at..)?)?;
            if bytes[self.at] == b'"' {
                self.at += 1;
                return Some(start..self.at - 1);
            }
            self.at += 2;
        }
    }

    /// Skips a value.
    fn value(&mut self) -> Option<Range<usize>> {
        let (bytes, start) = (self.bytes(), self.at);
        let mut depth = 0_usize;
        loop {
            match *bytes.get(self.at)? {
                b'"' => _ = self.string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    self.at += 1;
                }
                _ if depth > 0 => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']') || byte.is_ascii_whitespace();
                    self.at += bytes[self.at..].iter().position(ends)?;
                }
            }
            if depth == 0 {
                return (self.at > start).then_some(start..self.at);
            }
        }
    }
}

impl Iterator for MemberRanges<'_> {
    type Item = MemberRange;

    fn next(&mut self) -> Option<MemberRange> {
        self.skip(b"{,");
        if *self.bytes().get(self.at)? != b'"' {
            return None;
        }
        let key = self.string()?;
        self.skip(b":");
        Some(MemberRange { key, value: self.value()? })
    }
}

/// Returns a text with its JSON escapes resolved. Escapes that are none stay: programs other than Trimtab can write
/// documents.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (character, length) = escape(rest).unwrap_or(('\\', 1));
        out.push(character);
        rest = &rest[length..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Returns the character of the escape at the beginning of a text, and the length of the escape.
fn escape(text: &str) -> Option<(char, usize)> {
    let character = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        sign @ (b'"' | b'\\' | b'/') => char::from(*sign),
        b'u' => {
            let digits = |at: usize| text.get(at..at + 4).filter(|four| four.bytes().all(|b| b.is_ascii_hexdigit()));
            let unit = |at: usize| u16::from_str_radix(digits(at)?, 16).ok();
            let first = unit(2)?;
            let second = text.get(6..8).filter(|next| *next == "\\u").and_then(|_| unit(8));
            let mut decoded = char::decode_utf16([Some(first), second].into_iter().flatten());
            let character = decoded.next()?.ok()?;
            return Some((character, if character.len_utf16() == 2 { 12 } else { 6 }));
        }
        _ => return None,
    };
    Some((character, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_they_are_written() {
        let text = r#" { "a" : "1", "b\"c":[1,{"x":"]}"}] ,"n":-1.5e3,"t":true , "o":{} , "":""}"#;
        let members: Vec<_> = MemberRanges::new(text).map(|member| (&text[member.key], &text[member.value])).collect();
        let expected = [
            ("a", "\"1\""),
            ("b\\\"c", "[1,{\"x\":\"]}\"}]"),
            ("n", "-1.5e3"),
            ("t", "true"),
            ("o", "{}"),
            ("", "\"\""),
        ];
        assert_eq!(members, expected);
    }

    #[test]
    fn malformed_texts_end_the_members() {
        for text in
            ["", "{", "{}", "[1]", "{\"a", "{\"a\\", "{\"a\":", "{\"a\":[", "{\"a\":\"x\\", "{\"a\":1", "{\"a\",}"]
        {
            assert_eq!(MemberRanges::new(text).count(), 0, "{text}");
        }
    }

    #[test]
    fn escapes_are_resolved_and_others_stay() {
        for (text, meant) in [
            (r"a\n\t\r\b\f\/\\\q", "a\n\t\r\u{8}\u{c}/\\\\q"),
            (r"\u00e9\u4E2d\ud83d\ude00!", "é中😀!"),
            (r"\ud83d \ude00 \u00g1 \u+123 \u12 \", r"\ud83d \ude00 \u00g1 \u+123 \u12 \"),
            (r"\ud83d\u00e9", "\\ud83dé"),
            (r"\u00e9\u00e8", "éè"),
        ] {
            assert_eq!(unescaped(text), meant, "{text}");
        }
    }
}
