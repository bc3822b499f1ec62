//! Settings of an application: its description, how programs read it, files with all configs, clones, archiving.

use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use leptos::server_fn::ServerFn;

use super::{AppHead, AppTab, crumbs, matrix_of};
use crate::{
    api::apps::{ArchiveApp, CloneApp, DescribeApp},
    components::{view::*, *},
    domain::{
        catalog::App,
        names::{AppName, EnvName},
    },
    pages::{
        Page, PageError, PageResult,
        console::Console,
        shared::{ArchiveCard, DownloadQuery, Downloads, EnvStyles},
    },
    session::guard::CurrentUser,
};

/// Data of the page.
struct About {
    app: App,
    owned: bool,
    /// The environments, if the user may create applications.
    clone_envs: Option<Vec<(EnvName, EnvStyle)>>,
    /// The API address of one config of the application.
    address: String,
}

pub(super) async fn show(State(console): State<Console>, who: CurrentUser, Path(name): Path<AppName>) -> PageResult {
    let (matrix, _) = matrix_of(&console, &who, &name).await?;
    let env = matrix.envs.last().map_or_else(|| "prod".to_owned(), |env| env.name.to_string());
    let namespace = matrix.rows.first().map_or_else(|| "application".to_owned(), |(ns, _)| ns.name.to_string());
    let address = format!("{}/api/v1/configs/{env}/{name}/{namespace}", console.public_url);
    let styles = EnvStyles::of(&console.service.envs().await?);
    let envs = matrix.envs.iter().map(|env| (env.name.clone(), styles.get(&env.name))).collect();
    let clone_envs = who.actor.may_create().is_ok().then_some(envs);
    let about = About { app: matrix.app, owned: matrix.is_owner, clone_envs, address };
    let (title, crumbs) = (name.to_string(), crumbs(&name));
    Ok(Page::new(move |t| format!("{} · {title}", t.app_about()), move || view! { <Show about /> }).crumbs(crumbs))
}

#[component]
fn Show(about: About) -> impl IntoView {
    let t = lang();
    let About { app, owned, clone_envs, address } = about;
    let what = if owned {
        view! { <Describe app=app.clone() /> }.into_any()
    } else {
        let description = app.description.clone();
        view! { <p class="prose">{description}</p> }.into_any()
    };
    let (name, archived_at) = (app.name.to_string(), app.archived_at);
    let end = owned.then(|| {
        view! {
            <ArchiveCard name=name.clone() archived_at text=t.about_archive_text() action=ArchiveApp::PATH>
                <Hidden name="app" value=name />
            </ArchiveCard>
        }
    });
    let read = format!("curl -H 'Authorization: Bearer ttr_…' {address}");
    let clone = clone_envs.map(|envs| view! { <CloneForm app=app.name.clone() envs /> });
    let file = format!("/apps/{}/export", app.name);
    let tokens = format!("/apps/{}/tokens", app.name);
    view! {
        <AppHead app tab=AppTab::About />
        <div class="column">
            <Card id="what" title=t.about_title()>{what}</Card>
            <Card id="read" title=t.about_read()>
                <p>{sentence(t.about_read_text(), [view! { <code>{address.rsplit('/').next().unwrap_or_default().to_owned()}</code> }.into_any()])}</p>
                <Code text=read label=t.about_read() />
                <p class="do"><LinkButton href=tokens icon=I::Key>{t.tokens()}</LinkButton></p>
            </Card>
            <Downloads text=t.about_file_text() path=file />
            {clone}
            {end}
        </div>
    }
    .into_any()
}

#[component]
fn Describe(app: App) -> impl IntoView {
    let t = lang();
    view! {
        <Form action=DescribeApp::PATH>
            <Hidden name="app" value=app.name.as_str() />
            <Field name="title" label=t.title_field() hint=t.title_hint() value=app.title />
            <TextArea name="description" label=t.description_field() hint=t.about_description_hint() value=app.description />
            <p class="do"><Submit tone=Tone::Primary>{t.save()}</Submit></p>
        </Form>
    }
    .into_any()
}

#[component]
fn CloneForm(app: AppName, envs: Vec<(EnvName, EnvStyle)>) -> impl IntoView {
    let t = lang();
    let refused = use_context::<RefusedForm>().filter(|refused| refused.is_of(CloneApp::PATH, None));
    let envs = envs.into_iter().map(|(env, style)| {
        let id = format!("clone-{env}");
        let checked = refused.as_ref().is_none_or(|refused| refused.has_sent("envs[]", env.as_str()));
        view! {
            <div class="field check">
                <input type="checkbox" id=id.clone() name="envs[]" value=env.to_string() checked=checked />
                <label for=id><EnvTag env=style /></label>
            </div>
        }
    });
    let envs = envs.collect_view();
    view! {
        <Card id="clone" title=t.clone_app()>
            <p>{t.clone_app_text()}</p>
            <Form action=CloneApp::PATH>
                <Hidden name="app" value=app.as_str() />
                <Field name="to" label=t.name_field() hint=t.start_name_hint() mono=true required=true />
                <Field name="title" label=t.title_field() hint=t.title_hint() />
                <fieldset class="field"><legend>{t.clone_envs()}</legend>{envs}</fieldset>
                <p class="do"><Submit icon=I::Copy>{t.clone_app()}</Submit></p>
            </Form>
        </Card>
    }
    .into_any()
}

/// All configs of the application that the user sees, as one file.
pub(super) async fn download(
    State(console): State<Console>,
    who: CurrentUser,
    Path(name): Path<AppName>,
    Query(asked): Query<DownloadQuery>,
) -> Result<Response, PageError> {
    asked.answer(name.as_str(), console.service.export_file(&who.actor, None, Some(&name), asked.is_zip()?).await?)
}
