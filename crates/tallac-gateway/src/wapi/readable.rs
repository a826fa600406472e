//! A file that can be read, of whichever kind it is.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream;
use tallac_core::cap::FileCap;
use tallac_core::dirnode::Node;
use tallac_grid::download::PlaintextStream;
use tallac_grid::grid::Grid;
use tallac_grid::mutable::MutableFile;
use tallac_grid::upload::ImmutableCap;

use super::error::WebError;

/// A file that can be read.
pub(super) enum Readable {
    /// One that never changes.
    Immutable(ImmutableCap),
    /// One that may.
    Mutable(MutableFile),
}

impl Readable {
    /// What this node names.
    ///
    /// # Errors
    /// When that is no file, or its cap cannot be used for reading.
    pub(super) fn of(grid: &Grid, node: &Node) -> Result<Self, WebError> {
        match node.file() {
            Some(FileCap::Lit(cap)) => Ok(Self::Immutable(ImmutableCap::Lit(cap.clone()))),
            Some(FileCap::ChkRead(cap)) => {
                cap.encoding().map_err(WebError::BadNumbers)?;
                Ok(Self::Immutable(ImmutableCap::Chk(cap.clone())))
            }
            Some(cap) => Ok(Self::Mutable(grid.mutable_files().open(cap)?)),
            None => Err(WebError::NotAFile),
        }
    }

    /// Bytes of the file. Those of a mutable one have to be asked for.
    pub(super) async fn size(&self) -> Result<u64, WebError> {
        match self {
            Self::Immutable(cap) => Ok(cap.size()),
            Self::Mutable(file) => Ok(file.version().await?.size),
        }
    }

    /// The first `len_max` bytes, or all if there are not so many; with the size of the file.
    pub(super) async fn beginning(
        &self,
        grid: &Grid,
        len_max: u64,
    ) -> Result<(u64, PlaintextStream), WebError> {
        match self {
            Self::Immutable(cap) => {
                let range = 0..cap.size().min(len_max);
                Ok((cap.size(), grid.downloader().read(cap, range).await?))
            }
            Self::Mutable(file) => {
                let (version, bytes): (_, Bytes) =
                    file.read_range(Range { start: 0, end: len_max }).await?;
                Ok((version.size, Box::pin(stream::iter([Ok(bytes)]))))
            }
        }
    }
}
