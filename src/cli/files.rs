//! `trimtab import` and `trimtab export`.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{CommandContext, CommandError, change, exports, mistakes::problem_text, output};
use crate::{
    domain::{
        access::Actor,
        content::Format,
        error::{Error, Invalid, Problem, StateConflict},
        names::{AppName, ConfigId, EnvName},
    },
    formats::{self, ItemFormat, MAX_PROBLEMS, MAX_SOURCE_BYTES, Typing},
    service::{self, ImportMode},
    stdio,
};

/// Formats of namespaces that are not formats of items.
const TEXTS: [Format; 2] = [Format::Xml, Format::Text];

#[derive(Args, Debug)]
#[command(
    after_help = "An import creates a new change, based on the live content. It does not modify open changes. Only the \
id of the change is printed on stdout; `trimtab change` shows, publishes or discards it. With --publish the change is \
created and published in one step, and a refused import leaves no open change.\n\n\
With --from a whole export of Trimtab or another product is imported, as one or several changes. Without --apply only \
a preview is printed. The command fails if a config cannot be imported.\n\n\
Each mistake is reported in one line as FILE:LINE:COLUMN: MESSAGE. The name of stdin is -."
)]
pub(super) struct ImportArgs {
    /// File to import; - is stdin
    file: PathBuf,
    /// Config to import into, as prod/shop/application
    #[arg(
        long = "config",
        value_name = "ENV/APP/NAMESPACE",
        value_parser = config,
        required_unless_present = "from"
    )]
    config: Option<ConfigId>,
    #[command(flatten)]
    whole: exports::FromArgs,
    /// Format of the file: properties, dotenv, json, yaml, toml [default: detected from the name or the content]
    #[arg(long, value_parser = format)]
    format: Option<String>,
    /// Convert numbers and booleans to strings
    #[arg(long)]
    strings: bool,
    /// Remove keys that are not in the file
    #[arg(long)]
    replace: bool,
    /// With --replace, let a file without keys remove all keys
    #[arg(long, requires = "replace")]
    allow_empty: bool,
    /// Publish at once
    #[arg(long)]
    publish: bool,
    /// Reason for the change
    #[arg(short, long, default_value = "")]
    message: String,
    /// Name of the environment, to confirm if it is protected
    #[arg(long, value_name = "ENV", default_value = "")]
    confirm: String,
}

#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    /// Config to export, as prod/shop/application
    #[arg(
        long = "config",
        value_name = "ENV/APP/NAMESPACE",
        value_parser = config,
        required_unless_present_any = ["env", "app"]
    )]
    config: Option<ConfigId>,
    /// Export all configs of this environment, for `import --from trimtab`: JSON, or a zip if --output ends in .zip
    #[arg(long, value_name = "ENV", value_parser = exports::name::<EnvName>, conflicts_with_all = ["config", "format", "release"])]
    env: Option<EnvName>,
    /// Export all configs of this application
    #[arg(long, value_name = "APP", value_parser = exports::name::<AppName>, conflicts_with_all = ["config", "format", "release"])]
    app: Option<AppName>,
    /// Format of keys and values: properties, dotenv, json, yaml, toml [default: by the name of --output, else json]. A
    /// text is written unchanged
    #[arg(long, value_parser = format)]
    format: Option<String>,
    /// Number of an older release [default: the live release]
    #[arg(long, value_name = "NUMBER")]
    release: Option<u64>,
    /// File to write; its old content stays if the export fails [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn import(context: &CommandContext, import: ImportArgs) -> Result<(), CommandError> {
    let mode = if import.replace { ImportMode::Replace } else { ImportMode::Merge };
    let (Some(config), None) = (&import.config, &import.whole.from) else {
        return exports::import(context, &import.file, import.whole, mode, import.message).await;
    };
    let (actor, file) = (Actor::shell(), import.file.to_string_lossy());
    let text = read(&import.file)?;
    let wanted = service::Import {
        source: source_format(context, &actor, config, &import, &text).await?,
        config: config.clone(),
        text: text.into(),
        typing: if import.strings { Typing::Strings } else { Typing::Keep },
        mode,
        allow_empty: import.allow_empty,
    };
    if import.publish {
        let published = context.service.import_and_publish(&actor, &wanted, import.message, import.confirm).await;
        return match published {
            Ok(published) => change::report(context, &actor, &published).await,
            Err(error) => refused(config, &file, error),
        };
    }
    match context.service.import_into_new_change(&actor, &wanted, import.message).await {
        Ok(id) => {
            // The change exists, even if the database no longer answers.
            if let Ok(view) = context.service.change(&actor, &id).await {
                stdio::print_error(&format!("{config}: {} in change {id}, not yet published", change::counts(&view)));
            }
            output::print_line(id)
        }
        Err(error) => refused(config, &file, error),
    }
}

/// Reports a refused import. If everything is live already, that is no failure.
fn refused(config: &ConfigId, file: &str, error: Error) -> Result<(), CommandError> {
    match error {
        Error::State(StateConflict::Empty) => {
            output::print_line(format!("{config}: nothing to do, all is already live"))
        }
        error => {
            let failed = CommandError::of(file, &error);
            let cut = matches!(&error, Error::Invalid(all) if all.len() == MAX_PROBLEMS);
            Err(if cut {
                failed.line(format!("{file}: only the first {MAX_PROBLEMS} mistakes are listed"))
            } else {
                failed
            })
        }
    }
}

/// Returns the format in which the file is parsed. A text namespace takes the file as it is.
async fn source_format(
    context: &CommandContext,
    actor: &Actor,
    config: &ConfigId,
    import: &ImportArgs,
    text: &str,
) -> Result<ItemFormat, CommandError> {
    let (format, file) = (context.service.format(actor, config).await?, import.file.to_string_lossy());
    if format != Format::Kv {
        return match import.format.as_deref().filter(|asked| !formats::is_name_of(format, asked)) {
            Some(asked) => Err(unknown_format(asked, format)),
            None => Ok(ItemFormat::Json),
        };
    }
    if let Some(asked) = &import.format {
        return asked.parse().map_err(invalid);
    }
    Ok(ItemFormat::from_file_name(&file).unwrap_or_else(|| {
        let source = formats::detect(None, text);
        stdio::print_error(&format!("{file}: taken for {source}; --format says otherwise"));
        source
    }))
}

pub(super) async fn export(context: &CommandContext, export: ExportArgs) -> Result<(), CommandError> {
    let actor = Actor::shell();
    let output = export.output.filter(|path| path.as_os_str() != "-");
    let Some(config) = &export.config else {
        return exports::export(context, export.env.as_ref(), export.app.as_ref(), output.as_deref()).await;
    };
    let asked = match (export.format, &output) {
        (None, Some(path)) => format_from_file_name(context, &actor, config, path).await?,
        (asked, _) => asked,
    };
    let exported = context.service.export(&actor, config, asked.as_deref(), export.release).await;
    let text = exported.map_err(|error| CommandError::of(&config.to_string(), &error))?.text;
    match output {
        None => output::print(text.expose()),
        Some(path) => output::write(&path, text.expose().as_bytes()),
    }
}

/// Returns the format that the name of a file implies, if any. A plain text can have any name.
async fn format_from_file_name(
    context: &CommandContext,
    actor: &Actor,
    config: &ConfigId,
    path: &Path,
) -> Result<Option<String>, CommandError> {
    let xml = || path.extension().is_some_and(|end| end.eq_ignore_ascii_case("xml")).then_some("xml");
    let named = ItemFormat::from_file_name(&path.to_string_lossy()).map(ItemFormat::as_str).or_else(xml);
    Ok(match named {
        Some(named) if context.service.format(actor, config).await? != Format::Text => Some(named.to_owned()),
        _ => None,
    })
}

fn unknown_format(asked: &str, format: Format) -> CommandError {
    let known = vec![format.as_str().to_owned()];
    invalid(Invalid::new("/format", Problem::Unknown { given: asked.to_owned(), known }))
}

/// Parses a config, for clap.
fn config(text: &str) -> Result<ConfigId, String> {
    text.parse().map_err(problem_text)
}

/// Parses the name of a format of items or texts, for clap.
fn format(text: &str) -> Result<String, String> {
    if TEXTS.into_iter().any(|format| formats::is_name_of(format, text)) {
        return Ok(text.to_owned());
    }
    text.parse().map(|source: ItemFormat| source.as_str().to_owned()).map_err(problem_text)
}

fn invalid(wrong: Invalid) -> CommandError {
    Error::from(wrong).into()
}

/// Reads a file up to the maximum size of a document's source.
fn read(path: &Path) -> Result<String, CommandError> {
    let name = path.to_string_lossy();
    let failed = |error: std::io::Error| CommandError::io(&name, &error);
    // One byte more than allowed distinguishes a file that is too large from one that just fits.
    let most = MAX_SOURCE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(most).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 == most {
        let error = Error::TooLarge(MAX_SOURCE_BYTES);
        return Err(CommandError::from(format!("{name}: {}", crate::texts::Lang::En.error(&error))));
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(&name, error.as_bytes(), error.utf8_error().valid_up_to()))
}

fn not_utf8(name: &str, bytes: &[u8], at: usize) -> CommandError {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let line = before.rsplit('\n').next().unwrap_or_default();
    let (line, column) = (before.matches('\n').count() + 1, line.chars().count() + 1);
    let what = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "this is UTF-16; save the file as UTF-8".to_owned(),
        _ => format!("byte 0x{:02X} is not UTF-8; save the file as UTF-8", bytes[at]),
    };
    CommandError::at(name, line, column, &what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_is_reported_with_its_place() {
        let of = |bytes: &[u8]| {
            let error = String::from_utf8(bytes.to_vec()).unwrap_err();
            not_utf8("a.env", bytes, error.utf8_error().valid_up_to()).lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(
            of("A=1\né=\u{fc}".as_bytes().split_last().unwrap().1),
            ["a.env:2:3: byte 0xC3 is not UTF-8; save the file as UTF-8"]
        );
        assert_eq!(of(b"\xff\xfeA\0"), ["a.env:1:1: this is UTF-16; save the file as UTF-8"]);
    }

    #[test]
    fn aliases_of_formats_are_accepted_in_any_case() {
        for (given, taken) in [("yml", "yaml"), (".ENV", "dotenv"), ("Props", "properties"), ("json", "json")] {
            assert_eq!(format(given).as_deref(), Ok(taken));
        }
        assert_eq!(format("xml").as_deref(), Ok("xml"));
        assert!(format("ini").unwrap_err().contains("dotenv"));
    }
}
