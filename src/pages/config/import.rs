//! Import: a pasted text or a file, shown as a difference before it is added to the user's change.

use std::sync::Arc;

use axum::{
    extract::{Multipart, Query, State, multipart::MultipartError},
    http::StatusCode,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    ConfigPage, ConfigPath, OpenedConfig,
    difference::{DiffBody, ViewedDiff},
    export,
    fields::ConfigFields,
    page,
};
use crate::{
    api::config::{AddImport, decoded},
    components::{view::*, *},
    domain::{
        content::Format,
        diff::Window,
        error::{Error, Invalid, Problem},
        form_text::restore,
    },
    formats::{ItemFormat, MAX_SOURCE_BYTES, Typing, detect},
    http::{body::is_too_long, problem},
    pages::{Page, PageResult, console::Console, forms::MAX_ENCODED_BYTES},
    service::{Import, ImportMode, ImportPreview},
    session::guard::CurrentUser,
};

/// Values of the fields `typing` and `mode` that are not the default.
const STRINGS: &str = "strings";
const REPLACE: &str = "replace";

/// Query parameters of a preview.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PreviewQuery {
    /// The form is that of a preview, which has the text in base64, and the fields of [`AddImport`].
    again: bool,
    /// The first row shown.
    row: usize,
}

/// Fields of the form.
#[derive(Clone, Default)]
struct ImportFields {
    text: String,
    /// Name of the file, if the text was uploaded. The text is then in no field.
    file: Option<String>,
    source: String,
    typing: String,
    mode: String,
}

pub(super) async fn show(State(console): State<Console>, user: CurrentUser, ConfigPath(id): ConfigPath) -> PageResult {
    user.actor.may_edit(&id)?;
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    Ok(draw(opened, ImportFields::default(), None))
}

/// Responds to the form with a preview of the import's changes, and stores nothing.
pub(super) async fn preview(
    State(console): State<Console>,
    user: CurrentUser,
    ConfigPath(id): ConfigPath,
    Query(asked): Query<PreviewQuery>,
    form: Multipart,
) -> PageResult {
    user.actor.may_edit(&id)?;
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let (sent, outcome) = match read(form, &opened, asked.again).await {
        Err(error) => (ImportFields::default(), Err(error)),
        Ok(sent) => {
            let outcome = match sent.import(&opened) {
                Ok(import) => {
                    console.service.preview_import(&user.actor, &import).await.map(|preview| (preview, import))
                }
                Err(invalid) => Err(invalid.into()),
            };
            (sent, outcome)
        }
    };
    let status = outcome.as_ref().err().map(problem::status);
    let outcome = outcome.map(|(preview, import)| (preview, import, asked.row));
    Ok(draw(opened, sent, Some(outcome)).status(status.unwrap_or(StatusCode::OK)))
}

async fn read(mut form: Multipart, opened: &OpenedConfig, again: bool) -> Result<ImportFields, Error> {
    let max_bytes = if again { MAX_ENCODED_BYTES } else { MAX_SOURCE_BYTES };
    let mut sent = ImportFields::default();
    while let Some(field) = form.next_field().await.map_err(|e| read_error(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
        let bytes = field.bytes().await.map_err(|e| read_error(&e))?;
        if bytes.len() > max_bytes {
            return Err(Error::TooLarge(MAX_SOURCE_BYTES));
        }
        let text = String::from_utf8(bytes.into()).map_err(|_| Invalid::new("/text", Problem::Unicode))?;
        match name.as_str() {
            "file" if file.is_some() => (sent.text, sent.file) = (text, file),
            "text" if again => sent.text = decoded(&text)?,
            "name" if !text.is_empty() => sent.file = Some(text),
            "strings" if text == "true" => sent.typing = STRINGS.to_owned(),
            "replace" if text == "true" => sent.mode = REPLACE.to_owned(),
            // A browser sends the line breaks of a field as CRLF. A file is taken unchanged.
            "text" if sent.file.is_none() => {
                sent.text = restore(opened.view.author_content().text().unwrap_or_default(), &text);
            }
            "source" => sent.source = text,
            "typing" => sent.typing = text,
            "mode" => sent.mode = text,
            _ => {}
        }
    }
    Ok(sent)
}

fn read_error(error: &MultipartError) -> Error {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(MAX_SOURCE_BYTES),
        _ if is_too_long(error) => Error::TooLarge(MAX_SOURCE_BYTES),
        _ => Invalid::new("", Problem::Body { detail: error.body_text() }).into(),
    }
}

impl ImportFields {
    fn import(&self, opened: &OpenedConfig) -> Result<Import, Invalid> {
        if self.text.trim().is_empty() {
            return Err(Invalid::new("/text", Problem::Required));
        }
        let source = match self.source.as_str() {
            "" => detect(self.file.as_deref(), &self.text),
            name => name.parse()?,
        };
        Ok(Import {
            config: opened.view.id.clone(),
            source,
            text: self.text.as_str().into(),
            typing: if self.typing == STRINGS { Typing::Strings } else { Typing::Keep },
            mode: if self.mode == REPLACE { ImportMode::Replace } else { ImportMode::Merge },
            allow_empty: false,
        })
    }
}

/// The preview of an import, and the first row shown of it.
type Outcome = Result<(ImportPreview, Import, usize), Error>;

fn draw(opened: OpenedConfig, sent: ImportFields, outcome: Option<Outcome>) -> Page {
    page(opened, ConfigPage::Import, move |opened| view! { <ImportPage opened sent outcome /> })
}

#[component]
fn ImportPage(opened: Arc<OpenedConfig>, sent: ImportFields, outcome: Option<Outcome>) -> impl IntoView {
    let t = lang();
    let ready = matches!(outcome, Some(Ok(_)));
    let result = outcome.map(|outcome| match outcome {
        Ok((preview, import, row)) => {
            let file = sent.file.clone().unwrap_or_default();
            view! { <Preview opened=opened.clone() preview import row file /> }.into_any()
        }
        Err(error) => view! { <ImportErrors error /> }.into_any(),
    });
    // The text of a refused import is kept.
    let sent = match use_context::<RefusedForm>().filter(|r| r.action() == AddImport::PATH) {
        Some(refused) => ImportFields {
            text: refused.value("text").and_then(|text| decoded(text).ok()).unwrap_or_default(),
            ..ImportFields::default()
        },
        None => sent,
    };
    view! {
        <div class="two">
            <div class="stack">
                {result}
                <ImportForm opened=opened.clone() sent ready />
            </div>
            <div class="stack">
                <Card id="export" title=t.download_live()>
                    <p class="quiet">{t.download_text()}</p>
                    {export::links(&opened, None)}
                </Card>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn ImportErrors(error: Error) -> impl IntoView {
    let t = lang();
    let Error::Invalid(all) = &error else {
        return view! { <Banner mood=Mood::Bad title=t.import_wrong() alert=true><p>{t.error(&error)}</p></Banner> }
            .into_any();
    };
    let each = |invalid: &Invalid| {
        let text = t.invalid(invalid);
        let key = invalid.pointer.strip_prefix("/items/").map(|key| key.replace("~1", "/").replace("~0", "~"));
        view! { <li>{key.map(|key| view! { <code>{key}</code>" " })}{text}</li> }
    };
    let list = all.iter().map(each).collect_view();
    view! {
        <Banner mood=Mood::Bad title=t.import_wrong() alert=true>
            <ul class="problems">{list}</ul>
        </Banner>
    }
    .into_any()
}

#[component]
fn Preview(
    opened: Arc<OpenedConfig>,
    preview: ImportPreview,
    import: Import,
    /// The first row shown.
    row: usize,
    /// Name of the uploaded file; empty for a pasted text.
    file: String,
) -> impl IntoView {
    let t = lang();
    if preview.edits.is_empty() {
        return view! { <Banner mood=Mood::Good title=t.import_nothing()><p>{t.import_nothing_text()}</p></Banner> }
            .into_any();
    }
    let format = opened.view.namespace.format;
    let kv = format == Format::Kv;
    let diff = ViewedDiff::of(preview.diff, format, DiffView::default());
    let counts = diff.counts();
    let read_as = kv.then(|| view! { <p class="quiet">{t.read_as(import.source.as_str())}</p> });
    let old =
        if opened.view.mine.is_some() { t.my_change().to_owned() } else { t.live_release(opened.view.live_seq()) };
    let says = if kv { t.add_edits(preview.edits.len()) } else { t.add_text().to_owned() };
    let here = format!("{}/import?again=true#preview", opened.href);
    view! {
        <Card id="preview" title=t.import_preview()>
            <DiffSummary counts />
            {read_as}
            <Form action=AddImport::PATH id="add">
                <ScrollBox class="preview" label=t.import_preview()>
                    <DiffBody diff old new=t.after_import() window=Window::after(row) here posts=true />
                </ScrollBox>
                <ConfigFields opened=opened.clone() />
                <Hidden name="name" value=file />
                <Hidden name="source" value=import.source.as_str() />
                <Hidden name="strings" value=(import.typing == Typing::Strings).to_string() />
                <Hidden name="replace" value=(import.mode == ImportMode::Replace).to_string() />
                <Hidden name="text" value=URL_SAFE_NO_PAD.encode(import.text.expose()) />
                <p class="do">
                    <Submit tone=Tone::Primary icon=I::Plus>{says}</Submit>
                    <LinkButton href=opened.href.clone()>{t.cancel()}</LinkButton>
                </p>
            </Form>
        </Card>
    }
    .into_any()
}

#[component]
fn ImportForm(opened: Arc<OpenedConfig>, sent: ImportFields, ready: bool) -> impl IntoView {
    let t = lang();
    let kv = opened.view.namespace.format == Format::Kv;
    let of_options = sent.clone();
    let text = if sent.file.is_some() { String::new() } else { sent.text };
    let named = |name: String| sentence(t.file_was(), [view! { <bdi>{name}</bdi> }.into_any()]);
    let file = sent.file.map(|name| view! { <p class="hint">{named(name)}</p> });
    let hint = if kv { t.paste_hint() } else { t.paste_text_hint() };
    view! {
        <Card id="paste" title=t.paste_or_upload()>
            <Form action=format!("{}/import", opened.href) id="import" upload=true>
                <TextArea name="text" label=t.paste_here() value=text rows=12 mono=true hint />
                <div class="field">
                    <label for="import-file">{t.or_a_file()}</label>
                    <input id="import-file" type="file" name="file" />
                    {file}
                </div>
                {kv.then(|| view! { <Options sent=of_options /> })}
                <p class="do"><Submit tone=if ready { Tone::Plain } else { Tone::Primary } icon=I::Eye>{t.preview()}</Submit></p>
            </Form>
        </Card>
    }
    .into_any()
}

#[component]
fn Options(sent: ImportFields) -> impl IntoView {
    let t = lang();
    let mut sources = vec![(String::new(), t.source_detect().to_owned())];
    sources
        .extend(ItemFormat::ALL.map(|source| (source.as_str().to_owned(), format!(".{}", source.media().extension))));
    let pair = |value: &str, text: &str| (value.to_owned(), text.to_owned());
    let typing = vec![pair("", t.types_keep()), pair(STRINGS, t.types_strings())];
    let mode = vec![pair("", t.missing_keys_keep()), pair(REPLACE, t.remove())];
    view! {
        <div class="row">
            <Select name="source" label=t.format_field() options=sources value=sent.source />
            <Select name="typing" label=t.typing() options=typing value=sent.typing />
            <Select name="mode" label=t.mode() options=mode value=sent.mode />
        </div>
    }
    .into_any()
}
