//! `create-alias`: a new directory gets a name (section 9.4).

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::location::Location;
use super::quote::quoted;
use super::remote::{RemoteArgs, fail};
use super::{Globals, aliases};

/// Create a new directory and add an alias for it.
#[derive(Debug, Args)]
pub(super) struct CreateAliasArgs {
    /// Name of the alias
    #[arg(value_name = "ALIAS[:]")]
    alias: String,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: CreateAliasArgs, globals: &Globals) -> Result<ExitCode> {
    let name = aliases::name_of(&args.alias);
    if let Err(error) = args.remote.aliases(globals)?.check_new(name) {
        return Ok(fail(1, error.to_string()));
    }
    let remote = args.remote.open(globals)?;
    let answer = remote.node.post(&Location::new("/uri").t("mkdir"), "").await?;
    let cap = answer.expect_success("Error during HTTP request").await?.cap().await?;
    aliases::add(&globals.directory(), name, &cap)?;
    globals.say(format!("Alias {} created", quoted(name)))?;
    Ok(ExitCode::SUCCESS)
}
