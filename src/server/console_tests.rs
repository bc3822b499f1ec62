//! Tests of a whole console through its routes, on SQLite in a temporary folder.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use axum::{
    body::{Body, HttpBody, to_bytes},
    http::{HeaderMap, Request, header},
};
use futures::{FutureExt, StreamExt};
use leptos::server_fn::axum::server_fn_paths;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::DropGuard;
use tower::ServiceExt;
use tower_sessions::{SessionStore, session::Id};

use super::*;
use crate::{
    domain::{
        access::{Actor, Role as May},
        content::Item,
        merge::Edit,
        token::TokenKind,
    },
    metrics::ConnectionMetrics,
    service::{NewToken, NewUser, PutApp, PutEnv, PutNamespace, Save},
    session::store::Sessions,
    tasks::Task,
    texts::Lang,
};

pub(super) const PASSWORD: &str = "correct horse battery";
/// Timeout of steps that must succeed.
const TEST_TIMEOUT: Duration = Duration::from_secs(40);

/// A console with the environments dev and prod (protected), and the applications shop and mail, each with a namespace
/// `application`. Its users are `root` (an administrator), `ana` (publishes shop) and `eve` (edits mail in dev).
pub(super) struct TestConsole {
    front: reader::Front,
    pub service: Service,
    pub reader: Arc<Reader>,
    tasks: TaskDriver,
    sessions: Sessions,
    folder: PathBuf,
    _stop: DropGuard,
}

pub(super) struct HttpAnswer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Drop for TestConsole {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl TestConsole {
    pub async fn at(public_url: &str) -> Self {
        let site = Self::empty(public_url).await;
        site.create_objects().await;
        site
    }

    /// Returns a site without any users or objects.
    async fn empty(public_url: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("trimtab-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let db = Db::open(&format!("sqlite://{}", folder.join("trimtab.db").display())).await.unwrap();
        let (dispatch, stop, channel) = (Arc::new(Dispatch::default()), CancellationToken::new(), Channel::local());
        let service = Service::new(db.clone(), dispatch.clone()).with_delivery_timeout(Duration::ZERO);
        let reader = Reader::new(Arc::new(TokenCache::new()), now, &reader::ReaderSettings::default(), stop.clone());
        reader.store.declare_ready();
        let (streams, tasks) = (SessionStreams::default(), TaskDriver::new(now, stop.clone()));
        let scrape = Arc::new(Scrape::new(Some((&db, dispatch.clone())), &channel, reader.clone(), &tasks));
        tasks.start([streams.task(service.clone())]);
        let console = Console {
            service: service.clone(),
            reader: reader.clone(),
            nodes: Nodes::new(reader.clone(), "one", false),
            streams,
            tasks: tasks.clone(),
            public_url: public_url.into(),
            etcd_root: None,
        };
        let (health, draining) = (service.clone(), stop.clone());
        let health =
            Health { service: health, dispatch, reader: reader.clone(), draining, scrape, tasks: tasks.clone() };
        let front = routes(
            console,
            Assets::embedded(&[]),
            db.clone(),
            health,
            service.signer().await.unwrap(),
            &RateSettings::default(),
        );
        Self { front, service, reader, tasks, sessions: Sessions::new(db), folder, _stop: stop.drop_guard() }
    }

    async fn create_objects(&self) {
        let shell = Actor::shell();
        for (name, protected) in [("dev", false), ("prod", true)] {
            let (name, protected) = (name.parse().unwrap(), Some(protected));
            let put = PutEnv { name, title: None, position: None, protected, archived: None };
            self.service.put_env(&shell, put).await.unwrap();
        }
        for name in ["shop", "mail"] {
            let put = PutApp { name: name.parse().unwrap(), title: None, description: None, archived: None };
            self.service.put_app(&shell, put).await.unwrap();
            let (app, name) = (name.parse().unwrap(), "application".parse().unwrap());
            let put = PutNamespace { app, name, format: None, description: None, archived: None };
            self.service.put_namespace(&shell, put).await.unwrap();
        }
        for (name, administrator, roles) in [
            ("root", true, vec![]),
            ("ana", false, vec![("*/shop/*".parse().unwrap(), May::PUBLISHER)]),
            ("eve", false, vec![("dev/mail/*".parse().unwrap(), May::EDITOR)]),
        ] {
            let new = NewUser { name: name.into(), password: PASSWORD.into(), administrator, roles };
            self.service.create_user(&shell, new).await.unwrap();
        }
    }

    pub async fn id_of(&self, name: &str) -> String {
        let users = self.service.users(&Actor::shell(), "", 10).await.unwrap();
        users.into_iter().find(|user| user.name == name).unwrap().id
    }

    pub async fn send(&self, request: Request<Body>) -> HttpAnswer {
        let (parts, body) = self.front.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, 1 << 24).await.unwrap();
        HttpAnswer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub async fn get(&self, path: &str, cookie: &str) -> HttpAnswer {
        let request = Request::get(path).header("host", "localhost").header("accept", "text/html");
        self.send(request.header("cookie", cookie).body(Body::empty()).unwrap()).await
    }

    /// Calls a server function as an island does, or as a form without scripts.
    async fn call(&self, path: &str, cookie: &str, accept: &str, body: impl Into<Body>) -> HttpAnswer {
        let request = Request::post(path)
            .header("host", "localhost")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", accept)
            .header("cookie", cookie);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn island(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> HttpAnswer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.call(path, cookie, "application/json", form).await
    }

    /// Logs in and returns the cookies of the browser.
    pub async fn log_in(&self, name: &str) -> String {
        let answer = self.island("/fn/log-in", "", &[("name", name), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.cookies()
    }

    /// Makes the last entry of the password old, so that the session needs it again.
    pub async fn make_password_old(&self, cookies: &str) {
        let id: Id = value(cookies, "trimtab").parse().unwrap();
        let mut record = self.sessions.load(&id).await.unwrap().unwrap();
        record.data.insert("proven".to_owned(), 0.into());
        self.sessions.save(&record).await.unwrap();
    }
}

impl HttpAnswer {
    /// Returns the cookies that the answer sets, as a browser sends them back.
    pub fn cookies(&self) -> String {
        let set = self.headers.get_all(header::SET_COOKIE).iter().map(|set| set.to_str().unwrap());
        set.map(|set| set.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }
}

fn value<'a>(cookies: &'a str, name: &str) -> &'a str {
    let pair = cookies.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    pair.unwrap_or_else(|| panic!("no {name} in {cookies}"))
}

/// The functions that take an environment, application, namespace, change, token or user, each with its fields. `ENV`,
/// `APP`, `NS`, `CHANGE` and `ID` stand for the object.
const OBJECTS: &[(&str, &str)] = &[
    ("add-import", "config=ENV/APP/NS&source=json&strings=false&replace=false&text=e30"),
    ("archive-app", "app=APP&archived=true"),
    ("archive-env", "env=ENV&archived=true"),
    ("archive-namespace", "app=APP&namespace=NS&archived=true"),
    ("change-env", "env=ENV&title=x"),
    ("change-namespace", "app=APP&namespace=NS&format=json"),
    ("change-user", "id=ID"),
    ("clone-app", "app=APP&to=copy&envs[]=ENV"),
    ("check-text", "config=ENV/APP/NS&text=x"),
    ("create-app", "app=APP"),
    ("create-env", "env=ENV"),
    ("copy-keys", "from=ENV/APP/NS&to[]=ENV&keys[]=a"),
    ("save-items", "config=ENV/APP/NS&base=0&version=0&source=json&text={}"),
    ("edit-keys", "config=ENV/APP/NS&base=0&version=0&keys[]=a&act=remove"),
    ("create-namespace", "app=APP&namespace=NS&format=kv"),
    ("deliver-again", "env=ENV"),
    ("describe-app", "app=APP&title=x"),
    ("describe-change", "change=CHANGE&message=x"),
    ("discard-change", "change=CHANGE"),
    ("discard-edits", "config=ENV/APP/NS&change=CHANGE"),
    ("free-lock", "env=ENV"),
    ("guided-start", "app=APP"),
    ("move-env", "env=ENV&earlier=true"),
    ("promote", "app=APP&from=ENV&to=ENV&namespaces[]=NS"),
    ("publish", "change=CHANGE&diff_sha256=x"),
    ("remove-item", "config=ENV/APP/NS&base=0&version=0&key=a"),
    ("remove-for-good", "kind=app&name=APP&confirm=APP"),
    ("repair", "config=ENV/APP/NS"),
    ("reset-password", "id=ID&password=another+long+password"),
    ("resolve", "change=CHANGE&config=ENV/APP/NS&keep=mine&live=0"),
    ("undo-edits", "config=ENV/APP/NS&change=CHANGE&version=1&act=undo"),
    ("restore", "kind=app&name=APP"),
    ("revert-item", "config=ENV/APP/NS&change=CHANGE&key=a"),
    ("set-favourite", "of=ENV/APP/NS&marked=true"),
    ("revoke-token", "id=ID"),
    ("roll-back", "config=ENV/APP/NS&to=1&live=0"),
    ("save-item", "config=ENV/APP/NS&base=0&version=0&key=a&value=1&kind=string"),
    ("save-text", "config=ENV/APP/NS&base=0&version=0&text=x"),
    ("settle", "config=ENV/APP/NS&seq=1&wins=database"),
];
/// The other functions that need a session.
const OTHERS: [&str; 3] = ["change-password", "create-user", "log-out-everywhere"];

#[tokio::test]
async fn server_functions_authenticate_before_they_check_fields() {
    let site = TestConsole::at("http://localhost").await;
    let all: BTreeSet<String> = server_fn_paths().map(|(path, _)| path.to_owned()).collect();
    let listed = OBJECTS.iter().map(|(name, _)| *name).chain(OTHERS).map(|name| format!("/fn/{name}"));
    let listed: BTreeSet<String> = listed.chain(guard::OPEN_FUNCTIONS.map(str::to_owned)).collect();
    assert_eq!(all, listed, "list new functions here");
    let made_up = format!("trimtab={}", Id::default());
    for path in all.iter().filter(|path| !guard::OPEN_FUNCTIONS.contains(&path.as_str())) {
        for body in ["", "env=%ff", "nonsense", "config=../..&change=1&base=-1"] {
            for (accept, cookie) in [("application/json", ""), ("text/html", ""), ("text/html", made_up.as_str())] {
                let answer = site.call(path, cookie, accept, body).await;
                assert_eq!(answer.status, 401, "{path} {body:?} {accept}: {}", answer.body);
            }
        }
        let no_text = site.call(path, "", "application/json", b"a=\xff".to_vec()).await;
        assert_eq!(no_text.status, 401, "{path}: {}", no_text.body);
    }
    // Forms without input that has to be kept redirect to the log-in page.
    for (path, status) in [("/tokens/new", 401), ("/configs/prod/shop/application/import", 303)] {
        for body in ["a=1".to_owned(), format!("a={}", "x".repeat(70_000))] {
            let answer = site.call(path, "", "text/html", body).await;
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn invisible_and_missing_objects_get_equal_answers() {
    let site = TestConsole::at("http://localhost").await;
    let ana = site.service.user(&Actor::shell(), &site.id_of("ana").await).await.unwrap();
    let config: crate::domain::names::ConfigId = "prod/shop/application".parse().unwrap();
    let edits = vec![("a".to_owned(), Edit::Set(Item::string("1")))];
    let save = Save { config, change: None, base: None, version: None, edits };
    let change = site.service.save(&ana.actor(), save).await.unwrap().change.id.to_string();
    let token = NewToken {
        name: "reader".into(),
        kind: TokenKind::Read,
        patterns: vec!["prod/shop/*".parse().unwrap()],
        creator: false,
        expires_at: None,
    };
    let token = site.service.create_token(&Actor::shell(), token).await.unwrap().token.id;
    let eve = site.log_in("eve").await;
    let (never, unknown) = ("01900000-0000-7000-8000-000000000000", "01900000-0000-7000-8000-000000000001");
    for (name, fields) in OBJECTS {
        let id = if *name == "revoke-token" { &token } else { &ana.id };
        let there = [("ENV", "prod"), ("APP", "shop"), ("NS", "application"), ("CHANGE", change.as_str()), ("ID", id)];
        let nowhere = [("ENV", "gone"), ("APP", "none"), ("NS", "nothing"), ("CHANGE", never), ("ID", unknown)];
        let mut said = Vec::new();
        for names in [there, nowhere] {
            let body = names.iter().fold((*fields).to_owned(), |body, (of, name)| body.replace(of, name));
            let answer = site.call(&format!("/fn/{name}"), &eve, "application/json", body).await;
            assert!((400..500).contains(&answer.status), "{name}: {} {}", answer.status, answer.body);
            let blank = names.iter().fold(answer.body, |body, (of, name)| body.replace(name, of));
            said.push((answer.status, blank));
        }
        assert_eq!(said[0], said[1], "{name}");
    }
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let site = TestConsole::at("https://config.example").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
    let (limits, headers) = (Limits::of_this_process(&[]), Headers::of("https://config.example"));
    let config =
        ConnectionConfig { limits, headers, health_paths: &health::PATHS, meter: ConnectionMetrics::default() };
    tokio::spawn(connections::serve(listener, site.front.clone(), config, stop.clone()));
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (method, path, status) in [
        ("GET", "/", 303),
        ("GET", "/login", 200),
        ("GET", "/nowhere", 404),
        ("DELETE", "/login", 405),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("POST", "/metrics", 405),
        ("GET", "/api/v1/openapi.json", 200),
        ("GET", "/api/v1/changes", 401),
        ("GET", "/api/v1/configs/dev/shop/application", 401),
        ("GET", "/api/v1/watch?config=dev/shop/application", 401),
        ("GET", "/api/nowhere", 404),
        ("GET", "/pkg/nothing.css", 404),
        ("GET", "/favicon.svg", 0),
        ("POST", "/fn/move-env", 415),
        ("GET", "/fn/move-env", 405),
        ("OPTIONS", "/", 405),
    ] {
        let method: reqwest::Method = method.parse().unwrap();
        let answer = client.request(method.clone(), format!("http://{address}{path}")).send().await.unwrap();
        assert!(status == 0 || answer.status() == status, "{method} {path}: {}", answer.status());
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", "max-age=63072000"),
        ] {
            let all: Vec<_> = answer.headers().get_all(name).iter().collect();
            assert_eq!(all, [value], "{method} {path}: {name}");
        }
        let has = |name: &str| answer.headers().get_all(name).iter().count() == 1;
        assert!(has("content-security-policy") && has("permissions-policy"), "{method} {path}");
    }
    stop.cancel();
}

#[tokio::test]
async fn streams_end_with_their_session() {
    let site = TestConsole::at("http://localhost").await;
    let shell = Actor::shell();
    let (id, other) = (site.id_of("ana").await, site.log_in("eve").await);
    let open = async |cookies: &str| {
        let request = Request::get("/live?mark=0").header("cookie", cookies).body(Body::empty()).unwrap();
        let answer = site.front.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = answer.into_body();
        assert!(!body.is_end_stream());
        body.into_data_stream()
    };
    let mut of_other = open(&other).await;
    for how in ["log-out", "log-out-everywhere", "password", "reset", "roles", "disabled"] {
        let (here, elsewhere) = (site.log_in("ana").await, site.log_in("ana").await);
        let (mut one, mut two) = (open(&here).await, open(&elsewhere).await);
        let account = site.service.user(&shell, &id).await.unwrap();
        match how {
            "log-out" => {
                assert_eq!(site.island("/fn/log-out", &here, &[]).await.status, 200);
                assert_eq!(site.island("/fn/log-out", &elsewhere, &[]).await.status, 200);
            }
            "log-out-everywhere" => assert_eq!(site.island("/fn/log-out-everywhere", &here, &[]).await.status, 200),
            "password" => site.service.change_password(&account, PASSWORD, PASSWORD).await.unwrap(),
            "reset" => site.service.reset_password(&shell, &id, PASSWORD).await.unwrap(),
            "roles" => site.service.change_user(&shell, &id, false, false, vec![]).await.unwrap(),
            _ => site.service.change_user(&shell, &id, false, true, vec![]).await.unwrap(),
        }
        for stream in [&mut one, &mut two] {
            let ended = async { while stream.next().await.is_some() {} };
            timeout(TEST_TIMEOUT, ended).await.unwrap_or_else(|_| panic!("{how}: the stream stays open"));
        }
        assert_eq!(site.get("/live", &here).await.status, 204, "{how}");
    }
    assert!(of_other.next().now_or_never().is_none_or(|event| event.is_some()), "another user's stream ends");
}

#[tokio::test]
async fn streams_need_an_existing_and_visible_object() {
    let site = TestConsole::at("http://localhost").await;
    let (ana, root) = (site.log_in("ana").await, site.log_in("root").await);
    let status = async |of: &str, cookies: &str| {
        let request = Request::get(format!("/live?of={of}&mark=0")).header("host", "localhost");
        let request = request.header("cookie", cookies).body(Body::empty()).unwrap();
        site.front.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    for (of, seen, there) in [
        ("*/*/*", true, true),
        ("dev/*/*", true, true),
        ("*/shop/*", true, true),
        ("dev/shop/*", true, true),
        ("*/*/application", true, true),
        ("prod/*/application", true, true),
        ("*/shop/application", true, true),
        ("dev/shop/application", true, true),
        ("dev/mail/application", false, true),
        ("*/mail/application", false, true),
        ("dev/mail/*", false, true),
        ("*/mail/*", false, true),
        ("q0/q0/*", false, false),
        ("q0/*/*", false, false),
        ("*/q0/*", false, false),
        ("*/*/q0", false, false),
        ("dev/shop/q0", false, false),
        ("q0/shop/*", false, false),
        ("q0/shop/application", false, false),
    ] {
        assert_eq!(status(of, &ana).await, if seen { 200 } else { 404 }, "{of}");
        assert_eq!(status(of, &root).await, if there { 200 } else { 404 }, "{of}");
    }
}

#[tokio::test]
async fn long_bodies_need_permission_to_edit() {
    let site = TestConsole::at("http://localhost").await;
    let roles = vec![("*/*/*".parse().unwrap(), May::VIEWER)];
    let new = NewUser { name: "vi".into(), password: PASSWORD.into(), administrator: false, roles };
    site.service.create_user(&Actor::shell(), new).await.unwrap();
    let (vi, ana) = (site.log_in("vi").await, site.log_in("ana").await);
    let import = "/configs/dev/shop/application/import";
    for path in [import, "/fn/save-text", "/fn/add-import"] {
        let endless = Body::from_stream(futures::stream::pending::<Result<axum::body::Bytes, axum::Error>>());
        let refused = timeout(TEST_TIMEOUT, site.call(path, &vi, "text/html", endless)).await;
        assert_eq!(refused.map(|answer| answer.status), Ok(403), "{path}");
    }
    let large = "x".repeat(1 << 20);
    assert_ne!(site.call("/fn/save-text", &ana, "application/json", large).await.status, 403);
}

#[tokio::test]
async fn revoking_a_token_and_ending_a_protection_need_a_recent_password() {
    let site = TestConsole::at("http://localhost").await;
    let token = NewToken {
        name: "ci".into(),
        kind: TokenKind::Read,
        patterns: vec!["prod/shop/*".parse().unwrap()],
        creator: false,
        expires_at: None,
    };
    let token = site.service.create_token(&Actor::shell(), token).await.unwrap().token.id;
    let protected = async || site.service.envs().await.unwrap().iter().any(|env| env.protected);
    let revoked = async || site.service.known_tokens().await.unwrap().iter().any(|token| token.revoked_at.is_some());
    let revoke = [("id", token.as_str())];
    let loosen = [("env", "prod"), ("title", "Production")];
    for (path, fields) in [("/fn/revoke-token", &revoke[..]), ("/fn/change-env", &loosen[..])] {
        let root = site.log_in("root").await;
        site.make_password_old(&root).await;
        for proof in ["", "not the password"] {
            let refused = site.island(path, &root, &[fields, &[("proof", proof)]].concat()).await;
            assert!(refused.status == 422 && refused.body.contains("/proof"), "{path}: {}", refused.body);
        }
        assert!(!(path.contains("token") && revoked().await) && protected().await);
        let done = site.island(path, &root, &[fields, &[("proof", PASSWORD)]].concat()).await;
        assert_eq!(done.status, 200, "{path}: {}", done.body);
    }
    assert!(revoked().await && !protected().await);
    // Other changes need no recent password.
    let root = site.log_in("root").await;
    site.make_password_old(&root).await;
    let titled = site.island("/fn/change-env", &root, &[("env", "prod"), ("title", "P"), ("protected", "true")]).await;
    assert_eq!(titled.status, 200, "{}", titled.body);
    // The page shows the field for the password.
    let page = site.get("/tokens?all=true", &root).await;
    assert_eq!(page.status, 200);
    let page = site.get("/envs/prod", &root).await;
    assert!(page.body.contains("name=\"proof\""), "{}", page.body);
}

#[tokio::test]
async fn known_browser_is_not_throttled_by_other_clients() {
    let site = TestConsole::at("http://localhost").await;
    let cookies = site.log_in("ana").await;
    let known = format!("trimtab-browser={}", value(&cookies, "trimtab-browser"));
    let guess = async |cookies: &str, password: &str| {
        site.island("/fn/log-in", cookies, &[("name", "ana"), ("password", password)]).await.status
    };
    for _ in 0..5 {
        assert_eq!(guess("", "wrong password here").await, 422);
    }
    assert_eq!(guess("", PASSWORD).await, 429);
    assert_eq!(guess("trimtab-browser=bm8.bm8", PASSWORD).await, 429, "a forged cookie");
    for _ in 0..3 {
        assert_eq!(guess(&known, PASSWORD).await, 200);
    }
    // Wrong passwords of the known browser count.
    for _ in 0..5 {
        assert_eq!(guess(&known, "wrong password here").await, 422);
    }
    assert_eq!(guess(&known, PASSWORD).await, 429);
}

#[tokio::test]
async fn https_console_sets_secure_cookies_and_links_to_its_address() {
    let site = TestConsole::at("https://config.example").await;
    need_https(&site.island("/fn/log-in", "", &[("name", "ana"), ("password", PASSWORD)]).await);
    names_https(&site).await;
    // The session of the first administrator has secure cookies, too.
    let site = TestConsole::empty("https://config.example").await;
    names_https(&site).await;
    let code = site.service.setup_code().await.unwrap();
    let fields = [("code", code.as_str()), ("name", "petra"), ("password", PASSWORD), ("again", PASSWORD)];
    need_https(&site.island("/fn/set-up", "", &fields).await);
}

/// Checks that browsers keep the cookies of a log-in only over https.
fn need_https(answer: &HttpAnswer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut names = BTreeSet::new();
    for set in answer.headers.get_all(header::SET_COOKIE).iter().map(|set| set.to_str().unwrap()) {
        assert!(set.contains("; Secure") && set.contains("HttpOnly") && set.contains("Path=/"), "{set}");
        names.insert(set.split('=').next().unwrap());
    }
    assert_eq!(names, BTreeSet::from(["__Host-trimtab", "__Host-trimtab-browser"]));
}

/// Checks that the log-in page links to the https address if it was opened over http.
async fn names_https(site: &TestConsole) {
    for (proto, says) in [("http", true), ("https", false)] {
        let request = Request::get("/login").header("host", "10.0.0.1:3000").header("x-forwarded-proto", proto);
        let page = site.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(page.status, 200, "{}", page.body);
        assert_eq!(page.body.contains("href=\"https://config.example\""), says, "{proto}: {}", page.body);
    }
}

#[tokio::test]
async fn panic_of_a_background_task_is_reported_with_its_text_for_administrators_only() {
    let site = TestConsole::at("http://localhost").await;
    let (started, mut starts) = mpsc::unbounded_channel();
    site.tasks.start([Task::looping("feed", Lang::task_feed, move |_| {
        started.send(()).unwrap();
        async { panic!("10.0.0.7:2379 <refused>") }
    })]);
    // The test has one thread, so the task panics before anything else runs.
    timeout(TEST_TIMEOUT, starts.recv()).await.expect("the task starts").unwrap();

    let (root, ana) = (site.log_in("root").await, site.log_in("ana").await);
    let page = site.get("/system", &root).await;
    assert_eq!(page.status, 200, "{}", page.body);
    for shown in [
        "Background tasks",
        "End of live updates after log-out",
        "Releases for readers",
        "stopped",
        "panicked: 10.0.0.7:2379 &lt;refused&gt;",
        "href=\"/system\"",
    ] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    let chinese = site.get("/system", &format!("{root}; lang=zh")).await;
    assert!(chinese.body.contains("为读取实例加载版本") && chinese.body.contains("已停止"), "{}", chinese.body);
    let refused = site.get("/system", &ana).await;
    assert_eq!(refused.status, 403);
    assert!(!refused.body.contains("10.0.0.7") && !refused.body.contains("href=\"/system\""), "{}", refused.body);
    assert_eq!(site.get("/system", "").await.status, 303);

    let ready = site.get("/readyz", "").await;
    assert!(!ready.body.contains("10.0.0.7"), "{}", ready.body);
    let ready: serde_json::Value = serde_json::from_str(&ready.body).unwrap();
    assert_eq!((&ready["ready"], &ready["degraded"]), (&true.into(), &true.into()), "{ready}");
    assert_eq!(ready["reasons"], serde_json::json!(["the background task feed has stopped"]));
    let task = &ready["tasks"][1];
    assert_eq!(
        (&task["name"], &task["state"], &task["last_failure"]),
        (&"feed".into(), &"stopped".into(), &"panicked".into()),
        "{ready}"
    );
    let metrics = site.get("/metrics", "").await;
    let failures =
        metrics.body.lines().find_map(|line| line.strip_prefix("trimtab_task_failures_total{task=\"feed\"} "));
    assert!(failures.is_some_and(|count| count.parse::<u64>().unwrap() > 0), "{}", metrics.body);
}

#[tokio::test]
async fn failed_run_of_a_task_does_not_make_the_node_degraded() {
    let site = TestConsole::at("http://localhost").await;
    let (failed, was_failed) = tokio::sync::oneshot::channel();
    let failed = parking_lot::Mutex::new(Some(failed));
    site.tasks.start([Task::looping("feed", Lang::task_feed, move |task| {
        task.failed("unreachable", &"no answer");
        failed.lock().take().unwrap().send(()).unwrap();
        async move { task.stop().cancelled().await }
    })]);
    timeout(TEST_TIMEOUT, was_failed).await.expect("the task runs").unwrap();
    let page = site.get("/system", &site.log_in("root").await).await;
    for shown in ["failing", "retrying", "no answer"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    let ready: serde_json::Value = serde_json::from_str(&site.get("/readyz", "").await.body).unwrap();
    assert_eq!((&ready["ready"], &ready["degraded"]), (&true.into(), &false.into()), "{ready}");
    assert_eq!(ready["tasks"][1]["last_failure"], "unreachable", "{ready}");
}

#[tokio::test]
async fn readyz_and_metrics_list_the_background_tasks_that_are_started() {
    let folder = std::env::temp_dir().join(format!("trimtab-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let environment = [("TRIMTAB_DATA_DIR".to_owned(), folder.display().to_string())];
    let settings = Settings::load(Some("/dev/null".as_ref()), environment.into_iter(), &[]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = ServerNode::start(settings, &[], &listener, CancellationToken::new()).await.unwrap();
    let get = async |path: &str| {
        let request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
        let body = node.router.clone().oneshot(request).await.unwrap().into_body();
        String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap()
    };
    let started: Vec<&str> = node.tasks.statuses().into_iter().map(|task| task.name.label).collect();
    let ready: serde_json::Value = serde_json::from_str(&get("/readyz").await).unwrap();
    let listed: Vec<&str> = ready["tasks"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert_eq!(listed, started);
    let metrics = get("/metrics").await;
    for name in &started {
        assert!(metrics.contains(&format!("trimtab_task_failures_total{{task=\"{name}\"}} ")), "{name} in {metrics}");
    }
    let unique: BTreeSet<&str> = started.iter().copied().collect();
    assert_eq!(unique.len(), started.len(), "{started:?}");
    node.tasks.end().await;
    std::fs::remove_dir_all(&folder).unwrap();
}
