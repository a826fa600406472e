//! Why an operation on a mutable file did not happen.

use tallac_core::mutable::{HeaderError, KeyError, PatchError};

/// Why an operation on a mutable file did not happen, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MutableError {
    /// No server that answers has a share of it.
    #[error(
        "no shares could be found on the {asked} servers that answer; perhaps the servers that \
         have them are not connected now"
    )]
    NoShares {
        /// Servers that answered.
        asked: usize,
    },
    /// No version has enough shares.
    #[error(
        "no version is recoverable: of the best one {found} of the {needed} shares that are \
         needed could be found and read; more servers must be connected"
    )]
    NotEnoughShares {
        /// Good shares found of the version that has most.
        found: usize,
        /// Shares that it needs.
        needed: usize,
    },
    /// Somebody else changed the file at the same time.
    #[error(
        "somebody else changed this file at the same time (uncoordinated write): nothing of \
         theirs was overwritten; read it again and repeat your change if it is still wanted"
    )]
    Conflict,
    /// The cap does not allow it.
    #[error("this capability only reads: changing the file takes its write capability")]
    NotWriteable,
    /// The cap is not that of a mutable file.
    #[error("not a capability of a mutable file that can be read")]
    NotMutable,
    /// There is nowhere to put shares.
    #[error(
        "only {placed} of {total} shares could be placed ({needed} bring the file back): \
         {problem}; connect to more servers, or try again"
    )]
    NotPlaced {
        /// Shares that are on servers.
        placed: usize,
        /// Shares that bring the file back.
        needed: usize,
        /// Shares of the file.
        total: usize,
        /// What the last server said.
        problem: String,
    },
    /// A key is not usable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No share has the private key, without which the file cannot be changed.
    #[error("none of the shares that could be read holds the file's private key")]
    NoPrivateKey,
    /// The file cannot have that many bytes.
    #[error("a mutable file of {size} bytes is larger than the {size_max} that are allowed here")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The largest allowed.
        size_max: u64,
    },
    /// The encoding cannot be used for mutable files.
    #[error("mutable files have at most 255 shares: {0}")]
    Encoding(#[from] HeaderError),
    /// The change does not fit the file.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// This process could not do it.
    #[error("internal failure: {0}")]
    Internal(String),
}

/// Why [`MutableFile::modify`](super::MutableFile::modify) did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ModifyError<E> {
    /// The caller's own function refused.
    #[error(transparent)]
    Refused(E),
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] MutableError),
}
