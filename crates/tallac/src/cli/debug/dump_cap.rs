//! `debug dump-cap`: what a cap says, and what comes from it, in Tahoe-LAFS's words.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use tallac_core::base32;
use tallac_core::cap::{Cap, ChkShape, FileCap, MutableFormat, SskWriteCap};
use tallac_core::hash;
use tallac_core::ids::{StorageIndex, TubId};
use tallac_core::lease;
use tallac_core::secrets::LeaseSecret;

/// Print what a capability says and what can be derived from it.
#[derive(Debug, Args)]
pub(super) struct DumpCapArgs {
    /// Capability, or a URL with one after /uri/
    cap: String,
    /// Tub id of a server, to print the secrets that it is told
    #[arg(short, long)]
    nodeid: Option<String>,
    /// The client's lease secret, in base32
    #[arg(short, long)]
    client_secret: Option<String>,
    /// The client's node directory, to take the lease secret from
    #[arg(short = 'd', long)]
    client_dir: Option<PathBuf>,
}

/// Whose secrets to print.
struct Party {
    secret: Option<LeaseSecret>,
    server: Option<TubId>,
}

pub(super) fn dump(args: &DumpCapArgs) -> Result<String> {
    let party = Party { secret: secret(args)?, server: server(args)? };
    let cap = Cap::parse(&cap_in(&args.cap)?);
    let mut out = String::from("\n");
    match &cap {
        Cap::File(cap) => dump_file(&mut out, cap, None, &party),
        Cap::Directory(cap) => dump_file(&mut out, cap.file(), Some("Directory"), &party),
        Cap::Unknown(cap) => {
            let _ = writeln!(out, "unknown cap type: {}", cap.why());
        }
    }
    Ok(out.trim_end_matches('\n').to_owned())
}

fn secret(args: &DumpCapArgs) -> Result<Option<LeaseSecret>> {
    let text = match (&args.client_secret, &args.client_dir) {
        (Some(text), _) => text.clone(),
        (None, Some(dir)) => {
            let path = dir.join("private/secret");
            std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?
        }
        (None, None) => return Ok(None),
    };
    let secret = LeaseSecret::from_base32(text.trim());
    secret.map(Some).context("the client secret is no base32 of 32 bytes")
}

fn server(args: &DumpCapArgs) -> Result<Option<TubId>> {
    let Some(text) = &args.nodeid else { return Ok(None) };
    let bytes = base32::decode_array(&text.to_lowercase());
    Ok(Some(TubId::new(bytes.context("the nodeid is no tub id of 32 base32 characters")?)))
}

/// The cap itself, or what a URL has after `/uri/`.
fn cap_in(text: &str) -> Result<String> {
    if !text.starts_with("http") {
        return Ok(text.to_owned());
    }
    let (_, cap) = text.split_once("/uri/").context("there is no /uri/ in the URL")?;
    let cap = percent_encoding::percent_decode_str(cap).decode_utf8();
    Ok(cap.context("the URL is not UTF-8")?.into_owned())
}

fn dump_file(out: &mut String, cap: &FileCap, directory: Option<&str>, party: &Party) {
    // Writing to a String cannot fail.
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    match cap {
        FileCap::Lit(cap) => {
            line(format!("Literal {} URI:", directory.unwrap_or("File")));
            line(format!(" data: '{}'", cap.data().escape_ascii()));
        }
        FileCap::ChkRead(cap) => {
            line(format!("CHK {}:", directory.map_or("File", |_| "Directory URI")));
            line(format!(" key: {}", base32::encode(cap.key().expose())));
            line(shape(cap.shape()));
            line(format!(" storage index: {}", cap.storage_index()));
            leases(&mut line, cap.storage_index(), party);
        }
        FileCap::ChkVerify(cap) => {
            line(format!("CHK {}Verifier URI:", directory.map_or("", |_| "Directory ")));
            line(shape(cap.shape()));
            line(format!(" storage index: {}", cap.storage_index()));
        }
        FileCap::SskWrite(cap) => {
            line(format!("{} Writeable URI:", name(cap.format(), directory)));
            line(format!(" writekey: {}", base32::encode(cap.write_key().expose())));
            line(format!(" readkey: {}", base32::encode(cap.read_key().expose())));
            line(format!(" storage index: {}", cap.storage_index()));
            line(format!(" fingerprint: {}\n", base32::encode(cap.fingerprint().as_bytes())));
            write_secrets(&mut line, cap, party);
        }
        FileCap::SskRead(cap) => {
            line(format!("{} Read-only URI:", name(cap.format(), directory)));
            line(format!(" readkey: {}", base32::encode(cap.read_key().expose())));
            line(format!(" storage index: {}", cap.storage_index()));
            line(format!(" fingerprint: {}", base32::encode(cap.fingerprint().as_bytes())));
        }
        FileCap::SskVerify(cap) => {
            line(format!("{} Verifier URI:", name(cap.format(), directory)));
            line(format!(" storage index: {}", cap.storage_index()));
            line(format!(" fingerprint: {}", base32::encode(cap.fingerprint().as_bytes())));
        }
    }
}

const fn name(format: MutableFormat, directory: Option<&str>) -> &str {
    match (directory, format) {
        (Some(name), _) => name,
        (None, MutableFormat::Sdmf) => "SDMF",
        (None, MutableFormat::Mdmf) => "MDMF",
    }
}

fn shape(shape: &ChkShape) -> String {
    format!(
        " UEB hash: {}\n size: {}\n k/N: {}/{}",
        base32::encode(shape.ueb_hash.as_bytes()),
        shape.size,
        shape.needed_shares,
        shape.total_shares
    )
}

fn write_secrets(line: &mut impl FnMut(String), cap: &SskWriteCap, party: &Party) {
    if let Some(server) = &party.server {
        let master = hash::SSK_WRITE_ENABLER_MASTER.hash(cap.write_key().expose());
        let enabler = hash::SSK_WRITE_ENABLER.pair(&master, server.as_bytes());
        line(format!(" write_enabler: {}\n", base32::encode(&enabler)));
    }
    leases(line, cap.storage_index(), party);
}

/// The secrets that leases on the file's shares have.
fn leases(line: &mut impl FnMut(String), si: StorageIndex, party: &Party) {
    let Some(secret) = &party.secret else { return };
    let lease = party.server.as_ref().map(|server| lease::lease_secrets(secret, &si, server));
    let [client, file] = hash::renew_secret_origins(secret, &si);
    line(format!(" client renewal secret: {}", base32::encode(&client)));
    line(format!(" file renewal secret: {}", base32::encode(&file)));
    if let Some(lease) = &lease {
        line(format!(" lease renewal secret: {}", base32::encode(lease.renew.expose())));
    }
    let [client, file] = hash::cancel_secret_origins(secret, &si);
    line(format!(" client cancel secret: {}", base32::encode(&client)));
    line(format!(" file cancel secret: {}", base32::encode(&file)));
    if let Some(lease) = &lease {
        line(format!(" lease cancel secret: {}", base32::encode(lease.cancel.expose())));
    }
}
