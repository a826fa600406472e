//! `demo`: the main thing, on real bytes over real sockets, in one command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use futures_util::TryStreamExt;
use tallac_grid::source::FileSource;
use tallac_grid::upload::{FileKey, Progress, UploadOptions, UploadResults};
use tokio::io::AsyncReadExt;

use super::location::Location;
use super::web_client::WebClient;
use super::{Globals, run as running};
use crate::local_grid::{self, GridShape, LocalGrid};
use crate::progress;

/// Ten servers, 3-of-10, as Tahoe-LAFS has it.
const SHAPE: GridShape = GridShape { servers: 10, needed: 3, happy: 7, total: 10 };

/// Servers that are stopped: as many as may be.
const LOST: usize = 7;

/// Bytes of the sample when no file is given.
const SAMPLE_LEN: usize = 20 << 20;

/// How long the gateway's first look at its servers may take.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Put a file onto a grid of ten servers, stop seven of them, and get it back.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// File to put; a generated one of 20 MiB when it is missing
    file: Option<PathBuf>,
    /// End at once, with status 0 only if all went right
    #[arg(long)]
    exit: bool,
    /// Print one JSON object at the end instead of sentences
    #[arg(long)]
    json: bool,
}

/// What the demonstration found.
#[derive(Debug, serde::Serialize)]
struct Findings {
    cap: String,
    size: u64,
    upload_seconds: f64,
    servers_stopped: Vec<String>,
    download_seconds: f64,
    url: String,
}

/// Runs the command.
pub(super) async fn run(args: DemoArgs, globals: &Globals) -> Result<ExitCode> {
    // With --json, standard output is for the program that reads it.
    let quiet = globals.quieter(args.json);
    let home = tempfile::Builder::new().prefix("tallac-demo-").tempdir();
    let home = home.context("cannot make a temporary directory for the grid")?;
    let file = match &args.file {
        Some(file) => file.clone(),
        None => write_sample(home.path())?,
    };
    // Before anything is started: a file that cannot be read ends it here.
    let source =
        FileSource::open(&file).with_context(|| format!("cannot read {}", file.display()))?;

    let mut grid = start(home.path(), &quiet).await?;
    let outcome = demonstrate(&mut grid, source, &file, &quiet).await;
    if let (Ok(findings), true) = (&outcome, args.json) {
        globals.say(serde_json::to_string(findings)?)?;
    }
    if let (Ok(findings), false) = (&outcome, args.exit) {
        let text = format!(
            "\nThe gateway goes on, with the three servers that are left. \
             Get the file yourself:\n  \
             {}uri/{}\n\
             To put a new file, more servers would have to run. Ctrl-C ends it.",
            findings.url, findings.cap,
        );
        quiet.say(&text)?;
        tokio::select! {
            result = running::stop_asked_for() => result?,
            reason = grid.failed() => bail!("the grid stopped: {reason}"),
        }
    }
    grid.stop().await;
    outcome.map(|_| ExitCode::SUCCESS)
}

/// Makes the grid and starts it.
async fn start(home: &Path, globals: &Globals) -> Result<LocalGrid> {
    globals.say("Starting ten storage servers and a gateway on this machine ...")?;
    let started = Instant::now();
    let dir = home.join("grid");
    local_grid::create(&dir, SHAPE).await?;
    let grid = LocalGrid::start(&dir).await?;
    let servers = grid.grid().servers();
    servers.settled(SETTLE_TIMEOUT).await;
    let connected = servers.all().iter().filter(|server| server.is_connected()).count();
    ensure!(connected == 10, "only {connected} of 10 storage servers answer");
    globals.say(format!(
        "  All ten answer over TLS, each on a port of its own ({:.1} s).\n  \
             Their directories are in {}",
        started.elapsed().as_secs_f64(),
        dir.display()
    ))?;
    Ok(grid)
}

async fn demonstrate(
    grid: &mut LocalGrid,
    source: FileSource,
    file: &Path,
    globals: &Globals,
) -> Result<Findings> {
    use tallac_grid::source::UploadSource as _;
    let size = source.size();
    let url = grid.gateway().web_url().context("the gateway has no web API")?.to_owned();

    globals.say(format!(
        "\nPutting {} ({}): encrypting it, coding it 3-of-10, one share to each server ...",
        file.display(),
        progress::size(size)
    ))?;
    let started = Instant::now();
    let results = put(grid, source, size).await?;
    let up = started.elapsed();
    let cap = results.cap.to_string();
    globals.say(format!(
        "  Done in {:.2} s, {}. {} shares are on the servers' disks.\n  \
         This capability is the file's name and the key to it:\n  {cap}",
        up.as_secs_f64(),
        progress::rate(size, up),
        results.pushed.len(),
    ))?;

    let servers_stopped = grid.stop_storage(LOST).await;
    globals.say(format!(
        "\nStopped seven of the ten servers: {}.\n\
             Getting the file back from the other three ...",
        servers_stopped.join(", ")
    ))?;
    let started = Instant::now();
    let same = get_and_compare(&url, &cap, size, file).await?;
    let down = started.elapsed();
    ensure!(same, "the file that came back is NOT the one that was put");
    globals.say(format!(
        "  Done in {:.2} s, {}. All {size} bytes are the same.",
        down.as_secs_f64(),
        progress::rate(size, down)
    ))?;
    Ok(Findings {
        cap,
        size,
        upload_seconds: up.as_secs_f64(),
        servers_stopped,
        download_seconds: down.as_secs_f64(),
        url,
    })
}

/// Uploads with the gateway's uploader, and shows how far it is.
async fn put(grid: &LocalGrid, source: FileSource, size: u64) -> Result<UploadResults> {
    let sent = Progress::default();
    let options = UploadOptions { key: FileKey::Convergent, progress: sent.clone() };
    let bar = progress::bytes_bar("putting", Some(size));
    let uploader = grid.grid().uploader();
    let upload = uploader.upload(source, options);
    tokio::pin!(upload);
    let result = loop {
        match tokio::time::timeout(Duration::from_millis(100), &mut upload).await {
            Ok(result) => break result,
            Err(_) => bar.set_position(sent.bytes()),
        }
    };
    bar.finish_and_clear();
    Ok(result?)
}

/// Downloads through the gateway's web API, and compares with the file as it comes.
async fn get_and_compare(url: &str, cap: &str, size: u64, file: &Path) -> Result<bool> {
    let node = WebClient::new(Some(url), Path::new(""))?;
    let answer = node.get(&Location::cap(cap)).await?.expect_success("the gateway refused").await?;
    let bar = progress::bytes_bar("getting", Some(size));
    let mut original = tokio::fs::File::open(file).await?;
    let mut pieces = answer.pieces();
    let mut expected = Vec::new();
    let mut got = 0;
    while let Some(piece) = pieces.try_next().await? {
        expected.resize(piece.len(), 0);
        if original.read_exact(&mut expected).await.is_err() || expected != piece {
            return Ok(false);
        }
        got += piece.len() as u64;
        bar.set_position(got);
    }
    bar.finish_and_clear();
    Ok(got == size)
}

/// A file of random bytes.
fn write_sample(home: &Path) -> Result<PathBuf> {
    let path = home.join("sample.bin");
    let mut bytes = vec![0; SAMPLE_LEN];
    getrandom::fill(&mut bytes).context("the system gave no random bytes")?;
    let mut file = std::fs::File::create(&path)?;
    file.write_all(&bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
