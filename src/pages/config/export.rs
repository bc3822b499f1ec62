//! Downloads: a config as a file, in any format.

use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use leptos::prelude::*;
use serde::Deserialize;

use super::{ConfigPath, OpenedConfig};
use crate::{
    api::paths,
    components::*,
    domain::content::Format,
    formats::{self, ItemFormat},
    pages::{PageError, console::Console},
    service::Exported,
    session::guard::CurrentUser,
};

/// Query parameters of a download.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExportQuery {
    /// The format in which items are written. A text has only its own.
    format: String,
    /// An older release.
    release: Option<u64>,
}

pub(super) async fn download(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<ExportQuery>,
) -> Result<Response, PageError> {
    let format = Some(asked.format.as_str()).filter(|format| !format.is_empty());
    let Exported { text, media } = console.service.export(&user.actor, &id, format, asked.release).await?;
    // Names consist of lower-case letters, digits, dots and dashes, so they need no escaping inside of the quotes.
    let stem = id.namespace.as_str().trim_end_matches(&format!(".{}", media.extension)).to_owned();
    let of = asked.release.map(|seq| format!(".r{seq}")).unwrap_or_default();
    let name = format!("attachment; filename=\"{}-{}-{stem}{of}.{}\"", id.env, id.app, media.extension);
    let headers = [
        (header::CONTENT_TYPE, media.content_type.to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, text.into_inner()).into_response())
}

/// Renders links to the files of the live content, or of a release.
pub(super) fn links(opened: &OpenedConfig, release: Option<u64>) -> AnyView {
    let path = format!("{}/export", opened.href);
    let seq = release.map(|seq| seq.to_string()).unwrap_or_default();
    let link = |format: &str, text: String| {
        let href = paths::with(&path, &[("format", format), ("release", &seq)]);
        view! { <li><a class="btn small" href=href download><Icon name=I::Export />{text}</a></li> }
    };
    let items = match opened.view.namespace.format {
        Format::Kv => {
            let each = |source: ItemFormat| link(source.as_str(), format!(".{}", source.media().extension));
            ItemFormat::ALL.into_iter().map(each).collect_view()
        }
        format => vec![link("", format!(".{}", formats::media(format).extension))],
    };
    view! { <ul class="downloads">{items}</ul> }.into_any()
}
