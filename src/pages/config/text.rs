//! The text of a config: an editor, and the user's change beside it.

use std::sync::Arc;

use leptos::server_fn::ServerFn;

use super::{
    OpenedConfig,
    change_panel::{ChangePanel, ChangePanelLink},
    conflicts::{Conflicts, Merge},
    edit::{OriginalContent, refused_conflict},
    fields::ConfigFields,
};
use crate::{
    api::config::{CheckText, SaveText},
    components::{view::*, *},
    domain::{error::Invalid, unseen::Unseen},
};

/// The page of a config's text. `line` is a line of the live text to show, from 1.
#[component]
pub fn TextPage(opened: Arc<OpenedConfig>, line: Option<usize>) -> impl IntoView {
    let live = opened.view.content.text().unwrap_or_default();
    let found = line.filter(|line| (1..=live.lines().count()).contains(line)).map(|line| {
        let (text, label) = (live.to_owned(), lang().lines_around(line));
        view! { <div id="line"><Excerpt text label line class="excerpt found" /></div> }
    });
    let pending = opened.view.mine.as_ref().is_some_and(|mine| !mine.config.diff.is_empty());
    let content = if opened.may_edit() {
        view! { <Editor opened=opened.clone() pending /> }.into_any()
    } else {
        view! { <ReadOnly opened=opened.clone() /> }.into_any()
    };
    view! {
        <Conflicts opened=opened.clone() />
        <div class="with-tray">
            <section class="stack" aria-label=lang().text_of(opened.view.namespace.format.as_str())>
                {found}
                {content}
                <ChangePanelLink opened=opened.clone() />
            </section>
            // Saving is the main action until something is saved; then it is publishing.
            <ChangePanel opened editing=!pending />
        </div>
    }
    .into_any()
}

#[component]
fn ReadOnly(opened: Arc<OpenedConfig>) -> impl IntoView {
    let t = lang();
    let text = opened.view.author_content().text().unwrap_or_default().to_owned();
    if text.is_empty() {
        return view! { <Empty icon=I::Log title=t.no_text_title()><p>{t.no_keys_viewer()}</p></Empty> }.into_any();
    }
    view! {
        <div class="document"><Code text label=t.text_of(opened.view.namespace.format.as_str()) /></div>
        <p class="do">{blame_link(&opened)}</p>
    }
    .into_any()
}

/// Renders the link to the release of each line.
fn blame_link(opened: &OpenedConfig) -> Option<AnyView> {
    let href = format!("{}/blame", opened.href);
    opened.view.live.is_some().then(|| view! { <LinkButton href icon=I::Log>{lang().blame()}</LinkButton> }.into_any())
}

/// Returns the first error with a line number in the refused text, and the text.
fn refused_error() -> Option<(Invalid, String)> {
    let refused = use_context::<RefusedForm>().filter(|r| r.action() == SaveText::PATH)?;
    let text = refused.value("text")?.to_owned();
    refused.show_at("/text").into_iter().find(|i| i.line.is_some()).map(|invalid| (invalid, text))
}

#[component]
fn Editor(opened: Arc<OpenedConfig>, pending: bool) -> impl IntoView {
    let t = lang();
    let format = opened.view.namespace.format;
    let text = opened.view.author_content().text().unwrap_or_default().to_owned();
    let merge = refused_conflict("").map(|conflict| view! { <Merge opened=opened.clone() conflict /> });
    let merging = merge.is_some();
    let says = if merging { t.keep_mine_edited() } else { t.save() };
    let tone = if pending && !merging { Tone::Plain } else { Tone::Primary };
    let live = opened.view.content.text().unwrap_or_default();
    let live = (live != text || use_context::<RefusedForm>().is_some()).then(|| live.to_owned());
    let editor = TextEditor { language: format.as_str(), check: CheckText::PATH, live };
    let place = refused_error().map(|(invalid, text)| {
        let at = |n: Option<u32>| n.map_or(1, |n| n.max(1) as usize);
        let (line, column) = (at(invalid.line), at(invalid.column));
        view! { <Excerpt text label=t.lines_around_error() line column class="excerpt" /> }
    });
    let ends = line_ends(&text).map(|says| says(t)).map(|says| view! { <span class="hint">{says}</span> });
    let unseen = Unseen::anywhere(&text);
    let marks = (!unseen.is_empty()).then(|| view! { <InvisibleMarks unseen /> });
    let names: Vec<&str> = opened.view.others.iter().map(|o| o.change.author_name.as_str()).collect();
    let others = (!names.is_empty()).then(|| {
        view! { <p class="flag warn"><Icon name=I::People />{t.text_others(&names.join(", "))}</p> }
    });
    view! {
        {others}
        {merge}
        <Form action=SaveText::PATH id="text" swap="config" class="editor">
            <ConfigFields opened=opened.clone() />
            <OriginalContent name="text" text=text.clone() />
            <TextArea name="text" label=t.text_of(format.as_str()) value=text rows=20 mono=true quiet=true editor />
            {place}
            <p class="do">
                <Submit tone>{says}</Submit>
                <LinkButton href=format!("{}/import", opened.href) icon=I::Import>{t.upload_or_import()}</LinkButton>
                {blame_link(&opened)}
                {ends}
                {marks}
            </p>
        </Form>
    }
    .into_any()
}

/// The lines around a line. An error also has a marker below its column.
#[component]
fn Excerpt(
    text: String,
    #[prop(into)] label: String,
    line: usize,
    #[prop(optional)] column: Option<usize>,
    class: &'static str,
) -> impl IntoView {
    let row = |(n, text): (usize, &str)| {
        let shown: String = text.chars().take(160).collect();
        let here = n + 1 == line;
        let mark = column.filter(|_| here).map(|column| {
            // As wide as the text before the error, tabs included.
            let before = text.chars().take(column.min(160) - 1).map(|c| if c == '\t' { c } else { ' ' });
            view! { <i aria-hidden="true">{before.chain(['▲']).collect::<String>()}</i> }
        });
        view! { <li class:here=here><span class="no">{n + 1}</span><code>{shown}</code>{mark}</li> }
    };
    let rows = text.lines().enumerate().skip(line.saturating_sub(3)).take(5).map(row).collect_view();
    view! { <ScrollBox class label><ol>{rows}</ol></ScrollBox> }.into_any()
}

/// Returns a note about the line breaks, unless all are LF.
fn line_ends(text: &str) -> Option<fn(crate::texts::Lang) -> &'static str> {
    use crate::texts::Lang;
    let (crlf, lf) = (text.matches("\r\n").count(), text.matches('\n').count());
    let cr = text.matches('\r').count() - crlf;
    match (crlf, lf - crlf, cr) {
        (0, _, 0) => None,
        (_, 0, 0) => Some(Lang::ends_crlf),
        _ => Some(Lang::ends_mixed),
    }
}
