//! Cookies that the frame sets: the message that is shown once, and those of server functions. The session has a cookie
//! of its own.

use axum::http::{HeaderMap, HeaderValue};

use crate::{auth::signing::Signer, domain::time::Time, http::cookies::cookie};

/// Purpose of the message's signature.
const FLASH: &str = "flash";
/// The longest message, in bytes.
const FLASH_BYTES: usize = 600;
/// How long a message may be under way, in seconds.
const FLASH_SECONDS: i64 = 60;

/// Sets cookies and reads the message. Over https no cookie travels without TLS, and no other host can set the message.
#[derive(Clone, Debug)]
pub struct Jar {
    signer: Signer,
    https: bool,
}

impl Jar {
    /// Cookies of a console that is reached by https, or not.
    #[must_use]
    pub fn new(signer: Signer, https: bool) -> Self {
        Self { signer, https }
    }

    /// Returns the `Set-Cookie` of a cookie, whose name and attributes are given but for `Secure`.
    #[must_use]
    pub fn set(&self, cookie: &str) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{cookie}{}", if self.https { "; Secure" } else { "" })).ok()
    }

    /// Returns the `Set-Cookie` that shows `text` on the next page.
    #[must_use]
    pub fn say(&self, text: &str, now: Time) -> Option<HeaderValue> {
        let end = (0..=FLASH_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let value = self.signer.sign(FLASH, &format!("{} {}", now.0, &text[..end]));
        self.set(&format!("{}={value}; Path=/; Max-Age={FLASH_SECONDS}; HttpOnly; SameSite=Lax", self.flash_name()))
    }

    /// Returns the `Set-Cookie` after the message was shown.
    #[must_use]
    pub fn said(&self) -> Option<HeaderValue> {
        self.set(&format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", self.flash_name()))
    }

    /// Returns the message that was said before this page. One that this server did not sign, or signed long ago, is
    /// none.
    #[must_use]
    pub fn flash(&self, signed: &str, now: Time) -> Option<String> {
        let text = self.signer.verify(FLASH, signed)?;
        let (at, text) = text.split_once(' ')?;
        let age = now.0.checked_sub(at.parse().ok()?)?;
        // Clocks of nodes differ a little.
        (-10_000..FLASH_SECONDS * 1000).contains(&age).then(|| text.to_owned()).filter(|text| !text.is_empty())
    }

    /// Returns the value of the message's cookie, as it was sent.
    #[must_use]
    pub fn sent<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie(headers, self.flash_name())
    }

    fn flash_name(&self) -> &'static str {
        if self.https { "__Host-flash" } else { "flash" }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    const NOW: Time = Time(1_700_000_000_000);

    #[test]
    fn a_message_survives_its_cookie_for_a_minute() {
        for (https, name) in [(false, "flash="), (true, "__Host-flash=")] {
            let (jar, text) = (Jar::new(Signer::random(), https), "Saved 保存 <b>; ☃");
            let set = jar.say(text, NOW).unwrap().to_str().unwrap().to_owned();
            assert!(set.starts_with(name) && set.contains("; Secure") == https, "{set}");
            let mut headers = HeaderMap::new();
            let pair = format!("a=b; {}; c=d", set.split(';').next().unwrap());
            headers.insert(header::COOKIE, HeaderValue::from_str(&pair).unwrap());
            let sent = jar.sent(&headers).unwrap();
            assert_eq!(jar.flash(sent, NOW.plus_ms(59_000)).as_deref(), Some(text));
            assert_eq!(jar.flash(sent, NOW.plus_ms(60_000)), None);
            assert_eq!(cookie(&headers, "c"), Some("d"));
        }
    }

    #[test]
    fn a_forged_message_is_not_shown() {
        let jar = Jar::new(Signer::random(), false);
        let bare = URL_SAFE_NO_PAD.encode(format!("{} Call 555-0100", NOW.0));
        let other = Jar::new(Signer::random(), false).say("Call 555-0100", NOW).unwrap();
        let other = other.to_str().unwrap()["flash=".len()..].split(';').next().unwrap().to_owned();
        for forged in ["%%%", "", &bare, &format!("{bare}.{bare}"), &other] {
            assert_eq!(jar.flash(forged, NOW), None, "{forged}");
        }
    }
}
