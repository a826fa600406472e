//! `manifest`: all that can be reached from somewhere (section 9.4).

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::TryStreamExt;
use serde::Deserialize;

use super::Globals;
use super::quote::{plain, plain_line, quoted_bytes};
use super::remote::{RemoteArgs, fail};
use super::web_client::Answer;

/// Longest line that is taken: a path of long names, and more.
const LINE_LEN_MAX: usize = 16 << 20;

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

/// Whether the node has told of an error, after which nothing else comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Good,
    Failed,
}

/// Runs the command.
pub(super) async fn run(args: ManifestArgs, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let location = remote.locate_root(&args.place)?.t("stream-manifest");
    let answer = remote.node.post(&location, "").await?;
    if !answer.status().is_success() {
        return Ok(fail(1, answer.failure("ERROR").await));
    }
    let outcome = args.copy(answer, globals).await?;
    Ok(if outcome == Outcome::Good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl ManifestArgs {
    /// Shows line by line what the node sends.
    async fn copy(&self, answer: Answer, globals: &Globals) -> Result<Outcome> {
        let mut out = io::BufWriter::new(io::stdout());
        let mut outcome = Outcome::Good;
        let mut rest = Vec::new();
        let mut pieces = answer.pieces();
        while let Some(piece) = pieces.try_next().await? {
            if self.raw {
                if !globals.quiet {
                    out.write_all(&piece)?;
                }
                continue;
            }
            rest.extend_from_slice(&piece);
            let lines_len = rest.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
            for line in rest[..lines_len].split_inclusive(|&b| b == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let shown = self.line(line, &mut outcome);
                if let Some(shown) = shown.filter(|_| !globals.quiet) {
                    writeln!(out, "{shown}")?;
                }
            }
            rest.drain(..lines_len);
            if rest.len() > LINE_LEN_MAX {
                bail!("the node sent a line that has no end");
            }
            out.flush()?;
        }
        out.flush()?;
        Ok(outcome)
    }

    /// What is shown of a line. Errors are told at once.
    fn line(&self, line: &[u8], outcome: &mut Outcome) -> Option<String> {
        if *outcome == Outcome::Failed || line.starts_with(b"ERROR:") {
            *outcome = Outcome::Failed;
            let _ = writeln!(io::stderr(), "{}", plain(&String::from_utf8_lossy(line)));
            return None;
        }
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
