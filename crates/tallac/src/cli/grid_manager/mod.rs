//! `grid-manager`: vouch for storage servers (sections 9.5 and 11.5). It is a command of its own
//! when the program is called by that name, and `tallac grid-manager` else; what it prints and
//! keeps is what Tahoe-LAFS's `grid-manager` does.

mod click;
mod state;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use tallac_core::crypto::VerifyingKey;
use tallac_core::grid_manager::{Certificate, IsoTime};

use super::units;
use state::{Place, State};

/// The name by which the program is this command alone.
const NAME: &str = "grid-manager";

/// Longest time that a certificate may last, in days.
const DAYS_MAX: u32 = 5 * 365;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Vouch for storage servers with certificates.
///
/// A client that trusts grid managers puts shares only on storage servers that have a certificate
/// of one of them. A grid manager lives in a directory, or in a text that comes through standard
/// input; it holds a private key that must be kept safe.
#[derive(Debug, Args)]
pub(super) struct GridManagerArgs {
    /// Directory of the grid manager, or - for standard input
    #[arg(short, long, value_name = "PATH")]
    config: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Parser)]
#[command(name = NAME, disable_help_subcommand = true, arg_required_else_help = true)]
struct Alone {
    #[command(flatten)]
    args: GridManagerArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new Grid Manager
    Create,
    /// Show the public identity key of a Grid Manager: clients are told to trust it
    PublicIdentity,
    /// Add a new storage-server by name to a Grid Manager
    Add {
        /// What to call it
        name: String,
        /// What its node.pubkey says
        public_key: String,
    },
    /// Remove an existing storage-server by name from a Grid Manager
    Remove {
        /// What it is called
        name: String,
    },
    /// List all storage-servers known to a Grid Manager
    List,
    /// Sign a new certificate
    Sign {
        /// What the storage-server is called
        name: String,
        /// How long the certificate lasts, 1 to 1825 days
        #[arg(value_parser = days)]
        expiry_days: u32,
    },
}

/// Whether the program was called by this command's name.
pub(super) fn is_called(args: &[OsString]) -> bool {
    let program = args.first().map(|arg| Path::new(arg).file_name());
    program.flatten().is_some_and(|name| name == NAME)
}

/// Runs it as a program of its own.
pub(super) fn main(args: &[OsString]) -> ExitCode {
    match Alone::try_parse_from(args) {
        Ok(alone) => run(alone.args),
        Err(error) => click::misuse(args, &error),
    }
}

pub(super) fn run(args: GridManagerArgs) -> ExitCode {
    match perform(&args.config, args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done if this cannot be shown.
            let _ = writeln!(io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(config: &str, command: Command) -> Result<()> {
    let place = Place::new(config)?;
    if matches!(command, Command::Create) {
        return State::generate()?
            .create(&place)
            .map_err(|error| anyhow!("Can't create '{config}': {error}"));
    }
    let mut state = State::load(&place)
        .map_err(|error| anyhow!("Error loading Grid Manager from '{config}': {error:#}"))?;
    match command {
        Command::Create => Ok(()),
        Command::PublicIdentity => say(&state.public_identity().to_string()),
        Command::Add { name, public_key } => {
            let key: VerifyingKey = public_key
                .trim()
                .parse()
                .context("PUBLIC_KEY must be what the server's node.pubkey says")?;
            state.add(&name, key)?;
            state.save(&place)
        }
        Command::Remove { name } => {
            state.remove(&name)?;
            place.remove_certificates(&name)?;
            state.save(&place)
        }
        Command::List => list(&state, SystemTime::now()),
        Command::Sign { name, expiry_days } => sign(&state, &place, &name, expiry_days),
    }
}

fn list(state: &State, now: SystemTime) -> Result<()> {
    let mut servers: Vec<_> = state.servers().iter().collect();
    servers.sort_by(|a, b| a.name.cmp(&b.name));
    for server in servers {
        say(&format!("{}: {}", server.name, server.public_key))?;
        let blank = " ".repeat(server.name.chars().count());
        for (index, certificate) in server.certificates.iter().enumerate() {
            let at = certificate.expires.at();
            let (word, distance, side) = match now.duration_since(at) {
                Ok(past) => ("expired", past, "ago"),
                Err(ahead) => ("valid until", ahead.duration(), "in the future"),
            };
            let (end, distance) =
                (certificate.expires.text(' '), units::duration(distance.as_secs_f64()));
            say(&format!("{blank}  cert {index}: {word} {end} ({distance} {side})"))?;
        }
    }
    Ok(())
}

fn sign(state: &State, place: &Place, name: &str, days: u32) -> Result<()> {
    let server = state.server(name)?;
    let expires = SystemTime::now().checked_add(DAY * days).and_then(IsoTime::utc);
    let expires = expires.context("this machine's clock is beyond the year 9999")?;
    let certificate = Certificate { public_key: server.public_key, expires };
    let text = certificate.sign(state.key()).file_text();
    say(&text)?;
    place.add_certificate(name, &text)
}

fn say(line: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("cannot write the output")
}

fn days(text: &str) -> Result<u32, String> {
    let number: i128 =
        text.trim().parse().map_err(|_| format!("'{text}' is not a valid integer range."))?;
    let days = u32::try_from(number).ok().filter(|days| (1..=DAYS_MAX).contains(days));
    days.ok_or_else(|| format!("{number} is not in the range 1<=x<={DAYS_MAX}."))
}
