//! `tallac admin`: keys of nodes, and what grid managers say of them (section 9.5).

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use tallac_core::crypto::SigningKey;
use tallac_core::grid_manager::SignedCertificate;

use super::migrate_crawler::{self, MigrateArgs};
use super::{Globals, UsageError};
use crate::config::{CONFIG_FILE, Ini, NodeDirectory, set_value};
use crate::files::{self, Access};
use crate::node_files::generate_key;

/// Make and look at keys, and add certificates
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
    MigrateCrawler(MigrateArgs),
    AddGridManagerCert(CertificateArgs),
}

/// Add a grid manager's certificate to what a storage server announces.
///
/// The certificate is copied into the node's directory, and named in its tahoe.cfg. Restart the
/// node for it to be announced.
#[derive(Debug, Args)]
pub(super) struct CertificateArgs {
    /// File of the certificate, or - for standard input
    #[arg(short, long, value_name = "FILE")]
    filename: Option<String>,
    /// What to call the certificate
    #[arg(short, long, value_name = "NAME")]
    name: Option<String>,
}

/// Longest certificate that is read from standard input.
const LEN_MAX: u64 = 1 << 20;

pub(super) fn run(command: Command, globals: &Globals) -> Result<ExitCode> {
    let key = match command {
        Command::GenerateKeypair => generate_key()?,
        Command::DerivePubkey { private } => SigningKey::from_text(&private)?,
        Command::MigrateCrawler(args) => return migrate_crawler::run(&args, globals),
        Command::AddGridManagerCert(args) => return add_certificate(args, globals),
    };
    globals.say(format!("private: {}", *key.expose_text()))?;
    globals.say(format!("public: {}", key.verifying_key()))?;
    Ok(ExitCode::SUCCESS)
}

fn add_certificate(args: CertificateArgs, globals: &Globals) -> Result<ExitCode> {
    let missing = |option| UsageError::new(format!("Must provide --{option} option"));
    let name = args.name.ok_or_else(|| missing("name"))?;
    let certificate = read_certificate(&args.filename.ok_or_else(|| missing("filename"))?)?;
    if name.contains('/') {
        return Err(UsageError::new("--name cannot have a '/' in it").into());
    }

    let directory = NodeDirectory::new(&globals.directory())?;
    let config = directory.file(CONFIG_FILE);
    let text = files::read_text(&config)?.with_context(|| {
        format!("there is no {}: name a node's directory with -d", config.display())
    })?;
    let (petname, file) = (name.to_lowercase(), format!("{name}.cert"));
    let path = directory.file(&file);
    if path.exists() {
        eprintln!("Already have certificate for '{name}' (at {})", path.display());
        return Ok(ExitCode::FAILURE);
    }
    let section = "grid_manager_certificates";
    let changed = set_value(&text, ("storage", "grid_management"), "True")
        .and_then(|text| set_value(&text, (section, &petname), &file))
        .with_context(|| format!("cannot change {}", config.display()))?;

    files::write(&path, &format!("{}\n", certificate.file_text()), Access::Umask)?;
    files::write(&config, &changed, access_of(&config))?;
    let count = Ini::parse(&changed)?.keys(section).len();
    eprintln!("There are now {count} certificates");
    Ok(ExitCode::SUCCESS)
}

fn read_certificate(filename: &str) -> Result<SignedCertificate> {
    let text = if filename == "-" {
        eprintln!("reading certificate from stdin");
        let mut text = String::new();
        let read = io::stdin().take(LEN_MAX).read_to_string(&mut text);
        if read.context("cannot read standard input")? == 0 {
            return Err(UsageError::new("Reading certificate from stdin failed").into());
        }
        text
    } else {
        files::read_text(&PathBuf::from(filename))?
            .with_context(|| format!("there is no file {filename}"))?
    };
    SignedCertificate::parse(&text)
        .map_err(|error| UsageError::new(format!("Error parsing certificate: {error}")).into())
}

/// A file that nobody else may read stays so.
fn access_of(path: &std::path::Path) -> Access {
    match fs::metadata(path) {
        Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Access::Umask,
        _ => Access::Private,
    }
}
