//! The frame around all pages. It renders a whole [`Page`] before the first byte, so status and headers are known then.

use std::sync::Arc;

use crate::components::view::*;
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use hydration_context::SsrSharedContext;
use leptos::nonce::Nonce;

use super::{
    Page, PageContent, PageContext, PageLayout, PageUser, PendingContent, assets::Assets, cookies::Jar, errors, shell,
};
use crate::{
    api::paths,
    clock::now,
    components::{EditorScript, PageAddress, RefusedForm, RenderedAt},
    compute::Compute,
    domain::error::Error,
    http::{headers::DEFAULT_CSP, problem},
    session::guard::MissingUser,
};

/// State shared by all pages.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The style sheet and the islands.
    pub assets: Arc<Assets>,
    /// Origins of this console (`http://…`, `https://…`), besides the host that the request names.
    pub origins: Arc<[String]>,
    /// Threads on which large pages are made.
    pub compute: Compute,
    /// Sets the cookies of pages.
    pub jar: Jar,
}

impl Frame {
    /// Creates the frame of a console with these assets and origins.
    pub fn new(assets: Assets, origins: Vec<String>, jar: Jar) -> Self {
        Self { assets: Arc::new(assets), origins: origins.into(), compute: Compute::default(), jar }
    }
}

/// Response extension: the page shows the refused form, filled in.
#[derive(Clone, Copy)]
pub(super) struct RefusedFormShown;

/// Request extension at [`NO_PAGE`]: the error or status whose page is rendered, in the frame of the caller.
#[derive(Clone)]
pub(super) enum ErrorPage {
    Error(Error),
    Status(StatusCode),
}

/// Path without a page.
pub(super) const NO_PAGE: &str = "/-/";

pub(super) async fn draw(State(frame): State<Frame>, request: Request, next: Next) -> Response {
    let mut page_context = PageContext::of(&request);
    let instead = request.extensions().get::<ErrorPage>().cloned();
    let mut response = next.run(request).await;
    if let Some(viewer) = response.extensions_mut().remove::<PageUser>() {
        page_context.viewer = Some(viewer);
    }
    page_context.at_function |= instead.is_some();
    match instead {
        Some(ErrorPage::Error(error)) => return refused(&frame, page_context, &error, None),
        Some(ErrorPage::Status(status)) => return document(&frame, page_context, errors::status_page(status), None),
        None => {}
    }
    let drawable = match response.extensions_mut().remove() {
        Some(MissingUser(error)) => Some(PageContent::Refused(error)),
        None => response.extensions_mut().remove::<PendingContent>().and_then(|slot| slot.take()),
    };
    let status = response.status();
    let plain = response.headers().get(header::CONTENT_TYPE).is_none_or(|t| t.as_bytes().starts_with(b"text/plain"));
    match drawable {
        Some(PageContent::Page(page)) => document(&frame, page_context, page, Some(response)),
        Some(PageContent::Refused(Error::Unauthenticated)) => to_log_in(&page_context),
        Some(PageContent::Refused(error)) => refused(&frame, page_context, &error, Some(response)),
        // A path that cannot be parsed is not found.
        None if status == StatusCode::BAD_REQUEST && plain => {
            document(&frame, page_context, errors::page(&Error::NotFound(String::new())), None)
        }
        None if status.as_u16() >= 400 && plain => {
            document(&frame, page_context, errors::status_page(status), Some(response))
        }
        None => response,
    }
}

/// Renders the page of an error, with `Retry-After` if the delay is known.
pub(super) fn refused(frame: &Frame, page_context: PageContext, error: &Error, answered: Option<Response>) -> Response {
    let mut response = document(frame, page_context, errors::page(error), answered);
    problem::add_retry_after(response.headers_mut(), error);
    response
}

/// Redirects to the log-in, which leads back to the page.
fn to_log_in(page_context: &PageContext) -> Response {
    if page_context.path == "/" {
        return Redirect::to("/login").into_response();
    }
    Redirect::to(&paths::with("/login", &[("next", &page_context.path)])).into_response()
}

/// Renders a page and keeps the headers that its handler set.
pub(crate) fn document(
    frame: &Frame,
    mut context: PageContext,
    mut page: Page,
    answered: Option<Response>,
) -> Response {
    let nonce = Nonce::new();
    context.refused = page.refused.take().or(context.refused);
    let refused = context.refused.clone();
    let status = refused.as_ref().filter(|_| page.status.is_success()).map(|r| problem::status(r.error()));
    let status = status.unwrap_or(page.status);
    let came_back = refused.is_some() && page.status.is_success();
    let (sent, now) = (frame.jar.sent_flash(&context.headers), now());
    let flashed = sent.is_some();
    context.flash = context.flash.take().or_else(|| frame.jar.read_flash(sent?, now));
    let html = render_html(frame, context, page, &nonce);

    let mut response = answered.unwrap_or_default();
    *response.status_mut() = status;
    *response.body_mut() = Body::from(html);
    if came_back {
        response.extensions_mut().insert(RefusedFormShown);
    }
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(&nonce));
    if let Some(said) = frame.jar.clear_flash_cookie().filter(|_| flashed) {
        headers.append(header::SET_COOKIE, said);
    }
    response
}

fn render_html(frame: &Frame, page_context: PageContext, page: Page, nonce: &Nonce) -> String {
    let owner = Owner::new_root(Some(Arc::new(SsrSharedContext::new_islands())));
    let html = owner.with(|| {
        provide_context(page_context.lang);
        provide_context(RenderedAt(now()));
        provide_context(nonce.clone());
        provide_context(EditorScript(frame.assets.editor.clone()));
        provide_context(PageAddress { path: page_context.path.clone(), refused_form: page_context.at_function });
        if let Some(refused) = page_context.refused.clone() {
            provide_context::<RefusedForm>(refused);
        }
        let Page { title, view, crumbs, layout, .. } = page;
        let title = title(page_context.lang);
        // Rendered before the shell, so that errors shown at a field are not repeated at the top of the page.
        let main = view();
        let body = match layout {
            PageLayout::Console => shell::body(&page_context, crumbs(page_context.lang), main).to_html(),
            PageLayout::Alone => shell::alone(&page_context, main).to_html(),
            PageLayout::Fragment => return main.to_html(),
        };
        shell::document(&page_context, &title, &frame.assets, nonce, &body)
    });
    owner.unset_with_forced_cleanup();
    html
}

/// Returns the content security policy of a page with this nonce.
fn policy(nonce: &Nonce) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; \
         connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(DEFAULT_CSP)
}

/// Header of a form post whose page is swapped in place.
pub(super) const SWAP: HeaderName = HeaderName::from_static("x-swap");
/// Header of a response to such a post or to an island: the address of the page to show.
pub(super) const LOCATION: HeaderName = HeaderName::from_static("x-location");
