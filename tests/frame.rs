//! Tests of the console's frame: documents, forms and layers, with a few pages and functions made for these tests.
#![cfg(feature = "ssr")]
#![expect(missing_docs, reason = "functions made for these tests")]

use std::{
    future::pending,
    sync::{Arc, LazyLock, mpsc},
};

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::{Path, Query, Request},
    http::{HeaderMap, StatusCode, header},
    middleware::map_response,
    response::Response,
    routing::get,
};
use futures::poll;
use leptos::{prelude::*, server_fn::ServerFn};
use parking_lot::Mutex;
use serde::Deserialize;
use tower::ServiceExt;
use trimtab::{
    api::response,
    auth::signing::Signer,
    components::{Field, Form, TextArea},
    compute::{self, Compute},
    domain::{
        error::{Dependency, Error, Invalid, Problem, Result},
        time::Time,
    },
    http::headers::Headers,
    pages::{
        Frame, Page, PageResult, PageUser,
        assets::{Assets, File},
        console,
        cookies::Jar,
    },
    server::{assets, layers},
    service::Account,
    session::guard::CurrentUser,
};

#[server(prefix = "/fn", endpoint = "keep")]
pub async fn keep(key: String, text: String) -> Result<String> {
    match key.as_str() {
        "" => Err(Invalid::new("/key", Problem::Required).into()),
        "gone" => Err(Error::NotFound("key".to_owned())),
        "down" => Err(Error::Unavailable { part: Dependency::Database, detail: String::new() }),
        "out" => Err(Error::Unauthenticated),
        "often" => Err(Error::Throttled(7)),
        "elsewhere" => {
            response::flash("Kept <b>");
            response::redirect("/thing/2?x=1");
            Ok(text)
        }
        "evil" => {
            response::redirect("//evil.example/");
            Ok(text)
        }
        _ => {
            response::flash("Kept");
            Ok(text)
        }
    }
}

#[derive(Deserialize)]
struct ThingQuery {
    #[serde(default)]
    q: String,
}

async fn thing(Path(id): Path<u32>, Query(asked): Query<ThingQuery>) -> PageResult {
    if id == 404 {
        return Err(Error::NotFound("thing".to_owned()).into());
    }
    let view = move || {
        view! {
            <p>{format!("thing {id}, asked {}", asked.q)}</p>
            <Form action=Keep::url() id="one" swap="one">
                <Field name="key" label="Key" value="first" />
                <TextArea name="text" label="Text" value="</textarea><script>alert(1)</script>" />
            </Form>
            <Form action=Keep::url() id="two"><Field name="key" label="Key" value="untouched" /></Form>
        }
    };
    Ok(Page::new(move |_| format!("Thing <{id}>"), view))
}

/// A page with large contents, which blocks its thread until the latch opens.
async fn large(Extension(latch): Extension<Latch>) -> PageResult {
    compute::weigh(1 << 20).await;
    let open = latch.0.lock().recv();
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    Ok(Page::new(move |_| format!("{open:?} in {thread}"), || ()))
}

/// Opens once for each message, and for ever when the sender is gone.
#[derive(Clone)]
struct Latch(Arc<Mutex<mpsc::Receiver<()>>>);

static JAR: LazyLock<Jar> = LazyLock::new(|| Jar::new(Signer::random(), true));

/// Returns a logged-in user.
fn lin() -> CurrentUser {
    let account = Account {
        id: "1".to_owned(),
        name: "lin wei".to_owned(),
        administrator: false,
        roles: Vec::new(),
        created_at: Time(0),
        disabled_at: None,
        last_login_at: None,
        credential: String::new(),
    };
    CurrentUser { actor: Arc::new(account.actor()), account: Arc::new(account) }
}

fn app() -> Router {
    frame_of(|console| console.layer(Extension(lin())))
}

fn frame_of(who: impl FnOnce(Router) -> Router) -> Router {
    let (_, latch) = mpsc::channel();
    frame_with(Compute::default(), Latch(Arc::new(Mutex::new(latch))), who)
}

fn app_with(compute: Compute, latch: Latch) -> Router {
    frame_with(compute, latch, |console| console.layer(Extension(lin())))
}

fn frame_with(compute: Compute, latch: Latch, who: impl FnOnce(Router) -> Router) -> Router {
    let frame = Frame {
        compute,
        ..Frame::new(Assets::in_folder("none"), vec!["https://config.example".to_owned()], JAR.clone())
    };
    let pages = Router::new()
        .route("/thing/{id}", get(thing))
        .route("/private", get(async || -> PageResult { Err(Error::Unauthenticated.into()) }))
        .route(
            "/away",
            get(async || -> PageResult {
                Err(Error::Unavailable { part: Dependency::Database, detail: String::new() }.into())
            }),
        )
        .route("/large", get(large))
        .layer(Extension(latch))
        .route("/panic", get(async || -> PageResult { panic!("on purpose") }));
    let console = who(console(frame.clone(), pages, || ()).layer(Extension(PageUser::new("Lin Wei", false, 1))));
    let signed_in = Arc::new(|_: &HeaderMap| {
        Box::pin(async { Ok(Some("lin".to_owned())) }) as futures::future::BoxFuture<'static, Result<Option<String>>>
    });
    with_headers(layers::pages(console, &frame, signed_in))
}

/// Adds the headers that the server sets on every answer.
fn with_headers(routes: Router) -> Router {
    routes.layer(map_response(async |mut answer: Response| {
        Headers::of("https://config.example").add_to(answer.status(), answer.headers_mut());
        answer
    }))
}

struct Answered {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answered {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

async fn send(request: axum::http::request::Builder, body: &str) -> Answered {
    send_to(app(), request, body).await
}

async fn send_to(app: Router, request: axum::http::request::Builder, body: &str) -> Answered {
    let response = app.oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    Answered {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

async fn open(path: &str) -> Answered {
    send(Request::get(path).header("host", "localhost").header("accept", "text/html"), "").await
}

fn post(page: &str) -> axum::http::request::Builder {
    Request::post("/fn/keep")
        .header("host", "localhost")
        .header("accept", "text/html,*/*")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("referer", format!("http://localhost{page}"))
}

#[tokio::test]
async fn page_is_a_complete_document_with_its_headers() {
    let page = open("/thing/1?q=%3Cb%3E").await;
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with("<!DOCTYPE html><html lang=\"en\"><head>"), "{}", &page.body[..200]);
    assert!(page.body.contains("<title>Thing &lt;1&gt; · Trimtab</title>"));
    assert!(page.body.contains("thing 1, asked &lt;b&gt;"));
    assert!(!page.body.contains("<script>alert"), "a text escaped its <textarea>");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-store");
    let policy = page.header("content-security-policy");
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self' 'nonce-"), "{policy}");
    assert!(page.body.contains(&format!("nonce=\"{nonce}\"")));
    assert!(!open("/thing/1").await.header("content-security-policy").contains(nonce), "a nonce is used once");
    assert!(!page.body.contains(" style="), "the policy forbids inline style");
}

#[tokio::test]
async fn every_answer_has_security_headers() {
    // `server::console_tests` checks their values.
    let mut all = HeaderMap::new();
    Headers::of("https://config.example").add_to(StatusCode::OK, &mut all);
    for path in ["/thing/1", "/nowhere", "/thing/404", "/api/nowhere", "/panic", "/private", "/fn/keep"] {
        let answer = open(path).await;
        for (name, value) in all.iter().filter(|(name, _)| *name != header::CONTENT_SECURITY_POLICY) {
            assert_eq!(answer.header(name.as_str()), value, "{path}");
        }
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn errors_have_their_pages_and_statuses() {
    for (path, status, says) in [
        ("/nowhere", 404, "Page not found"),
        ("/thing/404", 404, "Page not found"),
        ("/thing/not-a-number", 404, "Page not found"),
        ("/panic", 500, "Internal error"),
        ("/fn/keep", 405, "Page not available"),
    ] {
        let page = open(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.body.contains(says), "{path}");
        assert!(page.body.contains("class=\"rail\""), "{path} is shown in the frame");
    }
    let api = open("/api/v9/nowhere").await;
    assert_eq!((api.status, api.header("content-type")), (404, "application/problem+json"));
    let private = open("/private?a=b").await;
    assert_eq!((private.status, private.header("location")), (303, "/login?next=%2Fprivate%3Fa%3Db"));
}

#[tokio::test]
async fn refusals_and_errors_are_not_cached() {
    for path in ["/private", "/thing/404", "/nowhere", "/fn/keep", "/api/nowhere", "/panic"] {
        assert_eq!(open(path).await.header("cache-control"), "no-store", "{path}");
    }
    let other_method = send(Request::delete("/thing/1").header("accept", "text/html"), "").await;
    assert_eq!((other_method.status, other_method.header("cache-control")), (405, "no-store"));
    let other_site = post("/thing/1").header("accept", "application/json");
    let mut other_site = other_site;
    other_site.headers_mut().unwrap().insert("sec-fetch-site", "cross-site".parse().unwrap());
    other_site.headers_mut().unwrap().insert(header::ACCEPT, "application/json".parse().unwrap());
    let refused = send(other_site, "key=a&text=b").await;
    assert_eq!((refused.status, refused.header("cache-control")), (403, "no-store"));
}

#[tokio::test]
async fn temporary_refusals_have_retry_after() {
    let away = open("/away").await;
    assert_eq!((away.status, away.header("retry-after")), (503, "2"));
    for accept in ["text/html", "application/json"] {
        let mut request = post("/thing/1");
        request.headers_mut().unwrap().insert(header::ACCEPT, accept.parse().unwrap());
        let often = send(request, "form=one&key=often&text=b").await;
        assert_eq!((often.status, often.header("retry-after")), (429, "7"), "{accept}");
    }
}

#[tokio::test]
async fn form_that_is_not_utf8_is_refused_as_invalid() {
    for accept in ["text/html", "application/json"] {
        let mut request = post("/thing/1");
        request.headers_mut().unwrap().insert(header::ACCEPT, accept.parse().unwrap());
        let request = request.body(Body::from(b"key=a&text=\xff".to_vec())).unwrap();
        let response = app().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 422, "{accept}");
    }
    let escaped = send(post("/thing/1"), "key=a&text=%ff").await;
    assert!(escaped.status < 500, "{}", escaped.body);
}

#[tokio::test]
async fn html_tag_has_language_and_theme() {
    let request = Request::get("/thing/1").header("cookie", "lang=zh; theme=dark");
    assert!(send(request, "").await.body.starts_with("<!DOCTYPE html><html lang=\"zh\" data-theme=\"dark\">"));
    let request = Request::get("/thing/1").header("accept-language", "zh-CN,en;q=0.5");
    assert!(send(request, "").await.body.starts_with("<!DOCTYPE html><html lang=\"zh\"><head>"));
    let kept = send(
        Request::post("/fn/prefer")
            .header("host", "localhost")
            .header("accept", "text/html")
            .header("referer", "http://localhost/thing/1")
            .header("content-type", "application/x-www-form-urlencoded"),
        "theme=dark",
    )
    .await;
    assert_eq!((kept.status, kept.header("location")), (303, "/thing/1"));
    let set = kept.header("set-cookie");
    assert!(set.starts_with("theme=dark; Path=/; Max-Age=31536000") && set.ends_with("; Secure"), "{set}");
}

#[tokio::test]
async fn successful_form_redirects_and_shows_its_message_once() {
    let back = send(post("/thing/1?q=a"), "form=one&key=a&text=b").await;
    assert_eq!((back.status, back.header("location")), (303, "/thing/1?q=a"));
    let flash = back.header("set-cookie").split(';').next().unwrap().to_owned();
    let next = send(Request::get("/thing/1").header("cookie", flash), "").await;
    assert!(next.body.contains("</svg>Kept</p>"), "{}", next.body);
    assert!(next.header("set-cookie").starts_with("__Host-flash=; Path=/; Max-Age=0"));
    for forged in ["__Host-flash=S2VwdA", "__Host-flash=S2VwdA.S2VwdA", "flash=S2VwdA"] {
        let next = send(Request::get("/thing/1").header("cookie", forged), "").await;
        assert!(!next.body.contains("Kept"), "{forged}");
    }

    let elsewhere = send(post("/thing/1"), "key=elsewhere&text=b").await;
    assert_eq!((elsewhere.status, elsewhere.header("location")), (303, "/thing/2?x=1"));
    let evil = send(post("/thing/1"), "key=evil&text=b").await;
    assert_eq!(evil.header("location"), "/thing/1");
}

#[tokio::test]
async fn refused_form_is_shown_again_with_its_input() {
    let page = send(post("/thing/7?q=asked"), "form=one&key=&text=typed+%3C%2Ftextarea%3E").await;
    assert_eq!(page.status, 422);
    assert!(page.body.contains("thing 7, asked asked"), "the page of the form is shown");
    assert!(page.body.contains("typed &lt;/textarea&gt;</textarea>"), "the input is kept");
    assert!(page.body.contains("id=\"one-key\"") && page.body.contains("aria-invalid=\"true\""));
    assert!(page.body.contains("Fill this in"));
    assert!(page.body.contains("value=\"untouched\""), "the other form is unchanged");
    assert!(!page.body.contains("Request failed"), "the message is shown only at the field");
    assert!(page.body.contains("name=\"_page\" value=\"/thing/7?q=asked\""), "the form names its page again");

    let again = send(post("/fn/keep"), "form=one&_page=%2Fthing%2F7%3Fq%3Dasked&key=a&text=b").await;
    assert_eq!((again.status, again.header("location")), (303, "/thing/7?q=asked"));
    let evil = send(post("/fn/keep"), "_page=%2F%2Fevil.example&key=a&text=b").await;
    assert_eq!(evil.header("location"), "/");
}

#[tokio::test]
async fn errors_without_a_field_are_shown_above_the_form() {
    for (key, status, says) in [("gone", 404, "key does not exist"), ("down", 503, "The database is not responding")] {
        let page = send(post("/thing/1"), &format!("form=one&key={key}&text=typed")).await;
        assert_eq!(page.status, status);
        assert!(page.body.contains("Request failed") && page.body.contains(says), "{key}");
        assert!(page.body.contains("typed</textarea>"), "{key}");
    }
    // Without a valid page to show again, the error's own page is shown.
    for page in ["http://evil.example/thing/1", "http://localhost/nowhere", "nonsense"] {
        let request = post("").header("referer", page);
        let mut headers = request;
        headers.headers_mut().unwrap().insert(header::REFERER, page.parse().unwrap());
        let got = send(headers, "form=one&key=gone&text=typed").await;
        assert_eq!(got.status, 404, "{page}");
        assert!(got.body.contains("Page not found"), "{page}");
    }
}

#[tokio::test]
async fn input_is_kept_when_the_session_has_ended() {
    let page = send(post("/thing/1"), "form=one&key=out&text=typed&password=secret").await;
    assert_eq!(page.status, 401);
    assert!(
        page.body.contains("name=\"text\" value=\"typed\"") && page.body.contains("name=\"_page\" value=\"/thing/1\"")
    );
    assert!(!page.body.contains("secret"));
}

#[tokio::test]
async fn swap_request_gets_the_next_page_without_a_redirect() {
    let well = send(post("/thing/1?q=a").header("x-swap", "1"), "form=one&key=a&text=b").await;
    assert_eq!((well.status, well.header("x-location")), (200, "/thing/1?q=a"));
    assert!(well.body.contains("thing 1, asked a") && well.body.contains("</svg>Kept</p>"));
    let away = send(post("/thing/1").header("x-swap", "1"), "key=elsewhere&text=b").await;
    assert_eq!((away.status, away.header("x-location")), (204, "/thing/2?x=1"));
    assert!(away.header("set-cookie").starts_with("__Host-flash="));
    let refused = send(post("/thing/1").header("x-swap", "1"), "form=one&key=&text=b").await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("Fill this in"));
}

#[tokio::test]
async fn islands_get_json() {
    let json = |body: &'static str| async move {
        let mut request = post("/thing/1");
        request.headers_mut().unwrap().insert(header::ACCEPT, "application/json".parse().unwrap());
        send(request, body).await
    };
    let well = json("key=a&text=b").await;
    assert_eq!((well.status, well.body.as_str(), well.header("cache-control")), (200, "\"b\"", "no-store"));
    let refused = json("key=&text=b").await;
    assert_eq!(refused.status, 422);
    let error: Error = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(error, Invalid::new("/key", Problem::Required).into());
    let missing = json("key=a").await;
    assert_eq!(missing.status, 422, "{}", missing.body);
}

#[tokio::test]
async fn foreign_and_malformed_forms_are_refused() {
    let mut text = post("/thing/1");
    text.headers_mut().unwrap().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(send(text, "key=a&text=b").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut other = post("/thing/1");
    other.headers_mut().unwrap().insert("sec-fetch-site", "cross-site".parse().unwrap());
    let refused = send(other, "key=a&text=b").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("This form was sent from another site"));
    let large = send(post("/thing/1"), &format!("key=a&text={}", "x".repeat(5 << 20))).await;
    assert_eq!(large.status, 413);
    let unknown = Request::post("/fn/nowhere").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(unknown.header("accept", "text/html"), "").await.status, 404);
}

#[tokio::test]
async fn input_without_secrets_and_of_limited_size_is_kept_for_log_in() {
    let kept = send(
        post("/thing/1"),
        "key=out&text=plain&current=hush1&password=hush2&again=hush3&proof=hush4&code=hush5&a[proof]=hush6",
    );
    let kept = kept.await;
    assert_eq!(kept.status, 401);
    assert!(kept.body.contains("value=\"plain\"") && kept.body.contains("Send again"), "{}", kept.body);
    for n in 1..=6 {
        assert!(!kept.body.contains(&format!("hush{n}")), "{n}: {}", kept.body);
    }
    let more = (0..100).fold(String::new(), |more, n| format!("{more}&a{n}=b"));
    let many = send(post("/thing/1"), &format!("key=out&text=plain{more}")).await;
    let long = send(post("/thing/1"), &format!("key=out&text={}", "x".repeat(63 * 1024))).await;
    assert!(long.body.contains("Send again"), "input below the limit is kept");
    assert_eq!(many.status, 401);
    assert!(
        !many.body.contains("value=\"plain\"") && many.body.contains("go back to the previous page"),
        "{}",
        many.body
    );
    let large = send(post("/thing/1"), &format!("key=out&text={}", "x".repeat(70 << 10))).await;
    assert_eq!(large.status, 413, "the form is larger than this function accepts");
}

/// The runtime has one thread, so a page that blocks it would stop this test for ever.
#[tokio::test]
async fn pages_are_answered_while_large_ones_are_rendered() {
    let (open, latch) = mpsc::channel();
    let compute = Compute::with_slots(1);
    let app = app_with(compute.clone(), Latch(Arc::new(Mutex::new(latch))));
    let ask = |request: axum::http::request::Builder| {
        Box::pin(send_to(app.clone(), request.header("host", "localhost").header("accept", "text/html"), ""))
    };
    let large = || ask(Request::get("/large"));
    let (mut first, mut second) = (large(), large());
    assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
    assert_eq!(ask(Request::get("/thing/1")).await.status, 200);

    let waiting: Vec<_> = (0..80).map(|n| (compute.clone(), format!("person {n}"))).collect();
    let mut waiting: Vec<_> = waiting.iter().map(|(c, who)| Box::pin(c.run(who, pending::<()>()))).collect();
    for one in &mut waiting {
        let _ = poll!(one);
    }
    let refused = large().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    assert!(refused.body.contains("too many large requests"), "{}", refused.body);
    let refused = ask(Request::get("/large").header("accept-language", "zh")).await;
    assert!(refused.body.contains("过多的大请求"), "{}", refused.body);
    assert_eq!(ask(Request::get("/thing/1")).await.status, 200);
    drop(waiting);

    for _ in 0..2 {
        open.send(()).unwrap();
    }
    for answer in [first.await, second.await] {
        assert!(answer.status == 200 && answer.body.contains("<title>Ok(()) in compute"), "{}", answer.body);
    }
}

#[tokio::test]
async fn only_existing_files_are_cached() {
    static STYLE: [File; 1] = [File {
        path: "/pkg/a.css",
        content_type: "text/css",
        hash: "a",
        modified: 0,
        plain: b"a{}",
        br: None,
        gzip: None,
    }];
    let assets = with_headers(assets::router(&Assets::embedded(&STYLE)));
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = assets.clone().oneshot(request).await.unwrap();
        let kept = response.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned();
        (response.status().as_u16(), kept)
    };
    assert_eq!(get("/pkg/a.css").await, (200, "public, max-age=31536000, immutable".to_owned()));
    for missing in ["/pkg/b.css".to_owned(), format!("/pkg/{}", "x".repeat(5000))] {
        assert_eq!(get(&missing).await, (404, "no-store".to_owned()));
    }
}
