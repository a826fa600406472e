//! Why something was left unrepaired.

use crate::download::DownloadError;
use crate::mutable::MutableError;
use crate::upload::UploadError;

/// Why something was left unrepaired, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RepairError {
    /// The cap does not allow it.
    #[error(
        "repair of a mutable file or directory takes its write capability, since it writes a new \
         version; repair it with that"
    )]
    NeedsWriteCap,
    /// Too few good shares are to be had.
    #[error(
        "{found} good shares were found of the {needed} that are needed: the file can neither be \
         read nor repaired until more servers that have shares of it are connected"
    )]
    NotEnoughShares {
        /// Different good shares found.
        found: usize,
        /// Shares that bring the file back.
        needed: u64,
    },
    /// A repair would bury a version that may come back.
    #[error(
        "there are shares of a later version, too few to read it: a repair would lose that \
         version for good; try again once more servers are connected, or overwrite the file"
    )]
    UnrecoverableNewer,
    /// A repair would bury one of two versions of the same rank.
    #[error(
        "there are several versions with the same sequence number, of which a repair would lose \
         all but one; read the file and write what it shall hold"
    )]
    NeedsMerge,
    /// No server takes what is missing.
    #[error("no server that is connected takes the shares that are missing; connect to more")]
    NotPlaced,
    /// The file was not coded the way its shares are coded now.
    #[error("the shares that are missing cannot be made again: {0}")]
    Irreproducible(String),
    /// What is there could not be read.
    #[error("the good shares could not be read: {0}")]
    Download(#[from] DownloadError),
    /// What is missing could not be written.
    #[error("the missing shares could not be written: {0}")]
    Upload(#[from] UploadError),
    /// The mutable file could not be read or written.
    #[error("the new version could not be written: {0}")]
    Mutable(#[from] MutableError),
}
