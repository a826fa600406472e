//! The files that keep directories: immutable ones, and mutable ones.

use bytes::Bytes;
use tallac_core::cap::FileCap;

use super::DirectoryIoError;
use crate::grid::Grid;
use crate::mutable::Version;
use crate::upload::ImmutableCap;

/// Bytes of the largest immutable directory that is read.
const TABLE_SIZE_MAX: u64 = 1 << 30;

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
        _ => {
            let file = grid.mutable_files().open(cap)?;
            let read = match known {
                Some(version) => file.read_if_newer(version).await?,
                None => Some(file.read().await?),
            };
            return Ok(read.map(|(version, table)| (Some(version), table)));
        }
    };
    let table = grid.downloader().download_to_memory(&cap, TABLE_SIZE_MAX).await?;
    Ok(Some((None, table)))
}
