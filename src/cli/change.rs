//! `trimtab change`: open changes of all authors.

use std::fmt::Write;

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use super::{CommandContext, CommandError, output};
use crate::{
    automation,
    domain::{
        access::Actor,
        change::{Change, ChangeId, ChangeState},
        content::{Item, ValueType},
        diff::{self, Counts, Diff, DiffRow, KeyDiff, Window, Word},
        error::{Error, truncate},
        names::ConfigId,
        release::{Delivery, Published},
        time::Time,
        unseen,
    },
    service::{ChangeSummary, ChangeView, PublishRequest, now},
    stdio,
};

/// Number of unchanged lines around each difference of a text.
const CONTEXT: usize = 3;

#[derive(Subcommand, Debug)]
pub(super) enum ChangeCommand {
    /// List the open changes of all authors, the last edited first, one page at a time
    List {
        /// Continue after this cursor, which the previous page printed
        #[arg(long, value_name = "CURSOR")]
        after: Option<String>,
        /// Print JSON: {changes, next}
        #[arg(long)]
        json: bool,
    },
    /// Show what a change does: + is added, - is removed, ~ is changed
    Show {
        /// Id of the change
        id: String,
        /// Print the JSON that GET /api/v1/changes/{id} returns
        #[arg(long)]
        json: bool,
    },
    /// Publish an open change of any author
    Publish {
        /// Id of the change
        id: String,
        /// Reason for the publish [default: the message of the change]
        #[arg(short, long)]
        message: Option<String>,
        /// Name of the protected environment, to confirm; several names are separated by commas
        #[arg(long, value_name = "ENV", default_value = "")]
        confirm: String,
        /// Print the JSON that POST /api/v1/changes/{id}/publish returns
        #[arg(long)]
        json: bool,
    },
    /// Discard an open change of the command line, of a token, or of a user who can no longer log in
    Discard {
        /// Id of the change
        id: String,
        /// Print the JSON that DELETE /api/v1/changes/{id} returns
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(context: &CommandContext, command: ChangeCommand) -> Result<(), CommandError> {
    let actor = Actor::shell();
    match command {
        ChangeCommand::List { after, json } => list(context, &actor, after.as_deref(), json).await,
        ChangeCommand::Show { id, json } => {
            let view = context.service.change(&actor, &parse(&id)?).await?;
            if json {
                print_json(&automation::change(&view, context.page_of(&view.change.id)))
            } else {
                output::print(&format_change(&view))
            }
        }
        ChangeCommand::Publish { id, message, confirm, json } => {
            let view = context.service.change(&actor, &parse(&id)?).await?;
            let publish = PublishRequest {
                change: view.change.id,
                diff_sha256: Some(view.diff_sha256),
                message,
                confirm,
                idempotency: None,
            };
            let published = context.service.publish(&actor, publish).await?;
            if json {
                print_json(&automation::publication(&published, context.page_of(&published.change)))
            } else {
                report(context, &actor, &published).await
            }
        }
        ChangeCommand::Discard { id, json } => {
            let id = parse(&id)?;
            context.service.discard(&actor, &id).await?;
            if !json {
                return output::print_line(format!("change {id} is discarded"));
            }
            let view = context.service.change(&actor, &id).await?;
            print_json(&automation::change(&view, context.page_of(&id)))
        }
    }
}

/// Parses the id of a change. A malformed id is reported like a missing change.
fn parse(id: &str) -> Result<ChangeId, CommandError> {
    id.parse().map_err(|_| Error::NotFound(format!("change {}", truncate(id))).into())
}

fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    let text = serde_json::to_string_pretty(value).expect("texts and numbers can be written as JSON");
    output::print_line(text)
}

async fn list(context: &CommandContext, actor: &Actor, after: Option<&str>, json: bool) -> Result<(), CommandError> {
    let after = after.map(|text| {
        cursor(text).ok_or_else(|| CommandError::from(format!("--after {}: not a valid cursor", truncate(text))))
    });
    let (views, next) = context.service.open_changes(actor, after.transpose()?).await?;
    let next = next.map(|(at, id)| format!("{}.{id}", at.0));
    if json {
        let changes: Vec<Value> = views.iter().map(|view| listed(view, context.page_of(&view.change.id))).collect();
        return print_json(&json!({"changes": changes, "next": next}));
    }
    let now = now();
    output::print(&views.iter().map(|view| row(view, now)).collect::<String>())?;
    match next {
        Some(next) => stdio::print_error(&format!("more changes: trimtab change list --after {next}")),
        None if views.is_empty() => stdio::print_error("no change is open"),
        None => {}
    }
    Ok(())
}

/// Parses the end of a page: the time of its last change, and its id.
fn cursor(text: &str) -> Option<(Time, ChangeId)> {
    let (at, id) = text.split_once('.')?;
    Some((Time(at.parse().ok()?), id.parse().ok()?))
}

/// Returns an open change as JSON, for the list.
fn listed(view: &ChangeSummary, url: String) -> Value {
    let config = |(config, counts, conflicts): &(ConfigId, Counts, usize)| {
        let Counts { added, changed, removed } = counts;
        json!({"config": config, "added": added, "changed": changed, "removed": removed, "conflicts": conflicts})
    };
    let change = &view.change;
    json!({
        "id": change.id,
        "state": change.state.as_str(),
        "message": change.message,
        "author": change.author_name,
        "created_at": change.created_at.rfc3339(),
        "updated_at": change.updated_at.rfc3339(),
        "configs": view.configs.iter().map(config).collect::<Vec<_>>(),
        "url": url,
    })
}

/// Formats a change in one line, its id first.
fn row(view: &ChangeSummary, now: Time) -> String {
    let Change { id, author_name, message, updated_at, .. } = &view.change;
    let configs: Vec<String> = view.configs.iter().map(|(config, ..)| config.to_string()).collect();
    let message = message.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let message = if message.is_empty() { String::new() } else { format!("  {}", visible(message)) };
    let conflicts = match view.conflicts {
        0 => String::new(),
        n => format!("  {n} in conflict"),
    };
    format!(
        "{id}  {:>4}  {}  {}{conflicts}  {}{message}\n",
        age(now.0 - updated_at.0),
        author_name,
        counts_text(view.counts),
        configs.join(" ")
    )
}

/// Formats the number of keys, or lines of texts, that a change adds, changes and removes.
pub(super) fn counts(view: &ChangeView) -> String {
    counts_text(view.counts())
}

pub(super) fn counts_text(counts: Counts) -> String {
    format!("{} added, {} changed, {} removed", counts.added, counts.changed, counts.removed)
}

/// Formats an age in the largest unit that fits: `59s`, `3m`, `5h`, `12d`.
fn age(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Prints each release of a publish with its delivery.
///
/// # Errors
/// Fails if stdout cannot be written.
pub(super) async fn report(context: &CommandContext, actor: &Actor, published: &Published) -> Result<(), CommandError> {
    // The publish has succeeded, even if the database no longer answers.
    let view = context.service.change(actor, &published.change).await.ok();
    let mut text = String::new();
    for release in &published.releases {
        let config = view.as_ref().and_then(|view| view.configs.iter().find(|c| c.config == release.config));
        let counts = config.map(|c| format!(": {}", counts_text(c.diff.counts()))).unwrap_or_default();
        let line = match &published.delivery {
            Delivery::Delivered { revision } => {
                writeln!(text, "{}: release {} delivered (revision {revision}){counts}", release.config, release.seq)
            }
            Delivery::Accepted { late_because } => writeln!(
                text,
                "{}: release {} accepted{counts}; it is delivered as soon as possible ({late_because})",
                release.config, release.seq
            ),
        };
        line.expect("writing to a string succeeds");
    }
    output::print(&text).map_err(|failed| failed.and(format!("change {} is published", published.change)))
}

/// Formats a change: its head, then each config with a line for each key or line that differs.
fn format_change(view: &ChangeView) -> String {
    let Change { id, author_name, message, state, created_at, updated_at, .. } = &view.change;
    let since = match state {
        ChangeState::Open => format!("open, last edited {}", updated_at.rfc3339()),
        ChangeState::Published => format!("published {}", updated_at.rfc3339()),
        ChangeState::Discarded => format!("discarded, opened {}", created_at.rfc3339()),
    };
    let mut text = format!("change {id}\nby {}, {since}\n", visible(author_name));
    for line in message.lines() {
        text += &format!("    {}\n", visible(line));
    }
    for config in &view.configs {
        let release = if view.change.state == ChangeState::Published { "release" } else { "live release" };
        let head = format!("\n{} ({release} {}): {}\n", config.config, config.live, counts_text(config.diff.counts()));
        text += &head;
        text += &difference(&config.diff);
        for conflict in &config.conflicts {
            let what = if conflict.key.is_empty() { "the text".to_owned() } else { conflict.key.clone() };
            text += &format!("! {} was changed by somebody else meanwhile\n", visible(&what));
        }
    }
    text
}

fn difference(diff: &Diff) -> String {
    match diff {
        Diff::Kv(keys) => keys.iter().map(format_key).collect(),
        Diff::Text { old, new } => {
            let shown = diff::lines(old.expose(), new.expose(), CONTEXT, Window::after(0));
            let mut text: String = shown.rows.iter().map(format_row).collect();
            if shown.remaining() > 0 {
                text += &format!("@ {} more rows are on the page of the change\n", shown.remaining());
            }
            text
        }
    }
}

/// Formats one key in one line. A key of which only the comment differs has the same value on both sides.
fn format_key(KeyDiff { key, old, new }: &KeyDiff) -> String {
    let key = visible(key);
    match (old, new) {
        (None, Some(new)) => format!("+ {key} = {}\n", value(new)),
        (Some(old), None) => format!("- {key} = {}\n", value(old)),
        (Some(old), Some(new)) => format!("~ {key} = {} -> {}\n", value(old), value(new)),
        (None, None) => String::new(),
    }
}

/// Formats a value in one line: a string in quotes, another type as in the document, and the comment behind it.
fn value(item: &Item) -> String {
    let shown = match item.kind {
        ValueType::String => serde_json::to_string(item.value.expose()).expect("a string is JSON"),
        _ => item.value.expose().to_owned(),
    };
    let comment = if item.comment.is_empty() { String::new() } else { format!("  # {}", item.comment) };
    visible(&(shown + &comment))
}

fn format_row(row: &DiffRow) -> String {
    let whole = |words: &[Word]| words.iter().map(|word| word.text.expose()).collect::<String>();
    match row {
        DiffRow::Same { text, .. } => format!("  {}\n", visible(text.expose())),
        DiffRow::Fold { lines } => format!("@ {lines} unchanged lines\n"),
        DiffRow::Differs { old, new } => {
            let old = old.as_ref().map(|line| format!("- {}\n", visible(&whole(&line.words)))).unwrap_or_default();
            let new = new.as_ref().map(|line| format!("+ {}\n", visible(&whole(&line.words)))).unwrap_or_default();
            old + &new
        }
    }
}

/// Escapes control characters, so that a text cannot move the cursor of a terminal. Escapes invisible characters, so
/// that different values cannot look alike.
fn visible(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut before = '\0';
    for c in text.chars() {
        if c == '\t' || !unseen::is_unseen(c) || unseen::is_usual_after(before, c) {
            line.push(c);
        } else if c.is_control() {
            line.extend(c.escape_debug());
        } else {
            line.extend(c.escape_unicode());
        }
        before = c;
    }
    line
}
