//! `get`: a file comes back from the grid (section 9.4).

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::TryStreamExt;
use tallac_core::cap;
use tokio::io::AsyncWriteExt as _;

use super::Globals;
use super::local_file::{NewFile, absolute};
use super::quote::{plain, quoted_path};
use super::remote::{RemoteArgs, fail};
use super::web_client::Answer;
use crate::progress;

/// Get a file from the grid.
#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// The file: a path that may begin with an alias, or a capability
    #[arg(value_name = "REMOTE_FILE")]
    place: String,
    /// File to write; standard output when it is missing or `-`
    #[arg(value_name = "LOCAL_FILE")]
    local: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Runs the command.
pub(super) async fn run(args: GetArgs, globals: &Globals) -> Result<ExitCode> {
    let remote = args.remote.open(globals)?;
    let place = remote.aliases.resolve(&args.place)?;
    let answer = remote.node.get(&place.location()).await?;
    if !answer.status().is_success() {
        return Ok(fail(1, answer.failure("Error during GET").await));
    }
    match args.local.filter(|path| path != "-") {
        Some(path) => {
            let path = absolute(&path)?;
            let cannot = || format!("cannot write {}", quoted_path(&path));
            let mut file = NewFile::create(&path).with_context(cannot)?;
            copy(answer, file.writer()).await?;
            file.finish().await.with_context(cannot)?;
            // A cap is not shown, whoever looks.
            let is_nameless = cap::has_uri_prefix(&args.place) && place.path.is_empty();
            let name = if is_nameless { "file".to_owned() } else { place.to_string() };
            let path = plain(&path.to_string_lossy());
            globals.note(&format!("{name} retrieved and written to {path}"));
        }
        None if globals.quiet => copy(answer, &mut tokio::io::sink()).await?,
        None => copy(answer, &mut tokio::io::stdout()).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what the node sends, which must be as long as it said.
async fn copy(answer: Answer, out: &mut (impl tokio::io::AsyncWrite + Unpin)) -> Result<()> {
    let expected = answer.size();
    let bar = progress::bytes_bar("getting", expected);
    let mut pieces = answer.pieces();
    let mut size = 0;
    while let Some(piece) = pieces.try_next().await? {
        size += piece.len() as u64;
        bar.inc(piece.len() as u64);
        out.write_all(&piece).await.context("cannot write the file")?;
    }
    bar.finish_and_clear();
    if expected.is_some_and(|expected| expected != size) {
        bail!("the node broke off after {size} bytes; nothing was kept, try again");
    }
    out.flush().await.context("cannot write the file")
}
