//! Mutable shares, SDMF and MDMF (specification sections 3.8 and 3.9).

use std::ops::Range;

use bytes::Bytes;
use data_encoding::BASE64;
use tallac_core::cap::MutableFormat;
use tallac_core::ids::ShareNumber;
use tallac_core::mutable::{Header, ShareProof};

const VECTORS: &str = include_str!("../../vectors/mutable_files.json");

fn part<'a>(share: &'a [u8], range: &Range<u64>) -> Option<&'a [u8]> {
    let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
    share.get(start..end)
}

/// Reads any bytes as a share of either kind: its header, then its hashes, then its blocks. No
/// part is longer than what is there, or than a limit of ours.
pub fn target(data: &[u8]) {
    for format in [MutableFormat::Sdmf, MutableFormat::Mdmf] {
        let Ok(header) = Header::parse(data, format) else { continue };
        assert!(data.starts_with(header.signed()), "not what was read");
        let offsets = &header.offsets;
        assert!(offsets.front() <= 16 << 10);
        let (Some(chain), Some(tree)) =
            (part(data, &offsets.share_hash_chain), part(data, &offsets.block_hash_tree))
        else {
            continue;
        };
        let Ok(proof) = ShareProof::new(&header, ShareNumber::new(0), chain, tree) else {
            continue;
        };
        let Some(blocks) = part(data, &offsets.data) else { continue };
        let all = 0..header.geometry.segment_count();
        let _ = proof.blocks(all, &Bytes::copy_from_slice(blocks));
    }
}

/// Shares that Tahoe-LAFS made.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let rows: Vec<serde_json::Value> = serde_json::from_str(VECTORS).unwrap_or_default();
    let shares = rows.iter().filter_map(|row| row["shares"][0].as_str());
    shares.filter_map(|share| BASE64.decode(share.as_bytes()).ok()).collect()
}
