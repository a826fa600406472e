//! `tallac admin`: keys of nodes (section 9.5).

use std::process::ExitCode;

use tallac_core::crypto::SigningKey;

use super::Globals;
use crate::node_files::generate_key;

/// Make and look at keys
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key pair, and print both keys
    GenerateKeypair,
    /// Print the public key of a private one
    DerivePubkey {
        /// The private key, priv-v0-…
        #[arg(value_name = "PRIVKEY")]
        private: String,
    },
}

pub(super) fn run(command: Command, globals: &Globals) -> anyhow::Result<ExitCode> {
    let key = match command {
        Command::GenerateKeypair => generate_key()?,
        Command::DerivePubkey { private } => SigningKey::from_text(&private)?,
    };
    globals.say(format!("private: {}", *key.expose_text()))?;
    globals.say(format!("public: {}", key.verifying_key()))?;
    Ok(ExitCode::SUCCESS)
}
