//! `tallac debug catalog-shares`: a line for each share in node directories.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use tallac_core::base32;

use super::super::Globals;
use super::super::quote::quoted_path;
use super::dump_share::{Container, Share, UEB_HASH};
use super::leases::seconds_left;
use super::mutable_share::{self, MutableShare};
use super::shares_dir;

/// Print a line for each share in the node directories.
///
/// `CHK $SI $k/$N $size $UEB_hash $expiration $path`, for mutable files `SDMF` or `MDMF` and
/// `#$seqnum:$root_hash` in place of the hash, or `UNKNOWN $path`. The expiration is in seconds
/// from now.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Directories of nodes with storage servers
    #[arg(value_name = "NODEDIR", required = true)]
    nodes: Vec<PathBuf>,
}

/// Where uploads are that have not ended.
const INCOMING: &str = "incoming";

pub(super) fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    for node in &args.nodes {
        let node = std::path::absolute(node).context("the current directory is not known")?;
        // A node may have no storage.
        let shares = shares_dir(&node);
        let Ok(prefixes) = names(&shares) else { continue };
        for prefix in prefixes.iter().filter(|name| *name != INCOMING) {
            catalog_prefix(&shares.join(prefix), globals)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The names in a directory, in order; shares by their numbers.
fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    let entries = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name()));
    let mut names: Vec<OsString> = entries.collect::<io::Result<_>>()?;
    names.sort_by_key(|name| {
        (name.to_str().and_then(|name| name.parse::<u32>().ok()), name.clone())
    });
    Ok(names)
}

/// Disks that this is run on may be bad: what cannot be read is told, and the rest is gone through.
fn catalog_prefix(prefix: &Path, globals: &Globals) -> io::Result<()> {
    let objects = match names(prefix) {
        Ok(objects) => objects,
        Err(error) => return complain(prefix, &error.into()),
    };
    for object in objects {
        let dir = prefix.join(&object);
        let numbers = match names(&dir) {
            Ok(numbers) => numbers,
            Err(error) => {
                complain(&dir, &error.into())?;
                continue;
            }
        };
        for number in numbers {
            let path = dir.join(number);
            match describe(&path, &object.to_string_lossy()) {
                Ok(line) => globals.say(line)?,
                Err(error) => complain(&path, &error)?,
            }
        }
    }
    Ok(())
}

fn complain(path: &Path, error: &anyhow::Error) -> io::Result<()> {
    writeln!(io::stderr(), "Error processing {}\n  {error:#}", quoted_path(path))
}

/// The line of a share.
fn describe(path: &Path, storage_index: &str) -> anyhow::Result<String> {
    let shown = quoted_path(path);
    match Share::open(path) {
        Ok(Share::Immutable(share)) => immutable(&share, storage_index, &shown),
        Ok(Share::Mutable(share)) => mutable(&share, storage_index, &shown),
        // It cannot be read.
        Err(error) if error.root_cause().is::<io::Error>() => Err(error),
        Err(_) => Ok(format!("UNKNOWN really-unknown {shown}")),
    }
}

fn immutable(share: &Container, storage_index: &str, path: &str) -> anyhow::Result<String> {
    let (fields, _) = share.fields()?;
    let field = |key: &str| fields.get(key).with_context(|| format!("its UEB has no {key}"));
    let ends = share.leases()?.iter().map(|lease| lease.expiration).min();
    Ok(format!(
        "CHK {storage_index} {}/{} {} {} {} {path}",
        field("needed_shares")?,
        field("total_shares")?,
        field("size")?,
        field(UEB_HASH)?,
        expiration(ends),
    ))
}

fn mutable(share: &MutableShare, storage_index: &str, path: &str) -> anyhow::Result<String> {
    let Some(format) = share.format()? else { return Ok(format!("UNKNOWN mutable {path}")) };
    let header = share.header(format)?;
    let encoding = header.geometry.encoding();
    let ends = share.leases()?.iter().map(|(_, lease)| lease.expiration).min();
    Ok(format!(
        "{} {storage_index} {}/{} {} #{}:{} {} {path}",
        mutable_share::name(format),
        encoding.needed(),
        encoding.total(),
        header.geometry.size(),
        header.version.sequence_number,
        base32::encode(&header.version.root_hash),
        expiration(ends),
    ))
}

/// Seconds until the first lease ends; 0 once it has, and where there is none.
fn expiration(ends: Option<u32>) -> i64 {
    ends.map_or(0, |ends| seconds_left(ends).max(0))
}
