//! The first start: the first administrator, by a link that works once, and the first application.

use axum::{
    Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    routing::get,
};
use leptos::server_fn::ServerFn;
use serde::Deserialize;

use super::{
    Page, PageResult,
    console::Console,
    login::{WrongAddress, address_instead},
    shared::EnvStyles,
};
use crate::{
    api::setup::{GuidedStart, SetUp},
    components::{view::*, *},
    domain::{
        error::{Error, StateConflict as Not},
        names::{AppName, EnvName},
    },
    session::guard::CurrentUser,
    texts::Lang,
};

/// `/setup/{code}`, `/start`.
pub fn routes() -> Router<Console> {
    Router::new().route("/setup/{code}", get(set_up)).route("/start", get(start))
}

async fn set_up(State(console): State<Console>, headers: HeaderMap, Path(code): Path<String>) -> PageResult {
    let title = |t: Lang| t.setup_title().to_owned();
    let instead = address_instead(&console.public_url, &headers);
    match console.service.check_setup(&code).await {
        Ok(()) => Ok(Page::new(title, move || view! { <WrongAddress instead /><First code /> }).alone()),
        Err(Error::State(Not::SetUp)) => {
            Ok(Page::new(|t| t.setup_done_title().to_owned(), || view! { <Done /> }).alone())
        }
        Err(Error::Invalid(_)) => Ok(Page::new(|t| t.setup_wrong_title().to_owned(), || view! { <Wrong /> })
            .alone()
            .status(axum::http::StatusCode::NOT_FOUND)),
        Err(other) => Err(other.into()),
    }
}

#[component]
fn First(code: String) -> impl IntoView {
    let t = lang();
    view! {
        <Form action=SetUp::PATH class="card">
            <h1>{t.setup_title()}</h1>
            <p class="lead">{t.setup_lead()}</p>
            <Hidden name="code" value=code />
            <Field name="name" label=t.name() hint=t.setup_name_hint() autocomplete="username" required=true autofocus=true />
            <PasswordField name="password" label=t.password() hint=t.setup_password_hint() new=true />
            <PasswordField name="again" label=t.setup_password_again() new=true />
            <Submit tone=Tone::Primary wide=true>{t.setup_create()}</Submit>
        </Form>
    }
    .into_any()
}

#[component]
fn Wrong() -> impl IntoView {
    let t = lang();
    view! {
        <div class="card">
            <h1>{t.setup_wrong_title()}</h1>
            <p>{t.setup_wrong_text()}</p>
            <p>{t.setup_wrong_action()}</p>
            <p>{t.setup_first_shell()}</p>
            <Code text="trimtab admin create NAME" label=t.setup_command() />
        </div>
    }
    .into_any()
}

#[component]
fn Done() -> impl IntoView {
    let t = lang();
    view! {
        <div class="card">
            <h1>{t.setup_done_title()}</h1>
            <p>{t.setup_done_text()}</p>
            <LinkButton href="/login" tone=Tone::Primary wide=true>{t.log_in()}</LinkButton>
            <p class="quiet">{t.setup_locked_out()}</p>
            <Code text="trimtab admin create NAME" label=t.setup_command() />
        </div>
    }
    .into_any()
}

#[derive(Deserialize)]
struct StartQuery {
    /// The application that was just created.
    app: Option<AppName>,
}

async fn start(State(console): State<Console>, who: CurrentUser, Query(asked): Query<StartQuery>) -> PageResult {
    who.actor.may_create()?;
    let Some(app) = asked.app else {
        return Ok(Page::new(|t| t.start_title().to_owned(), || view! { <Begin /> })
            .crumbs(|t| vec![Crumb::here(t.start_title())]));
    };
    let matrix = console.service.app(&who.actor, &app).await?;
    let env_styles = EnvStyles::of(&console.service.envs().await?);
    let first = matrix.envs.first().map(|env| (env.name.clone(), env_styles.get(&env.name)));
    let (title, crumb) = (app.clone(), app.clone());
    Ok(Page::new(move |t| t.start_ready(title.as_str()), move || view! { <Ready app first /> })
        .crumbs(move |t| vec![Crumb::to(t.start_title(), "/start"), Crumb::here(crumb.as_str())]))
}

#[component]
fn Begin() -> impl IntoView {
    let t = lang();
    let env = |name: &str, position, protected| {
        view! { <EnvTag env=EnvStyle { name: name.to_owned(), position, protected } /> }.into_any()
    };
    let all = [env("dev", 0, false), env("staging", 1, false), env("prod", 2, true)];
    view! {
        <div class="column">
            <Head title=t.start_title() />
            <p class="lead">{t.start_lead()}</p>
            <Form action=GuidedStart::PATH class="card">
                <div class="row">
                    <Field name="app" label=t.name_field() hint=t.start_name_hint() placeholder="shop" mono=true required=true autofocus=true />
                    <Field name="title" label=t.title_field() hint=t.title_hint() placeholder="Web shop" />
                </div>
                <h2>{t.start_creates()}</h2>
                <ul class="ticks">
                    <li><Icon name=I::Ok /><span>{sentence(t.start_creates_app(), [view! { <code>"application"</code> }.into_any()])}</span></li>
                    <li><Icon name=I::Ok /><span>{sentence(t.start_creates_envs(), all)}</span></li>
                </ul>
                <p class="hint">{sentence(t.start_creates_protected(), [env("prod", 2, true)])}</p>
                <p class="do">
                    <Submit tone=Tone::Primary>{t.start_button()}</Submit>
                    <LinkButton href="/apps" tone=Tone::Bare>{t.start_by_hand()}</LinkButton>
                </p>
            </Form>
        </div>
    }
    .into_any()
}

#[component]
fn Ready(app: AppName, first: Option<(EnvName, EnvStyle)>) -> impl IntoView {
    let t = lang();
    let config = first.map(|(env, _)| format!("/configs/{env}/{app}/application"));
    let edit = config.map(|path| {
        let import = format!("{path}/import");
        view! {
            <LinkButton href=path tone=Tone::Primary>{t.start_step_open()}</LinkButton>
            <LinkButton href=import icon=I::Import>{t.paste_or_import()}</LinkButton>
        }
    });
    let token = format!("/tokens/new?app={app}");
    view! {
        <div class="column">
            <Head title=t.start_ready(app.as_str()) />
            <p class="lead">{t.start_ready_lead()}</p>
            <ol class="steps card">
                <li><h2>{t.start_step_edit()}</h2><p>{t.start_step_edit_text()}</p><p class="do">{edit}</p></li>
                <li><h2>{t.publish()}</h2><p>{t.start_step_publish_text()}</p></li>
                <li>
                    <h2>{t.start_step_token()}</h2>
                    <p>{t.start_step_token_text()}</p>
                    <p class="do"><LinkButton href=token icon=I::Key>{t.start_step_token_create()}</LinkButton></p>
                </li>
                <li>
                    <h2>{t.start_step_people()}</h2>
                    <p>{t.start_step_people_text()}</p>
                    <p class="do"><LinkButton href="/users/new" icon=I::People>{t.people_add()}</LinkButton></p>
                </li>
            </ol>
            <p class="do"><LinkButton href="/">{t.start_home()}</LinkButton></p>
        </div>
    }
    .into_any()
}
