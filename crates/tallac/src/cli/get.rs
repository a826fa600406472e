//! `get`: a file comes back from the grid (section 9.4).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::TryStreamExt;
use tallac_core::cap;
use tallac_grid::download::{DownloadTarget, FileTarget, WriterTarget};

use super::{Globals, web_client};
use crate::progress;

/// Get a file from the grid.
#[derive(Debug, Args)]
pub(super) struct GetArgs {
    /// Capability of the file
    remote: String,
    /// File to write; standard output when it is missing or `-`
    local: Option<PathBuf>,
    /// URL of the node's web API, instead of what its node.url says
    #[arg(short = 'u', long)]
    node_url: Option<String>,
}

/// Runs the command.
pub(super) async fn run(args: GetArgs, globals: &Globals) -> Result<ExitCode> {
    if !cap::has_uri_prefix(&args.remote) {
        bail!("this version gets files by their capability only, and that begins with 'URI:'");
    }
    let node = web_client::WebClient::new(args.node_url.as_deref(), &globals.directory())?;
    let answer = node.get_cap(&args.remote).await?.expect_success("Error during GET").await?;
    let path = args.local.filter(|path| path.as_os_str() != "-");
    let mut target = open_target(path.as_deref()).await?;
    let bar = progress::bytes_bar("getting", answer.size());
    let result = copy(answer, &mut *target, &bar).await;
    bar.finish_and_clear();
    result?;
    Ok(ExitCode::SUCCESS)
}

/// The file appears under its name only when it is whole.
async fn open_target(path: Option<&Path>) -> Result<Box<dyn DownloadTarget>> {
    let Some(path) = path else { return Ok(Box::new(WriterTarget(tokio::io::stdout()))) };
    let target = FileTarget::create(path).await;
    Ok(Box::new(target.with_context(|| format!("cannot write {}", path.display()))?))
}

async fn copy(
    answer: web_client::Answer,
    target: &mut dyn DownloadTarget,
    bar: &indicatif::ProgressBar,
) -> Result<()> {
    let expected = answer.size();
    let mut pieces = answer.pieces();
    let mut size = 0;
    while let Some(piece) = pieces.try_next().await? {
        size += piece.len() as u64;
        bar.inc(piece.len() as u64);
        target.write(piece).await.context("cannot write the file")?;
    }
    if expected.is_some_and(|expected| expected != size) {
        bail!("the node broke off after {size} bytes; nothing was kept, try again");
    }
    target.finish().await.context("cannot write the file")
}
