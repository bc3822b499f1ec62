//! The body of a request, and its idempotency key.

use axum::{
    body::HttpBody,
    extract::{FromRequest, Request},
    http::HeaderMap,
};
use serde_json::value::RawValue;

use super::{
    Automation,
    node::{self, ReadJson},
};
use crate::{
    auth::tokens::Grant,
    compute,
    domain::{
        content::sha256,
        error::{Dependency, Error, Invalid, Problem as Wrong},
    },
    http::{
        body::{BodyPermit, read_whole},
        coding,
        json::{self, Json},
        problem::HttpProblem,
        query,
    },
    service::{Idempotency, now},
};

/// A body of JSON that is not parsed yet.
pub(super) struct RequestBody {
    raw: Box<RawValue>,
    /// From the header `Idempotency-Key`.
    pub idempotency: Option<Idempotency>,
    // Holds the part of the budget until the answer is made.
    _body_permit: BodyPermit,
}

impl RequestBody {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all mistakes, each with its JSON pointer.
    pub(super) fn read<T: for<'a> ReadJson<'a>>(&self) -> Result<T, Error> {
        node::read(&self.raw, |node| T::read(node))
    }
}

impl FromRequest<Automation> for RequestBody {
    type Rejection = HttpProblem;

    async fn from_request(request: Request, automation: &Automation) -> Result<Self, HttpProblem> {
        query::refuse_parameters(request.uri().query())?;
        let key = key(request.headers())?;
        let line = format!("{} {}\n", request.method(), request.uri().path());
        let grant = request.extensions().get::<Grant>().cloned().ok_or(Error::Unauthenticated)?;
        coding::check_body(request.headers())?;
        let (parts, body) = request.into_parts();
        let room = automation.body_budget.acquire(&grant.token().id, body, json::MAX_BODY_BYTES).await;
        let (body, room) = room.ok_or_else(too_many_large_bodies)?;
        let body = read_whole(body, json::MAX_BODY_BYTES).await;
        if body.size_hint().lower() > compute::MAX_INLINE_BYTES as u64 {
            automation.compute.move_to_slot(&grant.token().id).await?;
        }
        let request = Request::from_parts(parts, body);
        let Json(raw) = Json::<Box<RawValue>>::from_request(request, automation).await?;
        // The token was checked when the head arrived. It may have been revoked or have expired since then.
        grant.check(now())?;
        let once = key.map(|key| Idempotency { key, body_sha256: sha256((line + raw.get()).as_bytes()) });
        Ok(Self { raw, idempotency: once, _body_permit: room })
    }
}

fn too_many_large_bodies() -> HttpProblem {
    let away = Error::Unavailable { part: Dependency::Channel, detail: String::new() };
    HttpProblem::from(away).with_detail("Too many large request bodies at once. Try again in a moment.")
}

/// Returns the `Idempotency-Key`, which must have 1 to 255 visible ASCII characters.
fn key(headers: &HeaderMap) -> Result<Option<String>, Invalid> {
    let mut all = headers.get_all("idempotency-key").iter();
    let (Some(value), another) = (all.next(), all.next()) else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    if another.is_none() && (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Some(key.to_owned()));
    }
    let detail = "Idempotency-Key must be one header of 1 to 255 visible ASCII characters".into();
    Err(Invalid::new("idempotency-key", Wrong::Body { detail }))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        let of = |values: &[&str]| {
            let value = |v: &&str| ("idempotency-key".parse().unwrap(), HeaderValue::from_bytes(v.as_bytes()).unwrap());
            key(&values.iter().map(value).collect())
        };
        let longest = "k".repeat(255);
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[&longest]), Ok(Some(longest.clone())));
        for bad in [&[""][..], &["two words"], &["é"], &["a", "b"], &[&format!("{longest}k")]] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }
}
