//! `tallac debug dump-share`: what the file of a share on a storage server holds.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use tallac_core::base32;
use tallac_core::cap::{ChkShape, ChkVerifyCap, UebHash};
use tallac_core::ids::StorageIndex;
use tallac_core::immutable::{HEADER_LEN_MAX, ShareLayout, Ueb};
use tallac_core::netstring;
use tallac_storage::container::immutable::{self, Layout};
use tallac_storage::container::lease::{LEASE_LEN, Lease};
use tallac_storage::container::mutable;

use super::super::Globals;
use super::super::quote::quoted_path;
use super::leases::remaining;
use super::mutable_share::MutableShare;

/// Print what the file of a share on a storage server holds
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The file, like storage/shares/4v/4vozh77tsrw7mdhnj7qvp5ky74/0 in a node's directory
    #[arg(value_name = "SHARE_FILENAME")]
    file: PathBuf,
    /// Print where the parts of the share are
    #[arg(long)]
    offsets: bool,
    /// Print the leases, and nothing of the share
    #[arg(long)]
    leases_only: bool,
}

/// Longest UEB that is looked into: real ones have a few hundred bytes.
const UEB_LEN_MAX: u64 = 64 << 10;

pub(super) fn run(args: &Args, globals: &Globals) -> anyhow::Result<ExitCode> {
    let path = std::path::absolute(&args.file).context("the current directory is not known")?;
    let share = Share::open(&path)?;
    globals.say(format!("share filename: {}", quoted_path(&path)))?;
    let container = match share {
        Share::Mutable(share) => {
            // As in Tahoe-LAFS, --leases-only leaves nothing out of these.
            for line in share.lines(&path, args.offsets)? {
                globals.say(line)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        Share::Immutable(container) => container,
    };
    if !args.leases_only {
        for line in container.share_lines(&path, args.offsets)? {
            globals.say(line)?;
        }
    }
    globals.say("")?;
    let leases = container.leases()?;
    if leases.is_empty() {
        globals.say(" No leases.")?;
    }
    for (index, lease) in leases.iter().enumerate() {
        let ends = remaining(lease.expiration);
        globals.say(format!(" Lease #{index}: owner={}, expire in {ends}", lease.owner))?;
    }
    globals.say("")?;
    Ok(ExitCode::SUCCESS)
}

/// The file of a share of either kind.
pub(super) enum Share {
    Immutable(Container),
    Mutable(MutableShare),
}

impl Share {
    /// Opens the file of a share.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let in_file = || format!("'{}'", path.display());
        let file = File::open(path).with_context(in_file)?;
        let len = file.metadata().with_context(in_file)?.len();
        let mut start = [0; mutable::MAGIC_LEN];
        let start_len = start.len().min(usize::try_from(len)?);
        file.read_exact_at(&mut start[..start_len], 0).with_context(in_file)?;
        if mutable::is_mutable(&start[..start_len]) {
            return Ok(Self::Mutable(MutableShare::open(file).with_context(in_file)?));
        }
        let layout = Layout::parse(&start[..start_len.min(immutable::HEADER_LEN)], len);
        Ok(Self::Immutable(Container { layout: layout.with_context(in_file)?, file }))
    }
}

/// The file of an immutable share.
pub(super) struct Container {
    file: File,
    layout: Layout,
}

impl Container {
    /// Bytes of the share; all of them must be there.
    fn read(&self, offset: u64, len: u64) -> anyhow::Result<Vec<u8>> {
        let end = offset.checked_add(len);
        ensure!(
            end.is_some_and(|end| end <= self.layout.share_len()),
            "the share is damaged: a part of it lies beyond its end"
        );
        let mut bytes = vec![0; usize::try_from(len)?];
        self.file.read_exact_at(&mut bytes, self.layout.share_offset() + offset)?;
        Ok(bytes)
    }

    fn lease(&self, index: u32) -> anyhow::Result<Lease> {
        let mut bytes = [0; LEASE_LEN];
        self.file.read_exact_at(&mut bytes, self.layout.lease_offset(index))?;
        Ok(Lease::parse(&bytes))
    }

    pub(super) fn leases(&self) -> anyhow::Result<Vec<Lease>> {
        (0..self.layout.header().lease_count).map(|index| self.lease(index)).collect()
    }

    /// Where the parts of the share are, and the bytes that say so.
    fn share_layout(&self) -> anyhow::Result<(ShareLayout, Vec<u8>)> {
        let header = self.read(0, self.layout.share_len().min(HEADER_LEN_MAX as u64))?;
        Ok((ShareLayout::parse(&header)?, header))
    }

    /// Where the blocks stand in the file.
    pub(super) fn blocks(&self) -> anyhow::Result<Range<u64>> {
        let (share, _) = self.share_layout()?;
        let start = self.layout.share_offset();
        let place = |offset: u64| start.checked_add(offset).context("the share is damaged");
        Ok(place(share.data)?..place(share.plaintext_tree)?)
    }

    /// The fields of its UEB, and how many bytes that has.
    pub(super) fn fields(&self) -> anyhow::Result<(Fields, u64)> {
        let (share, _) = self.share_layout()?;
        let field_len = share.version.field_len();
        let ueb_len = self.read(share.ueb, field_len)?;
        let ueb_len = ueb_len.iter().fold(0, |len: u64, &byte| len << 8 | u64::from(byte));
        ensure!(ueb_len <= UEB_LEN_MAX, "the share is damaged: its UEB has {ueb_len} bytes");
        let start = share.ueb.checked_add(field_len).context("the share is damaged")?;
        Ok((Fields::parse(&self.read(start, ueb_len)?)?, ueb_len))
    }

    /// The lines that tell of the share.
    fn share_lines(&self, path: &Path, with_offsets: bool) -> anyhow::Result<Vec<String>> {
        let (share, header) = self.share_layout()?;
        let (fields, ueb_len) = self.fields()?;
        let mut lines =
            vec![line("version", u32::from_be_bytes(*header.first_chunk().context("empty")?))];
        lines.extend(fields.lines());
        lines.extend(verify_cap(path, &fields).map(|cap| line("verify-cap", cap)));
        let sizes = [
            ("data", share.plaintext_tree.checked_sub(share.data)),
            ("uri-extension", Some(ueb_len)),
            ("validation", share.ueb.checked_sub(share.plaintext_tree)),
        ];
        lines.extend([String::new(), " Size of data within the share:".to_owned()]);
        for (name, size) in sizes {
            lines.push(line(
                name,
                size.context("the share is damaged: its parts are not in order")?,
            ));
        }
        if with_offsets {
            lines.extend(self.offset_lines(&share));
        }
        Ok(lines)
    }

    fn offset_lines(&self, share: &ShareLayout) -> Vec<String> {
        let parts = [
            ("block data", share.data),
            ("plaintext_hash_tree", share.plaintext_tree),
            ("crypttext_hash_tree", share.crypttext_tree),
            ("block_hashes", share.block_tree),
            ("share_hashes", share.share_hashes),
            ("uri_extension", share.ueb),
        ];
        let start = self.layout.share_offset();
        let mut lines = vec![String::new(), " Section Offsets:".to_owned()];
        lines.push(line("share data", start));
        lines.extend(parts.iter().map(|(name, offset)| {
            let offset = u128::from(start) + u128::from(*offset);
            format!("  {name:>20}: {offset}   ({offset:#x})")
        }));
        lines.push(line("leases", self.layout.lease_offset(0)));
        lines
    }
}

fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("{name:>20}: {value}")
}

/// Keys of numbers, with the name that one of them is shown under.
const NUMBERS: [(&str, &str); 5] = [
    ("size", "file_size"),
    ("num_segments", "num_segments"),
    ("segment_size", "segment_size"),
    ("needed_shares", "needed_shares"),
    ("total_shares", "total_shares"),
];

/// Keys of the code.
const CODEC: [&str; 3] = ["codec_name", "codec_params", "tail_codec_params"];

/// Keys of hashes.
const HASHES: [&str; 6] = [
    "plaintext_hash",
    "plaintext_root_hash",
    "crypttext_hash",
    "crypttext_root_hash",
    "share_root_hash",
    UEB_HASH,
];

/// The hash of the whole, shown as if it were one of its fields.
pub(super) const UEB_HASH: &str = "UEB_hash";

/// The fields of a UEB (section 3.2), whatever they are, as they are shown.
pub(super) struct Fields {
    shown: Vec<(String, String)>,
    ueb_hash: UebHash,
}

impl Fields {
    fn parse(ueb: &[u8]) -> anyhow::Result<Self> {
        let damaged = "the share is damaged: its UEB cannot be read";
        let mut shown = Vec::new();
        let mut rest = ueb;
        while !rest.is_empty() {
            let colon = rest.iter().position(|&byte| byte == b':').context(damaged)?;
            let key = str::from_utf8(&rest[..colon]).context(damaged)?.to_owned();
            let (value, after) = netstring::take(&rest[colon + 1..]).context(damaged)?;
            let value = match key.contains("hash") {
                true => base32::encode(value),
                false => String::from_utf8_lossy(value).escape_debug().to_string(),
            };
            shown.push((key, value));
            rest = after;
        }
        shown.sort();
        Ok(Self { shown, ueb_hash: UebHash::new(Ueb::hash(ueb)) })
    }

    /// A field as it is shown.
    pub(super) fn get(&self, key: &str) -> Option<String> {
        if key == UEB_HASH {
            return Some(self.ueb_hash.to_string());
        }
        self.shown.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    fn lines(&self) -> Vec<String> {
        let shown = |key: &str, name: &str| self.get(key).map(|value| line(name, value));
        let mut lines: Vec<_> = NUMBERS.iter().filter_map(|(key, name)| shown(key, name)).collect();
        lines.push(String::new());
        lines.extend(CODEC.iter().filter_map(|key| shown(key, key)));
        lines.push(String::new());
        lines.extend(HASHES.iter().filter_map(|key| shown(key, key)));
        let is_known = |key: &str| {
            NUMBERS.iter().any(|(known, _)| *known == key)
                || CODEC.contains(&key)
                || HASHES.contains(&key)
        };
        let others: Vec<_> = self.shown.iter().filter(|(key, _)| !is_known(key)).collect();
        if !others.is_empty() {
            lines.extend([String::new(), "LEFTOVER:".to_owned()]);
            lines.extend(others.iter().map(|(key, value)| line(key, value)));
        }
        lines
    }
}

/// The cap that checks the share's file. The share does not hold its storage index: the name of
/// the directory that it is in does.
fn verify_cap(path: &Path, fields: &Fields) -> Option<ChkVerifyCap> {
    let storage_index: StorageIndex = path.parent()?.file_name()?.to_str()?.parse().ok()?;
    let number = |key: &str| fields.get(key)?.parse().ok();
    let shape = ChkShape {
        ueb_hash: fields.ueb_hash,
        needed_shares: number("needed_shares")?,
        total_shares: number("total_shares")?,
        size: number("size")?,
    };
    Some(ChkVerifyCap::new(storage_index, shape))
}
