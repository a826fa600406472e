//! What a caller can get wrong. Every error is found before any output byte is written.

use std::fmt;

/// A call that the codec refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// `k` and `n` do not satisfy `1 <= k <= n <= 256`.
    BadParameters {
        /// Shares needed.
        k: usize,
        /// Shares in all.
        n: usize,
    },
    /// Not exactly `k` blocks came in.
    WrongBlockCount {
        /// Blocks that the code takes.
        expected: usize,
        /// Blocks that were given.
        got: usize,
    },
    /// Not exactly as many output slices as the code writes.
    WrongOutputCount {
        /// Slices that the code writes.
        expected: usize,
        /// Slices that were given.
        got: usize,
    },
    /// An input block is not as long as the first one.
    UnequalBlocks {
        /// Bytes in the first block.
        expected: usize,
        /// Bytes in the block at fault.
        got: usize,
    },
    /// An output slice is not as long as the input blocks.
    WrongOutputLength {
        /// Bytes in each input block.
        expected: usize,
        /// Bytes in the slice at fault.
        got: usize,
    },
    /// A share number that this code does not have.
    ShareOutOfRange {
        /// The number given.
        share: usize,
        /// Shares in all: numbers run from 0 to `n - 1`.
        n: usize,
    },
    /// The same share was given twice.
    DuplicateShare {
        /// The number given twice.
        share: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadParameters { k, n } => {
                write!(f, "no code has {k} needed of {n} shares: 1 <= needed <= all <= 256")
            }
            Self::WrongBlockCount { expected, got } => {
                write!(f, "the code takes exactly {expected} blocks, but {got} were given")
            }
            Self::WrongOutputCount { expected, got } => {
                write!(f, "the code writes {expected} blocks, but there is room for {got}")
            }
            Self::UnequalBlocks { expected, got } => {
                write!(f, "blocks differ in length: one has {got} bytes, the first {expected}")
            }
            Self::WrongOutputLength { expected, got } => {
                write!(f, "room for {got} bytes was given for a block of {expected}")
            }
            Self::ShareOutOfRange { share, n } => {
                write!(f, "share {share} does not exist: the code has shares 0 to {}", n - 1)
            }
            Self::DuplicateShare { share } => write!(f, "share {share} was given twice"),
        }
    }
}

impl std::error::Error for Error {}
