//! `cp`: files and trees of files go to the grid, come from it, or are linked within it
//! (section 9.4).
//!
//! The rules for what may go where are Tahoe's. All is looked at first; then directories are made
//! from the top, and files copied, many at once, each directory being filled with one change when
//! its last file is there. A file that fails is reported, and all others are copied.
//!
//! Immutable files of the grid are linked, which gives the same caps as a copy would. A run after
//! an interruption leaves alone what is there: see [`copies`].

mod copies;
mod copy;
mod source;
mod target;

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use self::copies::Copies;
use self::copy::{Copier, Done};
use self::source::{Source, Tree};
use self::target::Target;
use super::quote::quoted;
use super::remote::{RemoteArgs, fail};
use super::{Globals, UsageError};

/// Transfers and requests at once.
const PARALLEL: usize = 8;

/// Copy files between the local filesystem and the grid, or within the grid.
///
/// Arguments that begin with an alias or a capability are on the grid, all others are local.
/// Directories are made where they are missing. A source directory with a name is copied under
/// that name; of one without (a capability, or an alias alone), what is in it is copied. Links are
/// followed. What is on the grid and mutable is written in place. After an interruption, run the
/// same command again: what is copied already is not copied again.
#[derive(Debug, Args)]
pub(super) struct CpArgs {
    /// Files and directories to copy, and last where they go
    #[arg(value_name = "FROM.. TO", required = true)]
    places: Vec<String>,
    /// Copy source directories recursively
    #[arg(short, long)]
    recursive: bool,
    /// Be noisy about what is happening
    #[arg(short, long)]
    verbose: bool,
    /// Write capabilities to local files instead of the data (useful to compare trees)
    #[arg(long)]
    caps_only: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: CpArgs, globals: &Globals) -> Result<ExitCode> {
    let Some((to, from)) = args.places.split_last().filter(|(_, from)| !from.is_empty()) else {
        return Err(UsageError::new("cp requires at least two arguments").into());
    };
    let remote = args.remote.open(globals)?;
    let target = target::find(to, &remote).await?;
    let mut sources = Vec::new();
    for argument in from {
        sources.push(source::find(argument, &remote).await?);
    }
    let only_file = sources.len() == 1 && matches!(sources[0], Source::File { .. });
    let target = match target {
        Target::Missing(missing) if only_file => Target::File(missing.into_file()),
        target => target,
    };
    if let Some(message) = refusal(&args, from, &sources, &target) {
        return Ok(fail(1, message));
    }
    let copies = if args.remote.is_elsewhere() {
        Copies::none()
    } else {
        Copies::open(&globals.directory())
    };
    let copier = Copier::new(remote, copies, args.caps_only, args.verbose && !globals.quiet);
    let message = match (target, sources.pop()) {
        (Target::File(target), Some(Source::File { file, .. })) => {
            match copier.file_to_file(&file, &target).await? {
                Done::Copied => "file copied",
                Done::Linked => "file linked",
            }
        }
        (Target::File(_), _) => unreachable!("refused above"),
        (target, last) => {
            let mut tree = Tree::default();
            for source in sources.into_iter().chain(last) {
                tree.add(source, copier.remote()).await?;
            }
            let directory = match target {
                Target::Missing(missing) => missing.make(copier.remote()).await?,
                Target::Directory(directory) => directory,
                Target::File(_) => unreachable!("handled above"),
            };
            if !copier.tree_to_directory(tree, directory).await {
                return Ok(ExitCode::FAILURE);
            }
            "files copied"
        }
    };
    globals.say(format!("Success: {message}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Why these sources cannot go to this target.
fn refusal(args: &CpArgs, from: &[String], sources: &[Source], target: &Target) -> Option<String> {
    let is_directory = |source: &Source| matches!(source, Source::Directory { .. });
    let has_directory = sources.iter().any(is_directory);
    if has_directory && !args.recursive {
        return Some("cannot copy directories without --recursive".to_owned());
    }
    if matches!(target, Target::File(_)) {
        let message = if args.places.last().is_some_and(|to| to.ends_with('/')) {
            "target is not a directory, but ends with a slash"
        } else if sources.len() > 1 {
            "copying multiple things requires target be a directory"
        } else if has_directory {
            "cannot copy directory into a file"
        } else {
            return None;
        };
        return Some(message.to_owned());
    }
    let is_nameless = |source: &Source| matches!(source, Source::File { name: None, .. });
    let at = sources.iter().position(is_nameless)?;
    Some(format!(
        "when copying into a directory, all source files must have names, but {} is unnamed",
        quoted(&from[at])
    ))
}
