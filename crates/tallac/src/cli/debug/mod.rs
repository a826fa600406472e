//! `tallac debug`: looks into caps and shares (section 9.5).

mod catalog_shares;
mod corrupt_share;
mod dump_cap;
mod dump_share;
mod find_shares;
mod leases;
mod mutable_share;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::remote::fail;
use super::{Globals, program};

/// Look into capabilities and shares
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    DumpCap(dump_cap::Args),
    DumpShare(dump_share::Args),
    FindShares(find_shares::Args),
    CatalogShares(catalog_shares::Args),
    CorruptShare(corrupt_share::Args),
    /// Not there: read logs with tools for JSON lines
    Flogtool(Ignored),
    /// Obsolete
    #[command(hide = true)]
    Trial(Ignored),
    /// Obsolete
    #[command(hide = true)]
    Repl(Ignored),
}

/// Arguments that nothing is done with.
#[derive(Debug, clap::Args)]
pub(super) struct Ignored {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<OsString>,
}

pub(super) fn run(command: Command, globals: &Globals) -> anyhow::Result<ExitCode> {
    match command {
        Command::DumpCap(args) => dump_cap::run(&args, globals),
        Command::DumpShare(args) => dump_share::run(&args, globals),
        Command::FindShares(args) => find_shares::run(&args, globals),
        Command::CatalogShares(args) => catalog_shares::run(&args, globals),
        Command::CorruptShare(args) => corrupt_share::run(&args, globals),
        Command::Flogtool(_) => Ok(fail(
            1,
            "flogtool is a program of Foolscap, for log files of its own. Nodes of Tallac write \
             text or JSON lines: read them with 'jq' or 'less'. For a flog file of another node, \
             run Foolscap's flogtool.",
        )),
        Command::Trial(_) => Ok(obsolete("trial", "'cargo xtask test' in the project's source")),
        Command::Repl(_) => Ok(obsolete("repl", "'python' for a prompt of Python")),
    }
}

fn obsolete(command: &str, instead: &str) -> ExitCode {
    let program = program::name();
    fail(1, format!("'{program} debug {command}' is obsolete. Please run {instead}."))
}

/// Where the shares are of a node that keeps its storage in the usual place.
fn shares_dir(node: &Path) -> PathBuf {
    node.join("storage").join("shares")
}
