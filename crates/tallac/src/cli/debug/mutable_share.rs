//! The file of a mutable share on a storage server, looked into (sections 3.6 to 3.9).

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use tallac_core::base32;
use tallac_core::cap::{Fingerprint, MutableFormat, SskVerifyCap};
use tallac_core::hash;
use tallac_core::ids::StorageIndex;
use tallac_core::mutable::{Header, Offsets};
use tallac_storage::container::immutable::Version;
use tallac_storage::container::mutable::{
    self, DATA_OFFSET, EXTRA_COUNT_LEN, HEADER_LEN, LEASE_LEN, LEASE_SLOT_COUNT, Lease,
};

use super::leases::remaining;

/// More than any header of a share.
const START_LEN: u64 = 200;

/// Longest part that is read: keys, signatures and hashes have fewer bytes.
const PART_LEN_MAX: u64 = 64 << 10;

/// Bytes of one entry of a share hash chain, and of one hash.
const CHAIN_ENTRY_LEN: u64 = 34;
const HASH_LEN: u64 = 32;

/// The file of a mutable share.
pub(super) struct MutableShare {
    file: File,
    len: u64,
    container: mutable::Header,
}

impl MutableShare {
    /// Opens a file that begins as mutable containers do.
    pub(super) fn open(file: File) -> anyhow::Result<Self> {
        let len = file.metadata()?.len();
        let mut start = [0; HEADER_LEN];
        let start_len = start.len().min(usize::try_from(len)?);
        file.read_exact_at(&mut start[..start_len], 0)?;
        let container = mutable::Header::parse(&start[..start_len])?;
        container.check_data(len)?;
        Ok(Self { file, len, container })
    }

    /// SDMF or MDMF, if it is one of them.
    pub(super) fn format(&self) -> anyhow::Result<Option<MutableFormat>> {
        Ok(match self.read(0, 1.min(self.container.data_len))?.as_slice() {
            [0] => Some(MutableFormat::Sdmf),
            [1] => Some(MutableFormat::Mdmf),
            _ => None,
        })
    }

    /// The header of the share.
    pub(super) fn header(&self, format: MutableFormat) -> anyhow::Result<Header> {
        let start = self.read(0, self.container.data_len.min(START_LEN))?;
        Ok(Header::parse(&start, format)?)
    }

    /// Bytes of the share; all of them must be there.
    fn read(&self, offset: u64, len: u64) -> anyhow::Result<Vec<u8>> {
        let end = offset.checked_add(len);
        ensure!(
            len <= PART_LEN_MAX && end.is_some_and(|end| end <= self.container.data_len),
            "the share is damaged: a part of it lies beyond its end"
        );
        let mut bytes = vec![0; usize::try_from(len)?];
        self.file.read_exact_at(&mut bytes, DATA_OFFSET + offset)?;
        Ok(bytes)
    }

    /// How many leases have a slot of the second kind.
    fn extra_count(&self) -> anyhow::Result<u32> {
        let mut count = [0; EXTRA_COUNT_LEN];
        self.file.read_exact_at(&mut count, self.container.extra_offset)?;
        Ok(u32::from_be_bytes(count))
    }

    /// The leases, with the numbers of their slots.
    pub(super) fn leases(&self) -> anyhow::Result<Vec<(usize, Lease)>> {
        let mut bytes = vec![0; LEASE_SLOT_COUNT * LEASE_LEN];
        self.file.read_exact_at(&mut bytes, HEADER_LEN as u64)?;
        let (start, len) = self.container.extra_leases(self.extra_count()?, self.len)?;
        let mut extra = vec![0; len];
        self.file.read_exact_at(&mut extra, start)?;
        bytes.extend(extra);
        let (slots, _) = bytes.as_chunks::<LEASE_LEN>();
        let leases = slots.iter().map(Lease::parse).enumerate();
        Ok(leases.filter(|(_, lease)| !lease.is_none()).collect())
    }

    /// Where the blocks stand in the file.
    pub(super) fn blocks(&self) -> anyhow::Result<std::ops::Range<u64>> {
        let format = self.format()?.context("the share is of an unknown kind")?;
        let data = self.header(format)?.offsets.data;
        Ok(DATA_OFFSET + data.start..DATA_OFFSET + data.end)
    }

    /// The lines that `dump-share` prints.
    pub(super) fn lines(&self, path: &Path, with_offsets: bool) -> anyhow::Result<Vec<String>> {
        let format = self.format()?;
        let mut lines = self.slot_lines(format)?;
        lines.extend(self.lease_lines()?);
        lines.push(String::new());
        let Some(format) = format else { return Ok(lines) };
        let header = self.header(format)?;
        lines.extend(self.content_lines(path, format, &header)?);
        if with_offsets {
            lines.extend([String::new(), " Section Offsets:".to_owned()]);
            lines.extend(self.offset_lines(format, &header.offsets));
        }
        lines.push(String::new());
        Ok(lines)
    }

    fn slot_lines(&self, format: Option<MutableFormat>) -> anyhow::Result<Vec<String>> {
        let container = &self.container;
        Ok(vec![
            String::new(),
            "Mutable slot found:".to_owned(),
            format!(" share_type: {}", format.map_or("unknown", name)),
            // Whoever reads the file has it anyway, and Tahoe-LAFS shows it.
            format!(" write_enabler: {}", base32::encode(container.write_enabler.expose())),
            format!(" WE for nodeid: {}", container.node),
            format!(" num_extra_leases: {}", self.extra_count()?),
            format!(" container_size: {}", container.extra_offset.saturating_sub(DATA_OFFSET)),
            format!(" data_length: {}", container.data_len),
        ])
    }

    fn lease_lines(&self) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        let mark = if self.container.version == Version::V1 { "" } else { "hash:" };
        for (number, lease) in self.leases()? {
            let secret = |bytes: &[u8; 32]| format!("{mark}{}", base32::encode(bytes));
            lines.extend([
                String::new(),
                format!(" Lease #{number}:"),
                format!("  ownerid: {}", lease.owner),
                format!("  expires in {}", remaining(lease.expiration)),
                format!("  renew_secret: {}", secret(lease.stored.renew.expose())),
                format!("  cancel_secret: {}", secret(lease.stored.cancel.expose())),
                format!("  secrets are for nodeid: {}", lease.node),
            ]);
        }
        if lines.is_empty() {
            lines.push("No leases.".to_owned());
        }
        Ok(lines)
    }

    fn content_lines(
        &self,
        path: &Path,
        format: MutableFormat,
        header: &Header,
    ) -> anyhow::Result<Vec<String>> {
        let (geometry, offsets) = (&header.geometry, &header.offsets);
        let len = |part: &std::ops::Range<u64>| part.end - part.start;
        let mut lines = vec![
            format!(" {} contents:", name(format)),
            format!("  seqnum: {}", header.version.sequence_number),
            format!("  root_hash: {}", base32::encode(&header.version.root_hash)),
        ];
        lines.extend(header.salt.map(|salt| format!("  IV: {}", base32::encode(&salt))));
        lines.extend([
            format!("  required_shares: {}", geometry.encoding().needed()),
            format!("  total_shares: {}", geometry.encoding().total()),
            format!("  segsize: {}", geometry.segment_size()),
            format!("  datalen: {}", geometry.size()),
            format!("  enc_privkey: {} bytes", len(&offsets.private_key)),
            format!("  pubkey: {} bytes", len(&offsets.public_key)),
            format!("  signature: {} bytes", len(&offsets.signature)),
            format!("  share_hash_chain: {}", self.chain(format, header)?),
            format!("  block_hash_tree: {} nodes", len(&offsets.block_hash_tree) / HASH_LEN),
        ]);
        let key = self.read(offsets.public_key.start, len(&offsets.public_key))?;
        lines.extend(verify_cap(path, format, &key));
        Ok(lines)
    }

    /// The numbers of the hashes of the share hash chain, in the order that Tahoe-LAFS shows.
    fn chain(&self, format: MutableFormat, header: &Header) -> anyhow::Result<String> {
        let part = &header.offsets.share_hash_chain;
        let bytes = self.read(part.start, part.end - part.start)?;
        let entries = bytes.chunks_exact(usize::try_from(CHAIN_ENTRY_LEN)?);
        let mut numbers: Vec<u16> = entries
            .filter_map(|entry| entry.first_chunk().copied())
            .map(u16::from_be_bytes)
            .collect();
        numbers.sort_unstable();
        let mut texts: Vec<_> = numbers.iter().map(u16::to_string).collect();
        if format == MutableFormat::Sdmf {
            texts.sort();
        }
        Ok(texts.join(","))
    }

    /// Where the parts of the share stand in the file; MDMF's names are not aligned.
    fn offset_lines(&self, format: MutableFormat, offsets: &Offsets) -> Vec<String> {
        let is_mdmf = format == MutableFormat::Mdmf;
        let line = |shift: usize, name: &str, at: u64| match is_mdmf {
            false => format!("{:shift$}{name:>20}: {at}   ({at:#x})", ""),
            true => format!("  {:shift$}{name}: {at}   ({at:#x})", ""),
        };
        let mut lines = vec![
            line(0, "first lease", HEADER_LEN as u64),
            line(0, "share data", DATA_OFFSET),
            line(2, "seqnum", DATA_OFFSET + 1),
            line(2, "root_hash", DATA_OFFSET + 9),
        ];
        lines.extend(
            parts(is_mdmf, offsets).iter().map(|(name, at)| line(2, name, DATA_OFFSET + at)),
        );
        let extra = self.container.extra_offset + EXTRA_COUNT_LEN as u64;
        lines.push(line(0, "extra leases", extra));
        lines
    }
}

/// The parts of a share, in the order that they stand in.
fn parts(is_mdmf: bool, offsets: &Offsets) -> Vec<(&'static str, u64)> {
    let chain = ("share_hash_chain", offsets.share_hash_chain.start);
    let signature = ("signature", offsets.signature.start);
    let private_key = ("enc_privkey", offsets.private_key.start);
    let blocks = ("block data", offsets.data.start);
    let tree = ("block_hash_tree", offsets.block_hash_tree.start);
    let end = ("end of share data", offsets.end());
    if !is_mdmf {
        return vec![signature, chain, tree, blocks, private_key, end];
    }
    let key = ("pubkey", offsets.public_key.start);
    let key_end = ("end of pubkey", offsets.public_key.end);
    vec![private_key, chain, signature, key, key_end, blocks, tree, end]
}

/// The line with the cap that checks the file, if the share is in a directory of its storage index.
fn verify_cap(path: &Path, format: MutableFormat, key: &[u8]) -> Option<String> {
    let storage_index: StorageIndex = path.parent()?.file_name()?.to_str()?.parse().ok()?;
    let fingerprint = Fingerprint::new(hash::SSK_FINGERPRINT.hash(key));
    let cap = SskVerifyCap::new(format, storage_index, fingerprint);
    Some(format!("  verify-cap: {cap}"))
}

/// What the format is called.
pub(super) const fn name(format: MutableFormat) -> &'static str {
    match format {
        MutableFormat::Sdmf => "SDMF",
        MutableFormat::Mdmf => "MDMF",
    }
}
