//! Components shared by several pages: environments in their colours, names of configs, confirmation dialogs, files.

use std::collections::HashMap;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use super::PageError;
use crate::{
    api::paths,
    components::{view::*, *},
    domain::{
        access::{Pattern, Role},
        catalog::Env,
        error::{Error, Invalid, Problem, truncate},
        names::{ConfigId, EnvName},
        time::Time,
    },
    reader::nodes::{NodeCoverage, NodeInfo},
    texts::Lang,
};

/// Maximum number of nodes without an answer that are named.
const NAMED: usize = 3;

/// Style of each environment.
#[derive(Clone, Debug, Default)]
pub struct EnvStyles(HashMap<EnvName, EnvStyle>);

impl EnvStyles {
    /// Derives the styles from all environments in their order, so that each has the same hue on every page.
    pub fn of(envs: &[Env]) -> Self {
        let env_style = |(place, env): (usize, &Env)| {
            (env.name.clone(), EnvStyle { name: env.name.to_string(), position: place, protected: env.protected })
        };
        Self(envs.iter().enumerate().map(env_style).collect())
    }

    /// Returns the style of an environment.
    pub fn get(&self, env: &EnvName) -> EnvStyle {
        let unknown = || EnvStyle { name: env.to_string(), position: 0, protected: false };
        self.0.get(env).cloned().unwrap_or_else(unknown)
    }
}

/// A config on one line: "prod shop / application".
#[component]
pub fn ConfigName(
    /// The config.
    id: ConfigId,
    /// Style of its environment.
    env_style: EnvStyle,
) -> impl IntoView {
    view! { <EnvTag env=env_style bare=true />" "<span class="mono">{format!("{} / {}", id.app, id.namespace)}</span> }
        .into_any()
}

/// Empty state of a page about applications.
#[component]
pub fn NoApps(
    /// Name of the missing content.
    title: &'static str,
    /// Next step.
    text: &'static str,
    /// Whether the user may create one.
    may_create: bool,
) -> impl IntoView {
    let start =
        may_create.then(|| view! { <LinkButton href="/start" tone=Tone::Primary>{lang().guided_setup()}</LinkButton> });
    view! { <Empty icon=I::Apps title><p>{text}</p>{start}</Empty> }.into_any()
}

/// Number of instances that have a release, out of all; a dash if there are none.
#[component]
pub fn SeenBy(
    /// Number of instances that have it, and number of all instances.
    seen: (usize, usize),
) -> impl IntoView {
    match seen {
        (_, 0) => view! { <span class="quiet">"–"</span> }.into_any(),
        (have, all) => view! { <span class:warn=have < all>{lang().home_seen_by(have, all)}</span> }.into_any(),
    }
}

/// Warning that names the nodes whose readers are missing; empty if none is.
#[component]
pub fn MissingNodes(
    /// Other nodes that have answered, and those that have not.
    coverage: NodeCoverage,
) -> impl IntoView {
    let t = lang();
    let silent = (!coverage.silent.is_empty()).then(|| {
        let name =
            |about: &NodeInfo| if about.reader { t.reader_node_named(&about.name) } else { about.name.to_string() };
        let more = coverage.silent.len().saturating_sub(NAMED);
        let more = (more > 0).then(|| t.and_more(more));
        let names: Vec<String> = coverage.silent.iter().take(NAMED).map(name).chain(more).collect();
        let nodes = coverage.others + 1;
        t.nodes_silent(nodes - coverage.silent.len(), nodes, &names.join(", "))
    });
    let partly = (coverage.incomplete > 0).then(|| t.nodes_partly(coverage.incomplete));
    let says: Vec<String> = match coverage.unreachable {
        true => vec![t.nodes_unreachable().to_owned()],
        false => silent.into_iter().chain(partly).collect(),
    };
    (!says.is_empty())
        .then(|| view! { <p class="flag warn missing"><Icon name=I::Warn /><span>{says.join(" ")}</span></p> })
}

/// Returns the displayed name of a role.
pub fn role_label(t: Lang, role: &Role) -> &str {
    match role.name() {
        "viewer" => t.role_viewer(),
        "editor" => t.role_editor(),
        "publisher" => t.role_publisher(),
        "owner" => t.role_owner(),
        other => other,
    }
}

/// Describes a pattern in words: "shop in prod".
pub fn scope_text(t: Lang, pattern: &Pattern) -> String {
    let text = pattern.to_string();
    let mut parts = text.split('/').map(|part| (part != "*").then_some(part));
    let mut next = || parts.next().flatten();
    let (env, app, namespace) = (next(), next(), next());
    let what = match (app, namespace) {
        (Some(app), Some(namespace)) => format!("{app} / {namespace}"),
        (Some(app), None) => app.to_owned(),
        (None, Some(namespace)) => t.reach_namespace(namespace),
        (None, None) => t.reach_all_apps().to_owned(),
    };
    env.map_or_else(|| t.reach_everywhere(&what), |env| t.reach_in(&what, env))
}

/// Field for the user's own password; left out if it was typed a moment ago.
#[component]
pub fn ReauthField(
    /// Whether the password was typed a moment ago.
    fresh: bool,
    /// Reason for the field in a form that can be sent without it.
    #[prop(optional)]
    only_for: Option<&'static str>,
) -> impl IntoView {
    let t = lang();
    let (hint, required) = (only_for.unwrap_or(t.own_password_hint()), only_for.is_none());
    (!fresh).then(|| view! { <PasswordField name="proof" label=t.own_password() hint required /> })
}

/// Query parameters of the download of many configs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DownloadQuery {
    /// `zip` or `json`.
    format: String,
}

impl DownloadQuery {
    /// Returns whether the file is a zip archive.
    ///
    /// # Errors
    /// [`Problem::Unknown`] at `/format`.
    pub fn is_zip(&self) -> Result<bool, Error> {
        match self.format.as_str() {
            "zip" => Ok(true),
            "json" => Ok(false),
            given => {
                let (given, known) = (truncate(given), ["zip", "json"].map(str::to_owned).to_vec());
                Err(Invalid::new("/format", Problem::Unknown { given, known }).into())
            }
        }
    }

    /// Responds with a file of this format. `name` is that of an application or environment.
    ///
    /// # Errors
    /// Those of [`DownloadQuery::is_zip`].
    pub fn answer(&self, name: &str, file: Vec<u8>) -> Result<Response, PageError> {
        let kind = if self.is_zip()? { "application/zip" } else { "application/json" };
        // Names consist of lower-case letters, digits, dots and dashes, so they need no escaping inside of the quotes.
        let attachment = format!("attachment; filename=\"{name}.{}\"", self.format);
        let headers = [
            (header::CONTENT_TYPE, kind.to_owned()),
            (header::CONTENT_DISPOSITION, attachment),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        Ok((headers, file).into_response())
    }
}

/// Card with links to one file of many configs.
#[component]
pub fn Downloads(
    /// Content of the file.
    text: &'static str,
    /// Path of the file.
    path: String,
) -> impl IntoView {
    let link = move |format: &str| {
        let href = format!("{path}?format={format}");
        view! { <li><a class="btn small" href=href download><Icon name=I::Export />{format!(".{format}")}</a></li> }
    };
    let links = ["zip", "json"].map(link).collect_view();
    view! {
        <Card id="file" title=lang().about_file()>
            <p>{text}</p>
            <ul class="downloads">{links}</ul>
        </Card>
    }
    .into_any()
}

/// Card that archives an object, or restores an archived one.
#[component]
pub fn ArchiveCard(
    /// Name of the object.
    name: String,
    /// Time when it was archived.
    archived_at: Option<Time>,
    /// Consequence of archiving it.
    text: &'static str,
    /// Path of the function that archives and restores it.
    action: &'static str,
    /// Hidden fields that name the object.
    children: Children,
) -> impl IntoView {
    let t = lang();
    let fields = view! { {children.view()}<Hidden name="archived" value=archived_at.is_none().to_string() /> };
    match archived_at {
        Some(at) => view! {
            <Card id="end" title=t.archived()>
                <p>{dated(t.archived_since(), at)}" "<a href=paths::BIN>{t.bin_open()}</a></p>
                <Form action class="do">{fields}<Submit icon=I::Undo>{t.restore()}</Submit></Form>
            </Card>
        }
        .into_any(),
        None => view! {
            <Card id="end" title=t.archive()>
                <p>{text}</p>
                <p>{t.bin_move()}</p>
                <div class="do">
                    <ConfirmDialog id="archive" button=t.archive() title=t.archive_ask(&name) text action>
                        {fields}
                    </ConfirmDialog>
                </div>
            </Card>
        }
        .into_any(),
    }
}

/// A button that asks for confirmation. It works without scripts, because the dialog is a popover. A refused form is
/// shown in an open dialog instead, because a popover cannot open by itself.
#[component]
pub fn ConfirmDialog(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// Label of the button, and of the one that confirms.
    button: &'static str,
    /// The question.
    #[prop(into)]
    title: String,
    /// Consequence of the action.
    #[prop(into)]
    text: String,
    /// Path of the function that performs the action.
    action: &'static str,
    /// Ids of the elements that the form swaps where scripts run.
    #[prop(optional, into)]
    swap: Option<String>,
    /// Style of the first button.
    #[prop(default = Tone::Danger)]
    tone: Tone,
    /// Fields of the form.
    children: Children,
) -> impl IntoView {
    let (target, form) = (id.clone(), format!("{id}-form"));
    let came_back = use_context::<RefusedForm>().is_some_and(|refused| refused.is_of(action, Some(&form)));
    let keep = match came_back {
        true => {
            let text = lang().cancel();
            view! { <button type="submit" class="btn" formmethod="dialog" formnovalidate=true>{text}</button> }
                .into_any()
        }
        false => view! { <CloseDialog id=id.clone() /> }.into_any(),
    };
    let swap = swap.unwrap_or_default();
    let dialog = view! {
        <Dialog id title is_open=came_back>
            <p>{text}</p>
            <Form action id=form swap>
                {children.view()}
                <div class="do"><Submit tone=Tone::Danger>{button}</Submit>{keep}</div>
            </Form>
        </Dialog>
    };
    view! {
        <button type="button" class=tone.class() popovertarget=target disabled=came_back>{button}</button>
        {dialog}
    }
    .into_any()
}

/// A dialog that a button with `popovertarget` opens, or that is open from the start.
#[component]
pub fn Dialog(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// Heading.
    #[prop(into)]
    title: String,
    /// Whether it is open, because its form was refused. It is then no popover.
    is_open: bool,
    /// Content.
    children: Children,
) -> impl IntoView {
    let heading = format!("{id}-title");
    let named_by = heading.clone();
    let inside = view! { <h2 id=heading>{title}</h2>{children.view()} };
    match is_open {
        true => view! { <dialog open class="dialog" id=id aria-labelledby=named_by>{inside}</dialog> }.into_any(),
        false => view! {
            <div popover="auto" class="dialog" id=id role="dialog" aria-labelledby=named_by>{inside}</div>
        }
        .into_any(),
    }
}

/// The button that closes a [`Dialog`] that is a popover.
#[component]
pub fn CloseDialog(
    /// Id of the dialog.
    #[prop(into)]
    id: String,
) -> impl IntoView {
    let text = lang().cancel();
    view! { <button type="button" class="btn" popovertarget=id popovertargetaction="hide" autofocus=true>{text}</button> }
        .into_any()
}
