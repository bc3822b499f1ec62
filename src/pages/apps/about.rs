//! Settings of an application: its description, how programs read it, archiving.

use axum::extract::{Path, State};
use leptos::server_fn::ServerFn;

use super::{AppHead, AppTab, crumbs, matrix_of};
use crate::{
    api::apps::{ArchiveApp, DescribeApp},
    components::{view::*, *},
    domain::{catalog::App, names::AppName},
    pages::{Page, PageResult, console::Console, shared::ArchiveCard},
    session::guard::CurrentUser,
};

/// Data of the page.
struct About {
    app: App,
    owned: bool,
    /// The API address of one config of the application.
    address: String,
}

pub(super) async fn show(State(console): State<Console>, who: CurrentUser, Path(name): Path<AppName>) -> PageResult {
    let (matrix, _) = matrix_of(&console, &who, &name).await?;
    let env = matrix.envs.last().map_or_else(|| "prod".to_owned(), |env| env.name.to_string());
    let namespace = matrix.rows.first().map_or_else(|| "application".to_owned(), |(ns, _)| ns.name.to_string());
    let address = format!("{}/api/v1/configs/{env}/{name}/{namespace}", console.public_url);
    let about = About { app: matrix.app, owned: matrix.is_owner, address };
    let (title, crumbs) = (name.to_string(), crumbs(&name));
    Ok(Page::new(move |t| format!("{} · {title}", t.app_about()), move || view! { <Show about /> }).crumbs(crumbs))
}

#[component]
fn Show(about: About) -> impl IntoView {
    let t = lang();
    let About { app, owned, address } = about;
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
