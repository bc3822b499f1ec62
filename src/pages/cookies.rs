//! Cookies that the frame sets: the flash message, which is shown once, and the cookies of server functions. The
//! session's cookie is set elsewhere.

use axum::http::{HeaderMap, HeaderValue};

use crate::{auth::signing::Signer, domain::time::Time, http::cookies::cookie};

/// Purpose of the flash message's signature.
const FLASH: &str = "flash";
/// Maximum length of a flash message, in bytes.
const FLASH_BYTES: usize = 600;
/// Maximum age of a flash message, in seconds.
const FLASH_SECONDS: i64 = 60;

/// Sets cookies and reads the flash message. With https, no cookie is sent without TLS, and no other host can set the
/// message.
#[derive(Clone, Debug)]
pub struct Jar {
    signer: Signer,
    https: bool,
}

impl Jar {
    /// Creates the jar of a console; `https` says whether the console is reached by https.
    pub fn new(signer: Signer, https: bool) -> Self {
        Self { signer, https }
    }

    /// Returns the `Set-Cookie` header of a cookie. `cookie` has its name and attributes, all but `Secure`.
    pub fn set(&self, cookie: &str) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{cookie}{}", if self.https { "; Secure" } else { "" })).ok()
    }

    /// Returns the `Set-Cookie` header that shows `text` on the next page.
    pub fn flash_cookie(&self, text: &str, now: Time) -> Option<HeaderValue> {
        let end = (0..=FLASH_BYTES.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let value = self.signer.sign(FLASH, &format!("{} {}", now.0, &text[..end]));
        self.set(&format!("{}={value}; Path=/; Max-Age={FLASH_SECONDS}; HttpOnly; SameSite=Lax", self.flash_name()))
    }

    /// Returns the `Set-Cookie` header that deletes the flash message once it was shown.
    pub fn clear_flash_cookie(&self) -> Option<HeaderValue> {
        self.set(&format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax", self.flash_name()))
    }

    /// Returns the flash message in a cookie's value. Returns `None` if the message is forged or too old.
    pub fn read_flash(&self, signed: &str, now: Time) -> Option<String> {
        let text = self.signer.verify(FLASH, signed)?;
        let (at, text) = text.split_once(' ')?;
        let age = now.0.checked_sub(at.parse().ok()?)?;
        // The clocks of nodes may differ by a few seconds.
        (-10_000..FLASH_SECONDS * 1000).contains(&age).then(|| text.to_owned()).filter(|text| !text.is_empty())
    }

    /// Returns the value of the flash message's cookie, as the browser sent it.
    pub fn sent_flash<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
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
    fn flash_message_is_valid_for_a_minute() {
        for (https, name) in [(false, "flash="), (true, "__Host-flash=")] {
            let (jar, text) = (Jar::new(Signer::random(), https), "Saved 保存 <b>; ☃");
            let set = jar.flash_cookie(text, NOW).unwrap().to_str().unwrap().to_owned();
            assert!(set.starts_with(name) && set.contains("; Secure") == https, "{set}");
            let mut headers = HeaderMap::new();
            let pair = format!("a=b; {}; c=d", set.split(';').next().unwrap());
            headers.insert(header::COOKIE, HeaderValue::from_str(&pair).unwrap());
            let sent = jar.sent_flash(&headers).unwrap();
            assert_eq!(jar.read_flash(sent, NOW.plus_ms(59_000)).as_deref(), Some(text));
            assert_eq!(jar.read_flash(sent, NOW.plus_ms(60_000)), None);
            assert_eq!(cookie(&headers, "c"), Some("d"));
        }
    }

    #[test]
    fn forged_flash_message_is_not_shown() {
        let jar = Jar::new(Signer::random(), false);
        let bare = URL_SAFE_NO_PAD.encode(format!("{} Call 555-0100", NOW.0));
        let other = Jar::new(Signer::random(), false).flash_cookie("Call 555-0100", NOW).unwrap();
        let other = other.to_str().unwrap()["flash=".len()..].split(';').next().unwrap().to_owned();
        for forged in ["%%%", "", &bare, &format!("{bare}.{bare}"), &other] {
            assert_eq!(jar.read_flash(forged, NOW), None, "{forged}");
        }
    }
}
