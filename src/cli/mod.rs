//! The command line. Every command can run beside a server with the same settings.

mod admin;
mod change;
mod demo;
mod exports;
mod files;
mod health;
mod mistakes;
mod output;
mod token;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::{Args, Parser, Subcommand};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    automation,
    channel::Channel,
    delivery::{self, Publisher},
    domain::change::ChangeId,
    fast_path::FastPath,
    pages::assets::File,
    server::{
        self, data_dir,
        settings::{NodeRole, Settings},
        telemetry,
    },
    service::{Dispatch, Service},
    stdio,
    storage::Db,
    traces,
};
use mistakes::CommandError;

/// Trimtab, a configuration center with a web console.
#[derive(Parser, Debug)]
#[command(name = "trimtab", version, about, subcommand_required = false)]
struct Cli {
    #[command(flatten)]
    file: SettingsFile,
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

// Not global: after `import` and `export`, --config names the config.
#[derive(Args, Debug)]
struct SettingsFile {
    /// The settings file [default: trimtab.toml if it exists]
    #[arg(long = "config", id = "settings", value_name = "FILE")]
    path: Option<PathBuf>,
}

/// Settings on the command line. They override the environment and the file.
#[derive(Args, Debug)]
struct Flags {
    /// Address and port to listen on; port 0 takes any free one
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The folder of the SQLite file and the last known good
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Role of this process: console, or reader for only the read endpoints
    #[arg(long, global = true)]
    role: Option<String>,
    /// Filter of the log
    #[arg(long, global = true)]
    log: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the server (the default)
    Serve(SettingsFile),
    /// Print the settings in force and the origin of each
    Config,
    /// Administrators
    Admin {
        #[command(subcommand)]
        command: admin::AdminCommand,
    },
    /// Tokens of programs
    Token {
        #[command(subcommand)]
        command: token::TokenCommand,
    },
    /// Fill the database with demo data; safe to run twice
    Demo,
    /// Import a file as a new change, and optionally publish it; or a whole export with --from
    Import(files::ImportArgs),
    /// Write a config, or all of an application or environment, to a file
    Export(files::ExportArgs),
    /// Open changes: list, show, publish, discard
    Change {
        #[command(subcommand)]
        command: change::ChangeCommand,
    },
    /// Check that the server on this machine answers; for containers
    Healthcheck,
}

/// Timeout of a command's write of tokens for reader nodes.
const TOKEN_WRITE_TIMEOUT: Duration = Duration::from_secs(3);

/// Timeout of tasks that still run at the end of a command.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the command in the arguments. `site` has the files of the console.
///
/// Exit codes: 0 success, 1 failure, 2 wrong usage.
pub fn run(site: &'static [File]) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked) => return usage(&asked),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(dispatch(cli, site));
            // A task that is stuck in a system call must not block the exit.
            runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
            outcome
        }
        Err(e) => Err(format!("the runtime does not start: {e}").into()),
    };
    exit_code(outcome)
}

/// Prints clap's messages: help and version on stdout, wrong usage on stderr.
fn usage(clap_error: &clap::Error) -> ExitCode {
    if clap_error.use_stderr() {
        let _ = clap_error.print();
        return ExitCode::from(2);
    }
    let styled = clap_error.render();
    let text = if std::io::stdout().is_terminal() { styled.ansi().to_string() } else { styled.to_string() };
    exit_code(output::print(&text))
}

fn exit_code(outcome: Result<(), CommandError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            failed.lines().for_each(stdio::print_error);
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli, site: &'static [File]) -> Result<(), CommandError> {
    let flags = [
        ("listen", cli.flags.listen),
        ("data_dir", cli.flags.data_dir),
        ("role", cli.flags.role),
        ("log", cli.flags.log.clone()),
    ];
    let flags: Vec<(&str, String)> = flags.into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
    let command = cli.command.unwrap_or(Command::Serve(SettingsFile { path: None }));
    let file = match &command {
        Command::Serve(file) if file.path.is_some() => file.path.as_deref(),
        _ => cli.file.path.as_deref(),
    };
    let settings = Settings::load(file, std::env::vars(), &flags).map_err(|e| e.to_string())?;
    match command {
        Command::Serve(_) => {
            let (tracer, traces) = settings.collector.as_ref().map(traces::start).unzip();
            telemetry::start(&settings.log, settings.log_format, tracer)?;
            Ok(server::serve(settings, site, traces).await?)
        }
        Command::Config => output::print(&settings.describe()),
        Command::Healthcheck => health::check(&settings).await,
        command => {
            // A command reports its result on stdout. The log is for failures below it.
            telemetry::start(cli.flags.log.as_deref().unwrap_or("error"), settings.log_format, None)?;
            let mut context = CommandContext::open(&settings).await?;
            let done = match command {
                Command::Admin { command } => admin::run(&context, command).await,
                Command::Token { command } => token::run(&context, command).await,
                Command::Demo => {
                    context.without_delivery_wait();
                    demo::run(&context).await
                }
                Command::Import(import) => files::import(&context, import).await,
                Command::Export(export) => files::export(&context, export).await,
                Command::Change { command } => change::run(&context, command).await,
                Command::Serve(_) | Command::Config | Command::Healthcheck => Ok(()),
            };
            context.close().await;
            done
        }
    }
}

/// The context of commands: the use cases on the settings' database, and a publisher if this process may deliver.
struct CommandContext {
    service: Service,
    db: Db,
    channel: Option<Channel>,
    stop: CancellationToken,
    publisher: Option<tokio::task::JoinHandle<()>>,
    /// The address of the console for users.
    public_url: String,
}

impl CommandContext {
    async fn open(settings: &Settings) -> Result<Self, CommandError> {
        if settings.role == NodeRole::Reader {
            return Err("a reader node has no database; use the settings of a console".to_owned().into());
        }
        data_dir::create(&settings.data_dir)?;
        let db = Db::open(&settings.database_url).await?;
        let dispatch = Arc::new(Dispatch::new(FastPath::new(settings.fast_path)));
        let stop = CancellationToken::new();
        let mut service = Service::new(db.clone(), dispatch.clone());
        // The memory channel belongs to the server, which delivers a command's publish now or after its start.
        let channel = match &settings.etcd {
            Some(etcd) => Some(Channel::etcd(etcd.clone()).await.map_err(|e| format!("etcd: {e}"))?),
            None => None,
        };
        if channel.is_none() && !data_dir::DataDir::is_locked(&settings.data_dir) {
            service = service.with_delivery_timeout(Duration::ZERO);
        }
        let publisher = channel.clone().map(|channel| {
            let publisher = Publisher::new(db.clone(), channel, dispatch, stop.clone());
            tokio::spawn(publisher.run())
        });
        let public_url = server::public_url(settings, settings.listen);
        Ok(Self { service, db, channel, stop, publisher, public_url })
    }

    /// Returns the address of a change's page.
    fn page_of(&self, change: &ChangeId) -> String {
        automation::page_of(&self.public_url, change)
    }

    /// Writes tokens for reader nodes at once. If that fails, a console does it as soon as it can.
    async fn write_tokens(&self) {
        let Some(channel) = &self.channel else { return };
        match timeout(TOKEN_WRITE_TIMEOUT, delivery::write_tokens(&self.service, channel)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(error = %error, "tokens could not be written for reader nodes; consoles retry")
            }
            Err(_) => tracing::error!("etcd does not answer; consoles will write the tokens for reader nodes"),
        }
    }

    /// Switches off the wait for delivery by a server. The demo marks its releases as delivered itself.
    fn without_delivery_wait(&mut self) {
        if self.publisher.is_none() {
            self.service = self.service.clone().with_delivery_timeout(Duration::ZERO);
        }
    }

    async fn close(self) {
        self.stop.cancel();
        if let Some(publisher) = self.publisher {
            let _ = publisher.await;
        }
        self.db.close().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs};

    use clap::CommandFactory;

    use super::Cli;
    use crate::server::settings;

    const DOCUMENT: &str = "docs/configuration.md";
    const BEGIN: &str = "<!-- The table of settings is generated from src/server/settings.rs. -->\n";
    const END: &str = "<!-- End of the table. -->\n";

    #[test]
    fn the_document_lists_all_settings() {
        let command = Cli::command();
        let has_flag = |name: &str| command.get_arguments().any(|argument| argument.get_id() == name);
        let text = fs::read_to_string(DOCUMENT).unwrap();
        let (before, rest) = text.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        let current = format!("{before}{BEGIN}\n{}\n{END}{after}", settings::reference(has_flag));
        if env::var_os("UPDATE_DOCS").is_some() {
            fs::write(DOCUMENT, &current).unwrap();
            return;
        }
        let command = "UPDATE_DOCS=1 cargo test --features ssr --lib the_document_lists_all_settings";
        assert!(text == current, "{DOCUMENT} is out of date; write it anew with: {command}");
    }
}
