//! `tallac admin migrate-crawler`: states of crawlers that Tahoe-LAFS before 1.18 left as pickles
//! become JSON (section 9.5).

mod pickle;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Globals, create_node::one_directory};
use anyhow::{Context as _, Result, ensure};
use clap::Args;

/// The largest state that is read.
const LEN_MAX: u64 = 64 << 20;

/// The states, and whether each has a version.
const STATES: [(&str, bool); 3] = [
    ("lease_checker.state", true),
    ("bucket_counter.state", true),
    ("lease_checker.history", false),
];

/// Write the states of crawlers, which old versions kept as pickles, as JSON.
///
/// They lie in the storage directory of the node: lease_checker.state, bucket_counter.state and
/// lease_checker.history. Only what such a state needs is read; no pickle can run anything here.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// The node's directory
    #[arg(value_name = "NODEDIR")]
    nodedir: Option<PathBuf>,
    /// The same
    #[arg(short = 'C', long, value_name = "NODEDIR")]
    basedir: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(args: &MigrateArgs, globals: &Globals) -> Result<ExitCode> {
    let directory = one_directory(args.nodedir.as_ref(), args.basedir.as_ref(), globals)?;
    let storage = std::path::absolute(directory)?.join("storage");
    for (name, has_version) in STATES {
        let old = storage.join(name);
        let new = storage.join(format!("{name}.json"));
        if old.exists() {
            convert(&old, &new, has_version)
                .with_context(|| format!("cannot convert '{}'", old.display()))?;
            globals.say(format!("Converted '{}' to '{}'", old.display(), new.display()))?;
        } else if new.exists() {
            globals.say(format!("Already converted: '{}'", new.display()))?;
        } else {
            globals.say(format!("Not found: '{}'", old.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn convert(old: &Path, new: &Path, has_version: bool) -> Result<()> {
    ensure!(fs::metadata(old)?.len() <= LEN_MAX, "it is larger than any state; delete it");
    let state = pickle::to_json(&fs::read(old)?)
        .context("no state of a crawler: delete the file, and the next crawl makes it anew")?;
    ensure!(state.is_object(), "it holds no state; delete it, the next crawl makes it anew");
    let version = &state["version"];
    ensure!(!has_version || version.as_u64() == Some(1), "version {version} is not known, only 1");
    let beside = new.with_extension("json.tmp");
    fs::write(&beside, state.to_string())?;
    fs::rename(&beside, new)?;
    Ok(fs::remove_file(old)?)
}
