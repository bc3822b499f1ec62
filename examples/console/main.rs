//! The frame and every component with made-up data: to look at while working on the style, and for browser tests of
//! the frame alone. `cargo run --example console --features ssr`, then http://127.0.0.1:3100/.
//!
//! The style is served from `style/`; the islands from `target/site/pkg` after `cargo leptos build`.

mod functions;
mod gallery;
mod sketches;
mod table;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Path, Query, Request},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use leptos::{config::LeptosOptions, prelude::*, server_fn::ServerFn};
use serde::Deserialize;
use tower_http::services::{ServeDir, ServeFile};
use trimtab::{
    components::{Field, Form, Hidden, Submit, Tone, lang},
    domain::error::{Error as Refusal, Need, Part},
    pages::{Answer, Frame, Page, Viewer, console, errors},
    server::layers::{self, Around},
};

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().with_env_filter("info").init();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3100".to_owned());
    let address: SocketAddr = address.parse().expect("an address such as 127.0.0.1:3100");
    let hashed = std::env::var("LEPTOS_HASH_FILES").is_ok_and(|v| v == "true");
    let options = LeptosOptions::builder().output_name("trimtab").site_root("target/site").hash_files(hashed).build();
    let frame = Frame::new(&options, Vec::new());
    let pages = Router::new()
        .route("/", get(gallery::show))
        .route("/config", get(sketches::config))
        .route("/home", get(sketches::home))
        .route("/app", get(sketches::app))
        .route("/difference", get(sketches::difference))
        .route("/table", get(table::show))
        .route("/login", get(log_in))
        .route("/error/{kind}", get(error))
        .route("/panic", get(async || -> Answer { panic!("on purpose") }));
    let console = console(frame.clone(), pages, || ()).layer(middleware::from_fn(somebody));
    let around = Around { frame: frame.clone(), https: false };
    let files = if hashed { layers::assets(&frame, true) } else { raw() };
    let app = layers::pages(console, &around).merge(files);
    let listener = tokio::net::TcpListener::bind(address).await.expect("the port is free");
    println!("listening on http://{address}");
    axum::serve(listener, app).await.expect("serving");
}

/// The style as it is written, without a build.
fn raw() -> Router {
    Router::new()
        .route_service("/pkg/trimtab.css", ServeFile::new("style/main.css"))
        .route_service("/favicon.svg", ServeFile::new("public/favicon.svg"))
        .nest_service("/pkg", ServeDir::new("style").fallback(ServeDir::new("target/site/pkg")))
}

/// Everybody is logged in, but on the page that logs in.
async fn somebody(mut request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/login") {
        request.extensions_mut().insert(Viewer::new("Lin Wei", true, 2));
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    next: String,
}

async fn log_in(Query(After { next }): Query<After>) -> Answer {
    let view = move || {
        let t = lang();
        view! {
            <Form action=functions::LogIn::url() class="card">
                <h1>{t.log_in()}</h1>
                <Hidden name="next" value=next />
                <Field name="name" label=t.name() autocomplete="username" required=true autofocus=true />
                <Field name="password" label=t.password() kind="password" autocomplete="current-password" required=true />
                <Submit tone=Tone::Primary wide=true>{t.log_in()}</Submit>
            </Form>
        }
    };
    Ok(Page::new(|t| t.log_in().to_owned(), view).alone())
}

async fn error(Path(kind): Path<String>) -> Answer {
    Err(match kind.as_str() {
        "401" => Refusal::Unauthenticated,
        "403" => Refusal::Forbidden(Need::Publish),
        "429" => Refusal::Throttled(30),
        "500" => Refusal::Internal("0f3a9c".to_owned()),
        "503" => Refusal::Unavailable { part: Part::Database, detail: "refused".to_owned() },
        "504" => Refusal::Unavailable { part: Part::Channel, detail: "timeout".to_owned() },
        "413" => Refusal::TooLarge(4 << 20),
        "418" => return Ok(errors::of_status(axum::http::StatusCode::IM_A_TEAPOT)),
        _ => Refusal::NotFound(kind),
    }
    .into())
}
