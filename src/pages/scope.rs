//! Form rows that name configs: the scope of a role or a token.

use super::console::Console;
use crate::{
    components::{view::*, *},
    domain::{
        access::{Pattern, Permission, Role},
        error::Result,
        names::{AppName, EnvName},
    },
    session::guard::CurrentUser,
};

/// Choices in a row.
#[derive(Clone, Debug, Default)]
pub struct ScopeChoices {
    envs: Vec<EnvName>,
    apps: Vec<AppName>,
    /// "All environments" is offered.
    all_envs: bool,
    /// "All applications" is offered.
    all_apps: bool,
}

impl ScopeChoices {
    /// Returns the choices that the user may grant: all for an administrator, otherwise what the user owns.
    pub async fn of(console: &Console, who: &CurrentUser) -> Result<Self> {
        let envs = console.service.envs().await?.into_iter().filter(|env| env.archived_at.is_none());
        let apps = console.service.apps(&who.actor).await?.into_iter().map(|card| card.app);
        let apps = apps.filter(|app| app.archived_at.is_none());
        if who.account.administrator {
            let (envs, apps) = (envs.map(|env| env.name).collect(), apps.map(|app| app.name).collect());
            return Ok(Self { envs, apps, all_envs: true, all_apps: true });
        }
        let owns = |role: &Role| role.permissions().contains(Permission::Own);
        let owned: Vec<&Pattern> =
            who.account.roles.iter().filter(|(_, role)| owns(role)).map(|(pattern, _)| pattern).collect();
        let owns_env = |env: &EnvName| owned.iter().any(|p| p.env().is_none_or(|e| e == env));
        let owns_app = |app: &AppName| owned.iter().any(|p| p.app().is_none_or(|a| a == app));
        Ok(Self {
            envs: envs.map(|env| env.name).filter(owns_env).collect(),
            apps: apps.map(|app| app.name).filter(owns_app).collect(),
            all_envs: owned.iter().any(|p| p.env().is_none()),
            all_apps: owned.iter().any(|p| p.app().is_none()),
        })
    }

    /// Returns whether there is nothing to choose.
    pub fn is_empty(&self) -> bool {
        self.apps.is_empty() && !self.all_apps
    }
}

/// The three fields of a pattern, named `<name>[env]` and so on.
#[component]
pub fn PatternFields(
    /// Choices in the row.
    scope: ScopeChoices,
    /// Prefix of the names of the fields: `roles[0]`.
    #[prop(into)]
    name: String,
    /// Prefix of the pointers of their errors: `/roles/0`.
    #[prop(into)]
    pointer: String,
    /// Initial environment, application and namespace; `*` for all.
    value: [String; 3],
    /// Whether the row is ignored if no application is chosen.
    #[prop(optional)]
    optional: bool,
) -> impl IntoView {
    let t = lang();
    let [env, app, namespace] = value;
    let all = || ("*".to_owned(), t.part_all().to_owned());
    let offer = |names: Vec<String>, with_all: bool, none: bool, value: &str| {
        let mut options: Vec<(String, String)> = Vec::with_capacity(names.len() + 2);
        options.extend(none.then(|| (String::new(), t.part_choose().to_owned())));
        options.extend(with_all.then(all));
        options.extend(names.into_iter().map(|name| (name.clone(), name)));
        // The present value is always offered, even if the user may not grant it.
        if !value.is_empty() && !options.iter().any(|(sent, _)| sent == value) {
            options.push((value.to_owned(), if value == "*" { t.part_all().to_owned() } else { value.to_owned() }));
        }
        options
    };
    let texts = |names: &[EnvName]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let envs = offer(texts(&scope.envs), scope.all_envs, false, &env);
    let apps = offer(scope.apps.iter().map(ToString::to_string).collect(), scope.all_apps, optional, &app);
    let namespace = if namespace == "*" { String::new() } else { namespace };
    view! {
        <Select name=format!("{name}[app]") label=t.application() options=apps value=app pointer=format!("{pointer}/app") />
        <Select name=format!("{name}[env]") label=t.environment() options=envs value=env pointer=format!("{pointer}/env") />
        <Field
            name=format!("{name}[namespace]")
            label=t.namespace()
            value=namespace
            placeholder=t.part_all()
            pointer=format!("{pointer}/namespace")
            mono=true
        />
    }
    .into_any()
}

/// Returns the three parts of a pattern as values of fields.
pub fn pattern_parts(pattern: &Pattern) -> [String; 3] {
    let text = pattern.to_string();
    let mut parts = text.split('/').map(str::to_owned);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}
