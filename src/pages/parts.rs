//! What several pages show: environments in their colours, configs by name, a second thought before something ends.

use std::collections::HashMap;

use leptos::prelude::*;

use crate::{
    components::{EnvLook, EnvTag, Field, Form, I, Icon, Refused, Submit, Tone, lang},
    domain::{
        access::{Pattern, Role},
        names::{ConfigId, EnvName},
        places::Env,
    },
    reader::nodes::{About, Told},
    texts::Lang,
};

/// Nodes that did not answer and are named.
const NAMED: usize = 3;

/// How each environment is drawn.
#[derive(Clone, Debug, Default)]
pub struct Looks(HashMap<EnvName, EnvLook>);

impl Looks {
    /// From all environments, in their order: so that each has the same hue on every page.
    #[must_use]
    pub fn of(envs: &[Env]) -> Self {
        let look = |(place, env): (usize, &Env)| {
            (env.name.clone(), EnvLook { name: env.name.to_string(), place, protected: env.protected })
        };
        Self(envs.iter().enumerate().map(look).collect())
    }

    /// How this one is drawn.
    #[must_use]
    pub fn get(&self, env: &EnvName) -> EnvLook {
        let unknown = || EnvLook { name: env.to_string(), place: 0, protected: false };
        self.0.get(env).cloned().unwrap_or_else(unknown)
    }
}

/// An environment and what is in it, on one line: "prod shop / application".
#[component]
pub fn ConfigName(
    /// The config.
    id: ConfigId,
    /// How its environment is drawn.
    look: EnvLook,
) -> impl IntoView {
    view! { <EnvTag env=look bare=true />" "<span class="mono">{format!("{} / {}", id.app, id.namespace)}</span> }
        .into_any()
}

/// By how many instances a release is seen, of how many; when nobody reads, a dash.
#[component]
pub fn SeenBy(
    /// How many have it, of how many.
    seen: (usize, usize),
) -> impl IntoView {
    match seen {
        (_, 0) => view! { <span class="quiet">"–"</span> }.into_any(),
        (have, all) => view! { <span class:warn=have < all>{lang().home_seen_by(have, all)}</span> }.into_any(),
    }
}

/// Which nodes are missing in what is said of readers; nothing when none is.
#[component]
pub fn Missing(
    /// Who has answered.
    told: Told,
) -> impl IntoView {
    let t = lang();
    let silent = (!told.silent.is_empty()).then(|| {
        let name = |about: &About| if about.reader { t.reader_node_named(&about.name) } else { about.name.to_string() };
        let more = told.silent.len().saturating_sub(NAMED);
        let more = (more > 0).then(|| t.and_more(more));
        let names: Vec<String> = told.silent.iter().take(NAMED).map(name).chain(more).collect();
        let nodes = told.others + 1;
        t.nodes_silent(nodes - told.silent.len(), nodes, &names.join(", "))
    });
    let partly = (told.partly > 0).then(|| t.nodes_partly(told.partly));
    let says: Vec<String> = match told.away {
        true => vec![t.nodes_away().to_owned()],
        false => silent.into_iter().chain(partly).collect(),
    };
    (!says.is_empty())
        .then(|| view! { <p class="flag warn missing"><Icon name=I::Warn /><span>{says.join(" ")}</span></p> })
}

/// The name of a role.
#[must_use]
pub fn role_word(t: Lang, role: &Role) -> &str {
    match role.name() {
        "viewer" => t.role_viewer(),
        "editor" => t.role_editor(),
        "publisher" => t.role_publisher(),
        "owner" => t.role_owner(),
        other => other,
    }
}

/// What a pattern names, in words: "shop in prod".
#[must_use]
pub fn reach_words(t: Lang, pattern: &Pattern) -> String {
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

/// The field for one's own password, where it has to be fresh and is not.
#[component]
pub fn Proof(
    /// It was typed a moment ago.
    fresh: bool,
    /// Reason for the field in a form that can be sent without it.
    #[prop(optional)]
    only_for: Option<&'static str>,
) -> impl IntoView {
    let t = lang();
    (!fresh).then(|| {
        view! {
            <Field
                name="proof"
                label=t.proof()
                kind="password"
                hint=only_for.unwrap_or(t.proof_hint())
                autocomplete="current-password"
                required=only_for.is_none()
            />
        }
    })
}

/// A button that asks once more before something ends. Works without scripts: what opens is a popover. A form that was
/// refused comes back in an open dialog, because no popover opens by itself.
#[component]
pub fn Sure(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// What the button says.
    #[prop(into)]
    button: String,
    /// The question.
    #[prop(into)]
    title: String,
    /// What follows from it.
    #[prop(into)]
    text: String,
    /// What the button that does it says.
    #[prop(into)]
    confirm: String,
    /// The path of the function that does it.
    action: &'static str,
    /// What the form exchanges where scripts run.
    #[prop(optional, into)]
    swap: Option<String>,
    /// The looks of the first button.
    #[prop(default = Tone::Danger)]
    tone: Tone,
    /// The fields that it sends.
    children: Children,
) -> impl IntoView {
    let (target, heading, form) = (id.clone(), format!("{id}-title"), format!("{id}-form"));
    let (named_by, close) = (heading.clone(), id.clone());
    let came_back = use_context::<Refused>().is_some_and(|refused| refused.is_of(action, Some(&form)));
    let keep = lang().keep_it();
    let keep = match came_back {
        true => view! { <button type="submit" class="btn" formmethod="dialog" formnovalidate=true>{keep}</button> }.into_any(),
        false => view! {
            <button type="button" class="btn" popovertarget=close popovertargetaction="hide" autofocus=true>{keep}</button>
        }
        .into_any(),
    };
    // An exchange would take the button that closes the dialog for one that sends the form.
    let swap = swap.filter(|_| !came_back).unwrap_or_default();
    let inside = view! {
        <h2 id=heading>{title}</h2>
        <p>{text}</p>
        <Form action id=form swap>
            {children()}
            <div class="do"><Submit tone=Tone::Danger>{confirm}</Submit>{keep}</div>
        </Form>
    };
    let dialog = match came_back {
        true => view! { <dialog open class="dialog" id=id aria-labelledby=named_by>{inside}</dialog> }.into_any(),
        false => view! {
            <div popover="auto" class="dialog" id=id role="dialog" aria-labelledby=named_by>{inside}</div>
        }
        .into_any(),
    };
    view! {
        <button type="button" class=tone.class() popovertarget=target disabled=came_back>{button}</button>
        {dialog}
    }
    .into_any()
}
