//! Known browsers: users have logged in from them before. Each keeps a signed cookie with the ids of its users, so that
//! guesses by strangers cannot block a log-in from there. The cookie itself grants no access.

use axum::http::HeaderMap;
use uuid::Uuid;

use crate::{auth::signing::Signer, http::cookies::cookie, service::KnownBrowser};

/// Purpose of the signature.
const PURPOSE: &str = "browser";
/// Maximum number of users that one browser remembers, the latest first.
const MAX_USERS: usize = 5;

/// Recognizes browsers.
#[derive(Clone, Debug)]
pub struct Browsers {
    signer: Signer,
    name: &'static str,
}

impl Browsers {
    /// Returns the browsers of a console with this signer, reached by https or not.
    pub fn new(signer: Signer, https: bool) -> Self {
        Self { signer, name: if https { "__Host-trimtab-browser" } else { "trimtab-browser" } }
    }

    /// Returns the users that have logged in from this browser.
    pub fn known(&self, headers: &HeaderMap) -> Vec<KnownBrowser> {
        let text = cookie(headers, self.name).and_then(|signed| self.signer.verify(PURPOSE, signed));
        let pairs = text.as_deref().unwrap_or_default().lines().filter_map(|line| line.split_once(' '));
        pairs.map(|(user, id)| KnownBrowser { user: user.to_owned(), id: id.to_owned() }).collect()
    }

    /// Returns the `Set-Cookie` of a browser from which this user has just logged in.
    pub fn remember(&self, headers: &HeaderMap, user: &str) -> String {
        let mut known = self.known(headers);
        let here = known.iter().position(|known| known.user == user).map(|at| known.remove(at));
        let here =
            here.unwrap_or_else(|| KnownBrowser { user: user.to_owned(), id: Uuid::new_v4().simple().to_string() });
        known.insert(0, here);
        let lines: Vec<String> =
            known.iter().take(MAX_USERS).map(|known| format!("{} {}", known.user, known.id)).collect();
        let signed = self.signer.sign(PURPOSE, &lines.join("\n"));
        format!("{}={signed}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", self.name)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn remembers_the_latest_users_and_ignores_forged_cookies() {
        let browsers = Browsers::new(Signer::random(), false);
        let mut headers = HeaderMap::new();
        let mut ids = Vec::new();
        for n in 0..7 {
            let set = browsers.remember(&headers, &format!("user{n}"));
            headers.insert(header::COOKIE, HeaderValue::from_str(set.split(';').next().unwrap()).unwrap());
            ids.push(browsers.known(&headers)[0].id.clone());
        }
        let users: Vec<_> = browsers.known(&headers).into_iter().map(|known| known.user).collect();
        assert_eq!(users, ["user6", "user5", "user4", "user3", "user2"]);
        let again = browsers.remember(&headers, "user4");
        headers.insert(header::COOKIE, HeaderValue::from_str(again.split(';').next().unwrap()).unwrap());
        assert_eq!(browsers.known(&headers)[0], KnownBrowser { user: "user4".into(), id: ids[4].clone() });
        assert_eq!(Browsers::new(Signer::random(), false).known(&headers), []);
    }
}
