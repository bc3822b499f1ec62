//! Server functions, called by forms and islands.
//!
//! A browser without scripts posts a form. A success redirects it (303). A refusal returns the page of the form, filled
//! in, with the error's status. With scripts, the form is posted with `X-Swap`, and a success returns the page itself
//! instead of a redirect to it. All other calls (`Accept: application/json`) get the result or the error as JSON.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use leptos::{prelude::provide_context, server_fn::error::SERVER_FN_ERROR_HEADER};
use tower::ServiceExt;

use super::{
    PageContext, errors,
    frame::{ErrorPage, Frame, LOCATION, NO_PAGE, RefusedFormShown, SWAP, document},
    page_context::{self, Flash},
};
use crate::{
    api::{
        self, paths,
        response::{FunctionResponse, ResponseCollector, own_path},
    },
    clock::now,
    components::{PAGE_FIELD, RefusedForm},
    domain::error::{Error, Invalid, Problem},
    formats::MAX_SOURCE_BYTES,
    http::{
        body::{MAX_SMALL_BYTES, is_late, is_too_long, needs_session},
        problem::{self, add_retry_after},
    },
    session::guard,
};

/// Maximum size in bytes of a form with the text or a value of a config, most of which may be escaped.
const FORM_BYTES: usize = 4 * 1024 * 1024;
/// Maximum size in bytes of any other form.
pub(super) const SMALL_FORM_BYTES: usize = MAX_SMALL_BYTES;
/// Maximum size in bytes of a text to import in base64.
pub(super) const MAX_ENCODED_BYTES: usize = MAX_SOURCE_BYTES.div_ceil(3) * 4;
/// Maximum size in bytes of an export of whole applications. In base64, it leaves room for the fields of its preview.
pub const MAX_EXPORT_FILE_BYTES: usize = 8 * 1024 * 1024;
/// Maximum size in bytes of an uploaded import, with the other fields. A preview sends the text in base64.
pub const FILE_BYTES: usize = MAX_ENCODED_BYTES + SMALL_FORM_BYTES;
/// Functions that accept forms of up to `FORM_BYTES`.
const LARGE: [&str; 6] = ["check-text", "copy-keys", "edit-keys", "save-item", "save-items", "save-text"];
/// Function that accepts an import, and the maximum size of its form in bytes. The text is in base64.
const IMPORT: (&str, usize) = ("add-import", MAX_ENCODED_BYTES + SMALL_FORM_BYTES);

/// Calls server functions.
#[derive(Clone)]
pub(super) struct Functions {
    frame: Frame,
    pages: Router,
    context: Arc<dyn Fn() + Send + Sync>,
}

/// A form post whose body has been read.
struct Post {
    parts: Parts,
    body: Bytes,
    /// Path and query of the page that the form is on.
    page: Option<String>,
    swap: bool,
}

impl Functions {
    pub(super) fn new(frame: Frame, pages: Router, context: impl Fn() + Send + Sync + 'static) -> Self {
        Self { frame, pages, context: Arc::new(context) }
    }

    /// Calls the function at the path of the request. `known` says whether such a function exists.
    pub(super) async fn call(&self, request: Request, known: bool) -> Response {
        let html = accepts_html(request.headers());
        let (parts, body) = request.into_parts();
        let admitted = if known { guard::admit(parts.uri.path(), &parts.extensions) } else { Ok(()) };
        let post = match (self.read(parts.clone(), body).await, &admitted) {
            (Ok(post), _) => post,
            // A caller who is not admitted learns nothing about the fields.
            (Err(ErrorPage::Error(error)), Err(refused)) if !matches!(error, Error::TooLarge(_)) => {
                return self.refuse(&parts, html, ErrorPage::Error(refused.clone())).await;
            }
            (Err(instead), _) => return self.refuse(&parts, html, instead).await,
        };
        let (result, response) = match admitted {
            Ok(()) => {
                let (answer, said) = self.run(&post).await;
                if answer.status() == StatusCode::BAD_REQUEST && !answer.headers().contains_key(SERVER_FN_ERROR_HEADER)
                {
                    return self.refuse(&parts, html, ErrorPage::Error(Error::NotFound(String::new()))).await;
                }
                (function_result(answer).await, said)
            }
            Err(refused) => (Err(refused), FunctionResponse::default()),
        };
        let answer = match (html, result) {
            (true, Ok(_)) => self.respond_to_success(&post, &response).await,
            (true, Err(error)) => {
                let mut page = self.respond_to_refusal(&post, error.clone()).await;
                add_retry_after(page.headers_mut(), &error);
                page
            }
            (false, Ok(answer)) => with_location(answer, response.location.as_deref()),
            (false, Err(error)) => error_as_json(&error),
        };
        self.with_cookies(answer, response.cookies)
    }

    fn with_cookies(&self, mut answer: Response, cookies: Vec<String>) -> Response {
        answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for cookie in cookies.iter().filter_map(|cookie| self.frame.jar.set(cookie)) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        answer
    }

    /// Reads a form. Refuses methods other than POST, other content types, and bodies that are too large or not UTF-8.
    async fn read(&self, parts: Parts, body: Body) -> Result<Post, ErrorPage> {
        if parts.method != Method::POST {
            return Err(ErrorPage::Status(StatusCode::METHOD_NOT_ALLOWED));
        }
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().is_some_and(|k| k.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
            return Err(ErrorPage::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let most = max_body_bytes(parts.uri.path());
        let body = to_bytes(body, most).await.map_err(|error| match error {
            _ if is_too_long(&error) => ErrorPage::Error(Error::TooLarge(most)),
            _ if needs_session(&error) => ErrorPage::Error(Error::Unauthenticated),
            _ if is_late(&error) => ErrorPage::Status(StatusCode::REQUEST_TIMEOUT),
            // The client disconnected.
            _ => ErrorPage::Status(StatusCode::BAD_REQUEST),
        })?;
        if std::str::from_utf8(&body).is_err() {
            return Err(ErrorPage::Error(Invalid::new("", Problem::Unicode).into()));
        }
        let page = self.page_of(&parts.headers, &body);
        let swap = parts.headers.contains_key(SWAP);
        Ok(Post { parts, body, page, swap })
    }

    /// Responds with the error page, or with the error as JSON. For posts without a page to return to.
    async fn refuse(&self, parts: &Parts, html: bool, instead: ErrorPage) -> Response {
        if html {
            return self
                .request_page(parts, NO_PAGE, &[], |request| _ = request.extensions_mut().insert(instead))
                .await;
        }
        match instead {
            ErrorPage::Error(error) => error_as_json(&error),
            ErrorPage::Status(status) => status.into_response(),
        }
    }

    /// Returns the path and query of the page that a form is on, if it is a page of this console. After a refusal, the
    /// page is at the function's address, so its forms name the page in a field.
    fn page_of(&self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let page = self.referer(headers)?;
        if !page.starts_with(api::PREFIX) {
            return Some(page);
        }
        let page = fields(body).into_iter().find(|(name, _)| name == PAGE_FIELD)?.1;
        own_path(&page).filter(|page| !page.starts_with(api::PREFIX)).map(str::to_owned)
    }

    fn referer(&self, headers: &HeaderMap) -> Option<String> {
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
        let referer: Uri = text(header::REFERER)?.parse().ok()?;
        let authority = referer.authority()?.as_str();
        let known = self.frame.origins.iter().any(|o| o.split_once("://").is_some_and(|(_, host)| host == authority));
        (known || text(header::HOST) == Some(authority)).then_some(())?;
        own_path(referer.path_and_query()?.as_str()).map(str::to_owned)
    }

    /// Runs the function as if an island had called it, so that Leptos adds no redirects and no errors to the URL.
    async fn run(&self, post: &Post) -> (Response, FunctionResponse) {
        let mut parts = post.parts.clone();
        parts.headers.remove(header::REFERER);
        parts.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let request = Request::from_parts(parts, Body::from(post.body.clone()));
        let (outcome, context, lang) =
            (ResponseCollector::default(), Arc::clone(&self.context), page_context::lang(request.headers()));
        let provided = outcome.clone();
        let provide = move || {
            provide_context(provided.clone());
            provide_context(lang);
            context();
        };
        let answer = leptos_axum::handle_server_fns_with_context(provide, request).await.into_response();
        (answer, outcome.take())
    }

    /// Responds to a success: leads to the location that the function set, or back to the page.
    async fn respond_to_success(&self, post: &Post, said: &FunctionResponse) -> Response {
        let back = post.page.as_deref().unwrap_or("/");
        let to = said.location.as_deref().unwrap_or(back);
        let location = HeaderValue::from_str(to).unwrap_or_else(|_| HeaderValue::from_static("/"));
        let same = path_of(to) == path_of(back) && post.page.is_some();
        if post.swap && same {
            let flash = said.flash.clone().map(Flash);
            let page = self.request_page(&post.parts, to, &said.cookies, |request| {
                if let Some(flash) = flash {
                    request.extensions_mut().insert(flash);
                }
            });
            let mut answer = page.await;
            // The form has taken effect. If the page cannot be rendered now, the browser requests it again.
            if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                answer.headers_mut().insert(LOCATION, location);
                return answer;
            }
        }
        let mut answer = if post.swap {
            (StatusCode::NO_CONTENT, [(LOCATION, location)]).into_response()
        } else {
            (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
        };
        if let Some(cookie) = said.flash.as_deref().and_then(|text| self.frame.jar.flash_cookie(text, now())) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        answer
    }

    /// Responds to a refusal: with the page of the form, filled in, or with the error page.
    async fn respond_to_refusal(&self, post: &Post, error: Error) -> Response {
        let refused = RefusedForm::new(post.parts.uri.path(), fields(&post.body), error.clone());
        if matches!(error, Error::Unauthenticated) {
            let page = post.page.clone().unwrap_or_else(|| "/".to_owned());
            let page_context =
                PageContext { path: page, at_function: true, viewer: None, ..PageContext::of_parts(&post.parts) };
            return document(&self.frame, page_context, errors::signed_out(refused), None);
        }
        if let Some(page) = &post.page {
            let again =
                self.request_page(&post.parts, page, &[], |request| _ = request.extensions_mut().insert(refused));
            let answer = again.await;
            if answer.extensions().get::<RefusedFormShown>().is_some() {
                return answer;
            }
        }
        self.refuse(&post.parts, true, ErrorPage::Error(error)).await
    }

    /// Requests a page of this console with the headers and the session of the post.
    async fn request_page(
        &self,
        parts: &Parts,
        path: &str,
        cookies: &[String],
        with: impl FnOnce(&mut Request),
    ) -> Response {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.split('#').next().and_then(|p| p.parse().ok()).unwrap_or_default();
        *request.headers_mut() = parts.headers.clone();
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ORIGIN] {
            request.headers_mut().remove(name);
        }
        // The page sees the function's new cookies. They come first, because the first cookie of a name is used.
        let new = cookies.iter().filter_map(|c| c.split(';').next()).collect::<Vec<_>>().join("; ");
        let old = parts.headers.get(header::COOKIE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if let (false, Ok(all)) = (new.is_empty(), HeaderValue::from_str(&format!("{new}; {old}"))) {
            request.headers_mut().insert(header::COOKIE, all);
        }
        *request.extensions_mut() = parts.extensions.clone();
        with(&mut request);
        self.pages.clone().oneshot(request).await.into_response()
    }
}

/// Returns the names and values of a form, in their order.
pub(super) fn fields(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form).into_owned().collect()
}

/// Returns the maximum size of a body at a path, in bytes; 0 if no route there accepts one.
pub fn max_body_bytes(path: &str) -> usize {
    match path.strip_prefix(api::PREFIX) {
        Some(name) if name == IMPORT.0 => IMPORT.1,
        Some(name) if LARGE.contains(&name) => FORM_BYTES,
        Some(_) => SMALL_FORM_BYTES,
        None if is_import(path) => FILE_BYTES,
        // The keys to copy to the clipboard.
        None if path.starts_with("/configs/") && path.ends_with("/export") => FORM_BYTES,
        None if path == paths::NEW_TOKEN => SMALL_FORM_BYTES,
        None => 0,
    }
}

/// Returns whether a path accepts a text to import.
pub(super) fn is_import(path: &str) -> bool {
    path.ends_with("/import") || path.strip_prefix(api::PREFIX) == Some(IMPORT.0)
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

fn path_of(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// Returns the response of a function, or the error that it contains.
async fn function_result(answer: Response) -> Result<Response, Error> {
    if !answer.headers().contains_key(SERVER_FN_ERROR_HEADER) {
        return Ok(answer);
    }
    let body = to_bytes(answer.into_body(), FORM_BYTES).await.unwrap_or_default();
    Err(serde_json::from_slice(&body).unwrap_or_else(|_| Error::Internal("?".to_owned())))
}

/// Returns an error as JSON, for islands.
fn error_as_json(error: &Error) -> Response {
    let mut answer = (problem::status(error), axum::Json(error)).into_response();
    // The caller in Leptos recognises an error by this header.
    answer.headers_mut().insert(SERVER_FN_ERROR_HEADER, HeaderValue::from_static("1"));
    add_retry_after(answer.headers_mut(), error);
    answer
}

/// Adds the location to which the function would redirect a browser, for islands.
fn with_location(mut answer: Response, location: Option<&str>) -> Response {
    if let Some(location) = location.and_then(|l| HeaderValue::from_str(l).ok()) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use leptos::server_fn::axum::server_fn_paths;

    use crate::{api, formats::MAX_SOURCE_BYTES};

    #[test]
    fn every_function_is_called_by_post() {
        let all: Vec<_> = server_fn_paths().collect();
        assert!(!all.is_empty(), "no function is registered");
        for (path, method) in all {
            assert_eq!(method, Method::POST, "{path}");
            let name = path.strip_prefix(api::PREFIX).unwrap_or_default();
            let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            assert!(plain && !name.is_empty(), "{path} has no readable endpoint");
        }
    }

    #[test]
    fn only_forms_with_a_text_may_be_large() {
        let there: Vec<_> = server_fn_paths().map(|(path, _)| path).collect();
        for name in super::LARGE {
            let path = format!("{}{name}", api::PREFIX);
            assert!(there.contains(&path.as_str()), "{path} does not exist: remove it from the list");
            assert_eq!(super::max_body_bytes(&path), super::FORM_BYTES);
        }
        let import = format!("{}{}", api::PREFIX, super::IMPORT.0);
        assert!(there.contains(&import.as_str()) && super::max_body_bytes(&import) > MAX_SOURCE_BYTES * 4 / 3);
        assert!(super::is_import(&import) && super::is_import("/configs/dev/shop/a/import"));
        assert_eq!(super::max_body_bytes("/fn/log-in"), super::SMALL_FORM_BYTES);
        assert_eq!(super::max_body_bytes("/fn/nothing/save-text"), super::SMALL_FORM_BYTES);
    }
}
