//! `debug`: looks at caps and shares (section 9.5).

mod dump_cap;
mod dump_share;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::{Globals, say};

/// Look at caps and shares.
#[derive(Debug, Args)]
pub(crate) struct DebugArgs {
    #[command(subcommand)]
    command: DebugCommand,
}

#[derive(Debug, Subcommand)]
enum DebugCommand {
    DumpCap(dump_cap::DumpCapArgs),
    DumpShare(dump_share::DumpShareArgs),
}

/// Runs the command.
pub(crate) fn run(args: DebugArgs, globals: &Globals) -> Result<ExitCode> {
    let text = match args.command {
        DebugCommand::DumpCap(args) => dump_cap::dump(&args)?,
        DebugCommand::DumpShare(args) => dump_share::dump(&args)?,
    };
    say::line(globals, &text);
    Ok(ExitCode::SUCCESS)
}
