//! Answers to the questions of an export, and the names that the product's names get.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::form::{ImportForm, MAX_NAMES, MappedName, NameKind};
use crate::{
    components::{view::*, *},
    domain::{
        catalog::Env,
        exchange::{ImportLayout, Product},
    },
    exchange::{FoundConfig, ReadExport},
    service::ConfigChoice,
    texts::Lang,
};

/// Fields of the answers that the whole export needs.
#[component]
pub(super) fn Answers(
    /// The form as it was sent.
    form: Arc<ImportForm>,
    /// All environments that are not archived.
    envs: Vec<Env>,
    /// The meanings of the names that are possible. Without two of them there is no choice.
    layouts: Vec<ImportLayout>,
) -> impl IntoView {
    let t = lang();
    let mut env_options = env_options(&envs);
    env_options.insert(0, (String::new(), t.imports_env_named().to_owned()));
    let mut products = vec![(String::new(), t.source_detect().to_owned())];
    products.extend(Product::ALL.map(|product| (product.as_str().to_owned(), product.title().to_owned())));
    let choices = ConfigChoice::ALL.map(|choice| (choice.as_str().to_owned(), choice_label(t, choice).to_owned()));
    let sent_layout = form.text("layout").to_owned();
    let layout = (layouts.len() > 1 || !sent_layout.is_empty()).then(|| {
        let all = if layouts.len() > 1 { layouts } else { ImportLayout::ALL.to_vec() };
        let options = all.into_iter().map(|layout| (layout.as_str().to_owned(), layout_label(t, layout).to_owned()));
        let options = [(String::new(), t.source_detect().to_owned())].into_iter().chain(options).collect();
        view! { <Select name="layout" label=t.imports_layout() options value=sent_layout.clone() /> }
    });
    let is_open = ["app", "namespace", "product"].iter().any(|name| !form.text(name).is_empty());
    view! {
        <Select name="env" label=t.imports_env() hint=t.imports_env_hint() options=env_options value=form.text("env") />
        <Select name="choice" label=t.imports_choice() options=choices.to_vec() value=form.choice().as_str() />
        {layout}
        <Reveal summary=t.imports_more() open=is_open>
            <Select name="product" label=t.imports_product() options=products value=form.text("product") />
            <Field name="app" label=t.imports_app() mono=true value=form.text("app") />
            <Field name="namespace" label=t.imports_namespace() mono=true value=form.text("namespace") />
        </Reveal>
    }
    .into_any()
}

fn env_options(envs: &[Env]) -> Vec<(String, String)> {
    envs.iter().map(|env| (env.name.to_string(), env.name.to_string())).collect()
}

/// Returns the name of a treatment.
pub(super) fn choice_label(t: Lang, choice: ConfigChoice) -> &'static str {
    match choice {
        ConfigChoice::Merge => t.imports_merge(),
        ConfigChoice::Replace => t.imports_replace(),
        ConfigChoice::KeepLive => t.imports_keep_live(),
        ConfigChoice::Skip => t.imports_skip(),
    }
}

fn layout_label(t: Lang, layout: ImportLayout) -> &'static str {
    match layout {
        ImportLayout::Groups => t.imports_layout_groups(),
        ImportLayout::DataIds => t.imports_layout_data_ids(),
        ImportLayout::AppNames => t.imports_layout_app_names(),
        ImportLayout::EnvAppKey => t.imports_layout_env_app_key(),
        ImportLayout::AppProfileKey => t.imports_layout_app_profile_key(),
        ImportLayout::Documents => t.imports_layout_documents(),
        ImportLayout::Keys => t.imports_layout_keys(),
        ImportLayout::Merged => t.imports_layout_merged(),
        ImportLayout::AsIs => t.imports_layout_as_is(),
    }
}

/// Returns the names of a kind in an export: those of its configs, and those that the form leaves out.
fn names_of(form: &ImportForm, export: &ReadExport, kind: NameKind) -> Vec<MappedName> {
    let name = |found: &FoundConfig| match kind {
        NameKind::Env => (found.original.env.clone(), found.config.env.to_string()),
        NameKind::App => (found.original.app.clone(), found.config.app.to_string()),
        NameKind::Namespace => (found.original.namespace.clone(), found.config.namespace.to_string()),
    };
    let chosen: BTreeMap<&str, &MappedName> = form.chosen(kind).map(|name| (name.original.as_str(), name)).collect();
    let mut names: BTreeMap<String, MappedName> = BTreeMap::new();
    for (original, proposed) in export.configs.iter().map(name).filter(|(original, _)| !original.is_empty()) {
        let new = MappedName { original: original.clone(), chosen: proposed.clone(), proposed };
        names.entry(original).or_insert(new);
    }
    for (original, name) in chosen {
        names.insert(original.to_owned(), name.clone());
    }
    names.into_values().collect()
}

/// The names of the product, each with a field for the name that it gets.
#[component]
pub(super) fn Names(
    /// The form as it was sent.
    form: Arc<ImportForm>,
    /// The export.
    export: Arc<ReadExport>,
    /// All environments that are not archived.
    envs: Vec<Env>,
) -> impl IntoView {
    let t = lang();
    let known: BTreeSet<String> = envs.iter().map(|env| env.name.to_string()).collect();
    let group = |kind: NameKind| {
        let mut names = names_of(&form, &export, kind);
        if names.is_empty() {
            return None;
        }
        let (shown, more) = (names.len().min(MAX_NAMES), names.len().saturating_sub(MAX_NAMES));
        if more > 0 {
            // Changed names come first, so that none is lost beyond the last row.
            names.sort_by_key(|name| name.chosen == name.proposed);
        }
        let rows = names.into_iter().take(shown).enumerate();
        let rows = rows.map(|(n, name)| view! { <NameRow kind n name envs=envs.clone() known=known.clone() /> });
        let rows = rows.collect_view();
        let more = (more > 0).then(|| view! { <p class="hint">{t.imports_more_names(more)}</p> });
        let title = match kind {
            NameKind::Env => t.environments(),
            NameKind::App => t.applications(),
            NameKind::Namespace => t.apps_namespaces(),
        };
        Some(view! { <fieldset class="field"><legend>{title}</legend>{rows}{more}</fieldset> })
    };
    let groups = NameKind::ALL.into_iter().filter_map(group).collect_view();
    view! { <p class="hint">{t.imports_names_text()}</p>{groups} }.into_any()
}

#[component]
fn NameRow(
    /// Kind of the name.
    kind: NameKind,
    /// Number of the row.
    n: usize,
    /// The name.
    name: MappedName,
    /// All environments that are not archived.
    envs: Vec<Env>,
    /// Their names.
    known: BTreeSet<String>,
) -> impl IntoView {
    let t = lang();
    let field = format!("{}-{n}", kind.field());
    let (of, by) = (format!("{field}-of"), format!("{field}-by"));
    let MappedName { original, proposed, chosen } = name;
    let control = if kind == NameKind::Env {
        let mut options = env_options(&envs);
        // An environment that does not exist can be kept, and its configs are refused.
        if !known.contains(&proposed) {
            options.insert(0, (proposed.clone(), t.imports_env_missing(&proposed)));
        }
        options.push((String::new(), t.imports_leave_out().to_owned()));
        view! { <Select name=field label=original.clone() options value=chosen /> }.into_any()
    } else {
        view! { <Field name=field label=original.clone() mono=true value=chosen /> }.into_any()
    };
    view! {
        <Hidden name=of value=original />
        <Hidden name=by value=proposed />
        {control}
    }
    .into_any()
}
