//! The files that keep directories: immutable ones, and mutable ones.

use bytes::Bytes;
use tallac_core::cap::{FileCap, MutableFormat, SskWriteCap, WriteKey};
use tallac_core::mutable::MutableKeyPair;

use super::DirectoryIoError;
use crate::grid::Grid;
use crate::upload::ImmutableCap;

/// Bytes of the largest directory that is read.
const TABLE_SIZE_MAX: u64 = 1 << 30;

/// Which version of a mutable file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version;

/// Reads the file that a directory is kept in, and tells the version of a mutable one; nothing if
/// it is still the version that is known.
pub(super) async fn read(
    grid: &Grid,
    cap: &FileCap,
    known: Option<&Version>,
) -> Result<Option<(Option<Version>, Bytes)>, DirectoryIoError> {
    let cap = match cap {
        FileCap::Lit(cap) => ImmutableCap::Lit(cap.clone()),
        FileCap::ChkRead(cap) => ImmutableCap::Chk(cap.clone()),
        _ => return read_mutable(grid, cap, known).await,
    };
    let table = grid.downloader().download_to_memory(&cap, TABLE_SIZE_MAX).await?;
    Ok(Some((None, table)))
}

#[expect(clippy::unused_async, reason = "mutable files come soon")]
async fn read_mutable(
    _grid: &Grid,
    _cap: &FileCap,
    _known: Option<&Version>,
) -> Result<Option<(Option<Version>, Bytes)>, DirectoryIoError> {
    Err(DirectoryIoError::Unsupported)
}

/// Makes a mutable file whose content depends on its write key.
#[expect(clippy::unused_async, reason = "mutable files come soon")]
pub(super) async fn create(
    _grid: &Grid,
    _format: MutableFormat,
    _key: Option<MutableKeyPair>,
    _content: impl FnOnce(&WriteKey) -> Bytes + Send,
) -> Result<SskWriteCap, DirectoryIoError> {
    Err(DirectoryIoError::Unsupported)
}

/// Changes a mutable file: `change` gets the content and answers with the new one, or nothing if
/// all may stay. It is called again with what somebody else wrote at the same time.
#[expect(clippy::unused_async, reason = "mutable files come soon")]
pub(super) async fn modify(
    _grid: &Grid,
    _cap: &FileCap,
    _change: impl FnMut(&Bytes) -> Result<Option<Bytes>, DirectoryIoError> + Send,
) -> Result<Version, DirectoryIoError> {
    Err(DirectoryIoError::Unsupported)
}
