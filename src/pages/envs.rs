//! Environments: their order, and the requirements for publishing to each.

use axum::{
    Router,
    extract::{Path, Query, State},
    response::Response,
    routing::get,
};
use leptos::server_fn::ServerFn;

use super::{
    Page, PageError, PageResult,
    console::Console,
    pictures::{Pictures, PicturesData},
    shared::{ArchiveCard, DownloadQuery, Downloads, EnvStyles, ReauthField},
};
use crate::{
    api::{
        apps::{ArchiveEnv, ChangeEnv, CreateEnv, MoveEnv},
        paths,
    },
    components::{view::*, *},
    domain::{catalog::Env, error::Error, names::EnvName},
    session::guard::{CurrentUser, RecentlyAuthenticated},
};

/// `/envs`, `/envs/{env}`, and its file.
pub fn routes() -> Router<Console> {
    Router::new().route("/envs", get(list)).route("/envs/{env}", get(one)).route("/envs/{env}/export", get(download))
}

/// All configs of the environment that the user sees, as one file.
async fn download(
    State(console): State<Console>,
    who: CurrentUser,
    Path(name): Path<EnvName>,
    Query(asked): Query<DownloadQuery>,
) -> Result<Response, PageError> {
    asked.answer(name.as_str(), console.service.export_file(&who.actor, Some(&name), None, asked.is_zip()?).await?)
}

async fn list(State(console): State<Console>, who: CurrentUser) -> PageResult {
    who.actor.may_administer()?;
    let envs = console.service.envs().await?;
    Ok(Page::new(|t| t.environments().to_owned(), move || view! { <Envs envs /> })
        .crumbs(|t| vec![Crumb::here(t.environments())]))
}

#[component]
fn Envs(envs: Vec<Env>) -> impl IntoView {
    let t = lang();
    let env_styles = EnvStyles::of(&envs);
    let (none, last) = (envs.is_empty(), envs.len().saturating_sub(1));
    let rows = envs.into_iter().enumerate().map(|(n, env)| {
        let env_style = env_styles.get(&env.name);
        view! { <Row env env_style first=n == 0 last=n == last /> }
    });
    let columns = vec![t.environment(), t.envs_publishing()];
    let table = if none {
        view! {
            <Empty icon=I::Layers title=t.envs_none()>
                <p>{t.envs_none_text()}</p>
                <LinkButton href="/start">{t.guided_setup()}</LinkButton>
            </Empty>
        }
        .into_any()
    } else {
        view! {
            <div class="sheet">
                <Table class="rows stacked envs" columns actions=t.envs_order() rows=rows.collect_view() />
            </div>
        }
        .into_any()
    };
    view! {
        <Head title=t.environments() />
        <p class="lead">{t.envs_lead()}<Explain term=Term::Protected /></p>
        <section id="envs">
            {(!none).then(|| view! { <div class="bar"><a class="quiet aim" href=paths::BIN>{t.bin()}</a><Add first=false /></div> })}
            {table}
            {none.then(|| view! { <Add first=true /> })}
        </section>
    }
    .into_any()
}

#[component]
fn Row(env: Env, env_style: EnvStyle, first: bool, last: bool) -> impl IntoView {
    let t = lang();
    let name = env.name.to_string();
    let title = (!env.title.is_empty()).then(|| view! { <span class="quiet">{env.title}</span> });
    let away = env.archived_at.is_some().then(|| view! { <Badge>{t.archived()}</Badge> });
    let step = |earlier: bool, icon: I, says: String, off: bool| {
        let (id, env) = (format!("{}-{name}", if earlier { "up" } else { "down" }), name.clone());
        view! {
            <Form action=MoveEnv::PATH id swap="envs">
                <Hidden name="env" value=env />
                <Hidden name="earlier" value=earlier.to_string() />
                <button type="submit" class="btn bare" aria-label=says.clone() title=says disabled=off><Icon name=icon /></button>
            </Form>
        }
    };
    view! {
        <tr>
            <td><EnvTag env=env_style />" "{title}" "{away}</td>
            <td class="quiet" data-th=t.envs_publishing()>{if env.protected { t.envs_protected() } else { t.envs_open() }}</td>
            <td class="num acts">
                {step(true, I::Up, t.envs_earlier(&name), first)}
                {step(false, I::Down, t.envs_later(&name), last)}
                <LinkButton href=format!("/envs/{name}") tone=Tone::Bare icon=I::Edit>{t.edit()}</LinkButton>
            </td>
        </tr>
    }
    .into_any()
}

#[component]
fn Add(first: bool) -> impl IntoView {
    let t = lang();
    let open = use_context::<RefusedForm>().is_some_and(|r| r.is_of(CreateEnv::PATH, None));
    view! {
        <Reveal summary=t.envs_add() icon=I::Plus open=open || first id="add">
            <Form action=CreateEnv::PATH swap="envs">
                <div class="row">
                    <Field name="env" label=t.name_field() hint=t.envs_name_hint() mono=true required=true />
                    <Field name="title" label=t.title_field() hint=t.title_hint() />
                </div>
                <Check name="protected" label=t.envs_protect() />
                <p class="do"><Submit tone=Tone::Primary>{t.envs_create()}</Submit></p>
            </Form>
        </Reveal>
    }
    .into_any()
}

async fn one(
    State(console): State<Console>,
    who: CurrentUser,
    RecentlyAuthenticated(fresh): RecentlyAuthenticated,
    Path(name): Path<EnvName>,
) -> PageResult {
    who.actor.may_administer()?;
    let envs = console.service.envs().await?;
    let env_style = EnvStyles::of(&envs).get(&name);
    let env = envs.into_iter().find(|env| env.name == name).ok_or_else(|| Error::NotFound(name.to_string()))?;
    let crumb = env_style.clone();
    let pictures = PicturesData::take(&console, &who.actor, |config| config.env == name);
    Ok(Page::new(move |_| name.to_string(), move || view! { <Edit env env_style fresh pictures /> })
        .crumbs(move |t| vec![Crumb::to(t.environments(), "/envs"), Crumb::env(crumb, "")]))
}

#[component]
fn Edit(env: Env, env_style: EnvStyle, fresh: bool, pictures: PicturesData) -> impl IntoView {
    let t = lang();
    let (name, of_form) = (env.name.to_string(), env.name.to_string());
    let file = env.archived_at.is_none().then(|| format!("/envs/{name}/export"));
    let file = file.map(|path| view! { <Downloads text=t.env_file_text() path /> });
    view! {
        <div class="column">
            <div class="head"><h1><EnvTag env=env_style /></h1></div>
            <Pictures data=pictures />
            <Form action=ChangeEnv::PATH class="card">
                <Hidden name="env" value=of_form />
                <Field name="title" label=t.title_field() hint=t.title_hint() value=env.title />
                <Check name="protected" label=t.envs_protect() checked=env.protected />
                {env.protected.then(|| view! { <ReauthField fresh only_for=t.envs_password_hint() /> })}
                <p class="do"><Submit tone=Tone::Primary>{t.save()}</Submit></p>
            </Form>
            {file}
            <ArchiveCard name=name.clone() archived_at=env.archived_at text=t.envs_archive_text() action=ArchiveEnv::PATH>
                <Hidden name="env" value=name />
            </ArchiveCard>
        </div>
    }
    .into_any()
}
