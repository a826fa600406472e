//! `tallac`: every role of a Tahoe-LAFS grid, and its command line.

mod cli;
mod config;
mod create;
mod local_grid;
mod node;
mod node_files;
mod progress;

use std::process::ExitCode;
use std::time::Duration;

/// How long work that cannot be stopped, such as a read from a terminal, may hold up the end.
const EXIT_GRACE: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let command = match cli::parse() {
        Ok(command) => command,
        Err(code) => return code,
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return cli::fail(&anyhow::anyhow!("cannot start: {error}")),
    };
    let result = runtime.block_on(cli::run(command));
    runtime.shutdown_timeout(EXIT_GRACE);
    result.unwrap_or_else(|error| cli::fail(&error))
}
