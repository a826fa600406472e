//! Why a file did not come back.

use std::sync::Arc;

use tallac_core::immutable::{EncodingError, UebError};

/// Why a file, or the rest of it, did not come back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DownloadError {
    /// No server that answers has a share of it.
    #[error(
        "no shares could be found on the {asked} servers that answer{}; perhaps the servers that \
         have them are not connected now",
        unreachable_text(*.unanswered)
    )]
    NoShares {
        /// Servers that answered.
        asked: usize,
        /// Servers that did not.
        unanswered: usize,
    },
    /// Fewer than `k` shares are to be had.
    #[error(
        "{found} of the {needed} shares that are needed could be found and read, on the {asked} \
         servers that answer{}; more servers must be connected",
        unreachable_text(*.unanswered)
    )]
    NotEnoughShares {
        /// Good shares found.
        found: usize,
        /// Shares that are needed.
        needed: usize,
        /// Servers that answered.
        asked: usize,
        /// Servers that did not.
        unanswered: usize,
    },
    /// The cap's numbers cannot be those of a file.
    #[error(transparent)]
    Cap(#[from] EncodingError),
    /// The file has more segments than this program handles.
    #[error("a file of {size} bytes is larger than this program can download")]
    TooManySegments {
        /// Its size.
        size: u64,
    },
    /// The file was broken when it was made: its shares agree with its cap, but not with each
    /// other.
    #[error("the file was not encoded properly when it was uploaded: {0}")]
    BrokenFile(String),
    /// The file is larger than was asked for.
    #[error("the file has {size} bytes, more than the {size_max} that are allowed here")]
    TooLarge {
        /// Its size.
        size: u64,
        /// The largest allowed.
        size_max: u64,
    },
    /// The target could not be written.
    #[error("cannot write the file: {0}")]
    Target(Arc<std::io::Error>),
}

fn unreachable_text(unanswered: usize) -> String {
    match unanswered {
        0 => String::new(),
        1 => " (1 did not)".to_owned(),
        n => format!(" ({n} did not)"),
    }
}

impl DownloadError {
    pub(super) fn target(error: std::io::Error) -> Self {
        Self::Target(error.into())
    }

    pub(super) fn broken(error: &UebError) -> Self {
        Self::BrokenFile(error.to_string())
    }
}
