//! Signed texts that this installation gives to a browser and recognizes when they come back.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use sha2::Sha256;

/// Length of the key, in bytes.
const KEY_BYTES: usize = 32;

/// Signs texts with HMAC-SHA-256. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<[u8; KEY_BYTES]>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Makes a signer with a new random key.
    pub fn random() -> Self {
        let mut key = [0; KEY_BYTES];
        rand::rng().fill_bytes(&mut key);
        Self(Arc::new(key))
    }

    /// Reads a key in hexadecimal. Returns `None` if its length or a digit is wrong.
    pub fn of_hex(text: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
        Some(Self(Arc::new(bytes.try_into().ok()?)))
    }

    /// Returns the key in hexadecimal, to be stored.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&*self.0)
    }

    /// Signs a text for one purpose. No other purpose accepts it. The result fits into a cookie.
    pub fn sign(&self, purpose: &str, text: &str) -> String {
        let mac = self.mac(purpose, text).finalize().into_bytes();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(mac))
    }

    /// Returns the text that [`Signer::sign`] signed for this purpose, and `None` for everything else.
    pub fn verify(&self, purpose: &str, signed: &str) -> Option<String> {
        let (text, mac) = signed.split_once('.')?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        self.mac(purpose, &text).verify_slice(&URL_SAFE_NO_PAD.decode(mac).ok()?).ok()?;
        Some(text)
    }

    fn mac(&self, purpose: &str, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        mac.update(text.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_this_key_and_purpose_are_recognized() {
        let signer = Signer::random();
        let signed = signer.sign("flash", "Saved 保存");
        assert_eq!(signer.verify("flash", &signed).as_deref(), Some("Saved 保存"));
        assert_eq!(Signer::of_hex(&signer.hex()).unwrap().verify("flash", &signed).as_deref(), Some("Saved 保存"));
        assert_eq!(signer.verify("browser", &signed), None);
        assert_eq!(Signer::random().verify("flash", &signed), None);
        let (text, mac) = signed.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode("Other");
        for forged in [text.to_owned(), format!("{text}."), format!("{other}.{mac}"), format!("{text}.{}", &mac[1..])] {
            assert_eq!(signer.verify("flash", &forged), None, "{forged}");
        }
        for wrong in ["", "00", "zz", &"é".repeat(32), &"0".repeat(66)] {
            assert!(Signer::of_hex(wrong).is_none(), "{wrong}");
        }
    }
}
