//! `unlink`: a name goes from its directory (section 9.4).

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::Globals;
use super::program;
use super::remote::{RemoteArgs, fail};

/// Remove a named file or directory from its parent directory.
#[derive(Debug, Args)]
pub(super) struct UnlinkArgs {
    /// The name: a path that may begin with an alias
    #[arg(value_name = "REMOTE_FILE")]
    place: String,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: UnlinkArgs, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let place = remote.aliases.resolve(&args.place)?;
    if place.path.is_empty() {
        let message = format!(
            "\n'{} unlink' can only unlink directory entries, so a path must be given.",
            program::name()
        );
        return Ok(fail(1, message));
    }
    let answer = remote.node.delete(&place.location()).await?;
    let status = answer.status();
    if !status.is_success() {
        return Ok(fail(1, answer.failure("ERROR").await));
    }
    globals.say(status.to_string())?;
    Ok(ExitCode::SUCCESS)
}
