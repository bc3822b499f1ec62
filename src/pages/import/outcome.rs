//! The effect of an import on one config.

use super::names::choice_label;
use crate::{
    components::{view::*, *},
    domain::{
        content::Content,
        diff::{Diff, KeyChange},
        error::{Error, Need},
        limits,
    },
    exchange::FoundConfig,
    pages::shared::ConfigName,
    service::{ConfigChoice, ConfigOutcome, PreviewedConfig, RefusedConfig, SizeLimit},
    texts::Lang,
};

/// Number of configs on a page.
pub(super) const MAX_ROWS: usize = 100;
/// Maximum number of keys that a config names.
const MAX_KEYS: usize = 30;

/// Returns the rank of a config: those to decide about come first.
pub(super) fn rank(outcome: &ConfigOutcome) -> u8 {
    match outcome {
        ConfigOutcome::Refused(_) => 0,
        ConfigOutcome::Skipped { .. } => 1,
        ConfigOutcome::Edited { differing: 1.., .. } => 2,
        ConfigOutcome::Edited { .. } => 3,
        ConfigOutcome::Nothing => 4,
        ConfigOutcome::Same => 5,
    }
}

/// Renders a config of the export. `n` is the number of the row, which names its fields, and `chosen` the treatment that
/// was chosen for this config.
pub(super) fn config_row(
    n: usize,
    found: &FoundConfig,
    previewed: &PreviewedConfig,
    chosen: Option<ConfigChoice>,
    env_style: EnvStyle,
) -> AnyView {
    let t = lang();
    let PreviewedConfig { config, outcome } = previewed;
    let incomplete =
        found.is_incomplete().then(|| view! { " "<Badge mood=Mood::Warn>{t.imports_is_incomplete()}</Badge> });
    let can_choose =
        chosen.is_some() || matches!(outcome, ConfigOutcome::Edited { .. } | ConfigOutcome::Skipped { .. });
    let choice = can_choose.then(|| {
        let options = std::iter::once(("", t.imports_as_all()))
            .chain(ConfigChoice::ALL.map(|choice| (choice.as_str(), choice_label(t, choice))));
        let options = options.map(|(value, text)| {
            let selected = chosen.map_or("", ConfigChoice::as_str) == value;
            view! { <option value=value selected=selected>{text}</option> }
        });
        let field = format!("choice-{n}");
        let label = t.imports_choice_of(&config.to_string());
        view! {
            <Hidden name=format!("{field}-of") value=config.to_string() />
            <select name=field aria-label=label>{options.collect_view()}</select>
        }
    });
    let path = found.path.clone();
    let path = (!path.is_empty()).then(|| view! { <br /><small class="quiet"><bdi>{path}</bdi></small> });
    let (id, effect) = (config.clone(), effect(outcome));
    view! {
        <tr>
            <td><ConfigName id env_style />{incomplete}{path}</td>
            <td>{effect}</td>
            <td>{choice}</td>
        </tr>
    }
    .into_any()
}

/// Renders the effect on a config.
fn effect(outcome: &ConfigOutcome) -> AnyView {
    let t = lang();
    match outcome {
        ConfigOutcome::Same => view! { <span class="quiet">{t.imports_same()}</span> }.into_any(),
        ConfigOutcome::Nothing => view! { <span class="quiet">{t.imports_empty()}</span> }.into_any(),
        ConfigOutcome::Skipped { differing, .. } => {
            let differs = differing_text(t, *differing);
            view! { <Badge>{t.imports_skipped()}</Badge>" "{differs} }.into_any()
        }
        ConfigOutcome::Refused(why) => {
            let text = refusal(t, why);
            view! { <span class="flag warn"><Icon name=I::Stop /><span>{text}</span></span> }.into_any()
        }
        ConfigOutcome::Edited { now, new, only_live, differing, .. } => {
            let diff = Diff::of(now, new);
            let counts = diff.counts();
            let differs = match new {
                Content::Text(_) if *differing > 0 => Some(t.imports_differing_text().to_owned()),
                _ => differing_text(t, *differing),
            };
            let differs = differs.map(|text| view! { <p class="quiet">{text}</p> });
            let only_live = *only_live;
            let only = (only_live > 0).then(|| view! { <p class="quiet">{t.imports_only_live(only_live)}</p> });
            view! { <DiffSummary counts />{differs}{only}<Keys diff /> }.into_any()
        }
    }
}

fn differing_text(t: Lang, n: usize) -> Option<String> {
    (n > 0).then(|| t.imports_differing(n))
}

/// Names of the changed keys, without values.
#[component]
fn Keys(diff: Diff) -> impl IntoView {
    let t = lang();
    let Diff::Kv(keys) = diff else { return ().into_any() };
    let more = keys.len().saturating_sub(MAX_KEYS);
    let more = (more > 0).then(|| view! { <li class="quiet">{t.change_more(more)}</li> });
    let rows = keys.into_iter().take(MAX_KEYS).map(|key| {
        let kind: KeyChange = key.kind();
        view! { <li><code>{key.key}</code>" "<span class="quiet">{kind_label(kind)}</span></li> }
    });
    let rows = rows.collect_view();
    view! {
        <details>
            <summary class="aim"><u>{t.imports_keys()}</u></summary>
            <ul class="problems">{rows}{more}</ul>
        </details>
    }
    .into_any()
}

/// Returns why a config is not imported, and what to do.
fn refusal(t: Lang, why: &RefusedConfig) -> String {
    match why {
        RefusedConfig::NoEnv => t.imports_refused_env().to_owned(),
        RefusedConfig::Missing => t.imports_refused_missing().to_owned(),
        RefusedConfig::MayNotCreate => t.error(&Error::Forbidden(Need::Own)),
        RefusedConfig::Archived => t.imports_refused_archived().to_owned(),
        RefusedConfig::NoAccess => t.cell_hidden().to_owned(),
        RefusedConfig::NotAllowed(need) => t.error(&Error::Forbidden(*need)),
        RefusedConfig::Format { live, found } => t.imports_refused_format(live.as_str(), found.as_str()),
        RefusedConfig::Incomplete => t.imports_refused_incomplete().to_owned(),
        RefusedConfig::TooLarge(SizeLimit::Items(n)) => t.imports_refused_keys(*n, limits::ITEMS),
        RefusedConfig::TooLarge(SizeLimit::Edits(n)) => t.imports_refused_edits(*n, limits::ITEMS),
        RefusedConfig::TooLarge(SizeLimit::Bytes(n)) => {
            t.imports_refused_bytes(&t.size(*n), &t.size(limits::DOCUMENT_BYTES))
        }
    }
}
