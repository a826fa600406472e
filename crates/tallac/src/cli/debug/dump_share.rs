//! `debug dump-share`: what a container file holds, in Tahoe-LAFS's words (section 9.5).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::Args;
use tallac_core::base32;
use tallac_core::immutable::{HEADER_LEN_MAX, LayoutVersion, ShareLayout, UEB_LEN_MAX, Ueb};
use tallac_storage::disk::ShareFile;

/// Where a share begins in its container, in bytes.
const SHARE_OFFSET: u64 = 12;

/// Print what a share file holds.
#[derive(Debug, Args)]
pub(super) struct DumpShareArgs {
    /// The file, such as storage/shares/4v/4vozh77tsrw7mdhnj7qvp5ky74/0
    file: PathBuf,
    /// Also print where each section begins
    #[arg(long)]
    offsets: bool,
    /// Print the leases only
    #[arg(long)]
    leases_only: bool,
}

pub(super) fn dump(args: &DumpShareArgs) -> Result<String> {
    let path = std::path::absolute(&args.file)?;
    let share = ShareFile::open(&path).with_context(|| {
        format!("{} cannot be read as the container of an immutable share", path.display())
    })?;
    let mut out = format!("share filename: '{}'\n", path.display());
    if !args.leases_only {
        dump_contents(&mut out, &share, &path, args.offsets)?;
    }
    dump_leases(&mut out, &share)?;
    Ok(out)
}

/// One line: a name in a column of its own, and a value.
fn row(out: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{name:>20}: {value}");
}

fn dump_contents(out: &mut String, share: &ShareFile, path: &Path, offsets: bool) -> Result<()> {
    let layout = ShareLayout::parse(&share.read_at(0, HEADER_LEN_MAX)?)?;
    let version = match layout.version {
        LayoutVersion::V1 => 1,
        LayoutVersion::V2 => 2,
    };
    row(out, "version", version);
    let ueb = read_ueb(share, &layout)?;
    let fields = Ueb::fields(&ueb).context("the URI extension block is damaged")?;
    dump_ueb(out, &ueb, &fields);
    if let Some(cap) = verify_cap(path, &ueb, &fields) {
        row(out, "verify-cap", cap);
    }
    out.push_str("\n Size of data within the share:\n");
    row(out, "data", layout.plaintext_tree - layout.data);
    row(out, "uri-extension", ueb.len());
    row(out, "validation", layout.ueb - layout.plaintext_tree);
    if offsets {
        out.push_str("\n Section Offsets:\n");
        row(out, "share data", SHARE_OFFSET);
        for (name, offset) in [
            ("block data", layout.data),
            ("plaintext_hash_tree", layout.plaintext_tree),
            ("crypttext_hash_tree", layout.crypttext_tree),
            ("block_hashes", layout.block_tree),
            ("share_hashes", layout.share_hashes),
            ("uri_extension", layout.ueb),
        ] {
            let at = offset + SHARE_OFFSET;
            let _ = writeln!(out, "  {name:>20}: {at}   (0x{at:x})");
        }
        row(out, "leases", SHARE_OFFSET + share.layout().share_len());
    }
    Ok(())
}

fn read_ueb(share: &ShareFile, layout: &ShareLayout) -> Result<Vec<u8>> {
    let field = usize::try_from(layout.version.field_len())?;
    let len = share.read_at(layout.ueb, field)?;
    let len = len.iter().fold(0u64, |len, &byte| len << 8 | u64::from(byte));
    if len > UEB_LEN_MAX {
        bail!("the URI extension block would have {len} bytes; the share is damaged");
    }
    Ok(share.read_at(layout.ueb + layout.version.field_len(), usize::try_from(len)?)?)
}

/// The fields of a UEB in three groups, then those that are not known.
fn dump_ueb(out: &mut String, ueb: &[u8], fields: &BTreeMap<&str, &[u8]>) {
    const NUMBERS: [&str; 5] =
        ["size", "num_segments", "segment_size", "needed_shares", "total_shares"];
    const CODECS: [&str; 3] = ["codec_name", "codec_params", "tail_codec_params"];
    const HASHES: [&str; 5] = [
        "plaintext_hash",
        "plaintext_root_hash",
        "crypttext_hash",
        "crypttext_root_hash",
        "share_root_hash",
    ];
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    for name in NUMBERS {
        if let Some(value) = fields.get(name) {
            row(out, if name == "size" { "file_size" } else { name }, text(value));
        }
    }
    out.push('\n');
    for name in CODECS {
        if let Some(value) = fields.get(name) {
            row(out, name, text(value));
        }
    }
    out.push('\n');
    for name in HASHES {
        if let Some(value) = fields.get(name) {
            row(out, name, base32::encode(value));
        }
    }
    row(out, "UEB_hash", base32::encode(&Ueb::hash(ueb)));
    let known =
        |name: &str| NUMBERS.contains(&name) || CODECS.contains(&name) || HASHES.contains(&name);
    let mut others = fields.iter().filter(|(name, _)| !known(name)).peekable();
    if others.peek().is_some() {
        out.push_str("\nLEFTOVER:\n");
    }
    for (name, value) in others {
        row(out, name, value.escape_ascii());
    }
}

/// The verify cap, if the folder's name is a storage index.
fn verify_cap(path: &Path, ueb: &[u8], fields: &BTreeMap<&str, &[u8]>) -> Option<String> {
    let folder = path.parent()?.file_name()?.to_str()?;
    base32::decode(folder).ok()?;
    let number = |name| std::str::from_utf8(fields.get(name)?).ok();
    Some(format!(
        "URI:CHK-Verifier:{folder}:{}:{}:{}:{}",
        base32::encode(&Ueb::hash(ueb)),
        number("needed_shares")?,
        number("total_shares")?,
        number("size")?
    ))
}

fn dump_leases(out: &mut String, share: &ShareFile) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    out.push('\n');
    let mut count = 0;
    for lease in share.leases() {
        let lease = lease?;
        let (owner, when) = (lease.owner, time_left(lease.expiration, now));
        let _ = writeln!(out, " Lease #{count}: owner={owner}, expire in {when}");
        count += 1;
    }
    if count == 0 {
        out.push_str(" No leases.\n");
    }
    Ok(())
}

fn time_left(expiration: u32, now: u64) -> String {
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    let left = i64::from(expiration) - i64::try_from(now).unwrap_or(i64::MAX);
    match left {
        left if left > DAY => format!("{left}s ({} days)", left / DAY),
        left if left > HOUR => format!("{left}s ({} hours)", left / HOUR),
        left => format!("{left}s"),
    }
}
