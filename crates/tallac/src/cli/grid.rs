//! `grid`: a whole grid on this machine, of ordinary node directories.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use super::{Globals, program, run as running};
use crate::local_grid::{self, GridShape, LocalGrid};

/// How long the gateway's first look at its servers may take.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Make and run a grid on this machine
#[derive(Debug, Subcommand)]
pub(super) enum GridCommand {
    /// Make node directories for storage servers and a gateway that uses them
    Create(CreateArgs),
    /// Run all nodes of such a grid in one process, until Ctrl-C
    Run(RunArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Directory to make, which holds a node directory for each node
    dir: PathBuf,
    /// How many storage servers
    #[arg(long, default_value_t = 10)]
    servers: u16,
    #[command(flatten)]
    shape: ShapeArgs,
    /// Print what was made as a JSON object
    #[arg(long)]
    json: bool,
}

/// How the gateway codes files.
#[derive(Debug, Args)]
pub(super) struct ShapeArgs {
    /// Shares that bring a file back
    #[arg(long, default_value_t = 3)]
    shares_needed: u16,
    /// Servers that an upload must reach [default: 7, or all servers if there are fewer]
    #[arg(long)]
    shares_happy: Option<u16>,
    /// Shares of each file
    #[arg(long, default_value_t = 10)]
    shares_total: u16,
}

impl ShapeArgs {
    pub(super) fn of(&self, servers: u16) -> GridShape {
        GridShape {
            servers,
            needed: self.shares_needed,
            happy: self.shares_happy.unwrap_or(7.min(servers).min(self.shares_total)),
            total: self.shares_total,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Directory that `grid create` made
    dir: PathBuf,
}

/// Runs the command.
pub(super) async fn run(command: GridCommand, globals: &Globals) -> Result<ExitCode> {
    match command {
        GridCommand::Create(args) => create(args, globals).await,
        GridCommand::Run(args) => run_grid(args, globals).await,
    }
}

async fn create(args: CreateArgs, globals: &Globals) -> Result<ExitCode> {
    let shape = args.shape.of(args.servers);
    let made = local_grid::create(&args.dir, shape).await?;
    if args.json {
        globals.say(
            serde_json::json!({
                "dir": args.dir,
                "gateway": made.gateway,
                "storage": made.storage,
                "url": made.url,
            })
            .to_string(),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let dir = args.dir.display();
    globals.say(format!(
        "Made {} storage servers and a gateway in '{dir}'.\n\
         Run them:      {program} grid run {dir}\n\
         Then use it:   {program} -d {} put FILE",
        args.servers,
        made.gateway.display(),
        program = program::name(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

async fn run_grid(args: RunArgs, globals: &Globals) -> Result<ExitCode> {
    let grid = LocalGrid::start(&args.dir).await?;
    grid.grid().servers().settled(SETTLE_TIMEOUT).await;
    let servers = grid.grid().servers().all();
    let connected = servers.iter().filter(|server| server.is_connected()).count();
    globals.say(format!("{connected} of {} storage servers are connected", servers.len()))?;
    if let Some(url) = grid.gateway().web_url() {
        globals.say(format!("web API at {url}"))?;
    }
    globals.say("grid running, Ctrl-C stops it")?;
    let failure = tokio::select! {
        reason = grid.failed() => Some(reason),
        result = running::stop_asked_for() => { result?; None }
    };
    grid.stop().await;
    match failure {
        Some(reason) => bail!("the grid stopped: {reason}"),
        None => Ok(ExitCode::SUCCESS),
    }
}
