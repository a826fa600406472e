//! What proves the blocks of one share (section 3.7): the share hash chain leads from the root of
//! its block hash tree to the root hash in the header.

use std::ops::Range;

use bytes::Bytes;
use sha256_lanes::Batch;

use super::header::CHAIN_ENTRY_LEN;
use super::{Header, MutableGeometry, SALT_LEN, Salt};
use crate::cap::MutableFormat;
use crate::hash::{BLOCK, Hash};
use crate::ids::ShareNumber;
use crate::merkle::{MerkleError, PartialTree, leaf_node};

/// Why the bytes of a share are not what was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Its number is none of this encoding.
    #[error("there is no share {0} in this encoding")]
    NoSuchShare(u8),
    /// Bytes are missing.
    #[error("the share ends too early")]
    TooShort,
    /// A block is not the one that was published.
    #[error("block {0} does not match its hash")]
    BadBlock(u64),
    /// The trees do not lead from the blocks to the root hash.
    #[error(transparent)]
    BadHashes(#[from] MerkleError),
}

/// The proven hashes of the blocks of one share of one version.
#[derive(Debug, Clone)]
pub struct ShareProof {
    geometry: MutableGeometry,
    salt: Option<Salt>,
    root: Hash,
    leaves: Vec<Hash>,
}

/// Blocks of one share for segments in a row, each with its segment's salt; all are proven.
#[derive(Debug, Clone)]
pub struct BlockRun {
    /// Which segments.
    pub segments: Range<u64>,
    /// Salt and block of each.
    pub blocks: Vec<(Salt, Bytes)>,
}

impl ShareProof {
    /// Checks a share's own hashes against a header whose signature is good.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn new(
        header: &Header,
        number: ShareNumber,
        chain: &[u8],
        tree: &[u8],
    ) -> Result<Self, ShareError> {
        let geometry = header.geometry;
        let total = usize::from(geometry.encoding().total());
        let share = usize::from(number.get());
        if share >= total {
            return Err(ShareError::NoSuchShare(number.get()));
        }
        if tree.len() as u64 != geometry.tree_len() {
            return Err(ShareError::TooShort);
        }
        let root: Hash = *tree.first_chunk().ok_or(ShareError::TooShort)?;
        let count = usize::try_from(geometry.segment_count()).map_err(|_| ShareError::TooShort)?;
        let mut blocks = PartialTree::new(count, root);
        blocks.add_region(tree)?;
        let mut shares = PartialTree::new(total, header.version.root_hash);
        let mut proof = vec![(leaf_node(total, share), root)];
        for entry in chain.chunks_exact(usize::try_from(CHAIN_ENTRY_LEN).unwrap_or(usize::MAX)) {
            let (node, hash) = entry.split_at(2);
            let node = u16::from_be_bytes([node[0], node[1]]);
            let hash: Hash = hash.try_into().map_err(|_| ShareError::TooShort)?;
            proof.push((usize::from(node), hash));
        }
        shares.add(proof)?;
        let leaves = (0..count).filter_map(|leaf| blocks.leaf(leaf).copied()).collect();
        Ok(Self { geometry, salt: header.salt, root, leaves })
    }

    /// The hashes of its blocks, one for each segment.
    #[must_use]
    pub fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    /// The root of its block hash tree.
    #[must_use]
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// Checks the data that the share holds of these segments, where
    /// [`MutableGeometry::data_range`] says that it stands.
    ///
    /// # Errors
    /// [`ShareError`].
    pub fn blocks(&self, segments: Range<u64>, data: &Bytes) -> Result<BlockRun, ShareError> {
        let range = self.geometry.data_range(&segments);
        if data.len() as u64 != range.end - range.start {
            return Err(ShareError::TooShort);
        }
        let mut salted = Vec::new();
        for segment in segments.clone() {
            let at = self.geometry.data_range(&(segment..segment + 1));
            let within = |offset: u64| usize::try_from(offset - range.start).unwrap_or(usize::MAX);
            salted.push(data.slice(within(at.start)..within(at.end)));
        }
        let mut batch = Batch::with_capacity(salted.len());
        for block in &salted {
            batch.push_double(BLOCK.prefix(), block);
        }
        let first = usize::try_from(segments.start).unwrap_or(usize::MAX);
        let known = self.leaves.get(first..).unwrap_or_default();
        if known.len() < salted.len() {
            return Err(ShareError::TooShort);
        }
        if let Some(bad) = batch.run().iter().zip(known).position(|(got, known)| got != known) {
            return Err(ShareError::BadBlock(segments.start + bad as u64));
        }
        let blocks = salted.into_iter().map(|block| self.split(block)).collect::<Result<_, _>>()?;
        Ok(BlockRun { segments, blocks })
    }

    fn split(&self, mut block: Bytes) -> Result<(Salt, Bytes), ShareError> {
        match (self.geometry.format(), self.salt) {
            (MutableFormat::Sdmf, Some(salt)) => Ok((salt, block)),
            _ => {
                let salt = *block.first_chunk().ok_or(ShareError::TooShort)?;
                Ok((salt, block.split_off(usize::try_from(SALT_LEN).unwrap_or_default())))
            }
        }
    }
}
