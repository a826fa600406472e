//! `manifest`: all that can be reached from somewhere (section 9.4).

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;

use super::Globals;
use super::node_lines::{self, Outcome};
use super::quote::{plain, plain_line, quoted_bytes};
use super::remote::{RemoteArgs, fail};

/// Print a list of all files and directories reachable from the given starting point.
#[derive(Debug, Args)]
pub(super) struct ManifestArgs {
    /// Where to begin: a path that may begin with an alias
    #[arg(value_name = "ALIAS:PATH", default_value = "", hide_default_value = true)]
    place: String,
    /// Only print storage index strings, not pathname and capability
    #[arg(short, long)]
    storage_index: bool,
    /// Only print verify capabilities, not pathname and capability
    #[arg(long)]
    verify_cap: bool,
    /// Only print repair capabilities, not pathname and capability
    #[arg(long)]
    repair_cap: bool,
    /// Display raw JSON data instead of parsed
    #[arg(short, long)]
    raw: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// What a line tells.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    path: Vec<String>,
    cap: Option<String>,
    verifycap: Option<String>,
    repaircap: Option<String>,
    #[serde(rename = "storage-index")]
    storage_index: Option<String>,
}

/// Runs the command.
pub(super) async fn run(args: ManifestArgs, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let location = remote.locate_root(&args.place)?.t("stream-manifest");
    let answer = remote.node.post(&location, "").await?;
    if !answer.status().is_success() {
        return Ok(fail(1, answer.failure("ERROR").await));
    }
    if args.raw {
        node_lines::show_raw(answer, globals).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let print = |line: &[u8]| Ok(args.line(line).map_or_else(String::new, |shown| shown + "\n"));
    let outcome = node_lines::show(answer, globals, print).await?;
    Ok(if outcome == Outcome::Good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl ManifestArgs {
    /// What is shown of a line.
    fn line(&self, line: &[u8]) -> Option<String> {
        let entry: Entry = match serde_json::from_slice(line).context("not JSON") {
            Ok(entry) => entry,
            Err(error) => {
                let line = quoted_bytes(line);
                let message = format!("ERROR could not decode/parse {line}\nERROR  {error}");
                let _ = writeln!(io::stderr(), "{message}");
                return None;
            }
        };
        self.show(&entry)
    }

    fn show(&self, entry: &Entry) -> Option<String> {
        if !matches!(entry.kind.as_str(), "file" | "directory") {
            return None;
        }
        let one = |text: &Option<String>| text.as_deref().filter(|t| !t.is_empty()).map(plain);
        if self.storage_index {
            one(&entry.storage_index)
        } else if self.verify_cap {
            one(&entry.verifycap)
        } else if self.repair_cap {
            one(&entry.repaircap)
        } else {
            let cap = plain(entry.cap.as_deref().unwrap_or_default());
            Some(format!("{cap} {}", plain_line(&entry.path.join("/"))))
        }
    }
}
