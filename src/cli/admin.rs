//! `trimtab admin create`.

use std::io::{BufRead, IsTerminal};

use clap::Subcommand;

use super::{CommandContext, CommandError, output};
use crate::{auth::user_name, domain::access::Actor};

#[derive(Subcommand, Debug)]
pub(super) enum AdminCommand {
    /// Create an administrator, or give an existing user administrator rights and a new password
    Create {
        /// The name to log in with
        name: String,
        /// Read the password from the first line of stdin
        #[arg(long)]
        password_stdin: bool,
    },
}

pub(super) async fn run(context: &CommandContext, command: AdminCommand) -> Result<(), CommandError> {
    let AdminCommand::Create { name, password_stdin } = command;
    let password = if password_stdin { from_stdin()? } else { ask()? };
    let new = context.service.put_administrator(&Actor::shell(), &name, &password).await?;
    let done = if new { "created" } else { "has a new password; all sessions of this user are ended" };
    output::print_line(format!("administrator {} {done}", user_name::canonical(&name)))
}

fn from_stdin() -> Result<String, CommandError> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| CommandError::io("stdin", &e))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask() -> Result<String, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err("no terminal to ask for a password; use --password-stdin".to_owned().into());
    }
    let failed = |e: std::io::Error| CommandError::io("the password cannot be read", &e);
    let password = rpassword::prompt_password("New password (12 to 128 characters): ").map_err(failed)?;
    if rpassword::prompt_password("Again: ").map_err(failed)? != password {
        return Err("the two passwords are not the same".to_owned().into());
    }
    Ok(password)
}
