//! Proving what servers answer: share hash chains, block hash trees, the crypttext hash tree
//! (specification section 4.4).

use std::collections::BTreeMap;
use std::ops::Range;

use sha256_lanes::Batch;

use super::layout::CHAIN_ENTRY;
use super::{Geometry, Ueb};
use crate::hash::{BLOCK, Hash};
use crate::ids::ShareNumber;
use crate::merkle::{MerkleError, PartialTree};

/// Why a share is not what its file's UEB vouches for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The chain is no list of node numbers and hashes.
    #[error("the share hash chain is malformed")]
    MalformedChain,
    /// The chain does not lead to the share root.
    #[error("the share hash chain is corrupt: {0}")]
    ShareHashes(MerkleError),
    /// The chain does not hold this share's own hash.
    #[error("the share hash chain does not hold this share")]
    NotInChain,
    /// The block hash tree does not lead to the share's hash.
    #[error("the block hash tree is corrupt: {0}")]
    BlockHashes(MerkleError),
    /// The crypttext hash tree does not lead to its root.
    #[error("the crypttext hash tree is corrupt: {0}")]
    CrypttextHashes(MerkleError),
    /// The file has no share of that number.
    #[error("the file has no share {0}")]
    NoSuchShare(ShareNumber),
    /// Blocks are missing at the end.
    #[error("the share is shorter than its file")]
    TooShort,
    /// A block is not the one that was uploaded.
    #[error("block of segment {0} does not match its hash")]
    BadBlock(u64),
}

/// What is proven of a file.
#[derive(Debug)]
pub struct FileVerifier {
    ueb: Ueb,
    shares: PartialTree,
    crypttext: PartialTree,
    crypttext_known: bool,
}

/// Most segments of a file that a reader should take on: its hash trees are held in memory, and
/// whoever made the file chose the number.
pub const SEGMENTS_MAX: u64 = 1 << 22;

impl FileVerifier {
    /// All that a UEB vouches for.
    #[must_use]
    pub fn new(ueb: Ueb) -> Self {
        let shares = usize::from(ueb.geometry.encoding().total());
        let segments = segments(&ueb.geometry);
        Self {
            shares: PartialTree::new(shares, ueb.share_root),
            crypttext: PartialTree::new(segments, ueb.crypttext_root),
            crypttext_known: false,
            ueb,
        }
    }

    /// The file's sizes.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.ueb.geometry
    }

    /// Takes a share in by its share hash chain and its block hash tree.
    ///
    /// # Errors
    /// [`VerifyError`]: the share, or the server that holds it, is not to be used.
    pub fn share(
        &mut self,
        number: ShareNumber,
        chain: &[u8],
        block_tree: &[u8],
    ) -> Result<ShareVerifier, VerifyError> {
        if number.index() >= self.shares.leaves() {
            return Err(VerifyError::NoSuchShare(number));
        }
        let (entries, rest) = chain.as_chunks::<CHAIN_ENTRY>();
        if !rest.is_empty() {
            return Err(VerifyError::MalformedChain);
        }
        let entries: BTreeMap<usize, Hash> = entries
            .iter()
            .map(|entry| {
                let node = usize::from(u16::from_be_bytes([entry[0], entry[1]]));
                (node, std::array::from_fn(|i| entry[2 + i]))
            })
            .collect();
        self.shares.add(entries).map_err(VerifyError::ShareHashes)?;
        let root = *self.shares.leaf(number.index()).ok_or(VerifyError::NotInChain)?;
        let mut blocks = PartialTree::new(segments(&self.ueb.geometry), root);
        blocks.add_region(block_tree).map_err(VerifyError::BlockHashes)?;
        Ok(ShareVerifier { number, blocks })
    }

    /// Whether the crypttext hash tree is here already; any share has it.
    #[must_use]
    pub const fn has_crypttext_tree(&self) -> bool {
        self.crypttext_known
    }

    /// Takes the crypttext hash tree in.
    ///
    /// # Errors
    /// [`VerifyError::CrypttextHashes`].
    pub fn add_crypttext_tree(&mut self, region: &[u8]) -> Result<(), VerifyError> {
        self.crypttext.add_region(region).map_err(VerifyError::CrypttextHashes)?;
        self.crypttext_known = true;
        Ok(())
    }

    pub(super) fn segment_hash(&self, segment: u64) -> Option<&Hash> {
        usize::try_from(segment).ok().and_then(|segment| self.crypttext.leaf(segment))
    }
}

/// What is proven of one share.
#[derive(Debug)]
pub struct ShareVerifier {
    number: ShareNumber,
    blocks: PartialTree,
}

impl ShareVerifier {
    /// Which share.
    #[must_use]
    pub const fn number(&self) -> ShareNumber {
        self.number
    }

    /// Proves the blocks of a run of segments, one after the other in `data`.
    ///
    /// # Errors
    /// [`VerifyError::BadBlock`] with the first that is wrong; [`VerifyError::TooShort`].
    pub fn check_blocks(
        &self,
        geometry: &Geometry,
        segments: Range<u64>,
        data: &[u8],
    ) -> Result<(), VerifyError> {
        let (mut batch, mut rest) = (Batch::new(), data);
        for segment in segments.clone() {
            let len = usize::try_from(geometry.block_len(segment)).unwrap_or(usize::MAX);
            let (block, after) = rest.split_at_checked(len).ok_or(VerifyError::TooShort)?;
            batch.push_double(BLOCK.prefix(), block);
            rest = after;
        }
        let is_bad = |(segment, hash): &(u64, Hash)| self.block_hash(*segment) != Some(hash);
        match segments.zip(batch.run()).find(is_bad) {
            None => Ok(()),
            Some((segment, _)) => Err(VerifyError::BadBlock(segment)),
        }
    }

    pub(super) fn block_hash(&self, segment: u64) -> Option<&Hash> {
        usize::try_from(segment).ok().and_then(|segment| self.blocks.leaf(segment))
    }
}

/// Segments of a file as a number of leaves. Trees of files that overflow it fit in no memory.
fn segments(geometry: &Geometry) -> usize {
    usize::try_from(geometry.segment_count()).expect("a segment count fits the address space")
}
