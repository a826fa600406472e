//! `maintain`: what the node's maintenance does and has found; a command of our own.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use serde_json::json;

use super::quote::plain_line;
use super::{Globals, program};
use crate::config::{NodeDirectory, TALLAC_TOML};
use crate::files::{self, Access};
use crate::maintain::{self, Listener, RUN_NOW_FILE, STATE_FILE, State};

/// See what the node's maintenance does, or ask for it.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Status(StatusArgs),
    RunNow(RunNowArgs),
}

/// Show how far the maintenance is, and what it found.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// Print it as JSON, for programs
    #[arg(long)]
    json: bool,
}

/// Let a round begin now.
#[derive(Debug, Args)]
pub(super) struct RunNowArgs {}

/// Runs the command.
pub(super) fn run(command: Command, globals: &Globals) -> Result<ExitCode> {
    match command {
        Command::Status(args) => status(&args, globals),
        Command::RunNow(_) => run_now(globals),
    }
}

/// Tells what the node has saved, whether it runs or not.
fn status(args: &StatusArgs, globals: &Globals) -> Result<ExitCode> {
    let directory = NodeDirectory::new(&globals.directory())?;
    let config = maintain::enabled(directory.path())?;
    let state = State::load(&directory.private(STATE_FILE))?;
    match (config, args.json) {
        (Some(config), true) => {
            let told = maintain::json(&state, &config, Listener::Owner);
            globals.say(serde_json::to_string_pretty(&told)?)?;
        }
        (None, true) => globals.say(json!({ "enabled": false }).to_string())?,
        (Some(config), false) => {
            for sentence in maintain::sentences(&state, &config, Listener::Owner) {
                globals.say(plain_line(&sentence))?;
            }
        }
        (None, false) => globals.say(is_off())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn is_off() -> String {
    format!("Maintenance is off: set [maintenance] enabled = true in {TALLAC_TOML} to have it.")
}

fn run_now(globals: &Globals) -> Result<ExitCode> {
    let directory = NodeDirectory::new(&globals.directory())?;
    if maintain::enabled(directory.path())?.is_none() {
        bail!("{}", is_off());
    }
    files::write(&directory.private(RUN_NOW_FILE), "", Access::Private)?;
    let name = program::name();
    globals.say(format!(
        "A round begins within seconds if the node runs, or else once it does; see '{name} \
         maintain status'."
    ))?;
    Ok(ExitCode::SUCCESS)
}
