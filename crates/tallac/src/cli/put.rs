//! `put`: a file goes to the grid, its capability to standard output (section 9.4).

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::aliases::Aliases;
use super::local_file::{self, absolute};
use super::location::Location;
use super::private_key::PrivateKey;
use super::quote::{plain, quoted, quoted_path};
use super::remote::{RemoteArgs, fail};
use super::{Globals, UsageError};
use crate::progress;

/// What begins the caps of mutable files, which are written in place.
const MUTABLE_PREFIXES: [&str; 2] = ["URI:MDMF:", "URI:SSK:"];

/// Put a file onto the grid and print its capability.
///
/// Without REMOTE_FILE, the file has no name in any directory. If REMOTE_FILE is there already and
/// mutable, it is modified in place, whether or not --mutable is given.
#[derive(Debug, Args)]
pub(super) struct PutArgs {
    /// File to put; standard input when it is missing or `-`
    #[arg(value_name = "LOCAL_FILE")]
    local: Option<String>,
    /// Where to link it: a path that may begin with an alias, or a mutable file's capability
    #[arg(value_name = "REMOTE_FILE")]
    place: Option<String>,
    /// Create a mutable file instead of an immutable one (like --format=SDMF)
    #[arg(short, long)]
    mutable: bool,
    /// Format of the file: SDMF or MDMF for mutable, CHK for immutable (case-insensitive)
    #[arg(long)]
    format: Option<String>,
    /// PEM file with the RSA private key of the mutable file that is made
    ///
    /// Most users need no such key. Whoever has it can write the file, and two files of one key
    /// destroy each other.
    #[arg(long, value_name = "FILE")]
    private_key_path: Option<String>,
    /// Print a JSON object instead of the capability alone
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: PutArgs, globals: &Globals) -> Result<ExitCode> {
    if let Some(format) = &args.format
        && !["SDMF", "MDMF", "CHK"].contains(&format.to_ascii_uppercase().as_str())
    {
        return Err(UsageError::new(format!("{format} is an invalid format")).into());
    }
    if args.private_key_path.is_some() && !args.mutable {
        bail!("a private key is for mutable files only: add --mutable");
    }
    let key = match &args.private_key_path {
        Some(path) => Some(PrivateKey::read(&absolute(path)?)?),
        None => None,
    };
    let remote = args.remote.open(globals)?;
    let mut location = match target(args.place.as_deref(), &remote.aliases)? {
        Ok(location) => location,
        Err(status) => return Ok(status),
    };
    if args.mutable {
        location = location.with("mutable", "true");
    }
    if let Some(key) = &key {
        location = location.with("private-key", key.expose());
    }
    if let Some(format) = &args.format {
        location = location.with("format", format);
    }
    let (reader, size) = match args.local.as_deref().filter(|path| *path != "-") {
        Some(path) => open(&absolute(path)?).await?,
        None => {
            globals.note("waiting for file data on stdin..");
            (Box::new(tokio::io::stdin()) as Box<dyn AsyncRead + Send + Unpin>, None)
        }
    };
    let bar = progress::bytes_bar("putting", size);
    let pieces = local_file::pieces(reader, bar.clone());
    let answer = remote.node.put_file(&location, pieces, size).await;
    bar.finish_and_clear();
    let answer = answer?;
    if !answer.status().is_success() {
        return Ok(fail(1, answer.failure("Error").await));
    }
    globals.note(&answer.status().to_string());
    let cap = answer.cap().await?;
    if args.json {
        globals.say(serde_json::json!({ "cap": cap, "size": size }).to_string())?;
    } else {
        globals.say(plain(&cap))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the file goes, or the exit status, once it was said why it cannot.
fn target(place: Option<&str>, aliases: &Aliases) -> Result<Result<Location, ExitCode>> {
    let Some(argument) = place else { return Ok(Ok(Location::new("/uri"))) };
    if MUTABLE_PREFIXES.iter().any(|prefix| argument.starts_with(prefix)) {
        return Ok(Ok(Location::cap(argument)));
    }
    let place = aliases.resolve(argument)?;
    if place.path.starts_with('/') {
        let better = quoted(&argument.replacen('/', "", 1));
        return Ok(Err(fail(
            1,
            format!(
                "Error: The remote filename must not start with a slash\nPlease try again, \
                 perhaps with {better}"
            ),
        )));
    }
    let directory = Location::cap(&place.cap);
    let is_empty = place.path.is_empty();
    Ok(Ok(if is_empty { directory.child("") } else { directory.descend(&place.path) }))
}

/// A file to read, and its size if it has one.
async fn open(path: &Path) -> Result<(Box<dyn AsyncRead + Send + Unpin>, Option<u64>)> {
    let file = tokio::fs::File::open(path).await;
    let file = file.with_context(|| format!("cannot read {}", quoted_path(path)))?;
    let metadata = file.metadata().await?;
    if metadata.is_dir() {
        bail!("{} is a directory; put takes one file", quoted_path(path));
    }
    if !metadata.is_file() {
        return Ok((Box::new(file), None));
    }
    // What is added from now on does not count.
    Ok((Box::new(file.take(metadata.len())), Some(metadata.len())))
}
