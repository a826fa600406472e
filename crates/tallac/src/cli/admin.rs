//! `admin`: keys of nodes (sections 2.10 and 9.5).

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::{Globals, say};
use crate::node_files::NodeKey;

/// Keys of nodes.
#[derive(Debug, Args)]
pub(crate) struct AdminArgs {
    #[command(subcommand)]
    command: AdminCommand,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make a key pair and print both keys
    GenerateKeypair,
    /// Print both keys of a pair, given the private one
    DerivePubkey {
        /// Private key, of the form priv-v0-...
        private_key: String,
    },
}

/// Runs the command.
pub(crate) fn run(args: AdminArgs, globals: &Globals) -> Result<ExitCode> {
    let key = match args.command {
        AdminCommand::GenerateKeypair => NodeKey::generate()?,
        AdminCommand::DerivePubkey { private_key } => NodeKey::parse(&private_key)
            .context("that is no private key; it has the form priv-v0- and 52 characters")?,
    };
    say::line(globals, &format!("private: {}", key.expose_private()));
    say::line(globals, &format!("public: {}", key.public()));
    Ok(ExitCode::SUCCESS)
}
