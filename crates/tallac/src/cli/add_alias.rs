//! `add-alias`: a directory that exists gets a name (section 9.4).

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::quote::quoted;
use super::remote::{RemoteArgs, fail};
use super::{Globals, aliases};

/// Add a new alias for an existing directory.
#[derive(Debug, Args)]
pub(super) struct AddAliasArgs {
    /// Name of the alias
    #[arg(value_name = "ALIAS[:]")]
    alias: String,
    /// Capability of the directory
    #[arg(value_name = "DIRCAP")]
    cap: String,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) fn run(args: &AddAliasArgs, globals: &Globals) -> Result<ExitCode> {
    let name = aliases::name_of(&args.alias);
    if let Err(error) = args.remote.aliases(globals)?.check_new(name) {
        return Ok(fail(1, error.to_string()));
    }
    let cap = match aliases::directory_cap(&args.cap) {
        Ok(cap) => cap,
        Err(why) => {
            return Ok(fail(1, format!("Only a directory can have an alias, and {why}.")));
        }
    };
    aliases::add(&globals.directory(), name, &cap)?;
    globals.say(format!("Alias {} added", quoted(name)))?;
    Ok(ExitCode::SUCCESS)
}
