//! The `tallac` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tallac::cli::main()
}
