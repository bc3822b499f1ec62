//! The preview of an import: what the file is, what it makes, and the answers that can be changed.

use std::sync::Arc;

use super::{
    APPLY, FileField, PATH,
    form::{ImportForm, encoded},
    listed,
    names::{Answers, Names},
    outcome::{MAX_ROWS, config_row, rank},
};
use crate::{
    components::{view::*, *},
    domain::{
        catalog::Env,
        exchange::{ImportNotes, ImportQuestion, NoteLevel},
        names::EnvName,
    },
    exchange::ReadExport,
    pages::shared::EnvStyles,
    service::{ConfigOutcome, ExportPreview, RefusedConfig},
    texts::Lang,
};

/// Maximum number of lines in a list of notes or names.
const MAX_LINES: usize = 50;

/// An export that was read, and its effect.
pub(super) struct ReadImport {
    /// The export.
    pub export: Arc<ReadExport>,
    /// Its effect.
    pub preview: Arc<ExportPreview>,
    /// The message of the changes.
    pub message: String,
    /// Whether the user may create environments.
    pub administers: bool,
}

#[component]
pub(super) fn Preview(
    form: Arc<ImportForm>,
    import: ReadImport,
    envs: Vec<Env>,
    env_styles: EnvStyles,
) -> impl IntoView {
    let t = lang();
    let ReadImport { export, preview, message, administers } = import;
    let layouts = export.questions.iter().find_map(|question| match question {
        ImportQuestion::Layout { choices, .. } => Some(choices.clone()),
        _ => None,
    });
    let generation = (!export.generation.is_empty()).then(|| format!(" ({})", export.generation));
    let about = format!("{}{}", export.product.title(), generation.unwrap_or_default());
    let name = form.text("name").to_owned();
    let file = view! { <bdi>{name.clone()}</bdi> }.into_any();
    let what = sentence(t.imports_read_as(), [file, view! { <b>{about}</b> }.into_any()]);
    let count = t.imports_configs(export.configs.len());
    let (create, incomplete) = (form.is_checked("create", true), form.is_checked("incomplete", false));
    let seen = preview.sha256();
    let data = encoded(&form.file);
    let is_renamed = form.names.values().flatten().any(|name| name.chosen != name.proposed);
    let (of_notes, of_names, of_answers) = (Arc::clone(&export), Arc::clone(&export), Arc::clone(&form));
    let (names_form, created) = (Arc::clone(&form), Arc::clone(&preview));
    let (configs_of, styles) = (Arc::clone(&preview), env_styles.clone());
    view! {
        <Form action=PATH id="import" upload=true class="stack">
            <Hidden name="again" value=name.clone() />
            <Hidden name="name" value=name />
            <Hidden name="seen" value=seen />
            <Hidden name="data" value=data />
            <Card id="file" title=t.imports_file_title()>
                <p>{what}" "{count}</p>
                <Notes export=of_notes />
            </Card>
            <Card id="answers" title=t.imports_answers()>
                <Answers form=of_answers envs=envs.clone() layouts=layouts.unwrap_or_default() />
                <Check name="create" label=t.imports_create() checked=create />
                <Check name="incomplete" label=t.imports_incomplete() checked=incomplete />
                <Reveal summary=t.imports_names() icon=I::Edit open=is_renamed>
                    <Names form=names_form export=of_names envs />
                    <FileField required=false />
                </Reveal>
                <p class="do"><Submit icon=I::Eye>{t.imports_again()}</Submit></p>
            </Card>
            <Created preview=created administers />
            <Configs form export preview=configs_of env_styles=styles />
            <Changes preview message env_styles />
        </Form>
    }
    .into_any()
}

/// Notes about what could not be carried over, what was adapted, and what was assumed.
#[component]
fn Notes(export: Arc<ReadExport>) -> impl IntoView {
    let t = lang();
    let group = |level: NoteLevel| {
        let lines = notes(t, &export, level);
        (!lines.is_empty()).then(|| view! { <h3>{t.note_level(level)}</h3>{listed(texts(lines), MAX_LINES)} })
    };
    let groups = [NoteLevel::Check, NoteLevel::LeftOut, NoteLevel::Changed].map(group).into_iter().flatten();
    let questions: Vec<String> = export.questions.iter().map(|question| t.import_question(question)).collect();
    let assumed =
        (!questions.is_empty()).then(|| view! { <h3>{t.imports_assumed()}</h3>{listed(texts(questions), MAX_LINES)} });
    view! { {assumed}{groups.collect_view()} }.into_any()
}

/// Returns the notes of a weight: those of the whole export, then those of configs.
fn notes(t: Lang, export: &ReadExport, level: NoteLevel) -> Vec<String> {
    let of = |notes: &ImportNotes, place: &str| {
        let chosen = notes.iter().filter(|note| note.kind.level() == level);
        chosen.map(|note| format!("{place}{}", t.import_note(note))).collect::<Vec<_>>()
    };
    let of_configs =
        export.configs.iter().flat_map(|found| of(&found.notes, &format!("{}{}", found.config, t.colon())));
    of(&export.notes, "").into_iter().chain(of_configs).collect()
}

fn texts(lines: Vec<String>) -> impl ExactSizeIterator<Item = AnyView> {
    lines.into_iter().map(|line| view! { <bdi>{line}</bdi> }.into_any())
}

/// Objects that the import creates, and environments that it needs.
#[component]
fn Created(preview: Arc<ExportPreview>, administers: bool) -> impl IntoView {
    let t = lang();
    let is_missing = |why: &RefusedConfig| *why == RefusedConfig::NoEnv;
    let mut missing: Vec<EnvName> =
        preview.refused().filter(|(_, why)| is_missing(why)).map(|(config, _)| config.env.clone()).collect();
    missing.sort();
    missing.dedup();
    let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
    let missing = (!missing.is_empty()).then(|| {
        let title = t.imports_envs_missing(&missing[..missing.len().min(MAX_LINES)].join(t.comma()));
        let add = administers.then(|| view! { " "<a href="/envs#add" target="_blank">{t.envs_add()}</a> });
        view! { <Banner title><p>{t.imports_envs_missing_text()}{add}</p></Banner> }
    });
    let (apps, namespaces) = (&preview.new_apps, &preview.new_namespaces);
    let new = (!apps.is_empty() || !namespaces.is_empty()).then(|| {
        let code = |text: String| view! { <code>{text}</code> }.into_any();
        let apps = (!apps.is_empty()).then(|| {
            let names = apps.iter().map(|app| code(app.to_string()));
            view! { <h3>{t.imports_new_apps(apps.len())}</h3>{listed(names, MAX_LINES)} }
        });
        let namespaces = (!namespaces.is_empty()).then(|| {
            let names = namespaces.iter().map(|(app, name, format)| code(format!("{app} / {name} ({format})")));
            view! { <h3>{t.imports_new_namespaces(namespaces.len())}</h3>{listed(names, MAX_LINES)} }
        });
        view! { <Card id="created" title=t.imports_created()>{apps}{namespaces}</Card> }
    });
    view! { {missing}{new} }.into_any()
}

/// The configs, first those to decide about. A page of them has their choices.
#[component]
fn Configs(
    form: Arc<ImportForm>,
    export: Arc<ReadExport>,
    preview: Arc<ExportPreview>,
    env_styles: EnvStyles,
) -> impl IntoView {
    let t = lang();
    let mut configs: Vec<_> = export.configs.iter().zip(&preview.configs).collect();
    configs.sort_by_key(|(_, previewed)| rank(&previewed.outcome));
    let all = configs.len();
    let from: usize = form.text("from").parse().unwrap_or(0);
    let from = if from < all { from - from % MAX_ROWS } else { 0 };
    let count = |is: fn(&ConfigOutcome) -> bool| configs.iter().filter(|(_, config)| is(&config.outcome)).count();
    let edited = count(|outcome| matches!(outcome, ConfigOutcome::Edited { .. }));
    let same = count(|outcome| matches!(outcome, ConfigOutcome::Same | ConfigOutcome::Nothing));
    let skipped = count(|outcome| matches!(outcome, ConfigOutcome::Skipped { .. }));
    let refused = count(|outcome| matches!(outcome, ConfigOutcome::Refused(_)));
    let counts = [
        t.imports_count_edited(edited),
        t.imports_count_same(same),
        t.imports_count_skipped(skipped),
        t.imports_count_refused(refused),
    ];
    let counts = counts.into_iter().zip([edited, same, skipped, refused]).filter(|(_, n)| *n > 0);
    let counts = counts.map(|(text, _)| view! { <span>{text}</span> }).collect_view();
    // Choices for configs on other pages stay.
    let shown = &configs[from..all.min(from + MAX_ROWS)];
    let elsewhere = form.choices.iter().filter(|(config, _)| shown.iter().all(|(found, _)| found.config != **config));
    let hidden = elsewhere.enumerate().map(|(n, (config, choice))| {
        let field = format!("choice-{}", MAX_ROWS + n);
        view! {
            <Hidden name=format!("{field}-of") value=config.to_string() />
            <Hidden name=field value=choice.as_str() />
        }
    });
    let hidden = hidden.collect_view();
    let rows = shown.iter().enumerate().map(|(n, (found, previewed))| {
        let chosen = form.choices.get(&found.config).copied();
        config_row(n, found, previewed, chosen, env_styles.get(&found.config.env))
    });
    let rows = rows.collect_view();
    let columns = vec![t.imports_config(), t.imports_effect(), t.imports_choice_column()];
    let turn = |to: usize, text: String| {
        view! { <Submit name="from" value=to.to_string()>{text}</Submit> }
    };
    let earlier = (from > 0).then(|| turn(from - MAX_ROWS, t.imports_earlier().to_owned()));
    let rest = all.saturating_sub(from + MAX_ROWS);
    let later = (rest > 0).then(|| turn(from + MAX_ROWS, t.imports_later(rest.min(MAX_ROWS), rest)));
    let pages = (from > 0 || rest > 0).then(|| view! { <p class="do">{earlier}{later}</p> });
    view! {
        <Card id="configs" title=t.imports_configs_title()>
            <p class="facts">{counts}</p>
            {hidden}
            <Table class="rows stacked" columns rows />
            {pages}
        </Card>
    }
    .into_any()
}

/// The changes that the import opens, and the button that opens them.
#[component]
fn Changes(preview: Arc<ExportPreview>, message: String, env_styles: EnvStyles) -> impl IntoView {
    let t = lang();
    let changes = &preview.changes;
    let makes_objects = !preview.new_apps.is_empty() || !preview.new_namespaces.is_empty();
    if changes.is_empty() && !makes_objects {
        return view! { <Banner mood=Mood::Quiet title=t.import_nothing()><p>{t.imports_nothing_text()}</p></Banner> }
            .into_any();
    }
    let items = changes.iter().map(|configs| {
        let tag = configs.first().map(|config| env_styles.get(&config.env)).map(|env| view! { <EnvTag env /> });
        view! { {tag}" "{t.imports_configs(configs.len())} }.into_any()
    });
    let list = listed(items, MAX_LINES);
    let says = match changes.len() {
        0 => t.imports_create_only().to_owned(),
        n => t.imports_apply(n),
    };
    view! {
        <Card id="changes" title=t.imports_changes(changes.len())>
            {list}
            <p>{t.imports_changes_text()}</p>
            <Field name="message" label=t.imports_message() value=message />
            <p class="do">
                <Submit tone=Tone::Primary icon=I::Import name="act" value=APPLY>{says}</Submit>
                <LinkButton href="/apps">{t.cancel()}</LinkButton>
            </p>
        </Card>
    }
    .into_any()
}
