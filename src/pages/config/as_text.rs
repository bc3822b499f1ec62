//! The items of a config as one text, in a format that the user chooses. Saving it saves the difference.

use std::sync::Arc;

use axum::extract::{Query, State};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    ConfigPage, ConfigPath, OpenedConfig, change_panel::ChangePanel, edit::OriginalContent, fields::ConfigFields, page,
};
use crate::{
    api::{
        config::{CheckText, SaveItems},
        paths,
    },
    components::{view::*, *},
    domain::{
        content::Content,
        error::{Error, Invalid},
    },
    formats::{self, ItemFormat},
    pages::{PageResult, console::Console},
    session::guard::CurrentUser,
};

/// Maximum number of keys that the page names if a format cannot represent them.
const NAMED_KEYS: usize = 5;

/// Query parameters of the page.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AsTextQuery {
    /// The format; properties by default.
    format: String,
    /// The user's change to show, if several are open.
    change: String,
}

pub(super) async fn show(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<AsTextQuery>,
) -> PageResult {
    let opened = OpenedConfig::load(&console, &user, &id, asked.change.parse().ok().as_ref()).await?;
    if opened.view.content.items().is_none() {
        return Err(Error::NotFound(id.to_string()).into());
    }
    let format = asked.format.parse().unwrap_or(ItemFormat::Properties);
    Ok(page(opened, ConfigPage::Content, move |opened| view! { <AsText opened format change=asked.change /> }))
}

#[component]
fn AsText(opened: Arc<OpenedConfig>, format: ItemFormat, change: String) -> impl IntoView {
    let t = lang();
    let path = format!("{}/text", opened.href);
    let tabs = ItemFormat::ALL.map(|each| {
        let href = paths::with(&path, &[("format", each.as_str()), ("change", &change)]);
        Tab::to(format!(".{}", each.media().extension), href).when(each == format)
    });
    let content = match written(opened.view.author_content(), format) {
        Ok(text) if opened.may_edit() => view! { <ItemsEditor opened=opened.clone() format text /> }.into_any(),
        Ok(text) => view! { <div class="document"><Code text label=t.tab_text() /></div> }.into_any(),
        Err(problems) => not_written(format, &problems),
    };
    view! {
        <div class="with-tray">
            <section class="stack" aria-label=t.items_as_text()>
                <div class="bar">
                    <Segments label=t.text_format() tabs=tabs.to_vec() />
                    <p class="tools push">
                        <LinkButton href=opened.href.clone() icon=I::Rows>{t.back_to_items()}</LinkButton>
                    </p>
                </div>
                {content}
            </section>
            <ChangePanel opened=opened.clone() editing=true />
        </div>
    }
    .into_any()
}

fn written(content: &Content, format: ItemFormat) -> Result<String, Vec<Invalid>> {
    content.items().map_or_else(|| Ok(String::new()), |items| formats::write(format, items))
}

/// Names the keys that a format cannot represent.
fn not_written(format: ItemFormat, problems: &[Invalid]) -> AnyView {
    let t = lang();
    let name = |problem: &Invalid| {
        let key = problem.pointer.trim_start_matches("/items/").replace("~1", "/").replace("~0", "~");
        let says = t.invalid(problem);
        view! { <li><code>{key}</code>": "{says}</li> }
    };
    let named = problems.iter().take(NAMED_KEYS).map(name).collect_view();
    let more = problems.len().saturating_sub(NAMED_KEYS);
    let more = (more > 0).then(|| view! { <p class="quiet">{t.n_more(more)}</p> });
    let title = t.not_written(&format!(".{}", format.media().extension));
    view! { <Banner mood=Mood::Warn title><ul>{named}</ul>{more}</Banner> }.into_any()
}

#[component]
fn ItemsEditor(opened: Arc<OpenedConfig>, format: ItemFormat, text: String) -> impl IntoView {
    let t = lang();
    let live = written(&opened.view.content, format).ok().filter(|live| *live != text);
    let language = if format == ItemFormat::Dotenv { "properties" } else { format.as_str() };
    let editor = TextEditor { language, check: CheckText::PATH, live };
    view! {
        <Form action=SaveItems::PATH id="items-text" swap="config" class="editor">
            <ConfigFields opened=opened.clone() />
            <Hidden name="source" value=format.as_str() />
            <OriginalContent name="text" text=text.clone() />
            <TextArea name="text" label=t.items_as_text() value=text rows=20 mono=true quiet=true hint=t.items_as_text_hint() editor />
            <p class="do"><Submit tone=Tone::Primary>{t.save()}</Submit></p>
        </Form>
    }
    .into_any()
}
