//! `run`: runs a node until it is told to stop (section 9.3).

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};

use super::Globals;
use super::create_node::one_directory;
use crate::config::{IntroducerConfig, NodeConfig, NodeDirectory, NodeKind};
use crate::node::Node;

/// Run a node until Ctrl-C.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Node directory, instead of the one of --node-directory
    nodedir: Option<PathBuf>,
    /// The same
    #[arg(short = 'C', long, value_name = "NODEDIR")]
    basedir: Option<PathBuf>,
    /// Go on when standard input is closed
    #[arg(long)]
    allow_stdin_close: bool,
}

/// Runs the command.
pub(super) async fn run(args: RunArgs, globals: &Globals) -> Result<ExitCode> {
    let directory = one_directory(args.nodedir.as_ref(), args.basedir.as_ref(), globals)?;
    let kind = NodeDirectory::new(&directory)?.kind();
    // Whether somebody reads what is said is not what the node depends on.
    let starts = || {
        let _ = globals.say(format!("running node in '{}'", directory.display()));
    };
    let node = match kind {
        Some(NodeKind::Client) => {
            let config = NodeConfig::load(&directory)?;
            starts();
            Node::start(config).await?
        }
        Some(NodeKind::Introducer) => {
            let config = IntroducerConfig::load(&directory)?;
            starts();
            Node::start_introducer(config).await?
        }
        None => bail!(
            "{} is no node directory: there is no tahoe-client.tac in it. Make one with \
             'tallac create-node', 'tallac create-client' or 'tallac create-introducer'.",
            directory.display()
        ),
    };
    if let Some(url) = node.web_url() {
        let _ = globals.say(format!("web API at {url}"));
    }
    let runs = if node.grid().is_some() { "client running" } else { "introducer running" };
    let _ = globals.say(runs);
    let failure = tokio::select! {
        reason = node.failed() => Some(reason),
        result = stop_asked_for() => { result?; None }
        () = stdin_closed(), if !args.allow_stdin_close => None,
    };
    node.stop().await;
    match failure {
        Some(reason) => bail!("the node stopped: {reason}"),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Waits for Ctrl-C, or for somebody to end the process in an orderly way.
pub(super) async fn stop_asked_for() -> Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Waits until standard input ends: whoever started the node is gone.
async fn stdin_closed() {
    let mut ignored = [0; 256];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut ignored).await, Ok(1..)) {}
}
