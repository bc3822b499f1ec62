//! Import: a pasted text or a file, shown as a difference before it is added to the user's change.

use std::sync::Arc;

use axum::{
    extract::{Multipart, State, multipart::MultipartError},
    http::StatusCode,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use leptos::{prelude::*, server_fn::ServerFn};

use super::{ConfigPage, ConfigPath, OpenedConfig, difference::DiffBody, export, fields::ConfigFields, page};
use crate::{
    api::config::{AddImport, decoded},
    components::*,
    domain::{
        content::Format,
        error::{Error, Invalid, Problem},
        form_text::restore,
    },
    formats::{ItemFormat, MAX_SOURCE_BYTES, Typing, detect},
    http::{body::is_too_long, problem},
    pages::{Page, PageResult, console::Console},
    service::{Import, ImportMode, ImportPreview},
    session::guard::CurrentUser,
};

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
    form: Multipart,
) -> PageResult {
    user.actor.may_edit(&id)?;
    let opened = OpenedConfig::load(&console, &user, &id, None).await?;
    let (sent, outcome) = match read(form, &opened).await {
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
    Ok(draw(opened, sent, Some(outcome)).status(status.unwrap_or(StatusCode::OK)))
}

async fn read(mut form: Multipart, opened: &OpenedConfig) -> Result<ImportFields, Error> {
    let mut sent = ImportFields::default();
    while let Some(field) = form.next_field().await.map_err(|e| read_error(&e))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
        let bytes = field.bytes().await.map_err(|e| read_error(&e))?;
        if bytes.len() > MAX_SOURCE_BYTES {
            return Err(Error::TooLarge(MAX_SOURCE_BYTES));
        }
        let text = String::from_utf8(bytes.into()).map_err(|_| Invalid::new("/text", Problem::Unicode))?;
        match name.as_str() {
            "file" if file.is_some() => (sent.text, sent.file) = (text, file),
            // A browser sends the line breaks of a field as CRLF. A file is taken unchanged.
            "text" if sent.file.is_none() => {
                sent.text = restore(opened.content().text().unwrap_or_default(), &text);
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
            typing: if self.typing == "strings" { Typing::Strings } else { Typing::Keep },
            mode: if self.mode == "replace" { ImportMode::Replace } else { ImportMode::Merge },
            allow_empty: false,
        })
    }
}

type Outcome = Result<(ImportPreview, Import), Error>;

fn draw(opened: OpenedConfig, sent: ImportFields, outcome: Option<Outcome>) -> Page {
    page(opened, ConfigPage::Import, move |opened| view! { <ImportPage opened sent outcome /> })
}

#[component]
fn ImportPage(opened: Arc<OpenedConfig>, sent: ImportFields, outcome: Option<Outcome>) -> impl IntoView {
    let t = lang();
    let ready = matches!(outcome, Some(Ok(_)));
    let result = outcome.map(|outcome| match outcome {
        Ok((preview, import)) => view! { <Preview opened=opened.clone() preview import /> }.into_any(),
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
fn Preview(opened: Arc<OpenedConfig>, preview: ImportPreview, import: Import) -> impl IntoView {
    let t = lang();
    if preview.edits.is_empty() {
        return view! { <Banner mood=Mood::Good title=t.import_nothing()><p>{t.import_nothing_text()}</p></Banner> }
            .into_any();
    }
    let counts = preview.diff.counts();
    let kv = opened.view.namespace.format == Format::Kv;
    let read_as = kv.then(|| view! { <p class="quiet">{t.read_as(import.source.as_str())}</p> });
    let old =
        if opened.view.mine.is_some() { t.my_change().to_owned() } else { t.live_release(opened.view.live_seq()) };
    let says = if kv { t.add_edits(preview.edits.len()) } else { t.add_text().to_owned() };
    view! {
        <Card id="preview" title=t.import_preview()>
            <DiffSummary counts />
            {read_as}
            <ScrollBox class="preview" label=t.import_preview()><DiffBody diff=preview.diff old new=t.after_import() /></ScrollBox>
            <Form action=AddImport::PATH id="add">
                <ConfigFields opened=opened.clone() />
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
    let typing = vec![pair("", t.types_keep()), pair("strings", t.types_strings())];
    let mode = vec![pair("", t.missing_keys_keep()), pair("replace", t.remove())];
    view! {
        <div class="row">
            <Select name="source" label=t.format_field() options=sources value=sent.source />
            <Select name="typing" label=t.typing() options=typing value=sent.typing />
            <Select name="mode" label=t.mode() options=mode value=sent.mode />
        </div>
    }
    .into_any()
}
