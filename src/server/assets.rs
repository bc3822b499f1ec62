//! Serves the style sheet, the WASM program of the islands, and the other static files.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::OriginalUri,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use tower_http::{services::ServeDir, set_header::SetResponseHeaderLayer};

use crate::{
    http::{coding, etag},
    pages::assets::{Assets, File, Files},
};

/// Files outside of `/pkg/`. Their names never change, so browsers revalidate them.
const ROOT_FILES: [&str; 2] = ["/favicon.svg", "/robots.txt"];

/// Returns the routes of all files.
pub fn router(assets: &Assets) -> Router {
    match &assets.files {
        Files::Embedded(files) => {
            let files = *files;
            let served = any(move |OriginalUri(uri): OriginalUri, method: Method, headers: HeaderMap| async move {
                answer(files, uri.path(), &method, &headers)
            });
            let beside = |router: Router, path: &str| router.route(path, served.clone());
            ROOT_FILES
                .into_iter()
                .fold(Router::new().nest("/pkg", Router::new().fallback_service(served.clone())), beside)
        }
        Files::Folder(folder) => {
            let fresh =
                SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            // tools/watch.sh bundles the editor beside the folder, which cargo-leptos empties.
            let packages = ServeDir::new(folder.join("pkg")).fallback(ServeDir::new(folder.join("../editor")));
            let router = Router::new().nest_service("/pkg", packages);
            let beside = |router: Router, path: &str| router.route_service(path, ServeDir::new(folder));
            ROOT_FILES.into_iter().fold(router, beside).layer(fresh)
        }
    }
}

/// Answers with an embedded file, whose bytes are not copied.
fn answer(files: &'static [File], path: &str, method: &Method, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET,HEAD")]).into_response();
    }
    let Some(file) = files.iter().find(|file| file.path == path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let codings = [("br", file.br), ("gzip", file.gzip)];
    let offered = codings.iter().filter(|(_, bytes)| bytes.is_some()).map(|(coding, _)| *coding);
    let coding = coding::preferred(headers, offered);
    let packed = codings.iter().find(|(name, _)| Some(*name) == coding).and_then(|(_, bytes)| *bytes);
    let bytes = packed.unwrap_or(file.plain);
    let suffix = coding.map(|coding| format!("-{coding}")).unwrap_or_default();
    let etag = value(&format!("\"{}{suffix}\"", file.hash));
    let modified = UNIX_EPOCH + Duration::from_secs(file.modified);

    let mut head = HeaderMap::from_iter([
        (header::ETAG, etag.clone()),
        (header::LAST_MODIFIED, value(&httpdate::fmt_http_date(modified))),
    ]);
    if file.br.is_some() || file.gzip.is_some() {
        head.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if path.starts_with("/pkg/") {
        head.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    }
    if *method == Method::HEAD {
        // Otherwise axum would set a length of 0 on an answer with status 304.
        head.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    match conditional_status(headers, &etag, modified) {
        Some(StatusCode::PRECONDITION_FAILED) => return StatusCode::PRECONDITION_FAILED.into_response(),
        Some(status) => return (status, head).into_response(),
        None => {}
    }
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    if let Some(coding) = coding {
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    // axum leaves out the bytes of an answer to HEAD.
    (head, Body::from(Bytes::from_static(bytes))).into_response()
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("hashes and dates are plain text")
}

/// Evaluates the conditions of a request (RFC 9110, 13.2.2). Returns 412 or 304, or `None` if the file has to be sent.
fn conditional_status(headers: &HeaderMap, etag: &HeaderValue, modified: SystemTime) -> Option<StatusCode> {
    let named = |name| headers.contains_key(&name).then(|| etag::matches(headers, &name, etag));
    let date = |name| httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok();
    let is_meant = named(header::IF_MATCH)
        .unwrap_or_else(|| date(header::IF_UNMODIFIED_SINCE).is_none_or(|since| modified <= since));
    if !is_meant {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    let is_known = named(header::IF_NONE_MATCH)
        .unwrap_or_else(|| date(header::IF_MODIFIED_SINCE).is_some_and(|since| modified <= since));
    is_known.then_some(StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use axum::{body::to_bytes, http::Request};
    use tower::ServiceExt;

    use super::*;

    const STYLE: &str = "/pkg/trimtab.abc.css";
    static FILES: [File; 2] = [
        File {
            path: STYLE,
            content_type: "text/css",
            hash: "abc",
            modified: 1_000_000_000,
            plain: b"plain style",
            br: Some(b"brotli"),
            gzip: Some(b"in gzip"),
        },
        File {
            path: "/robots.txt",
            content_type: "text/plain",
            hash: "def",
            modified: 1_000_000_000,
            plain: b"robots",
            br: None,
            gzip: None,
        },
    ];
    const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";
    const SINCE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

    /// Returns the status, headers and body of an answer.
    async fn send(method: Method, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Bytes) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let router = router(&Assets::embedded(&FILES));
        let (head, body) = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap().into_parts();
        (head.status.as_u16(), head.headers, to_bytes(body, 1000).await.unwrap())
    }

    #[tokio::test]
    async fn files_are_served_as_they_are_embedded() {
        for (accepted, coding, bytes, etag) in [
            ("identity", None, FILES[0].plain, "\"abc\""),
            ("gzip", Some("gzip"), FILES[0].gzip.unwrap(), "\"abc-gzip\""),
            ("gzip, br", Some("br"), FILES[0].br.unwrap(), "\"abc-br\""),
        ] {
            let (status, headers, body) = send(Method::GET, STYLE, &[("accept-encoding", accepted)]).await;
            assert_eq!((status, &*body), (200, bytes));
            // The bytes are those in the program, not a copy.
            assert_eq!(body.as_ptr(), bytes.as_ptr());
            assert_eq!(headers.get(header::CONTENT_ENCODING).map(|v| v.to_str().unwrap()), coding);
            assert_eq!(headers[header::ETAG], etag);
            assert_eq!(headers[header::VARY], "accept-encoding");
            assert_eq!(headers[header::CONTENT_TYPE], "text/css");
            assert_eq!(headers[header::LAST_MODIFIED], SINCE);
            assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
            let (status, head, body) = send(Method::HEAD, STYLE, &[("accept-encoding", accepted)]).await;
            assert_eq!((status, &*body), (200, &b""[..]));
            assert_eq!(head[header::CONTENT_LENGTH], bytes.len().to_string());
            assert_eq!(head[header::ETAG], etag);
            let conditions = [("accept-encoding", accepted), ("if-none-match", etag)];
            let (status, head, _) = send(Method::HEAD, STYLE, &conditions).await;
            assert_eq!((status, &head[header::CONTENT_LENGTH]), (304, &HeaderValue::from(bytes.len())));
        }
        let (status, headers, body) = send(Method::GET, "/robots.txt", &[("accept-encoding", "br, gzip")]).await;
        assert_eq!((status, &*body), (200, &b"robots"[..]));
        for absent in [header::VARY, header::CACHE_CONTROL, header::CONTENT_ENCODING] {
            assert!(!headers.contains_key(&absent), "{absent}");
        }
    }

    #[tokio::test]
    async fn a_file_that_a_client_has_is_not_sent_again() {
        for (conditions, expected) in [
            (&[("if-none-match", "\"abc\"")][..], 304),
            (&[("if-none-match", "W/\"abc-br\""), ("accept-encoding", "br")], 304),
            (&[("if-none-match", "\"abc-br\"")], 200),
            (&[("if-none-match", "\"x\""), ("if-modified-since", SINCE)], 200),
            (&[("if-modified-since", SINCE)], 304),
            (&[("if-modified-since", BEFORE)], 200),
            (&[("if-modified-since", "yesterday")], 200),
            (&[("if-match", "\"abc\"")], 200),
            (&[("if-match", "\"x\"")], 412),
            (&[("if-match", "\"abc\""), ("if-unmodified-since", BEFORE)], 200),
            (&[("if-unmodified-since", BEFORE)], 412),
            (&[("if-unmodified-since", SINCE)], 200),
        ] {
            let (status, headers, body) = send(Method::GET, STYLE, conditions).await;
            assert_eq!(status, expected, "{conditions:?}");
            assert_eq!(body.is_empty(), status != 200);
            assert_eq!(headers.contains_key(header::ETAG), status != 412);
        }
    }

    #[tokio::test]
    async fn files_of_a_folder_are_revalidated() {
        let folder = std::env::temp_dir().join(format!("trimtab-site-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("pkg")).unwrap();
        for path in ["pkg/trimtab.css", "robots.txt"] {
            std::fs::write(folder.join(path), path).unwrap();
        }
        let (router, kept) = (router(&Assets::in_folder(&folder)), HeaderValue::from_static("no-cache"));
        for (path, status) in [("/pkg/trimtab.css", 200), ("/robots.txt", 200), ("/favicon.svg", 404)] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let (head, body) = router.clone().oneshot(request).await.unwrap().into_parts();
            assert_eq!((head.status.as_u16(), &head.headers[header::CACHE_CONTROL]), (status, &kept), "{path}");
            let expected = if status == 200 { path.trim_start_matches('/') } else { "" };
            assert_eq!(to_bytes(body, 1000).await.unwrap(), expected);
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn only_existing_files_are_served() {
        for path in ["/pkg", "/pkg/", "/pkg/none.css", "/pkg/robots.txt", "/pkg/trimtab.abc.css/", "/favicon.svg"] {
            let (status, headers, _) = send(Method::GET, path, &[]).await;
            assert_eq!((status, headers.contains_key(header::CACHE_CONTROL)), (404, false), "{path}");
        }
        for path in [STYLE, "/pkg/none.css", "/robots.txt"] {
            let (status, headers, _) = send(Method::POST, path, &[]).await;
            assert_eq!(status, 405, "{path}");
            assert_eq!(headers[header::ALLOW], "GET,HEAD");
        }
    }
}
