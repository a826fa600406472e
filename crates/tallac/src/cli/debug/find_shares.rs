//! `tallac debug find-shares`: the files of an object's shares in node directories.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tallac_core::ids::StorageIndex;

use super::super::Globals;
use super::super::quote::plain;
use super::shares_dir;

/// Print the paths of all shares with a storage index, one a line
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The storage index, in base32
    #[arg(value_name = "STORAGE_INDEX")]
    storage_index: String,
    /// Directories of nodes with storage servers
    #[arg(value_name = "NODEDIR")]
    nodes: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let storage_index: StorageIndex = args
        .storage_index
        .parse()
        .context("STORAGE_INDEX must be 26 base32 characters, as dump-cap shows them")?;
    let storage_index = storage_index.to_string();
    for node in &args.nodes {
        let node = std::path::absolute(node).context("the current directory is not known")?;
        let dir = shares_dir(&node).join(&storage_index[..2]).join(&storage_index);
        let Ok(entries) = std::fs::read_dir(&dir) else { continue };
        let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        for name in names {
            globals.say(plain(&dir.join(name).to_string_lossy()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
