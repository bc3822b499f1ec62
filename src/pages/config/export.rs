//! Downloads: a config as a file, in any format.

use axum::{
    extract::{Form, Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::{ConfigPath, OpenedConfig};
use crate::{
    api::{config::change_id, paths},
    components::{view::*, *},
    domain::{content::Format, names::ConfigId},
    formats::{self, ItemFormat},
    pages::{PageError, console::Console},
    service::{Exported, SelectedKeys},
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
    let file = console.service.export(&user.actor, &id, format, asked.release).await?;
    let of = asked.release.map(|seq| format!(".r{seq}")).unwrap_or_default();
    Ok(response(&id, &of, file))
}

/// Returns a file as a download. `of` follows the name of the config.
fn response(id: &ConfigId, of: &str, file: Exported) -> Response {
    let Exported { text, media } = file;
    // Names consist of lower-case letters, digits, dots and dashes, so they need no escaping inside of the quotes.
    let stem = id.namespace.as_str().trim_end_matches(&format!(".{}", media.extension)).to_owned();
    let name = format!("attachment; filename=\"{}-{}-{stem}{of}.{}\"", id.env, id.app, media.extension);
    let headers = [
        (header::CONTENT_TYPE, media.content_type.to_owned()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, text.into_inner()).into_response()
}

/// The keys that are selected on the page of items, as a file in one format.
pub(super) async fn download_selected(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<ExportQuery>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, PageError> {
    let value = |name: &str| fields.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value);
    let all = |name: &str| fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect();
    let selected = match value("all") {
        "" => SelectedKeys::These(all("keys[]")),
        _ => SelectedKeys::Listed { filter: value("q").to_owned(), except: all("except[]") },
    };
    let change = change_id(value("change"))?;
    let file = console.service.export_items(&user.actor, &id, change.as_ref(), &selected, &asked.format).await?;
    Ok(response(&id, "", file))
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
