//! The command line: one file a command, each with its arguments and what it does (section 9).
//!
//! Commands, options, files and exit statuses are Tahoe-LAFS's. As there, a wrong use prints the
//! usage and the reason on standard output and exits with 1.

mod add_alias;
mod admin;
pub(crate) mod aliases;
mod backup;
mod check;
mod completions;
mod cp;
mod create_alias;
pub(crate) mod create_node;
mod debug;
mod deep_check;
mod demo;
mod doctor;
mod get;
mod globals;
mod grid;
mod grid_manager;
mod invitation;
mod invite;
mod list_aliases;
mod local_file;
mod location;
mod log_file;
mod ls;
mod maintain;
mod man;
mod manifest;
mod migrate_crawler;
mod mkdir;
mod mv;
mod node_json;
mod node_lines;
mod private_key;
pub(crate) mod program;
mod put;
pub mod quote;
mod remote;
mod run;
mod stats;
mod status;
mod storage;
mod units;
mod unlink;
mod usage;
mod web_client;
mod webopen;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use globals::{Globals, default_directory};
pub use usage::UsageError;

/// How long work that cannot be stopped, such as a read from a terminal, may hold up the end.
const EXIT_GRACE: Duration = Duration::from_millis(200);

/// Commands that Tahoe-LAFS does not have.
const OWN_COMMANDS: [&str; 8] =
    ["grid", "grid-manager", "demo", "doctor", "maintain", "storage", "completions", "man"];

/// A storage grid whose servers cannot read, forge or lose what they keep.
#[derive(Debug, Parser)]
#[command(name = "tallac", version, infer_long_args = true)]
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
    Check(check::CheckArgs),
    DeepCheck(deep_check::DeepCheckArgs),
    Stats(stats::StatsArgs),
    Backup(backup::BackupArgs),
    Webopen(webopen::WebopenArgs),
    Status(status::StatusArgs),
    #[command(subcommand)]
    Grid(grid::GridCommand),
    GridManager(grid_manager::GridManagerArgs),
    Demo(demo::DemoArgs),
    Doctor(doctor::DoctorArgs),
    #[command(subcommand)]
    Maintain(maintain::Command),
    #[command(subcommand)]
    Admin(admin::Command),
    #[command(subcommand)]
    Storage(storage::Command),
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
        Command::Check(args) => check::run(args, globals).await,
        Command::DeepCheck(args) => deep_check::run(args, globals).await,
        Command::Stats(args) => stats::run(args, globals).await,
        Command::Backup(args) => interruptible(backup::run(args, globals)).await,
        Command::Webopen(args) => webopen::run(&args, globals),
        Command::Status(args) => status::run(args, globals).await,
        Command::Grid(command) => grid::run(command, globals).await,
        Command::GridManager(args) => Ok(grid_manager::run(args)),
        Command::Demo(args) => demo::run(args, globals).await,
        Command::Doctor(args) => doctor::run(args, globals).await,
        Command::Maintain(command) => maintain::run(command, globals),
        Command::Admin(command) => admin::run(command, globals),
        Command::Storage(command) => storage::run(command, globals),
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
    program::learn(&args);
    if log_file::is_help_asked_for(&args) {
        return log_file::help();
    }
    let parsed = definition()
        .try_get_matches_from(&args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::misuse(&args, &error),
    };
    let instead = match &cli.command {
        Command::Run(args) => args.log_file(),
        _ => None,
    };
    if let Err(error) = log_file::start(&cli.globals, instead.as_deref()) {
        return failure(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure(&anyhow::Error::new(error).context("cannot start threads")),
    };
    let result = runtime.block_on(dispatch(cli.command, &cli.globals));
    crate::telemetry::stop();
    runtime.shutdown_timeout(EXIT_GRACE);
    match result {
        Ok(code) => code,
        Err(error) => match error.downcast_ref::<UsageError>() {
            Some(wrong) => usage::failure(&args, &wrong.0),
            None => failure(&error),
        },
    }
}

/// The commands and options, under the name that the program was called by.
fn definition() -> clap::Command {
    let name = program::name();
    let command = Cli::command().name(name).bin_name(name);
    if !program::is_drop_in() {
        return command;
    }
    // Scripts and their writers find what Tahoe-LAFS has; the rest works, and is not shown.
    OWN_COMMANDS.iter().fold(command, |command, own| match command.find_subcommand(own) {
        Some(_) => command.mut_subcommand(own, |own| own.hide(true)),
        None => command,
    })
}

fn failure(error: &anyhow::Error) -> ExitCode {
    let is_broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    // Whoever reads the output has had enough of it.
    if !error.chain().any(is_broken_pipe) {
        let _ = writeln!(io::stderr(), "{}: {error:#}", program::name());
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        definition().debug_assert();
    }

    /// The table of all commands, which says what tests them.
    const TABLE: &str = include_str!("../../../../docs/commands.md");

    fn check_in_table(command: &clap::Command, path: &str) {
        let is_told = |text: String| assert!(TABLE.contains(&text), "{path}: {text} is missing");
        for option in command.get_arguments().filter(|option| !option.is_hide_set()) {
            if let Some(long) = option.get_long().filter(|long| *long != "help") {
                is_told(format!("`--{long}`"));
            }
        }
        for inner in command.get_subcommands() {
            let path = format!("{path} {}", inner.get_name());
            if inner.has_subcommands() {
                check_in_table(inner, &path);
            } else {
                is_told(format!("`{}`", path.trim()));
                check_in_table(inner, &path);
            }
        }
    }

    #[test]
    fn every_command_and_option_is_in_the_table() {
        check_in_table(&definition(), "");
    }
}
