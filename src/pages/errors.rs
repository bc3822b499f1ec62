//! Error pages: what happened, what still works, what to do.

use axum::{http::StatusCode, response::IntoResponse};

use super::Page;
use crate::{
    components::{view::*, *},
    domain::error::{Dependency, Error},
    http::problem,
    texts::Lang,
};

/// Text of an error page.
struct ErrorText {
    icon: I,
    title: fn(Lang) -> &'static str,
    text: String,
    /// Parts of the system that still work.
    works: &'static [fn(Lang) -> &'static str],
    /// Whether a retry may succeed in a moment.
    may_retry: bool,
}

fn error_text(t: Lang, error: &Error) -> ErrorText {
    let plain = |icon, title: fn(Lang) -> &'static str, text: &str| ErrorText {
        icon,
        title,
        text: text.to_owned(),
        works: &[],
        may_retry: false,
    };
    match error {
        Error::NotFound(_) => plain(I::Search, Lang::not_found_title, t.not_found_text()),
        Error::Forbidden(need) => plain(I::Lock, Lang::forbidden_title, t.need(*need)),
        Error::TooLarge(_) => plain(I::Stop, Lang::too_large_title, &t.error(error)),
        Error::Throttled(_) => plain(I::Clock, Lang::throttled_title, &t.error(error)),
        Error::Busy(_) => ErrorText {
            works: &[Lang::still_reading, Lang::still_nothing_lost],
            may_retry: true,
            ..plain(I::Clock, Lang::busy_title, &t.error(error))
        },
        Error::Internal(id) => ErrorText {
            text: format!("{} {}", t.internal_text(), t.internal_request(id)),
            works: &[Lang::still_reading],
            may_retry: true,
            ..plain(I::Warn, Lang::internal_title, "")
        },
        Error::Unavailable { part: Dependency::Database, .. } => ErrorText {
            works: &[Lang::still_reading, Lang::still_restarting, Lang::still_nothing_lost],
            may_retry: true,
            ..plain(I::Warn, Lang::unavailable_title, t.database_down())
        },
        Error::Unavailable { part: Dependency::Channel, .. } => ErrorText {
            works: &[Lang::still_reading, Lang::still_editing, Lang::still_nothing_lost],
            may_retry: true,
            ..plain(I::Warn, Lang::unavailable_title, t.channel_down())
        },
        _ => plain(I::Stop, Lang::problem_title, &t.error(error)),
    }
}

/// Returns the page of an error, with its status.
pub fn page(error: &Error) -> Page {
    let status = problem::status(error);
    let (of_title, of_view) = (error.clone(), error.clone());
    let view = move || view! { <ErrorBody text=error_text(lang(), &of_view) code=status.as_u16() /> };
    Page::new(move |t| (error_text(t, &of_title).title)(t).to_owned(), view).status(status)
}

/// Returns the page of an HTTP status that came without an [`Error`].
pub fn status_page(status: StatusCode) -> Page {
    let title: fn(Lang) -> &'static str = match status {
        StatusCode::NOT_FOUND => return page(&Error::NotFound(String::new())),
        StatusCode::PAYLOAD_TOO_LARGE => Lang::too_large_title,
        StatusCode::METHOD_NOT_ALLOWED => Lang::method_title,
        StatusCode::FORBIDDEN => Lang::cross_site_title,
        s if s.is_server_error() => Lang::internal_title,
        _ => Lang::problem_title,
    };
    let text = move |t: Lang| match status {
        StatusCode::FORBIDDEN => t.cross_site_text(),
        s if s.is_server_error() => t.internal_text(),
        _ => "",
    };
    let said = move |t: Lang| ErrorText {
        icon: I::Stop,
        title,
        text: text(t).to_owned(),
        works: if status.is_server_error() { &[Lang::still_reading] } else { &[] },
        may_retry: status.is_server_error(),
    };
    let view = move || view! { <ErrorBody text=said(lang()) code=status.as_u16() /> };
    Page::new(move |t| title(t).to_owned(), view).status(status)
}

#[component]
fn ErrorBody(text: ErrorText, code: u16) -> impl IntoView {
    let t = lang();
    let came_back = use_context::<PageAddress>().is_some_and(|here| here.refused_form);
    let works = (!text.works.is_empty()).then(|| {
        let items = text.works.iter().map(|text| view! { <li><Icon name=I::Ok />{text(t)}</li> }).collect_view();
        view! { <h2>{t.still_works()}</h2><ul class="ticks">{items}</ul> }
    });
    let again = (text.may_retry && !came_back)
        .then(|| view! { <LinkButton href="" tone=Tone::Primary>{t.try_again()}</LinkButton> });
    view! {
        <div class="trouble">
            <p class="about"><Icon name=text.icon /><span>{code}</span></p>
            <h1>{(text.title)(t)}</h1>
            {(!text.text.is_empty()).then(|| view! { <p>{text.text}</p> })}
            {works}
            <p class="do">{again}<LinkButton href="/">{t.to_home()}</LinkButton></p>
        </div>
    }
}

/// Maximum number and total bytes of form fields that are sent back to a client without a session.
const KEPT_FIELDS: usize = 100;
const KEPT_BYTES: usize = 64 * 1024;

/// Returns whether a field is secret: its value is not sent back with the page of a refused form.
fn is_secret(name: &str) -> bool {
    let secret = |part: &str| part.contains("password") || matches!(part, "current" | "again" | "proof" | "code");
    name.to_ascii_lowercase().split(['[', ']']).any(secret)
}

/// Returns the page for a form that was sent after the session ended. It keeps the input. A large form is not sent
/// back, because any client could request that without a session. The browser still has its input.
pub fn signed_out(refused: RefusedForm) -> Page {
    let bytes: usize = refused.fields().iter().map(|(name, value)| name.len() + value.len()).sum();
    let is_kept = refused.fields().len() <= KEPT_FIELDS && bytes <= KEPT_BYTES;
    let view = move || {
        let t = lang();
        let log_in = view! { <a class="btn primary" href="/login" target="_blank">{t.log_in_new_tab()}</a> };
        let rest = if is_kept {
            let fields = refused.fields().iter().filter(|(name, _)| !is_secret(name) && name != PAGE_FIELD);
            let fields =
                fields.map(|(name, value)| view! { <Hidden name=name.clone() value=value.clone() /> }).collect_view();
            view! {
                <p>{t.signed_out_text()}</p>
                <Form action=refused.action().to_owned() class="do">{fields}{log_in}<Submit>{t.send_again()}</Submit></Form>
            }
            .into_any()
        } else {
            view! { <p>{t.signed_out_large()}</p><p class="do">{log_in}</p> }.into_any()
        };
        view! {
            <div class="trouble">
                <p class="about"><Icon name=I::Lock /></p>
                <h1>{t.signed_out_title()}</h1>
                {rest}
            </div>
        }
    };
    Page::new(|t| t.signed_out_title().to_owned(), view).status(StatusCode::UNAUTHORIZED)
}

/// Returns the response when even rendering a page failed.
pub fn crashed() -> axum::http::Response<axum::body::Body> {
    let body = "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>Trimtab</title>\
                <h1>Internal error</h1><p>The cause is in the server log. Applications keep reading their current \
                configuration.</p><p lang=\"zh\">服务器内部错误，详见服务器日志。应用继续读取现有配置。</p>";
    (StatusCode::INTERNAL_SERVER_ERROR, axum::response::Html(body)).into_response()
}
