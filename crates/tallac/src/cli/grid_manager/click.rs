//! A wrong use of `grid-manager`, told as Tahoe-LAFS's program tells it: on standard error, with
//! status 2.

use std::error::Error as _;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{Alone, NAME};

/// The exit status of a wrong use.
const MISUSE: u8 = 2;

/// Shows what clap has to say.
pub(super) fn misuse(args: &[OsString], error: &clap::Error) -> ExitCode {
    // Nothing is left to be done if this cannot be shown.
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = write!(io::stdout(), "{}", error.render());
            return ExitCode::SUCCESS;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = write!(io::stderr(), "{}", error.render());
        }
        _ => {
            let _ = write!(io::stderr(), "{}", text(args, error));
        }
    }
    ExitCode::from(MISUSE)
}

fn text(args: &[OsString], error: &clap::Error) -> String {
    let names = || match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) => names.clone(),
        Some(ContextValue::String(name)) => vec![name.clone()],
        _ => Vec::new(),
    };
    let name = names().into_iter().next().unwrap_or_default();
    let value = || match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.clone(),
        _ => String::new(),
    };
    let argument = || name.trim_matches(['<', '>']).to_owned();
    let is_config = name.starts_with("--config");
    let message = match error.kind() {
        ErrorKind::MissingRequiredArgument if is_config || missing(error, "--config") => {
            return usage(None) + "Error: Missing option '--config' / '-c'.\n";
        }
        ErrorKind::MissingRequiredArgument => format!("Missing argument '{}'.", argument()),
        ErrorKind::MissingSubcommand => return usage(None) + "Error: Missing command.\n",
        ErrorKind::InvalidSubcommand => {
            let command = match error.get(ContextKind::InvalidSubcommand) {
                Some(ContextValue::String(command)) => command.clone(),
                _ => String::new(),
            };
            return usage(None) + &format!("Error: No such command '{command}'.\n");
        }
        ErrorKind::UnknownArgument if name.starts_with('-') => {
            format!("No such option '{name}'.")
        }
        ErrorKind::UnknownArgument => format!("Got unexpected extra argument ({name})"),
        ErrorKind::InvalidValue if is_config && value().is_empty() => {
            return "Error: Option '-c' requires an argument.\n".to_owned();
        }
        _ => {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            format!("Invalid value for '{}': {why}", argument())
        }
    };
    usage(command(args).as_ref()) + &format!("Error: {message}\n")
}

fn missing(error: &clap::Error, option: &str) -> bool {
    let Some(ContextValue::Strings(names)) = error.get(ContextKind::InvalidArg) else {
        return false;
    };
    names.iter().any(|name| name.starts_with(option))
}

/// The command that the arguments name, if they name one.
fn command(args: &[OsString]) -> Option<clap::Command> {
    let all = Alone::command();
    let named = args.iter().skip(1).find_map(|arg| all.find_subcommand(arg));
    named.cloned()
}

fn usage(command: Option<&clap::Command>) -> String {
    let Some(command) = command else {
        return format!(
            "Usage: {NAME} [OPTIONS] COMMAND [ARGS]...\nTry '{NAME} --help' for help.\n\n"
        );
    };
    let name = command.get_name();
    let arguments: String = command
        .get_positionals()
        .map(|argument| format!(" {}", argument.get_id().as_str().to_uppercase()))
        .collect();
    format!("Usage: {NAME} {name} [OPTIONS]{arguments}\nTry '{NAME} {name} --help' for help.\n\n")
}
