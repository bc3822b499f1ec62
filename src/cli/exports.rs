//! Import and export of whole applications and environments: `trimtab import --from`, and `trimtab export` without
//! `--config`.

use std::{
    collections::BTreeMap,
    fmt::Write,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::Args;
use serde_json::json;

use super::{
    CommandContext, CommandError,
    mistakes::{one_line, problem_text},
    output,
};
use crate::{
    domain::{
        access::Actor,
        error::{Error, Invalid},
        exchange::{ExportRefusal, ImportLayout, ImportNotes, NoteLevel, Product},
        limits,
        names::{AppName, ConfigId, EnvName, NamespaceName},
    },
    exchange::{
        self, ExportEntry, ExportSource, FoundConfig, MAX_ENTRIES, MAX_EXPORT_BYTES, ReadExport, ReadOptions,
        is_of_system,
    },
    service::{
        AppliedExport, ApplyExport, ConfigChoice, ConfigOutcome, ExportPreview, ImportMode, RefusedConfig, SizeLimit,
    },
    stdio,
    texts::{Lang, grouped},
};

/// Language of commands.
const LANG: Lang = Lang::En;

#[derive(Args, Debug)]
pub(super) struct FromArgs {
    /// Import a whole export of a product: auto, trimtab, apollo, nacos, r-nacos, consul, etcd, spring, kubernetes, dotnet.
    /// FILE can be a folder. Without --apply this is only a preview
    #[arg(
        long,
        value_name = "PRODUCT",
        value_parser = from,
        conflicts_with_all = ["config", "format", "strings", "allow_empty", "publish", "confirm"]
    )]
    pub(super) from: Option<FromProduct>,
    /// Open the changes. Nothing is published
    #[arg(long, requires = "from")]
    apply: bool,
    /// Create missing applications and namespaces
    #[arg(long, requires = "from")]
    create: bool,
    /// Import configs also if keys or documents of them are left out
    #[arg(long, requires = "from")]
    incomplete: bool,
    /// Environment, if the export names none
    #[arg(long, requires = "from", value_name = "ENV", value_parser = name::<EnvName>)]
    env: Option<EnvName>,
    /// Application, if the export names none
    #[arg(long, requires = "from", value_name = "APP", value_parser = name::<AppName>)]
    app: Option<AppName>,
    /// Namespace, if the export names none
    #[arg(long, requires = "from", value_name = "NAMESPACE", value_parser = name::<NamespaceName>)]
    namespace: Option<NamespaceName>,
    /// Meaning of the names: groups, data-ids, app-names; env-app-key, app-profile-key, documents, keys; merged, as-is
    #[arg(long, requires = "from", value_parser = name::<ImportLayout>)]
    layout: Option<ImportLayout>,
    /// Environment for one of the product, as PRO=prod; PRO= leaves it out. Can be repeated
    #[arg(long, requires = "from", value_name = "ORIGINAL=ENV", value_parser = mapped::<EnvName>)]
    map_env: Vec<Mapped<EnvName>>,
    /// Application for one of the product, as OrderCenter=orders; can be repeated
    #[arg(long, requires = "from", value_name = "ORIGINAL=APP", value_parser = mapped::<AppName>)]
    map_app: Vec<Mapped<AppName>>,
    /// Namespace for one of the product; can be repeated
    #[arg(long, requires = "from", value_name = "ORIGINAL=NAMESPACE", value_parser = mapped::<NamespaceName>)]
    map_namespace: Vec<Mapped<NamespaceName>>,
    /// Print JSON
    #[arg(long, requires = "from")]
    json: bool,
}

/// The product to read, or any.
#[derive(Clone, Copy, Debug)]
pub(super) struct FromProduct(Option<Product>);

/// An original name with the chosen one. `None` leaves it out.
type Mapped<Name> = (String, Option<Name>);

fn from(text: &str) -> Result<FromProduct, String> {
    match text {
        "auto" => Ok(FromProduct(None)),
        name => name.parse().map(|product| FromProduct(Some(product))).map_err(problem_text),
    }
}

/// Parses a name, for clap.
pub(super) fn name<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, String> {
    text.parse().map_err(problem_text)
}

fn mapped<T: FromStr<Err = Invalid>>(text: &str) -> Result<Mapped<T>, String> {
    let (original, chosen) = text.rsplit_once('=').ok_or("write ORIGINAL=NAME")?;
    let chosen = if chosen.is_empty() { None } else { Some(chosen.parse().map_err(problem_text)?) };
    Ok((original.to_owned(), chosen))
}

/// Previews or applies the import of a whole export.
pub(super) async fn import(
    context: &CommandContext,
    file: &Path,
    args: FromArgs,
    mode: ImportMode,
    message: String,
) -> Result<(), CommandError> {
    let options = ReadOptions {
        product: args.from.and_then(|FromProduct(product)| product),
        max_unpacked: None,
        env: args.env,
        app: args.app,
        namespace: args.namespace,
        layout: args.layout,
        envs: args.map_env.into_iter().collect::<BTreeMap<_, _>>(),
        apps: args.map_app.into_iter().collect(),
        namespaces: args.map_namespace.into_iter().collect(),
    };
    let name = file.to_string_lossy();
    let export = exchange::read(read(file)?, &options).map_err(|refusal| refused(&name, &refusal))?;
    let default_message = || format!("import: {} {}", export.product, file_name(file));
    let apply = ApplyExport {
        configs: export.configs.clone(),
        choice: if mode == ImportMode::Replace { ConfigChoice::Replace } else { ConfigChoice::Merge },
        choices: BTreeMap::new(),
        create: args.create,
        allow_incomplete: args.incomplete,
        message: if message.is_empty() { default_message() } else { message },
    };
    let (preview, changes) = if args.apply {
        let AppliedExport { preview, changes } = context.service.apply_export(&Actor::shell(), &apply).await?;
        (preview, Some(changes))
    } else {
        (context.service.preview_export(&Actor::shell(), &apply).await?, None)
    };
    let ids: Option<Vec<String>> = changes.map(|changes| changes.iter().map(ToString::to_string).collect());
    if args.json {
        output::print_line(report_json(&export, &preview, ids.as_deref()))?;
    } else {
        let report = report(&export, &preview, ids.is_some());
        match &ids {
            None => output::print(&report)?,
            Some(ids) => {
                stdio::print_error(report.trim_end());
                ids.iter().try_for_each(output::print_line)?;
            }
        }
    }
    match preview.refused().count() {
        0 => Ok(()),
        n => Err(format!("{name}: {n} of {} cannot be imported", configs(preview.configs.len())).into()),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn refused(file: &str, refusal: &ExportRefusal) -> CommandError {
    match refusal {
        ExportRefusal::Mistake { path, invalid } => {
            let subject = if path.is_empty() { file.to_owned() } else { format!("{file}/{path}") };
            CommandError::of(&subject, &Error::from(invalid.clone()))
        }
        refusal => format!("{file}: {}", LANG.export_refusal(refusal)).into(),
    }
}

/// Describes an import for people.
fn report(export: &ReadExport, preview: &ExportPreview, is_applied: bool) -> String {
    let mut out = String::new();
    let generation = if export.generation.is_empty() { String::new() } else { format!(" ({})", export.generation) };
    let _ = writeln!(out, "{}{generation}: {}\n", export.product.title(), configs(export.configs.len()));
    for (found, previewed) in export.configs.iter().zip(&preview.configs) {
        let incomplete = if found.is_incomplete() { ", incomplete" } else { "" };
        let _ = writeln!(out, "  {}: {}{incomplete}", previewed.config, outcome(&previewed.outcome));
    }
    for level in [NoteLevel::Check, NoteLevel::Changed, NoteLevel::LeftOut] {
        let lines = notes(export, level);
        if !lines.is_empty() {
            let _ = writeln!(out, "\n{}:", LANG.note_level(level));
            lines.into_iter().for_each(|line| out += &format!("  {line}\n"));
        }
    }
    if !export.questions.is_empty() {
        out += "\nAssumed:\n";
        let lines = export.questions.iter().map(|question| one_line(&LANG.import_question(question)));
        lines.for_each(|line| out += &format!("  {line}\n"));
    }
    let created = preview.new_apps.iter().map(|app| format!("application {app}"));
    let created: Vec<String> = created
        .chain(preview.new_namespaces.iter().map(|(app, name, format)| format!("namespace {app}/{name} ({format})")))
        .collect();
    if !created.is_empty() {
        let _ = writeln!(out, "\n{}:", if is_applied { "Created" } else { "To be created" });
        created.into_iter().for_each(|line| out += &format!("  {line}\n"));
    }
    out.push('\n');
    match preview.changes.len() {
        0 => out += "Nothing to import.\n",
        n => {
            let _ = writeln!(out, "{n} {}:", if n == 1 { "change" } else { "changes" });
            for (n, part) in preview.changes.iter().enumerate() {
                let env = part.first().map(|config| config.env.as_str()).unwrap_or_default();
                let _ = writeln!(out, "  {}. {env}: {}", n + 1, configs(part.len()));
            }
            out += match is_applied {
                true => "The changes are open. Review and publish them in the console or with `trimtab change`.\n",
                false => "This is a preview. Repeat it with --apply to open the changes.\n",
            };
        }
    }
    out
}

fn configs(n: usize) -> String {
    if n == 1 { "1 config".to_owned() } else { format!("{n} configs") }
}

/// Returns the notes of a weight: those of the whole export, then those of configs.
fn notes(export: &ReadExport, level: NoteLevel) -> Vec<String> {
    let of = |notes: &ImportNotes, place: &str| {
        let chosen = notes.iter().filter(|note| note.kind.level() == level);
        chosen.map(|note| format!("{place}{}", LANG.import_note(note))).collect::<Vec<_>>()
    };
    let of_configs = export.configs.iter().flat_map(|found| of(&found.notes, &format!("{}: ", found.config)));
    of(&export.notes, "").into_iter().chain(of_configs).map(|line| one_line(&line)).collect()
}

fn outcome(outcome: &ConfigOutcome) -> String {
    match outcome {
        ConfigOutcome::Same => "equal".to_owned(),
        ConfigOutcome::Nothing => "nothing was saved".to_owned(),
        ConfigOutcome::Skipped { .. } => "skipped".to_owned(),
        ConfigOutcome::Edited { only_live, .. } => {
            let counts = outcome.diff().map(|diff| diff.counts()).unwrap_or_default();
            let kept = if *only_live > 0 { format!(", {only_live} only live") } else { String::new() };
            format!("{}{kept}", super::change::counts_text(counts))
        }
        ConfigOutcome::Refused(why) => format!("REFUSED: {}", why_refused(why)),
    }
}

fn why_refused(why: &RefusedConfig) -> String {
    match why {
        RefusedConfig::NoEnv => {
            "there is no such environment; create it, or name another with --env or --map-env".to_owned()
        }
        RefusedConfig::Missing => "there is no such namespace; --create creates it".to_owned(),
        RefusedConfig::MayNotCreate => LANG.error(&Error::Forbidden(crate::domain::error::Need::Own)),
        RefusedConfig::Archived => "its environment, application or namespace is archived".to_owned(),
        RefusedConfig::NoAccess => "no access".to_owned(),
        RefusedConfig::NotAllowed(need) => LANG.error(&Error::Forbidden(*need)),
        RefusedConfig::Format { live, found } => format!("the namespace has the format {live}, the export has {found}"),
        RefusedConfig::Incomplete => "keys or documents are left out; --incomplete imports the others".to_owned(),
        RefusedConfig::TooLarge(SizeLimit::Items(n)) => {
            format!("it would have {} keys; at most {}", grouped(n), grouped(limits::ITEMS))
        }
        RefusedConfig::TooLarge(SizeLimit::Edits(n)) => {
            format!("it would need {} edits; at most {} in a change", grouped(n), grouped(limits::ITEMS))
        }
        RefusedConfig::TooLarge(SizeLimit::Bytes(n)) => {
            format!("its document would have {} bytes; at most {}", grouped(n), grouped(limits::DOCUMENT_BYTES))
        }
    }
}

/// Describes an import for programs.
fn report_json(export: &ReadExport, preview: &ExportPreview, changes: Option<&[String]>) -> serde_json::Value {
    let notes = |notes: &ImportNotes| -> Vec<serde_json::Value> {
        let note = |note: &crate::domain::exchange::ImportNote| {
            json!({
                "level": note.kind.level().as_str(), "kind": note.kind.name(), "count": note.count,
                "examples": note.examples, "text": LANG.import_note(note),
            })
        };
        notes.iter().map(note).collect()
    };
    let config = |(found, previewed): (&FoundConfig, &crate::service::PreviewedConfig)| {
        let (state, edits, why) = match &previewed.outcome {
            ConfigOutcome::Same => ("equal", 0, None),
            ConfigOutcome::Nothing => ("nothing", 0, None),
            ConfigOutcome::Skipped { .. } => ("skipped", 0, None),
            ConfigOutcome::Edited { edits, .. } => ("edited", edits.len(), None),
            ConfigOutcome::Refused(why) => ("refused", 0, Some(why_refused(why))),
        };
        json!({
            "config": found.config.to_string(), "format": found.format.as_str(), "path": found.path,
            "original": {"env": found.original.env, "app": found.original.app, "namespace": found.original.namespace},
            "state": state, "edits": edits, "refused": why, "incomplete": found.is_incomplete(), "notes": notes(&found.notes),
        })
    };
    let parts = |parts: &[Vec<ConfigId>]| -> Vec<Vec<String>> {
        parts.iter().map(|configs| configs.iter().map(ToString::to_string).collect()).collect()
    };
    json!({
        "product": export.product.as_str(), "generation": export.generation,
        "configs": export.configs.iter().zip(&preview.configs).map(config).collect::<Vec<_>>(),
        "notes": notes(&export.notes),
        "questions": export.questions.iter().map(|question| LANG.import_question(question)).collect::<Vec<_>>(),
        "parts": parts(&preview.changes), "changes": changes,
    })
}

/// Reads a file, a folder or stdin, up to the maximum size.
fn read(path: &Path) -> Result<ExportSource, CommandError> {
    if path.is_dir() {
        let mut files = Vec::new();
        let mut room = MAX_EXPORT_BYTES;
        read_folder(path, path, &mut files, &mut room)?;
        return Ok(ExportSource::Folder(files));
    }
    let name = path.to_string_lossy();
    let failed = |error: std::io::Error| CommandError::io(&name, &error);
    // One byte more than allowed distinguishes a file that is too large from one that just fits.
    let most = MAX_EXPORT_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    Ok(ExportSource::File(bytes))
}

/// Reads the files of a folder, without following links. Files of operating systems and of Git are skipped.
fn read_folder(root: &Path, folder: &Path, files: &mut Vec<ExportEntry>, room: &mut usize) -> Result<(), CommandError> {
    let failed = |path: &Path, error: &std::io::Error| CommandError::io(&path.to_string_lossy(), error);
    let refuse = |refusal| Err(refused(&root.to_string_lossy(), &refusal));
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| failed(folder, &error))?;
    entries.sort();
    entries.retain(|path| !path.file_name().is_some_and(|name| is_of_system(&name.to_string_lossy())));
    for path in entries {
        let kind = path.symlink_metadata().map_err(|error| failed(&path, &error))?;
        if kind.is_dir() {
            read_folder(root, &path, files, room)?;
        } else if kind.is_file() {
            if files.len() == MAX_ENTRIES {
                return refuse(ExportRefusal::TooManyEntries { max: MAX_ENTRIES });
            }
            let mut bytes = Vec::new();
            let file = std::fs::File::open(&path).map_err(|error| failed(&path, &error))?;
            file.take(*room as u64 + 1).read_to_end(&mut bytes).map_err(|error| failed(&path, &error))?;
            let Some(rest) = room.checked_sub(bytes.len()) else {
                return refuse(ExportRefusal::TooLarge { max: MAX_EXPORT_BYTES });
            };
            *room = rest;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push(ExportEntry { path: relative, bytes });
        }
    }
    Ok(())
}

/// Writes all configs of an environment or application: a zip if the name of the file ends in `.zip`, else JSON.
pub(super) async fn export(
    context: &CommandContext,
    env: Option<&EnvName>,
    app: Option<&AppName>,
    file: Option<&Path>,
) -> Result<(), CommandError> {
    let configs = context.service.export_all(&Actor::shell(), env, app).await?;
    match file {
        None => output::print(&exchange::write_json(&configs)),
        Some(path) if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip")) => {
            output::write(path, &exchange::write_zip(&configs))
        }
        Some(path) => output::write(path, exchange::write_json(&configs).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_git_and_systems_are_not_read() {
        let root = std::env::temp_dir().join(format!("trimtab-folder-{}", uuid::Uuid::new_v4().simple()));
        for (path, content) in [
            (".git/objects/pack", "x"),
            ("a/.DS_Store", "x"),
            ("a/._b.yml", "x"),
            ("a/b.yml", "b: 1"),
            (".gitignore", "x"),
        ] {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let mut room = "b: 1".len() + "x".len();
        let mut files = Vec::new();
        let read = read_folder(&root, &root, &mut files, &mut room);
        std::fs::remove_dir_all(&root).unwrap();
        read.unwrap();
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!((&paths[..], room), (&[".gitignore", "a/b.yml"][..], 0));
    }

    #[test]
    fn names_in_an_export_cannot_control_the_terminal() {
        let path = "o/shop/PRO/shop+\u{1b}[2J+a.properties";
        let entry =
            ExportEntry { path: path.into(), bytes: b"[{\"key\":\"a\",\"value\":\"1\",\"lineNum\":1}]".to_vec() };
        let other = ExportEntry { path: "o/\u{9b}2J".into(), bytes: Vec::new() };
        let source = ExportSource::Folder(vec![entry, other]);
        let export = exchange::read(source, &ReadOptions::default()).unwrap();
        let preview = ExportPreview { configs: vec![], new_apps: vec![], new_namespaces: vec![], changes: vec![] };
        let report = report(&export, &preview, false);
        assert!(report.contains("The cluster PRO/\\u{1b}[2J becomes"), "{report}");
        assert!(!report.contains(|c: char| c.is_control() && c != '\n'), "{report:?}");
        let refusal = refused("x.zip", &ExportRefusal::Charset { path: path.into() });
        assert!(refusal.lines().all(|line| !line.contains(char::is_control)), "{refusal:?}");
    }
}
