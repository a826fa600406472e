//! `tallac completions`: lets a shell complete our commands and options.

use std::process::ExitCode;

use clap_complete::Shell;

use super::{Globals, program};

/// Print a script that lets a shell complete commands and options
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(args: Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::definition(), program::name(), &mut script);
    globals.say(String::from_utf8(script)?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
