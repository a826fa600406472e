//! `tallac debug dump-cap`: what a capability says, and what follows from it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use tallac_core::base32;
use tallac_core::cap::{
    Cap, ChkShape, FileCap, MutableFormat, SskReadCap, SskVerifyCap, SskWriteCap,
};
use tallac_core::hash::{self, Hash};
use tallac_core::ids::{StorageIndex, TubId};
use tallac_core::lease;
use tallac_core::secrets::LeaseSecret;

use super::super::Globals;
use super::super::program;
use super::super::quote::quoted_bytes;
use crate::config::NodeDirectory;
use crate::files;

/// Print what a capability says, and the keys and secrets that follow from it
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The capability, or a web address with /uri/ and the capability
    #[arg(value_name = "CAP")]
    cap: String,
    /// Tub id of a storage server, for what it alone is told
    #[arg(short, long)]
    nodeid: Option<String>,
    /// The client's lease secret, for the secrets of its leases
    #[arg(short, long, value_name = "SECRET")]
    client_secret: Option<String>,
    /// The client's node directory, to read its lease secret from
    #[arg(short = 'd', long, value_name = "DIR")]
    client_dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let dump = Dump { node: args.node()?, secret: args.secret()? };
    let cap = Cap::parse(&cap_of(&args.cap)?);
    globals.say("")?;
    for line in dump.cap(&cap) {
        globals.say(line)?;
    }
    if let Cap::Unknown(unknown) = &cap {
        eprintln!("{}: {}", program::name(), unknown.why());
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn node(&self) -> anyhow::Result<Option<TubId>> {
        let Some(text) = &self.nodeid else { return Ok(None) };
        let node = text.to_lowercase().parse();
        node.map(Some).context("--nodeid must be a tub id of 32 base32 characters")
    }

    /// The secret that is given, or the one in a node directory, if there is one.
    fn secret(&self) -> anyhow::Result<Option<LeaseSecret>> {
        if let Some(text) = &self.client_secret {
            let secret = LeaseSecret::from_base32(text);
            return secret.map(Some).context("--client-secret must be 52 base32 characters");
        }
        let Some(dir) = &self.client_dir else { return Ok(None) };
        let file = NodeDirectory::new(dir)?.private("secret");
        let Some(text) = files::read_text(&file)? else { return Ok(None) };
        let secret = LeaseSecret::from_base32(text.trim());
        secret.map(Some).with_context(|| format!("'{}' is damaged", file.display()))
    }
}

/// The cap in a web address, or the text itself.
fn cap_of(text: &str) -> anyhow::Result<String> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return Ok(text.to_owned());
    }
    let path = text.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
    let path = path.map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match path.strip_prefix("uri/") {
        Some(cap) => unescape(cap),
        None => bail!("the path of a web address must begin with /uri/ and a capability"),
    }
}

/// Puts the bytes in that `%xx` stands for.
fn unescape(text: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| first == b'%').and_then(|digits| {
            let digits = str::from_utf8(digits).ok()?;
            digits
                .bytes()
                .all(|d| d.is_ascii_hexdigit())
                .then(|| u8::from_str_radix(digits, 16).ok())?
        });
        match escaped {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(first), rest = after),
        };
    }
    String::from_utf8(bytes).context("the web address holds no text")
}

/// Makes the lines.
struct Dump {
    node: Option<TubId>,
    secret: Option<LeaseSecret>,
}

impl Dump {
    fn cap(&self, cap: &Cap) -> Vec<String> {
        let (header, file) = match cap {
            Cap::File(file) => (file_header(file), file),
            Cap::Directory(cap) => (directory_header(cap.file()), cap.file()),
            Cap::Unknown(_) => return vec!["unknown cap type".to_owned()],
        };
        let mut lines = vec![header.to_owned()];
        lines.extend(self.file(file));
        lines
    }

    fn file(&self, file: &FileCap) -> Vec<String> {
        match file {
            FileCap::Lit(cap) => vec![format!(" data: {}", quoted_bytes(cap.data()))],
            FileCap::ChkRead(cap) => {
                let mut lines = vec![format!(" key: {}", base32::encode(cap.key().expose()))];
                lines.extend(shape(cap.shape(), cap.storage_index()));
                lines.extend(self.secrets(&cap.storage_index()));
                lines
            }
            FileCap::ChkVerify(cap) => shape(cap.shape(), cap.storage_index()),
            FileCap::SskWrite(cap) => self.write(cap),
            FileCap::SskRead(cap) => read(cap),
            FileCap::SskVerify(cap) => verify(cap),
        }
    }

    fn write(&self, cap: &SskWriteCap) -> Vec<String> {
        let mut lines = vec![format!(" writekey: {}", base32::encode(cap.write_key().expose()))];
        lines.extend(read(&cap.to_readonly()));
        lines.push(String::new());
        if let Some(node) = &self.node {
            let master = hash::SSK_WRITE_ENABLER_MASTER.hash(cap.write_key().expose());
            let enabler = hash::SSK_WRITE_ENABLER.pair(&master, node.as_bytes());
            lines.push(format!(" write_enabler: {}", base32::encode(&enabler)));
            lines.push(String::new());
        }
        lines.extend(self.secrets(&cap.storage_index()));
        lines
    }

    /// The secrets of a client's leases on a file.
    fn secrets(&self, si: &StorageIndex) -> Vec<String> {
        let Some(secret) = &self.secret else { return Vec::new() };
        let of_server = self.node.as_ref().map(|node| lease::lease_secrets(secret, si, node));
        let renew = hash::client_renewal_secret(secret);
        let cancel = hash::client_cancel_secret(secret);
        let line = |name: &str, secret: &Hash| format!(" {name}: {}", base32::encode(secret));
        let mut lines = vec![
            line("client renewal secret", &renew),
            line("file renewal secret", &hash::FILE_RENEWAL.pair(&renew, si.as_bytes())),
        ];
        lines.extend(of_server.as_ref().map(|s| line("lease renewal secret", s.renew.expose())));
        lines.push(line("client cancel secret", &cancel));
        lines.push(line("file cancel secret", &hash::FILE_CANCEL.pair(&cancel, si.as_bytes())));
        lines.extend(of_server.as_ref().map(|s| line("lease cancel secret", s.cancel.expose())));
        lines
    }
}

const fn file_header(file: &FileCap) -> &'static str {
    use MutableFormat::{Mdmf, Sdmf};
    match file {
        FileCap::Lit(_) => "Literal File URI:",
        FileCap::ChkRead(_) => "CHK File:",
        FileCap::ChkVerify(_) => "CHK Verifier URI:",
        FileCap::SskWrite(cap) => match cap.format() {
            Sdmf => "SDMF Writeable URI:",
            Mdmf => "MDMF Writeable URI:",
        },
        FileCap::SskRead(cap) => match cap.format() {
            Sdmf => "SDMF Read-only URI:",
            Mdmf => "MDMF Read-only URI:",
        },
        FileCap::SskVerify(cap) => match cap.format() {
            Sdmf => "SDMF Verifier URI:",
            Mdmf => "MDMF Verifier URI:",
        },
    }
}

/// Tahoe-LAFS has none for literal directories: it calls them unknown.
const fn directory_header(file: &FileCap) -> &'static str {
    match file {
        FileCap::Lit(_) => "Literal Directory URI:",
        FileCap::ChkRead(_) => "CHK Directory URI:",
        FileCap::ChkVerify(_) => "CHK Directory Verifier URI:",
        FileCap::SskWrite(_) => "Directory Writeable URI:",
        FileCap::SskRead(_) => "Directory Read-only URI:",
        FileCap::SskVerify(_) => "Directory Verifier URI:",
    }
}

fn shape(shape: &ChkShape, si: StorageIndex) -> Vec<String> {
    vec![
        format!(" UEB hash: {}", shape.ueb_hash),
        format!(" size: {}", shape.size),
        format!(" k/N: {}/{}", shape.needed_shares, shape.total_shares),
        format!(" storage index: {si}"),
    ]
}

fn read(cap: &SskReadCap) -> Vec<String> {
    let mut lines = vec![format!(" readkey: {}", base32::encode(cap.read_key().expose()))];
    lines.extend(verify(&cap.to_verifier()));
    lines
}

fn verify(cap: &SskVerifyCap) -> Vec<String> {
    vec![
        format!(" storage index: {}", cap.storage_index()),
        format!(" fingerprint: {}", cap.fingerprint()),
    ]
}
