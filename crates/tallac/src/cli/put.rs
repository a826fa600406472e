//! `put`: a file goes to the grid, its capability to standard output (section 9.4).

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytes::BytesMut;
use clap::Args;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Globals, web_client};
use crate::progress;

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// Put a file onto the grid and print its capability.
#[derive(Debug, Args)]
pub(super) struct PutArgs {
    /// File to put; standard input when it is missing or `-`
    local: Option<PathBuf>,
    /// Where to link it in a directory (not in this version)
    remote: Option<String>,
    /// Make a mutable file (not in this version)
    #[arg(short, long)]
    mutable: bool,
    /// Kind of file: CHK (SDMF and MDMF are not in this version)
    #[arg(long)]
    format: Option<String>,
    /// URL of the node's web API, instead of what its node.url says
    #[arg(short = 'u', long)]
    node_url: Option<String>,
    /// Print a JSON object instead of the capability alone
    #[arg(long)]
    json: bool,
}

impl PutArgs {
    fn check(&self) -> Result<()> {
        let chk = self.format.as_ref().is_none_or(|f| f.eq_ignore_ascii_case("chk"));
        if self.mutable || !chk {
            bail!("this version cannot make mutable files yet; leave --mutable and --format out");
        }
        if self.remote.is_some() {
            bail!("this version cannot link files into directories yet; give only the local file");
        }
        Ok(())
    }
}

/// Runs the command.
pub(super) async fn run(args: PutArgs, globals: &Globals) -> Result<ExitCode> {
    args.check()?;
    let node = web_client::WebClient::new(args.node_url.as_deref(), &globals.directory())?;
    let path = args.local.filter(|path| path.as_os_str() != "-");
    let (reader, size): (Box<dyn AsyncRead + Send + Unpin>, _) = match &path {
        None => (Box::new(tokio::io::stdin()), None),
        Some(path) => {
            let file = tokio::fs::File::open(path).await;
            let file = file.with_context(|| format!("cannot read {}", path.display()))?;
            let metadata = file.metadata().await?;
            if metadata.is_dir() {
                bail!("{} is a directory; put takes one file", path.display());
            }
            (Box::new(file), metadata.is_file().then_some(metadata.len()))
        }
    };
    let bar = progress::bytes_bar("putting", size);
    let answer = node.put_file(read_pieces(reader, bar.clone()), size).await;
    bar.finish_and_clear();
    let answer = answer?.expect_success("Error during PUT").await?;
    globals.note(&answer.status().to_string());
    let cap = answer.text().await?;
    if args.json {
        globals.say(serde_json::json!({ "cap": cap.trim(), "size": size }).to_string())?;
    } else {
        globals.say(cap.trim())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A reader as a stream of pieces, counted by the bar.
fn read_pieces(
    reader: impl AsyncRead + Send + Unpin + 'static,
    bar: indicatif::ProgressBar,
) -> web_client::ByteStream {
    Box::pin(futures_util::stream::try_unfold(reader, move |mut reader| {
        let bar = bar.clone();
        async move {
            let mut piece = BytesMut::with_capacity(PIECE);
            while piece.len() < PIECE && reader.read_buf(&mut piece).await? > 0 {}
            bar.inc(piece.len() as u64);
            Ok((!piece.is_empty()).then(|| (piece.freeze(), reader)))
        }
    }))
}
