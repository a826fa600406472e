//! Directories on a grid (specification sections 5.3 and 5.4): made, read, changed, walked.
//!
//! What a directory is and how an edit changes it is [`tallac_core::dirnode`]'s; here the files
//! are read and written that keep it. An edit is a function, because it is applied again to what
//! somebody else wrote at the same time.

mod cache;
mod create;
mod edit;
mod error;
mod file;
mod resolve;
mod stats;
mod walk;

pub(crate) use cache::DirectoryCache;
pub use create::CreateOptions;
pub use edit::Place;
pub use error::DirectoryIoError;
pub use resolve::Resolved;
pub use stats::DeepStats;
pub use walk::{IsShut, Listing, Visit, VisitStream};

use std::sync::Arc;

use bytes::Bytes;
use tallac_core::cap::DirectoryCap;
use tallac_core::dirnode::{Directory, DirectoryAccess, DirectoryError};

use crate::blocking::blocking_if;
use crate::grid::Grid;

/// Tables with more bytes are unpacked by a thread that may block.
const INLINE_SIZE_MAX: usize = 1 << 20;

/// The service that reads and changes directories. Clones are the same service.
#[derive(Debug, Clone)]
pub struct Directories {
    grid: Grid,
}

impl Directories {
    pub(crate) const fn new(grid: Grid) -> Self {
        Self { grid }
    }

    /// Reads a directory. One that has not changed since it was last read costs one round trip, an
    /// immutable one none.
    ///
    /// # Errors
    /// [`DirectoryIoError`].
    pub async fn read(&self, cap: &DirectoryCap) -> Result<Arc<Directory>, DirectoryIoError> {
        let access = DirectoryAccess::of(cap)?;
        let cache = self.grid.directory_cache();
        let known = cache.look_up(cap);
        let known_version = known.as_ref().and_then(|known| known.version.as_ref());
        if let (Some(known), false) = (&known, access.is_mutable()) {
            return Ok(Arc::clone(&known.directory));
        }
        let read = file::read(&self.grid, cap.file(), known_version).await?;
        match (read, known) {
            (None, Some(known)) => Ok(known.directory),
            (None, None) => Err(DirectoryError::NotReadable(cap.kind()).into()),
            (Some((version, table)), _) => {
                let directory = Arc::new(unpack(table, access).await?);
                cache.insert(cap, version, Arc::clone(&directory));
                Ok(directory)
            }
        }
    }
}

async fn unpack(table: Bytes, access: DirectoryAccess) -> Result<Directory, DirectoryIoError> {
    let is_long = table.len() > INLINE_SIZE_MAX;
    Ok(blocking_if(is_long, move || Directory::unpack(&table, access)).await?)
}
