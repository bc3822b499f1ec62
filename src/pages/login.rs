//! The log-in page.

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect},
    routing::get,
};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{Page, PageResult, console::Console};
use crate::{
    api::{self, response::own_path},
    components::{view::*, *},
    session::guard::{CurrentUser, MissingUser},
};

/// `/login`.
pub fn routes() -> Router<Console> {
    Router::new().route("/login", get(show))
}

#[derive(Deserialize)]
struct LoginQuery {
    #[serde(default)]
    next: String,
}

async fn show(
    State(console): State<Console>,
    user: Result<CurrentUser, MissingUser>,
    headers: HeaderMap,
    Query(asked): Query<LoginQuery>,
) -> PageResult {
    if user.is_ok() {
        return Err(Redirect::to(own_path(&asked.next).unwrap_or("/")).into_response().into());
    }
    let instead = address_instead(&console.public_url, &headers);
    if console.service.needs_setup().await? {
        let view = move || view! { <WrongAddress instead /><NoUsers /> };
        return Ok(Page::new(|t| t.setup_first_title().to_owned(), view).alone());
    }
    let view = move || view! { <WrongAddress instead /><LogIn next=asked.next /> };
    Ok(Page::new(|t| t.log_in().to_owned(), view).alone())
}

/// Returns the public address if the page was opened without https, which the session's cookie needs. A proxy reports
/// the scheme in `X-Forwarded-Proto`. Without it, a request counts as https if it is to the public host and has
/// `Sec-Fetch-Site`, which browsers send only to trustworthy addresses.
pub(super) fn address_instead(public_url: &str, headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authority = public_url.strip_prefix("https://")?.split('/').next()?;
    let is_https = match text("x-forwarded-proto") {
        Some(proto) => proto.trim().eq_ignore_ascii_case("https"),
        None => {
            let bare = |host: &str| host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase();
            let here = text(header::HOST.as_str()).is_some_and(|host| bare(host) == bare(authority));
            here && headers.contains_key("sec-fetch-site")
        }
    };
    (!is_https).then(|| public_url.to_owned())
}

/// Shows which address to open if the log-in cannot work at this one.
#[component]
pub(super) fn WrongAddress(
    /// The address to open instead, if any.
    instead: Option<String>,
) -> impl IntoView {
    let t = lang();
    instead.map(|url| {
        let link = view! { <a href=url.clone()>{url.clone()}</a> }.into_any();
        view! { <Banner mood=Mood::Warn title=t.wrong_address()><p>{sentence(t.wrong_address_text(), [link])}</p></Banner> }
    })
}

#[component]
fn LogIn(next: String) -> impl IntoView {
    let t = lang();
    view! {
        <Form action=api::account::LogIn::PATH class="card">
            <h1>{t.log_in()}</h1>
            <Hidden name="next" value=next />
            <Field name="name" label=t.name() autocomplete="username" required=true autofocus=true />
            <PasswordField name="password" label=t.password() />
            <Submit tone=Tone::Primary wide=true>{t.log_in()}</Submit>
        </Form>
    }
    .into_any()
}

/// Shown on `/login` before the first user exists.
#[component]
fn NoUsers() -> impl IntoView {
    let t = lang();
    view! {
        <div class="card">
            <h1>{t.setup_first_title()}</h1>
            <p>{t.setup_first_text()}</p>
            <pre class="printed">"first start: make the administrator at http://…/setup/…"</pre>
            <p>{t.setup_first_shell()}</p>
            <Code text="trimtab admin create NAME" label=t.setup_command() />
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn https_address_is_shown_to_visitors_without_https() {
        let instead = |url: &str, sent: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| {
                (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
            };
            address_instead(url, &sent.iter().map(pair).collect()).is_some()
        };
        const URL: &str = "https://config.example";
        for fine in [
            &[("host", "config.example"), ("x-forwarded-proto", "https")][..],
            &[("host", "10.0.0.1:3000"), ("x-forwarded-proto", "HTTPS")],
            &[("host", "config.example:443"), ("sec-fetch-site", "none")],
        ] {
            assert!(!instead(URL, fine), "{fine:?}");
        }
        for wrong in [
            &[("host", "config.example"), ("x-forwarded-proto", "http"), ("sec-fetch-site", "none")][..],
            &[("host", "config.example")],
            &[("host", "10.0.0.1:3000")],
            &[("host", "localhost:3000"), ("sec-fetch-site", "none")],
        ] {
            assert!(instead(URL, wrong), "{wrong:?}");
            assert!(!instead("http://config.example", wrong), "{wrong:?}");
        }
    }
}
