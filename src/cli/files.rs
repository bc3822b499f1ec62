//! `trimtab import` and `trimtab export`.

use std::{io::Read, path::PathBuf};

use clap::Args;

use super::{Bench, Failed};
use crate::{
    domain::{
        access::Actor,
        error::{Error, Invalid},
        limits,
        names::ConfigId,
        release::Delivery,
    },
    formats::{Source, Typing},
    service::{self, ImportMode, Publish},
};

#[derive(Args, Debug)]
pub(super) struct Import {
    /// The file; - is stdin
    file: PathBuf,
    /// Into which config, as prod/shop/application
    #[arg(long = "config", value_name = "ENV/APP/NAMESPACE")]
    config: String,
    /// How it is written, when its name does not say: properties, dotenv, json, yaml, toml
    #[arg(long)]
    format: Option<String>,
    /// Numbers and booleans become strings
    #[arg(long)]
    strings: bool,
    /// Keys that are not in the file go
    #[arg(long)]
    replace: bool,
    /// Publish at once
    #[arg(long)]
    publish: bool,
    /// Why
    #[arg(short, long, default_value = "")]
    message: String,
    /// The name of the environment, again, when it is protected
    #[arg(long, default_value = "")]
    confirm: String,
}

#[derive(Args, Debug)]
pub(super) struct Export {
    /// Which config, as prod/shop/application
    #[arg(long = "config", value_name = "ENV/APP/NAMESPACE")]
    config: String,
    /// How to write keys and values: properties, dotenv, json, yaml, toml
    #[arg(long, default_value = "json")]
    format: String,
    /// An older release
    #[arg(long)]
    release: Option<u64>,
    /// The file [default: stdout]
    #[arg(short, long)]
    output: Option<PathBuf>,
}

pub(super) async fn import(bench: &Bench, import: Import) -> Result<(), Failed> {
    let config = parse(&import.config)?;
    let text = read(&import.file)?;
    let name = import.file.to_string_lossy();
    let source = match &import.format {
        Some(format) => format.parse::<Source>().map_err(invalid)?,
        None => Source::from_file_name(&name).unwrap_or(Source::Json),
    };
    let typing = if import.strings { Typing::Strings } else { Typing::Keep };
    let mode = if import.replace { ImportMode::Replace } else { ImportMode::Merge };
    let wanted = service::Import { config: config.clone(), source, text, typing, mode };
    let actor = Actor::shell();
    let Some(saved) = bench.service.import(&actor, &wanted, None).await? else {
        println!("{config}: nothing to do, it says all this already");
        return Ok(());
    };
    let view = bench.service.change(&actor, &saved.change.id).await?;
    let counts = view
        .configs
        .iter()
        .map(|c| c.diff.counts())
        .fold((0, 0, 0), |(a, c, r), n| (a + n.added, c + n.changed, r + n.removed));
    let what = format!("{} added, {} changed, {} removed", counts.0, counts.1, counts.2);
    if !import.publish {
        println!("{config}: {what} in change {}, not yet published", saved.change.id);
        return Ok(());
    }
    let publish = Publish {
        change: saved.change.id,
        diff_sha256: Some(view.diff_sha256),
        message: Some(import.message),
        confirm: import.confirm,
        idempotency: None,
    };
    let published = bench.service.publish(&actor, publish).await?;
    let release = published.releases.first().map_or(0, |r| r.seq);
    match published.delivery {
        Delivery::Delivered { revision } => {
            println!("{config}: release {release} delivered (revision {revision}): {what}")
        }
        Delivery::Accepted { late_because } => {
            println!(
                "{config}: release {release} accepted: {what}; it is delivered as soon as possible ({late_because})"
            );
        }
    }
    Ok(())
}

pub(super) async fn export(bench: &Bench, export: Export) -> Result<(), Failed> {
    let config = parse(&export.config)?;
    let source = export.format.parse::<Source>().map_err(invalid)?;
    let (_, text) = bench.service.export(&Actor::shell(), &config, source, export.release).await?;
    match export.output {
        None => print!("{text}"),
        Some(path) => std::fs::write(&path, text).map_err(|e| Failed(format!("{}: {e}", path.display())))?,
    }
    Ok(())
}

fn parse(config: &str) -> Result<ConfigId, Failed> {
    config.parse().map_err(invalid)
}

fn invalid(wrong: Invalid) -> Failed {
    Error::from(wrong).into()
}

fn read(file: &PathBuf) -> Result<String, Failed> {
    let said = |e: std::io::Error| Failed(format!("{}: {e}", file.display()));
    // One byte more than is allowed tells a file that is too large from one that just fits.
    let most = limits::DOCUMENT_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(said)?;
    } else {
        std::fs::File::open(file).map_err(said)?.take(most).read_to_end(&mut bytes).map_err(said)?;
    }
    if bytes.len() as u64 == most {
        return Err(Error::TooLarge(limits::DOCUMENT_BYTES).into());
    }
    String::from_utf8(bytes).map_err(|e| {
        Failed(format!("{}: not UTF-8 at byte {}; save it as UTF-8", file.display(), e.utf8_error().valid_up_to()))
    })
}
