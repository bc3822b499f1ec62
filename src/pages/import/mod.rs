//! Import of whole applications and environments: a file of Trimtab or of another product, shown as a preview before it
//! becomes open changes. The server keeps nothing between the two: the preview has the file in base64, and the SHA-256
//! of what it shows. Forms are ordinary ones of this page and not of a server function, because they send files.

mod form;
mod names;
mod opened;
mod outcome;
mod preview;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Multipart, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect},
    routing::get,
};

use self::{form::ImportForm, preview::ReadImport};
use super::{Page, PageError, PageResult, console::Console, page_context, shared::EnvStyles};
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        access::Actor,
        catalog::Env,
        change::ChangeId,
        error::{Error, Invalid, Need, Problem, Result},
        exchange::ExportRefusal,
    },
    exchange::{self, ExportSource, FoundConfig},
    http::problem,
    service::{ApplyExport, MAX_TRANSACTION_BYTES},
    session::guard::CurrentUser,
    texts::Lang,
};

/// Path of the page, which its form posts to.
const PATH: &str = "/import";
/// Value of the button that opens the changes.
const APPLY: &str = "apply";
/// Maximum number of configs of an export. The command line takes more.
const MAX_CONFIGS: usize = 250;

/// `/import`, `/import/opened`.
pub fn routes() -> Router<Console> {
    Router::new().route(PATH, get(show).post(send)).route("/import/opened", get(opened::show))
}

/// Reason why there is no preview, or why a preview was not imported.
enum Trouble {
    Error(Error),
    Refusal(ExportRefusal),
    /// The export has this number of configs.
    Configs(usize),
}

impl Trouble {
    fn text(&self, t: Lang) -> String {
        match self {
            Self::Error(Error::Stale(_) | Error::Conflict(_)) => t.imports_stale().to_owned(),
            Self::Error(Error::TooLarge(max)) => t.imports_too_large(&t.size(*max)),
            Self::Error(error) => t.error(error),
            Self::Refusal(ExportRefusal::Expands) => t.imports_expands().to_owned(),
            Self::Refusal(refusal) => t.export_refusal(refusal),
            Self::Configs(n) => t.imports_too_many(*n, MAX_CONFIGS),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Error(error) => problem::status(error),
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}

async fn show(State(console): State<Console>, who: CurrentUser) -> PageResult {
    may_import(&who.actor)?;
    draw(&console, ImportForm::default(), None, None, Vec::new()).await
}

fn may_import(actor: &Actor) -> Result<()> {
    if actor.edits_any() { Ok(()) } else { Err(Error::Forbidden(Need::Edit)) }
}

/// Responds with a preview, or opens the changes that a preview showed.
async fn send(State(console): State<Console>, who: CurrentUser, headers: HeaderMap, sent: Multipart) -> PageResult {
    may_import(&who.actor)?;
    let form = match ImportForm::read(sent).await {
        Ok(form) if !form.file.is_empty() => form,
        Ok(form) => {
            let missing = Invalid::new("/file", Problem::Required);
            return draw(&console, form, None, Some(Trouble::Error(missing.into())), Vec::new()).await;
        }
        Err(error) => {
            return draw(&console, ImportForm::default(), None, Some(Trouble::Error(error)), Vec::new()).await;
        }
    };
    let (options, mut invalid) = form.options();
    let mut export = match exchange::read(ExportSource::File(form.file.clone()), &options) {
        Ok(export) => export,
        Err(refusal) => return draw(&console, form, None, Some(Trouble::Refusal(refusal)), invalid).await,
    };
    let count = export.configs.len();
    if count > MAX_CONFIGS {
        return draw(&console, form, None, Some(Trouble::Configs(count)), invalid).await;
    }
    let message = match form.text("message").trim() {
        "" => page_context::lang(&headers).imports_default_message(export.product.title(), form.text("name")),
        message => message.to_owned(),
    };
    // The page needs no contents but those of the preview.
    let with_content = |found: &mut FoundConfig| {
        let content = found.content.take();
        FoundConfig { content, ..found.clone() }
    };
    let apply = ApplyExport {
        configs: export.configs.iter_mut().map(with_content).collect(),
        choice: form.choice(),
        choices: form.choices.clone(),
        create: form.is_checked("create", true),
        allow_incomplete: form.is_checked("incomplete", false),
        message,
    };
    let mut trouble = None;
    if form.text("act") == APPLY && invalid.is_empty() {
        match console.service.apply_seen_export(&who.actor, &apply, form.text("seen")).await {
            Ok(applied) => return Err(opened_at(&applied.changes)),
            Err(Error::Invalid(wrong)) => invalid = wrong,
            Err(error @ (Error::Unavailable { .. } | Error::Busy(_) | Error::Internal(_))) => return Err(error.into()),
            Err(error) => trouble = Some(Trouble::Error(error)),
        }
    }
    let preview = console.service.preview_export(&who.actor, &apply).await?;
    if preview.imported_bytes() > MAX_TRANSACTION_BYTES {
        trouble = Some(Trouble::Error(Error::TooLarge(MAX_TRANSACTION_BYTES)));
    }
    let (export, preview) = (Arc::new(export), Arc::new(preview));
    let import =
        ReadImport { export, preview, message: apply.message, administers: who.actor.may_administer().is_ok() };
    draw(&console, form, Some(import), trouble, invalid).await
}

/// Redirects to the opened changes.
fn opened_at(changes: &[ChangeId]) -> PageError {
    let path = match changes {
        [change] => paths::change(change),
        changes => opened::path(changes),
    };
    Redirect::to(&path).into_response().into()
}

async fn draw(
    console: &Console,
    form: ImportForm,
    import: Option<ReadImport>,
    trouble: Option<Trouble>,
    invalid: Vec<Invalid>,
) -> PageResult {
    let mut envs = console.service.envs().await?;
    let env_styles = EnvStyles::of(&envs);
    envs.retain(|env| env.archived_at.is_none());
    let status = trouble.as_ref().map(Trouble::status);
    let refused = (!invalid.is_empty()).then(|| RefusedForm::new(PATH, form.fields.clone(), Error::Invalid(invalid)));
    let page =
        Page::new(|t| t.imports().to_owned(), move || view! { <ImportPage form import trouble envs env_styles /> })
            .crumbs(|t| vec![Crumb::to(t.applications(), "/apps"), Crumb::here(t.imports())])
            .status(status.unwrap_or(StatusCode::OK));
    Ok(match refused {
        Some(refused) => page.refused(refused),
        None => page,
    })
}

#[component]
fn ImportPage(
    form: ImportForm,
    import: Option<ReadImport>,
    trouble: Option<Trouble>,
    envs: Vec<Env>,
    env_styles: EnvStyles,
) -> impl IntoView {
    let t = lang();
    let form = Arc::new(form);
    let trouble = trouble.map(|trouble| {
        let title = if import.is_some() { t.imports_not_done() } else { t.import_wrong() };
        let text = trouble.text(t);
        view! { <Banner mood=Mood::Bad title alert=true><p>{text}</p></Banner> }
    });
    let body = match import {
        Some(import) => view! { <preview::Preview form import envs env_styles /> }.into_any(),
        None => view! { <First form envs /> }.into_any(),
    };
    view! {
        <Head title=t.imports() />
        <p class="lead">{t.imports_lead()}</p>
        {trouble}
        {body}
    }
    .into_any()
}

/// The form without a preview. It keeps a file that could not be read with these answers.
#[component]
fn First(form: Arc<ImportForm>, envs: Vec<Env>) -> impl IntoView {
    let t = lang();
    let required = form.file.is_empty();
    let kept = (!required).then(|| {
        let name = form.text("name").to_owned();
        view! {
            <Hidden name="name" value=name.clone() />
            <Hidden name="data" value=form::encoded(&form.file) />
            <p><bdi>{name}</bdi></p>
        }
    });
    view! {
        <div class="column">
            <Form action=PATH id="import" class="card" upload=true>
                {kept}
                <FileField required />
                <names::Answers form envs layouts=Vec::new() />
                <p class="do"><Submit tone=Tone::Primary icon=I::Eye>{t.preview()}</Submit></p>
            </Form>
        </div>
    }
    .into_any()
}

/// The field for the file.
#[component]
fn FileField(
    /// Whether there is no file yet.
    required: bool,
) -> impl IntoView {
    let t = lang();
    let label = if required { t.imports_file() } else { t.imports_other_file() };
    view! {
        <div class="field">
            <label for="import-file">{label}</label>
            <input id="import-file" type="file" name="file" required=required aria-describedby="import-file-hint" />
            <p class="hint" id="import-file-hint">{t.imports_file_hint(&t.size(super::forms::MAX_EXPORT_FILE_BYTES))}</p>
            <Problems pointer="/file" />
        </div>
    }
    .into_any()
}

/// Returns the first names of a list, and how many there are beside them.
fn listed(names: impl ExactSizeIterator<Item = AnyView>, max: usize) -> AnyView {
    let more = names.len().saturating_sub(max);
    let more = (more > 0).then(|| view! { <li class="quiet">{lang().change_more(more)}</li> });
    let names = names.take(max).map(|name| view! { <li>{name}</li> }).collect_view();
    view! { <ul class="problems">{names}{more}</ul> }.into_any()
}
