//! `trimtab token create`.

use clap::Subcommand;

use super::{CommandContext, CommandError, output};
use crate::{
    domain::{
        access::{Actor, Pattern},
        token::TokenKind,
    },
    service::{NewToken, ShownToken, now},
    stdio,
};

#[derive(Subcommand, Debug)]
pub(super) enum TokenCommand {
    /// Create a token and print only the token on stdout. It cannot be shown again
    Create {
        /// Name of the token
        #[arg(long)]
        name: String,
        /// Configs that the token may read, as 'prod/shop/*'; can be repeated
        #[arg(long, value_name = "ENV/APP/NAMESPACE", num_args = 1..)]
        read: Vec<String>,
        /// Configs that the token may read and write; creates an automation token
        #[arg(long, value_name = "ENV/APP/NAMESPACE", num_args = 1.., conflicts_with = "read")]
        write: Vec<String>,
        /// Allow the token to create applications and environments
        #[arg(long, conflicts_with = "read")]
        admin: bool,
        /// Lifetime, as 90d or 12h [default: until the token is revoked]
        #[arg(long, value_name = "DURATION")]
        expires: Option<String>,
    },
}

pub(super) async fn run(context: &CommandContext, command: TokenCommand) -> Result<(), CommandError> {
    let TokenCommand::Create { name, read, write, admin, expires } = command;
    let kind = if write.is_empty() && !admin { TokenKind::Read } else { TokenKind::Automation };
    if kind == TokenKind::Read && read.is_empty() {
        let said = "the scope is missing; use --read 'prod/shop/*', --write 'prod/shop/*' or --admin";
        return Err(said.to_owned().into());
    }
    let patterns = read
        .iter()
        .chain(&write)
        .map(|p| p.parse::<Pattern>().map_err(|e| CommandError::from(crate::domain::error::Error::from(e))));
    let mut patterns = patterns.collect::<Result<Vec<_>, _>>()?;
    if admin && patterns.is_empty() {
        patterns.push("*/*/*".parse().map_err(|e| CommandError::from(crate::domain::error::Error::from(e)))?);
    }
    let expires_at = match expires {
        None => None,
        Some(text) => Some(now().plus_ms(parse_lifetime(&text)?)),
    };
    let new = NewToken { name, kind, patterns, creator: admin, expires_at };
    if stdio::is_stdout_null() {
        return Err("stdout is closed or /dev/null, where the token would be lost; none was made".to_owned().into());
    }
    let shown = context.service.create_token(&Actor::shell(), new).await?;
    // Reader nodes get the token before it is printed, so that it works as soon as it is printed.
    context.write_tokens().await;
    match output::print_once(&shown.text) {
        Ok(()) => Ok(()),
        Err(failed) => Err(revoke_unprinted(context, &shown, failed).await),
    }
}

/// Revokes a token that could not be printed.
async fn revoke_unprinted(context: &CommandContext, shown: &ShownToken, failed: CommandError) -> CommandError {
    let id = &shown.token.id;
    match context.service.revoke_token(&Actor::shell(), id).await {
        Ok(()) => {
            context.write_tokens().await;
            failed.and(format!("the token was not printed, so it is revoked (id {id})"))
        }
        Err(error) => failed.and(format!("the token was not printed; revoke it by hand (id {id}): {error}")),
    }
}

/// Parses the lifetime of a token, in milliseconds.
fn parse_lifetime(text: &str) -> Result<i64, CommandError> {
    let wrong = |why: &str| CommandError::from(format!("--expires {text:?}: {why}; write 90d or 12h"));
    let wait = humantime::parse_duration(text).map_err(|e| wrong(&e.to_string()))?;
    match i64::try_from(wait.as_millis()).unwrap_or(i64::MAX) {
        0 => Err(wrong("the lifetime is zero")),
        ms => Ok(ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_of_tokens_are_parsed() {
        assert_eq!(parse_lifetime("12h").ok(), Some(12 * 3_600_000));
        for bad in ["0d", "0s", "1ns", "soon"] {
            assert!(parse_lifetime(bad).is_err(), "{bad}");
        }
    }
}
