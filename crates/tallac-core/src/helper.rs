//! Helpers as Rust types: machines with a fast line that code and spread files for others
//! (specification section 4.3).
//!
//! A client hands over ciphertext, never a key. Like [`crate::storage::StorageServer`], one trait
//! is on both sides of the wire: a helper is an [`UploadHelper`], and so is a client of one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::hash::Hash;
use crate::ids::{ServerId, ShareNumber, StorageIndex};
use crate::immutable::{Encoding, EncodingError, Geometry};
pub use crate::storage::BoxFuture;

/// How a client wants its file coded. The numbers come from afar: see
/// [`geometry`](Self::geometry).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodingParameters {
    /// Shares needed, `k`.
    pub needed: u64,
    /// Servers that the upload must reach such that any `k` of them have enough shares.
    pub happy: u64,
    /// Shares made, `N`.
    pub total: u64,
    /// Bytes of a segment: a multiple of `k`.
    pub segment_size: u64,
}

impl CodingParameters {
    /// The sizes of a file that is coded so.
    ///
    /// # Errors
    /// When there are no such sizes.
    pub fn geometry(&self, size: u64) -> Result<Geometry, EncodingError> {
        let encoding = Encoding::new(self.needed, self.total)?;
        Geometry::with_segment_size(encoding, size, self.segment_size)
    }
}

/// What became of a file at a helper. All of it is the helper's word.
#[derive(Debug, Clone, PartialEq)]
pub struct HelperResults {
    /// The file's UEB, made anew of the fields that the helper told.
    pub ueb: Bytes,
    /// And the hash of it that goes into the cap.
    pub ueb_hash: Hash,
    /// Servers that have shares.
    pub shares: BTreeMap<ShareNumber, BTreeSet<ServerId>>,
    /// Shares that the helper sent to servers.
    pub pushed: u64,
    /// Shares that were there already.
    pub preexisting: u64,
    /// Bytes of ciphertext that the helper asked for; less where it had some already.
    pub fetched: u64,
    /// What took how long, in seconds, by the names that Tahoe-LAFS has for it.
    pub timings: Vec<(String, f64)>,
}

/// Why a helper did not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HelperError {
    /// There is no connection to it, so that nothing was begun.
    #[error("the helper is not connected")]
    NotConnected,
    /// The connection was lost on the way. The helper keeps what it has.
    #[error("the connection to the helper was lost; upload the file again to go on with it")]
    Disconnected,
    /// The other side says that it failed.
    #[error("the other side failed: {0}")]
    Failed(String),
    /// The other side says what cannot be.
    #[error("the other side misbehaved: {0}")]
    Misbehaved(String),
    /// This machine's disk or system failed.
    #[error("{0}")]
    Local(String),
}

/// Whether a file must be sent at all.
#[derive(Debug)]
pub enum Begun {
    /// All of its shares are on the grid.
    Present(HelperResults),
    /// They are not, and this awaits the ciphertext.
    Wanted(Arc<dyn AssistedUpload>),
}

/// A helper.
pub trait UploadHelper: Send + Sync + fmt::Debug {
    /// Asks whether the file of this storage index is on the grid, or else for somebody to take it.
    fn begin(&self, storage_index: StorageIndex) -> BoxFuture<'_, Result<Begun, HelperError>>;
}

/// The upload of one file at a helper.
pub trait AssistedUpload: Send + Sync + fmt::Debug {
    /// Reads the ciphertext, codes it and spreads it.
    fn upload(
        &self,
        ciphertext: Arc<dyn Ciphertext>,
    ) -> BoxFuture<'_, Result<HelperResults, HelperError>>;
}

/// A client's file, encrypted, for a helper to read.
pub trait Ciphertext: Send + Sync + fmt::Debug {
    /// Bytes of it.
    fn size(&self) -> BoxFuture<'_, Result<u64, HelperError>>;

    /// How it is to be coded.
    fn parameters(&self) -> BoxFuture<'_, Result<CodingParameters, HelperError>>;

    /// Exactly that many bytes of it. Clients may expect that no byte is asked for again.
    fn read(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, HelperError>>;

    /// It is read to its end, or will not be.
    fn close(&self) -> BoxFuture<'_, ()>;
}

#[cfg(test)]
mod tests {
    use super::CodingParameters;

    #[test]
    fn parameters_that_cannot_be_are_refused() {
        let good = CodingParameters { needed: 3, happy: 7, total: 10, segment_size: 258 };
        assert_eq!(good.geometry(1000).unwrap().segment_count(), 4);
        for bad in [
            CodingParameters { needed: 0, ..good },
            CodingParameters { total: 2, ..good },
            CodingParameters { total: 257, ..good },
            CodingParameters { segment_size: 257, ..good },
            CodingParameters { segment_size: u64::MAX, ..good },
        ] {
            assert!(bad.geometry(1000).is_err(), "{bad:?}");
        }
        assert!(good.geometry(0).is_err());
    }
}
