//! Which file shares are of, as far as it takes to prove them.

use tallac_core::cap::ChkVerifyCap;
use tallac_core::hash::Hash;
use tallac_core::ids::StorageIndex;
use tallac_core::immutable::{Encoding, Geometry, SEGMENT_SIZE_DEFAULT, SEGMENTS_MAX};

use super::DownloadError;

/// What a verify cap says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) storage_index: StorageIndex,
    pub(crate) encoding: Encoding,
    pub(crate) size: u64,
    pub(crate) ueb_hash: Hash,
}

impl Subject {
    /// The file of this cap.
    ///
    /// # Errors
    /// When its numbers are no encoding.
    pub(crate) fn of(cap: &ChkVerifyCap) -> Result<Self, DownloadError> {
        Ok(Self {
            storage_index: cap.storage_index(),
            encoding: cap.encoding()?,
            size: cap.size(),
            ueb_hash: *cap.shape().ueb_hash.as_bytes(),
        })
    }

    /// Sizes as most files have them, to read before the true ones are known.
    ///
    /// # Errors
    /// When no file has that size, or one that this program does not handle.
    pub(crate) fn guess(&self) -> Result<Geometry, DownloadError> {
        let guess = Geometry::for_upload(self.encoding, self.size, SEGMENT_SIZE_DEFAULT)?;
        match guess.segment_count() > SEGMENTS_MAX {
            true => Err(DownloadError::TooManySegments { size: self.size }),
            false => Ok(guess),
        }
    }
}
