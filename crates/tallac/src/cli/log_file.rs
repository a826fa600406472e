//! Where a process logs to: standard error, and the files of `--eliot-destination` (section 9.1).
//!
//! Tahoe-LAFS writes the lines of its library Eliot there. Ours are JSON too, a line each, with
//! other keys.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use super::{Globals, definition};
use crate::logging;

const HELP: &str = "\
Available destinations:
\tfile:<path>
\tJSON lines are appended to the file; file:- is standard output. Programs
\tlike logrotate may rotate it: after that, start the node anew.
";

/// The variable that tells how what is logged is written: `human`, or `json`, a line each.
const FORMAT: &str = "TALLAC_LOG_FORMAT";

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The option that only asks what can be written after another.
const HELP_OPTION: &str = "--help-eliot-destinations";

/// Whether the arguments before the command ask for it. There need be no command then.
pub(super) fn is_help_asked_for(args: &[OsString]) -> bool {
    let command = definition();
    let globals = args.iter().skip(1).take_while(|arg| command.find_subcommand(arg).is_none());
    globals.into_iter().any(|arg| arg == HELP_OPTION)
}

/// Tells what `--eliot-destination` can be.
pub(super) fn help() -> ExitCode {
    // Nothing is left to be done if this cannot be shown.
    let _ = io::stdout().write_all(HELP.as_bytes());
    ExitCode::SUCCESS
}

/// Starts the log. Warnings and errors go to standard error or to a file in its place; `-v` and
/// `TALLAC_LOG` ask for more, or else `[log] level` of a node's `tallac.toml`.
///
/// # Errors
/// When a destination is none, or its file cannot be written.
pub(super) fn start(globals: &Globals, instead: Option<&Path>) -> Result<()> {
    let level = match globals.verbose {
        0 => None,
        1 => Some("info"),
        2 => Some("debug"),
        _ => Some("trace"),
    };
    let filter = EnvFilter::try_from_env("TALLAC_LOG").ok();
    let filter = logging::level::filter(filter.or_else(|| level.map(EnvFilter::new)));
    let mut layers = vec![match instead {
        None => shown(io::stderr, io::stderr().is_terminal(), filter)?,
        Some(path) => {
            let file = open_file(path).with_context(|| format!("log file {}", path.display()))?;
            shown(Arc::new(file), false, filter)?
        }
    }];
    for destination in &globals.eliot_destination {
        let file = open(destination).with_context(|| {
            format!("--eliot-destination={destination}: see {HELP_OPTION} for what it can be")
        })?;
        let written =
            tracing_subscriber::fmt::layer::<Registry>().json().with_writer(Arc::new(file));
        layers.push(written.with_filter(EnvFilter::new("info")).boxed());
    }
    layers.push(logging::layer().boxed());
    layers.push(crate::telemetry::layer().boxed());
    // Only a test that runs several commands in one process has set one before.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(())
}

/// What is logged for whoever watches: lines to read, or JSON if `TALLAC_LOG_FORMAT` says so.
fn shown<W>(
    writer: W,
    has_colours: bool,
    filter: reload::Layer<EnvFilter, Registry>,
) -> Result<BoxedLayer>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let shown = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(has_colours);
    match std::env::var(FORMAT).as_deref() {
        Err(_) | Ok("" | "human") => Ok(shown.with_filter(filter).boxed()),
        Ok("json") => Ok(shown.json().with_filter(filter).boxed()),
        Ok(other) => bail!("{FORMAT} is '{other}': it can be human or json"),
    }
}

/// The file that a destination names.
fn open(destination: &str) -> Result<File> {
    let Some(rest) = destination.strip_prefix("file:") else {
        bail!("it does not begin with file:");
    };
    // What stands behind the commas tells Tahoe-LAFS when to rotate.
    let (path, options) = rest.split_once(',').unwrap_or((rest, ""));
    for option in options.split(',').filter(|option| !option.is_empty()) {
        let number = ["rotate_length=", "max_rotated_files="]
            .iter()
            .find_map(|key| option.strip_prefix(key)?.parse::<u64>().ok());
        if number.is_none() {
            bail!("'{option}' is no option of a file");
        }
    }
    if path.is_empty() {
        bail!("it names no file");
    }
    open_file(Path::new(path))
}

/// Opens a file to append to; `-` is standard output.
fn open_file(path: &Path) -> Result<File> {
    if path == Path::new("-") {
        return Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    }
    OpenOptions::new().append(true).create(true).open(path).context("cannot write it")
}
