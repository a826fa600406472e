//! What became of an upload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tallac_core::cap::{ChkReadCap, LitCap};
use tallac_core::helper::HelperError;
use tallac_core::ids::{ServerId, ShareNumber};
use tallac_core::immutable::{EncodeError, EncodingError};
use tallac_core::placement::UploadUnhappiness;

/// The cap of an immutable file, whichever kind its size made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImmutableCap {
    /// The file itself.
    Lit(LitCap),
    /// A file on the grid.
    Chk(ChkReadCap),
}

impl ImmutableCap {
    /// Size of the file, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Lit(cap) => cap.data().len() as u64,
            Self::Chk(cap) => cap.size(),
        }
    }
}

impl From<ChkReadCap> for ImmutableCap {
    fn from(cap: ChkReadCap) -> Self {
        Self::Chk(cap)
    }
}

impl std::fmt::Display for ImmutableCap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lit(cap) => cap.fmt(f),
            Self::Chk(cap) => cap.fmt(f),
        }
    }
}

/// What a finished upload tells.
#[derive(Debug, Clone)]
pub struct UploadResults {
    /// Name and key of the file.
    pub cap: ImmutableCap,
    /// Shares that were sent, each with the server that has it.
    pub pushed: BTreeMap<ShareNumber, ServerId>,
    /// Shares that were there already, each with the servers that have it.
    pub preexisting: BTreeMap<ShareNumber, BTreeSet<ServerId>>,
    /// Servers of which any `k` have enough shares; 0 for a file that fits into its cap.
    pub happiness: usize,
}

impl UploadResults {
    pub(super) fn literal(cap: LitCap) -> Self {
        Self {
            cap: ImmutableCap::Lit(cap),
            pushed: BTreeMap::new(),
            preexisting: BTreeMap::new(),
            happiness: 0,
        }
    }
}

/// Why a file is not on the grid.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UploadError {
    /// Too few servers took shares, or none are there.
    #[error(transparent)]
    Unhappy(#[from] UploadUnhappiness),
    /// The file's size and the segment size do not go together.
    #[error(transparent)]
    Sizes(#[from] EncodingError),
    /// The source gave other bytes than its size announced.
    #[error("the file became shorter while it was read; upload it again")]
    SourceChanged,
    /// The source could not be read.
    #[error("the file cannot be read: {0}")]
    Source(Arc<std::io::Error>),
    /// The source was read in pieces of the wrong length.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The helper that was to upload the file did not.
    #[error("the helper did not upload the file: {0}")]
    Helper(#[from] HelperError),
    /// The system gave no random bytes.
    #[error("the operating system gave no random bytes for a key")]
    NoRandomness,
}
