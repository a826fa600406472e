//! The command line: one file a command (section 9).

mod admin;
mod create_node;
mod debug;
mod demo;
mod generate;
mod get;
mod grid;
mod put;
mod run;
mod say;
mod web_client;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Environment variable that says what is logged, such as `info` or `tallac_grid=debug`.
const LOG_VARIABLE: &str = "TALLAC_LOG";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "tallac", version, about, disable_help_subcommand = true)]
#[command(about = "Secure decentralised storage: Tahoe-LAFS in one program")]
#[command(
    after_help = "The environment variable TALLAC_LOG sets what is logged to standard error, \
                        such as info or debug."
)]
pub(crate) struct CommandLine {
    /// Node directory that commands use
    #[arg(short = 'd', long, value_name = "DIR", env = "TALLAC_NODE_DIRECTORY")]
    node_directory: Option<PathBuf>,
    /// Print no results and no remarks, only errors
    #[arg(short, long)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    CreateNode(create_node::CreateNodeArgs),
    CreateClient(create_node::CreateClientArgs),
    Run(run::RunArgs),
    Put(put::PutArgs),
    Get(get::GetArgs),
    Grid(grid::GridArgs),
    Demo(demo::DemoArgs),
    Admin(admin::AdminArgs),
    Debug(debug::DebugArgs),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// What holds for every command.
#[derive(Debug, Clone)]
pub(crate) struct Globals {
    pub(crate) node_directory: PathBuf,
    pub(crate) quiet: bool,
}

/// Takes the arguments of the process apart. A mistake, or a wish for help, is answered at once;
/// the exit status is then to be used.
pub(crate) fn parse() -> Result<CommandLine, ExitCode> {
    CommandLine::try_parse().map_err(|error| {
        let _ = error.print();
        // Tahoe-LAFS ends with 1 for a mistake in the arguments.
        if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS }
    })
}

/// Runs a command.
pub(crate) async fn run(line: CommandLine) -> Result<ExitCode> {
    let filter = EnvFilter::try_from_env(LOG_VARIABLE);
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("warn")))
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    let node_directory = line.node_directory.unwrap_or_else(default_node_directory);
    let globals = Globals { node_directory, quiet: line.quiet };
    match line.command {
        Command::CreateNode(args) => create_node::run_node(args, &globals).await,
        Command::CreateClient(args) => create_node::run_client(args, &globals).await,
        Command::Run(args) => run::run(args, &globals).await,
        Command::Put(args) => put::run(args, &globals).await,
        Command::Get(args) => get::run(args, &globals).await,
        Command::Grid(args) => grid::run(args, &globals).await,
        Command::Demo(args) => demo::run(args, &globals).await,
        Command::Admin(args) => admin::run(args, &globals),
        Command::Debug(args) => debug::run(args, &globals),
        Command::Completions(args) => Ok(generate::completions(&args, CommandLine::command())),
        Command::Man(args) => generate::man(&args, CommandLine::command()),
    }
}

/// Where Tahoe-LAFS looks as well.
fn default_node_directory() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".tahoe")
}

/// Tells an error, with its causes, and gives the status that says so.
pub(crate) fn fail(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "tallac: {error:#}");
    ExitCode::from(1)
}
