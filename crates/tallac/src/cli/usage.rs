//! Wrong uses of commands: the command's usage and the reason on standard output, and status 1
//! (section 9.1).

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{definition, program};

/// Errors in the arguments of a command that only looking at several of them shows.
///
/// Exit status 1, and the message after the command's usage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl UsageError {
    /// With this message.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// What clap has to say: help and the version with status 0, an error with status 1.
pub(super) fn misuse(args: &[OsString], error: &clap::Error) -> ExitCode {
    let mut out = io::stdout();
    // Nothing is left to be done if this cannot be shown.
    let _ = match error.kind() {
        ErrorKind::DisplayVersion => writeln!(out, "{}", program::version()),
        ErrorKind::DisplayHelp if out.is_terminal() => write!(out, "{}", error.render().ansi()),
        ErrorKind::DisplayHelp => write!(out, "{}", error.render()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let help = error.render().to_string();
            writeln!(out, "{}\n\n{}:  must specify a command", help.trim_end(), program::name())
        }
        _ => return failure(args, &message(error)),
    };
    if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The usage of the command that the arguments name, and what is wrong.
pub(super) fn failure(args: &[OsString], message: &str) -> ExitCode {
    let usage = command_of(args).render_usage();
    let _ = write!(io::stdout(), "{usage}\n\n{}:  {message}\n", program::name());
    ExitCode::FAILURE
}

/// The error in words; those of Tahoe-LAFS where scripts may look for them.
fn message(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match (error.kind(), context(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidSubcommand, _) => {
            let command = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("Unknown command: {command}")
        }
        (ErrorKind::UnknownArgument, Some(option)) if option == "--version" => {
            "--version not allowed on subcommands".to_owned()
        }
        (ErrorKind::UnknownArgument, Some(option)) if option.starts_with('-') => {
            format!("option {option} not recognized")
        }
        _ => {
            let text = error.render().to_string();
            let text = text.split("\n\nUsage:").next().unwrap_or_default();
            text.trim_start_matches("error: ").trim_end().to_owned()
        }
    }
}

/// The command that the arguments name, for its usage.
fn command_of(args: &[OsString]) -> clap::Command {
    let mut command = definition();
    command.build();
    for arg in args.iter().skip(1) {
        let Some(name) = arg.to_str() else { break };
        if let Some(inner) = command.find_subcommand(name) {
            command = inner.clone();
        }
    }
    command
}
