//! Settings of a namespace: its description, its format, archiving.

use axum::extract::{Path, State};
use leptos::server_fn::ServerFn;

use super::{matrix::formats, matrix_of};
use crate::{
    api::{
        apps::{ArchiveNamespace, ChangeNamespace},
        paths,
    },
    components::{view::*, *},
    domain::{
        catalog::Namespace,
        content::Format,
        error::{Error, Need},
        names::{AppName, NamespaceName},
    },
    pages::{Page, PageResult, console::Console, shared::ArchiveCard},
    session::guard::CurrentUser,
};

pub(super) async fn show(
    State(console): State<Console>,
    who: CurrentUser,
    Path((app, name)): Path<(AppName, NamespaceName)>,
) -> PageResult {
    let (matrix, _) = matrix_of(&console, &who, &app).await?;
    if !matrix.is_owner {
        return Err(Error::Forbidden(Need::Own).into());
    }
    let found = matrix.rows.into_iter().find(|(namespace, _)| namespace.name == name);
    let (namespace, cells) = found.ok_or_else(|| Error::NotFound(format!("{app}/{name}")))?;
    // The service checks this again, because an owner may not see every environment.
    let fixed = cells.iter().any(|cell| cell.live.is_some() || !cell.pending.is_empty());
    let (title, crumb) = (name.to_string(), paths::app(&app));
    Ok(Page::new(|_| title, move || view! { <Settings namespace fixed /> }).crumbs(move |t| {
        vec![Crumb::to(t.applications(), "/apps"), Crumb::to(app.as_str(), crumb), Crumb::here(name.as_str())]
    }))
}

#[component]
fn Settings(namespace: Namespace, fixed: bool) -> impl IntoView {
    let t = lang();
    let Namespace { app, name, format, description, archived_at, .. } = namespace;
    let (app, name) = (app.to_string(), name.to_string());
    let (of_app, of_name) = (app.clone(), name.clone());
    view! {
        <div class="column">
            <Head title=name.clone() tag=format.as_str() />
            <Form action=ChangeNamespace::PATH class="card">
                <Hidden name="app" value=of_app />
                <Hidden name="namespace" value=of_name />
                <Field name="description" label=t.namespace_for() value=description />
                <Choose format fixed />
                <p class="do"><Submit tone=Tone::Primary>{t.save()}</Submit></p>
            </Form>
            <ArchiveCard name=name.clone() archived_at text=t.namespace_archive_text() action=ArchiveNamespace::PATH>
                <Hidden name="app" value=app />
                <Hidden name="namespace" value=name />
            </ArchiveCard>
        </div>
    }
    .into_any()
}

#[component]
fn Choose(format: Format, fixed: bool) -> impl IntoView {
    let t = lang();
    if fixed {
        return view! { <p class="hint">{t.namespace_format_fixed()}</p> }.into_any();
    }
    let (options, value) = (formats(t), format.as_str());
    view! { <Select name="format" label=t.format_field() hint=t.namespace_format_hint() options value /> }.into_any()
}
