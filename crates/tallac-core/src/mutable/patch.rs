//! A change in place of an MDMF version: only the segments that it touches are coded anew
//! (section 3.9).

use std::ops::Range;

use bytes::Bytes;

use super::encoder::{Sealed, code};
use super::{Header, HeaderError, MutableGeometry, Publication};
use crate::cap::MutableFormat;
use crate::hash::Hash;
use crate::merkle::MerkleTree;
use crate::storage::WriteVector;

/// Why a version cannot be changed in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// The change begins after the end: a file has no holes.
    #[error("the change begins at byte {offset}, after the end of the {size}-byte file")]
    BeyondEnd {
        /// Where it begins.
        offset: u64,
        /// Bytes that there are.
        size: u64,
    },
    /// Only MDMF can be changed in place.
    #[error("an SDMF file cannot be changed in place")]
    NotInPlace,
    /// The file would become larger than any can be.
    #[error(transparent)]
    TooLarge(#[from] HeaderError),
}

/// Which segments a change touches, before and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    old: MutableGeometry,
    new: MutableGeometry,
    bytes: Range<u64>,
    segments: Range<u64>,
}

/// What is to be written to one share.
#[derive(Debug, Clone)]
pub struct SharePatch {
    /// The writes.
    pub writes: Vec<WriteVector>,
    /// Bytes of the share afterwards.
    pub length: u64,
}

/// A changed version.
#[derive(Debug, Clone)]
pub struct PatchedVersion {
    /// Its header.
    pub header: Header,
    /// What to write to each share, in order of their numbers.
    pub shares: Vec<SharePatch>,
    /// The block hashes of every share afterwards.
    pub leaves: Vec<Vec<Hash>>,
}

impl Patch {
    /// The change of `len` bytes at `offset`.
    ///
    /// # Errors
    /// [`PatchError`].
    pub fn new(old: MutableGeometry, offset: u64, len: u64) -> Result<Self, PatchError> {
        if old.format() != MutableFormat::Mdmf {
            return Err(PatchError::NotInPlace);
        }
        if offset > old.size() {
            return Err(PatchError::BeyondEnd { offset, size: old.size() });
        }
        let end = offset.checked_add(len).ok_or(HeaderError::BadSizes)?;
        let size = old.size().max(end);
        let new =
            MutableGeometry::of_version(old.format(), old.encoding(), size, old.segment_size())?;
        let mut segments = new.segments_of(&(offset..end));
        if segments.is_empty() {
            segments = 0..0;
        }
        Ok(Self { old, new, bytes: offset..end, segments })
    }

    /// Sizes after the change.
    #[must_use]
    pub const fn geometry(&self) -> &MutableGeometry {
        &self.new
    }

    /// The segments to be coded.
    #[must_use]
    pub const fn segments(&self) -> &Range<u64> {
        &self.segments
    }

    /// Segments of which old bytes are needed, since the change does not cover them: none, one or
    /// two.
    #[must_use]
    pub fn boundary(&self) -> Vec<u64> {
        let mut boundary = Vec::new();
        for segment in [self.segments.start, self.segments.end.saturating_sub(1)] {
            let old = self.old.segment_range(segment);
            let is_covered = self.bytes.start <= old.start && old.end <= self.bytes.end;
            if self.segments.contains(&segment)
                && !old.is_empty()
                && !is_covered
                && !boundary.contains(&segment)
            {
                boundary.push(segment);
            }
        }
        boundary
    }

    /// The plaintext of all segments to be coded: the change, with the old bytes around it. Takes
    /// the plaintext of each segment of [`boundary`](Self::boundary).
    #[must_use]
    pub fn splice(&self, data: &[u8], boundary: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let start = self.new.segment_range(self.segments.start).start;
        let end = self.new.segment_range(self.segments.end.saturating_sub(1)).end;
        let at = |offset: u64| usize::try_from(offset - start).expect("the change is in memory");
        let mut plaintext = vec![0; at(end.max(start))];
        for (segment, old) in boundary {
            let from = at(self.old.segment_range(*segment).start);
            plaintext[from..from + old.len()].copy_from_slice(old);
        }
        let from = at(self.bytes.start);
        plaintext[from..from + data.len()].copy_from_slice(data);
        plaintext
    }

    /// Codes the touched segments. `leaves` are the proven block hashes of every share of the old
    /// version.
    ///
    /// # Panics
    /// If there are not the leaves of all shares, or not enough salts.
    #[must_use]
    pub fn apply(
        &self,
        plaintext: &[u8],
        leaves: &[Vec<Hash>],
        publication: &Publication<'_>,
    ) -> PatchedVersion {
        assert_eq!(leaves.len(), usize::from(self.new.encoding().total()), "leaves of all shares");
        let coded = code(&self.new, self.segments.clone(), plaintext, publication);
        let count = usize::try_from(self.new.segment_count()).expect("the trees are in memory");
        let first = usize::try_from(self.segments.start).expect("the trees are in memory");
        let leaves: Vec<Vec<Hash>> = leaves
            .iter()
            .zip(&coded.leaves)
            .map(|(old, fresh)| {
                let mut leaves = old.clone();
                leaves.resize(count, [0; 32]);
                leaves[first..first + fresh.len()].copy_from_slice(fresh);
                leaves
            })
            .collect();
        let trees: Vec<MerkleTree> =
            leaves.iter().map(|leaves| MerkleTree::from_leaves(leaves)).collect();
        let sealed = Sealed::new(self.new, publication, &trees);
        let offsets = &sealed.header.offsets;
        let data_at = offsets.data.start + self.new.data_range(&self.segments).start;
        let shares = coded.data.into_iter().zip(&trees).enumerate();
        let shares = shares.map(|(number, (data, tree))| SharePatch {
            writes: vec![
                WriteVector { offset: data_at, data: Bytes::from(data) },
                WriteVector {
                    offset: offsets.block_hash_tree.start,
                    data: Bytes::from(tree.to_bytes()),
                },
                WriteVector { offset: 0, data: sealed.mdmf_front(number) },
            ],
            length: offsets.end(),
        });
        let shares = shares.collect();
        PatchedVersion { header: sealed.header, shares, leaves }
    }
}
