//! `mkdir`: a new directory (section 9.4).

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::location::Location;
use super::quote::plain;
use super::remote::RemoteArgs;
use super::{Globals, UsageError};

/// Create a new directory, either unlinked or as a subdirectory.
///
/// Its capability goes to standard output.
#[derive(Debug, Args)]
pub(super) struct MkdirArgs {
    /// Where to link it: a path that may begin with an alias
    #[arg(value_name = "REMOTE_DIR", default_value = "", hide_default_value = true)]
    place: String,
    /// Format of the directory, SDMF or MDMF (case-insensitive)
    #[arg(long)]
    format: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: MkdirArgs, globals: &Globals) -> Result<ExitCode> {
    if let Some(format) = &args.format
        && !["SDMF", "MDMF"].contains(&format.to_ascii_uppercase().as_str())
    {
        return Err(UsageError::new(format!("{format} is an invalid format")).into());
    }
    let remote = args.remote.open(globals)?;
    let mut location = Location::new("/uri");
    if !args.place.is_empty() {
        let place = remote.aliases.resolve(&args.place)?;
        if !place.path.is_empty() {
            let path = place.path.strip_suffix('/').unwrap_or(&place.path);
            location = Location::cap(&place.cap).descend(path);
        }
    }
    location = location.t("mkdir");
    if let Some(format) = &args.format {
        location = location.with("format", format);
    }
    let answer = remote.node.post(&location, "").await?;
    let cap = answer.expect_success("Error during HTTP request").await?.cap().await?;
    globals.say(plain(&cap))?;
    Ok(ExitCode::SUCCESS)
}
