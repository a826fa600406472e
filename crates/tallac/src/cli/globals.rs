//! The options that stand before a command.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

/// The options that stand before a command.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {
    /// The node directory that commands work with [default: ~/.tahoe]
    #[arg(short = 'd', long, value_name = "DIR")]
    pub node_directory: Option<PathBuf>,
    /// Print nothing on standard output
    #[arg(short, long)]
    pub quiet: bool,
    /// Tell more on standard error; twice, even more
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Write a log of JSON lines to a file as well: file:PATH
    #[arg(long, value_name = "DESTINATION")]
    pub eliot_destination: Vec<String>,
    /// Tell what --eliot-destination can be
    #[arg(long)]
    pub help_eliot_destinations: bool,
    /// The rendezvous server that invitations go through
    /// [default: ws://wormhole.tahoe-lafs.org:4000/v1]
    #[arg(long, value_name = "URL")]
    pub wormhole_server: Option<String>,
    /// What invitations are called there [default: tahoe-lafs.org/invite]
    #[arg(long, value_name = "NAME")]
    pub wormhole_invite_appid: Option<String>,
    /// Print version
    #[arg(long, hide = true, action = clap::ArgAction::Version)]
    version_and_path: Option<bool>,
}

impl Globals {
    /// The node directory that was named, or the one that is used when none is.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.node_directory.clone().unwrap_or_else(default_directory)
    }

    /// The same, and quiet if `quiet` says so.
    pub(super) fn quieter(&self, quiet: bool) -> Self {
        Self { quiet: self.quiet || quiet, ..self.clone() }
    }

    /// Tells whoever watches, on standard error, unless it is to be quiet.
    pub(super) fn note(&self, line: &str) {
        if !self.quiet {
            // Whether somebody watches is not what the command is about.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// Prints a line, unless it is to be quiet.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub fn say(&self, line: impl AsRef<str>) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        out.write_all(line.as_ref().as_bytes())?;
        out.write_all(b"\n")
    }
}

/// `~/.tahoe`, where Tahoe-LAFS keeps a user's node.
#[must_use]
pub fn default_directory() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".tahoe")
}
