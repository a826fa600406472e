//! The command line: one file a command, each with its arguments and what it does (section 9).
//!
//! Commands, options, files and exit statuses are Tahoe-LAFS's. As there, a wrong use prints the
//! usage and the reason on standard output and exits with 1.

mod add_alias;
mod admin;
mod aliases;
mod backup;
mod completions;
mod cp;
mod create_alias;
pub(crate) mod create_node;
mod debug;
mod demo;
mod get;
mod globals;
mod grid;
mod grid_manager;
mod invitation;
mod invite;
mod list_aliases;
mod local_file;
mod location;
mod ls;
mod man;
mod manifest;
mod mkdir;
mod mv;
mod node_json;
mod private_key;
mod put;
pub mod quote;
mod remote;
mod run;
mod stats;
mod status;
mod units;
mod unlink;
mod usage;
mod web_client;
mod webopen;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use globals::{Globals, default_directory};
pub use usage::UsageError;

/// How long work that cannot be stopped, such as a read from a terminal, may hold up the end.
const EXIT_GRACE: Duration = Duration::from_millis(200);

/// A storage grid whose servers cannot read, forge or lose what they keep.
#[derive(Debug, Parser)]
#[command(name = "tallac", version, propagate_version = true, infer_long_args = true)]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    CreateNode(create_node::NodeArgs),
    CreateClient(create_node::ClientArgs),
    CreateIntroducer(create_node::IntroducerArgs),
    Invite(invite::InviteArgs),
    Run(run::RunArgs),
    CreateAlias(create_alias::CreateAliasArgs),
    AddAlias(add_alias::AddAliasArgs),
    ListAliases(list_aliases::ListAliasesArgs),
    Mkdir(mkdir::MkdirArgs),
    Ls(ls::LsArgs),
    Get(get::GetArgs),
    Put(put::PutArgs),
    Cp(cp::CpArgs),
    Mv(mv::MvArgs),
    Ln(mv::LnArgs),
    Unlink(unlink::UnlinkArgs),
    Manifest(manifest::ManifestArgs),
    Stats(stats::StatsArgs),
    Backup(backup::BackupArgs),
    Webopen(webopen::WebopenArgs),
    Status(status::StatusArgs),
    #[command(subcommand)]
    Grid(grid::GridCommand),
    GridManager(grid_manager::GridManagerArgs),
    Demo(demo::DemoArgs),
    #[command(subcommand)]
    Admin(admin::Command),
    #[command(subcommand)]
    Debug(debug::Command),
    Completions(completions::Args),
    Man(man::Args),
}

async fn dispatch(command: Command, globals: &Globals) -> anyhow::Result<ExitCode> {
    match command {
        Command::CreateNode(args) => interruptible(create_node::node(args, globals)).await,
        Command::CreateClient(args) => interruptible(create_node::client(args, globals)).await,
        Command::CreateIntroducer(args) => {
            interruptible(create_node::introducer(args, globals)).await
        }
        Command::Invite(args) => interruptible(invite::run(args, globals)).await,
        Command::Run(args) => run::run(args, globals).await,
        Command::CreateAlias(args) => create_alias::run(args, globals).await,
        Command::AddAlias(args) => add_alias::run(&args, globals),
        Command::ListAliases(args) => list_aliases::run(&args, globals),
        Command::Mkdir(args) => mkdir::run(args, globals).await,
        Command::Ls(args) => ls::run(args, globals).await,
        Command::Get(args) => interruptible(get::run(args, globals)).await,
        Command::Put(args) => interruptible(put::run(args, globals)).await,
        Command::Cp(args) => interruptible(cp::run(args, globals)).await,
        Command::Mv(args) => mv::mv(args, globals).await,
        Command::Ln(args) => mv::ln(args, globals).await,
        Command::Unlink(args) => unlink::run(args, globals).await,
        Command::Manifest(args) => manifest::run(args, globals).await,
        Command::Stats(args) => stats::run(args, globals).await,
        Command::Backup(args) => interruptible(backup::run(args, globals)).await,
        Command::Webopen(args) => webopen::run(&args, globals),
        Command::Status(args) => status::run(args, globals).await,
        Command::Grid(command) => grid::run(command, globals).await,
        Command::GridManager(args) => Ok(grid_manager::run(args)),
        Command::Demo(args) => demo::run(args, globals).await,
        Command::Admin(command) => admin::run(command, globals),
        Command::Debug(command) => debug::run(command, globals),
        Command::Completions(args) => completions::run(args, globals),
        Command::Man(args) => man::run(&args, globals),
    }
}

/// Ends a transfer in an orderly way when that is asked for: no half file is left over.
async fn interruptible(
    transfer: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    tokio::select! {
        result = transfer => result,
        asked = run::stop_asked_for() => {
            asked?;
            anyhow::bail!("interrupted; run the same command again to go on")
        }
    }
}

/// Runs the command that this process's arguments name.
#[must_use]
pub fn main() -> ExitCode {
    main_with(std::env::args_os().collect())
}

fn main_with(args: Vec<OsString>) -> ExitCode {
    if grid_manager::is_called(&args) {
        return grid_manager::main(&args);
    }
    let parsed = Cli::command()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return misuse(&error),
    };
    start_log(cli.globals.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&anyhow::Error::new(error).context("cannot start threads")),
    };
    let result = runtime.block_on(dispatch(cli.command, &cli.globals));
    runtime.shutdown_timeout(EXIT_GRACE);
    match result {
        Ok(code) => code,
        Err(error) => match error.downcast_ref::<UsageError>() {
            Some(usage) => usage_failure(&args, usage),
            None => failure(&error),
        },
    }
}

/// What clap has to say: help and the version with status 0, an error with status 1.
fn misuse(error: &clap::Error) -> ExitCode {
    let is_error = error.use_stderr();
    let mut out = io::stdout();
    // Nothing is left to be done if this cannot be shown.
    let _ = match error.kind() {
        ErrorKind::DisplayVersion => writeln!(out, "tallac/{}", env!("CARGO_PKG_VERSION")),
        _ if out.is_terminal() => write!(out, "{}", error.render().ansi()),
        _ => write!(out, "{}", error.render()),
    };
    if is_error { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn usage_failure(args: &[OsString], error: &UsageError) -> ExitCode {
    let usage = command_of(args).render_usage();
    let _ = write!(io::stdout(), "{usage}\n\ntallac:  {error}\n");
    ExitCode::FAILURE
}

fn failure(error: &anyhow::Error) -> ExitCode {
    let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    // Whoever reads the output has had enough of it.
    if !error.chain().any(is_broken_pipe) {
        let _ = writeln!(io::stderr(), "tallac: {error:#}");
    }
    ExitCode::FAILURE
}

/// The command that the arguments name, for its usage.
fn command_of(args: &[OsString]) -> clap::Command {
    let mut command = Cli::command();
    command.build();
    for arg in args.iter().skip(1) {
        let Some(name) = arg.to_str() else { break };
        if let Some(inner) = command.find_subcommand(name) {
            command = inner.clone();
        }
    }
    command
}

/// Warnings and errors go to standard error; `-v` and `TALLAC_LOG` ask for more.
fn start_log(verbose: u8) {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
    use tracing_subscriber::util::SubscriberInitExt as _;
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_env("TALLAC_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // Only a test that runs several commands in one process has set one before.
    let shown = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_filter(filter);
    let _ = tracing_subscriber::registry().with(shown).with(crate::logging::layer()).try_init();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
