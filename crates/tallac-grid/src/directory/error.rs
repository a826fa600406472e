//! Why a directory could not be read, changed or made.

use tallac_core::dirnode::{ChildName, DirectoryError};

use crate::download::DownloadError;
use crate::mutable::{ModifyError, MutableError};
use crate::upload::UploadError;

/// Why a directory could not be read, changed or made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DirectoryIoError {
    /// What was asked for is not possible with this directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A path goes on beyond something that is no directory.
    #[error(
        "{:?} is not a directory, so it has no child {:?}",
        .path.last().map_or("", ChildName::as_str),
        .child.as_str()
    )]
    NotADirectory {
        /// Path of what is no directory.
        path: Vec<ChildName>,
        /// The name that cannot be found in it.
        child: ChildName,
    },
    /// An immutable directory did not come back.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// An immutable directory, or a file that was to be added, could not be put on the grid.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// The file that keeps a mutable directory could not be read, changed or made.
    #[error(transparent)]
    Mutable(#[from] MutableError),
}

impl From<ModifyError<DirectoryError>> for DirectoryIoError {
    fn from(error: ModifyError<DirectoryError>) -> Self {
        match error {
            ModifyError::Refused(error) => error.into(),
            ModifyError::File(error) => error.into(),
        }
    }
}
