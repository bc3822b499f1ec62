//! The live text of a config, with the release that last changed each line.

use std::sync::Arc;

use axum::extract::{Query, State};
use serde::Deserialize;

use super::{ConfigPage, ConfigPath, OpenedConfig, page};
use crate::{
    api::paths,
    components::{view::*, *},
    pages::{PageResult, console::Console},
    service::BlamedText,
    session::guard::CurrentUser,
    texts::Lang,
};

/// Maximum number of lines on a page.
const PAGE_LINES: usize = 1_000;

/// Query parameters of the page.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BlameQuery {
    /// Number of the page, from 1.
    page: usize,
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<BlameQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let blamed = console.service.blame(&user.actor, &id).await?;
    let title = move |t: Lang| format!("{} · {} · {}", t.blame_title(id.namespace.as_str()), id.app, id.env);
    let body = move |opened: Arc<OpenedConfig>| match blamed {
        Some(blamed) => view! { <BlameTable opened blamed page=asked.page.max(1) /> }.into_any(),
        None => view! { <Empty icon=I::Log title=lang().blame()><p>{lang().blame_none()}</p></Empty> }.into_any(),
    };
    Ok(page(opened, ConfigPage::Releases, body).title(title))
}

/// Neighbouring lines of one release.
struct BlamedLines<'a> {
    release: Option<u64>,
    /// Number of the first one, from 1.
    first: usize,
    lines: Vec<&'a str>,
}

/// Returns one page of the lines, grouped by release.
fn groups(blamed: &BlamedText, page: usize) -> Vec<BlamedLines<'_>> {
    let numbered = blamed.text.expose().lines().zip(&blamed.lines).zip(1..);
    let mut groups: Vec<BlamedLines<'_>> = Vec::new();
    for ((line, release), number) in numbered.skip((page - 1) * PAGE_LINES).take(PAGE_LINES) {
        match groups.last_mut() {
            Some(group) if group.release == *release => group.lines.push(line),
            _ => groups.push(BlamedLines { release: *release, first: number, lines: vec![line] }),
        }
    }
    groups
}

#[component]
fn BlameTable(opened: Arc<OpenedConfig>, blamed: BlamedText, page: usize) -> impl IntoView {
    let t = lang();
    let all = blamed.lines.len();
    let (pages, path) = (all.div_ceil(PAGE_LINES).max(1), format!("{}/blame", opened.href));
    let page = page.min(pages);
    let rows = groups(&blamed, page).into_iter().map(|group| lines_row(&blamed, group)).collect_view();
    let bounded = blamed.lines.contains(&None).then(|| view! { <p class="quiet">{t.blame_bounded(blamed.since)}</p> });
    let href = |n: usize| paths::with(&path, &[("page", &if n == 1 { String::new() } else { n.to_string() })]);
    let hrefs: Vec<String> = (1..=pages).map(href).collect();
    let position = t.lines_shown((page - 1) * PAGE_LINES + 1, (page * PAGE_LINES).min(all), all);
    let numbers = (pages > 1).then(|| {
        view! { <PageNumbers of=t.lines_word() table="blame" position hrefs current=page - 1 /> }
    });
    let label = t.blame_title(opened.view.id.namespace.as_str());
    view! {
        {bounded}
        <div class="sheet scroll" tabindex="0" role="region" aria-label=label>
            <Table class="blame" id="blame" columns=vec![t.release(), t.tab_text()] rows />
        </div>
        {numbers}
    }
    .into_any()
}

/// Renders the lines of one release beside it.
fn lines_row(blamed: &BlamedText, group: BlamedLines<'_>) -> AnyView {
    let t = lang();
    let from = match group.release.and_then(|seq| blamed.releases.get(&seq)) {
        Some(release) => {
            let href = paths::release(&release.config, release.seq);
            let message = release.message.lines().next().unwrap_or_default().to_owned();
            view! {
                <a href=href><b>{t.release_n(release.seq)}</b></a>
                " "{release.author.clone()}{t.comma()}<When at=release.accepted_at />
                <span class="note">{message}</span>
            }
            .into_any()
        }
        None => view! { <span class="quiet">{t.blame_older(blamed.since)}</span> }.into_any(),
    };
    let lines = group.lines.into_iter().zip(group.first..).map(|(line, number)| {
        let line = line.to_owned();
        view! { <li><span class="no">{number}</span><code>{line}</code></li> }
    });
    let lines = lines.collect_view();
    view! { <tr><th scope="row">{from}</th><td><ol>{lines}</ol></td></tr> }.into_any()
}
