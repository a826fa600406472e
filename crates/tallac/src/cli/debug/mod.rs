//! `tallac debug`: looks into caps and shares (section 9.5).

mod dump_cap;
mod dump_share;

use std::process::ExitCode;

use super::Globals;

/// Look into capabilities and shares
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    DumpCap(dump_cap::Args),
    DumpShare(dump_share::Args),
}

pub(super) fn run(command: Command, globals: &Globals) -> anyhow::Result<ExitCode> {
    match command {
        Command::DumpCap(args) => dump_cap::run(&args, globals),
        Command::DumpShare(args) => dump_share::run(&args, globals),
    }
}
