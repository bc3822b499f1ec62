//! The cookies of the frame: language, theme, and a message that is shown once. The session has a cookie of its own.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The name of the message's cookie.
const FLASH: &str = "flash";
/// The longest message, in bytes.
const FLASH_BYTES: usize = 600;

/// The value of a cookie that was sent.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|v| v.to_str().ok());
    let mut pairs = all.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value)
}

/// The message that was said before this page.
#[must_use]
pub fn flash(headers: &HeaderMap) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cookie(headers, FLASH)?).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty() && text.len() <= FLASH_BYTES)
}

/// `Set-Cookie` that says `text` on the next page.
#[must_use]
pub fn say(text: &str) -> Option<HeaderValue> {
    let end = (0..=FLASH_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let value = URL_SAFE_NO_PAD.encode(&text[..end]);
    HeaderValue::from_str(&format!("{FLASH}={value}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax")).ok()
}

/// `Set-Cookie` after the message was shown.
pub const SAID: HeaderValue = HeaderValue::from_static("flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_cookie() {
        let text = "Saved 保存 <b>; ☃";
        let set = say(text).unwrap();
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(&format!("a=b; {pair}; c=d")).unwrap());
        assert_eq!(flash(&headers).as_deref(), Some(text));
        assert_eq!(cookie(&headers, "c"), Some("d"));
        headers.insert(header::COOKIE, HeaderValue::from_static("flash=%%%"));
        assert_eq!(flash(&headers), None);
    }
}
