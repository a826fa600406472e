//! Mutable slots: what is asked of a server that holds, or shall hold, shares of a mutable file
//! (specification sections 3.6 and 7.3).

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use crate::ids::{ShareNumber, StorageIndex};
use crate::secrets::{LeaseSecrets, WriteEnabler};

/// Tests, writes or reads that one request may make of one share at most.
pub const VECTORS_MAX: usize = 30;

/// The most bytes of all shares together that one [`SlotReadRequest`] or one read vector of a
/// [`SlotWriteRequest`] is answered with, in bytes. A peer cannot make a server hold more.
pub const SLOT_ANSWER_MAX: u64 = 30 << 20;

/// Which bytes of a share: what lies beyond its end is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadVector {
    /// Bytes from the start of the share.
    pub offset: u64,
    /// How many bytes.
    pub size: u64,
}

impl ReadVector {
    /// `size` bytes from `offset` on.
    #[must_use]
    pub const fn new(offset: u64, size: u64) -> Self {
        Self { offset, size }
    }
}

/// What a share must hold for a request to change anything. A share that does not exist holds
/// nothing, so that [`TestVector::absent`] holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestVector {
    /// Bytes from the start of the share.
    pub offset: u64,
    /// How many bytes to compare, clipped to the share's end.
    pub size: u64,
    /// What they must be.
    pub specimen: Bytes,
}

impl TestVector {
    /// Holds of a share that starts with these bytes.
    #[must_use]
    pub fn starts_with(specimen: Bytes) -> Self {
        Self { offset: 0, size: specimen.len() as u64, specimen }
    }

    /// Holds of a share that does not exist, or is empty.
    #[must_use]
    pub const fn absent() -> Self {
        Self { offset: 0, size: 1, specimen: Bytes::new() }
    }
}

/// Bytes to put somewhere in a share.
#[derive(Clone, PartialEq, Eq)]
pub struct WriteVector {
    /// Bytes from the start of the share. A hole before it is filled with zeros.
    pub offset: u64,
    /// The bytes.
    pub data: Bytes,
}

impl fmt::Debug for WriteVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteVector({} bytes at {})", self.data.len(), self.offset)
    }
}

/// What shall become of one share, if all tests of the request hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShareChange {
    /// What must hold, at most [`VECTORS_MAX`].
    pub tests: Vec<TestVector>,
    /// What to write, in this order. A write to a share that does not exist makes it.
    pub writes: Vec<WriteVector>,
    /// After the writes: a length smaller than the share's cuts it, 0 removes the share, a larger
    /// one does nothing.
    pub new_length: Option<u64>,
}

/// A test-and-set on all shares that a server holds of one mutable file.
#[derive(Debug, Clone)]
pub struct SlotWriteRequest {
    /// Whose shares.
    pub storage_index: StorageIndex,
    /// Must be the one that the shares there were made with, whatever is asked, even nothing.
    pub write_enabler: WriteEnabler,
    /// Lease that every share named in `changes` gets or has renewed, if the tests hold.
    pub lease: LeaseSecrets,
    /// What to test and to change.
    pub changes: BTreeMap<ShareNumber, ShareChange>,
    /// What to read of every share that is there, as it was before the writes, at most
    /// [`VECTORS_MAX`].
    pub reads: Vec<ReadVector>,
}

/// A server's answer to [`SlotWriteRequest`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SlotWriteAnswer {
    /// Whether all tests held. If not, nothing was changed.
    pub success: bool,
    /// What was read, for every share that was there, in the order of the read vectors.
    pub read: BTreeMap<ShareNumber, Vec<Bytes>>,
}

/// Reads of all shares, or of some, that a server holds of one mutable file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotReadRequest {
    /// Whose shares.
    pub storage_index: StorageIndex,
    /// Which shares; an empty list means all that are there.
    pub share_numbers: Vec<ShareNumber>,
    /// What to read of each, at most [`VECTORS_MAX`].
    pub reads: Vec<ReadVector>,
}

/// What was read, for every share that was there, in the order of the read vectors.
pub type SlotReadAnswer = BTreeMap<ShareNumber, Vec<Bytes>>;
