//! The hinge: the storage protocol as Rust types, and the trait that every storage server is.
//!
//! A server on this machine's disk, one behind a wire and one simulated in memory all implement
//! [`StorageServer`]; everything that a client does with a grid goes through it (specification
//! section 7.3, whose endpoints are these operations). This is the one seam with boxed futures.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;

mod slot;

pub use slot::{
    ReadVector, SLOT_ANSWER_MAX, ShareChange, SlotReadAnswer, SlotReadRequest, SlotWriteAnswer,
    SlotWriteRequest, TestVector, VECTORS_MAX, WriteVector,
};

use crate::ids::{ShareNumber, StorageIndex};
use crate::secrets::{LeaseSecrets, UploadSecret};

/// A future at the seam.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Bytes of a share on their way, in order, in pieces of whatever size is convenient.
pub type ShareStream = Pin<Box<dyn Stream<Item = Result<Bytes, StorageError>> + Send>>;

/// Which of the two kinds of slot: a storage index holds shares of one kind only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShareKind {
    /// Written once.
    Immutable,
    /// Rewritten in place by whoever holds the write enabler.
    Mutable,
}

impl fmt::Display for ShareKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immutable => "immutable",
            Self::Mutable => "mutable",
        })
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    /// The largest immutable share that it would take now, in bytes; 0 from a read-only server.
    pub immutable_share_size_max: u64,
    /// The largest mutable share that it would take, in bytes.
    pub mutable_share_size_max: u64,
    /// Bytes that it would still take.
    pub available_space: u64,
    /// Program and version, such as `tahoe-lafs/1.20.0`.
    pub application_version: String,
}

/// The wish to store shares of one file.
#[derive(Debug, Clone)]
pub struct AllocateRequest {
    /// Whose shares.
    pub storage_index: StorageIndex,
    /// Which of them.
    pub share_numbers: BTreeSet<ShareNumber>,
    /// Exact size of each, in bytes.
    pub allocated_size: u64,
    /// Allows the writes that follow.
    pub upload_secret: UploadSecret,
    /// Lease that each new share gets, and that each share already there gets renewed.
    pub lease: LeaseSecrets,
}

/// A server's answer to [`AllocateRequest`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocation {
    /// Everything of that storage index that the server already has, asked for or not.
    pub already_have: BTreeSet<ShareNumber>,
    /// What it now waits for. A share neither here nor above was refused: no room, read-only, or
    /// somebody else is uploading it.
    pub allocated: BTreeSet<ShareNumber>,
}

/// One run of bytes for a share that was allocated.
pub struct WriteRequest {
    /// Whose share.
    pub storage_index: StorageIndex,
    /// Which of them.
    pub share_number: ShareNumber,
    /// The secret given to [`StorageServer::allocate`].
    pub upload_secret: UploadSecret,
    /// Where the bytes go, in bytes from the start of the share. The stream must give exactly
    /// this many.
    pub range: Range<u64>,
    /// Size of the whole share.
    pub total: u64,
    /// The bytes.
    pub data: ShareStream,
}

impl fmt::Debug for WriteRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteRequest")
            .field("storage_index", &self.storage_index)
            .field("share_number", &self.share_number)
            .field("range", &self.range)
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// How far the upload of a share is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteProgress {
    /// What is still missing, in ascending order; empty once the share is whole, on the disk for
    /// good, and visible to readers.
    pub required: Vec<Range<u64>>,
}

impl WriteProgress {
    /// Whether the share is whole and visible.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.required.is_empty()
    }
}

/// Which bytes of which share to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRequest {
    /// Immutable or mutable.
    pub kind: ShareKind,
    /// Whose share.
    pub storage_index: StorageIndex,
    /// Which of them.
    pub share_number: ShareNumber,
    /// Offset and length; `None` reads the whole share. What lies beyond the end is left out,
    /// so that a range wholly beyond it reads as nothing.
    pub range: Option<Range<u64>>,
}

/// Why a storage operation did not happen, and whose doing it is.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// There is no such share, upload or slot.
    #[error("no such share")]
    NotFound,
    /// The secret is not the one that this share or upload was made with.
    #[error("the secret does not match")]
    Unauthorized,
    /// Bytes were already written there, and differ.
    #[error("conflicts with bytes already written")]
    Conflict,
    /// The operation does not apply any more: the upload is complete already.
    #[error("the share is already complete")]
    AlreadyComplete,
    /// The range reaches beyond what was allocated, is reversed, or the body was of another length.
    #[error("bad range: {0}")]
    BadRange(String),
    /// The server would not or could not take it: no room left.
    #[error("no space left on the storage server")]
    NoSpace,
    /// The request breaks a rule of the protocol.
    #[error("refused: {0}")]
    BadRequest(String),
    /// A container on the server's disk is damaged or of an unknown version.
    #[error("damaged container: {0}")]
    Damaged(String),
    /// The peer could not be reached, or the connection broke.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// The peer did not answer in time.
    #[error("no answer within {seconds} s")]
    TimedOut {
        /// How long was waited.
        seconds: u64,
    },
    /// The peer answered with something that the protocol does not allow.
    #[error("the server misbehaved: {0}")]
    PeerMisbehaved(String),
    /// This machine's disk or system failed.
    #[error("{0}")]
    Local(String),
}

/// A storage server: where shares are kept, whoever and wherever it is.
///
/// Every implementation keeps to one conformance suite, in the testkit. Dropping a future
/// gives up on the operation; it may or may not have happened.
pub trait StorageServer: Send + Sync + fmt::Debug {
    /// What the server says of itself and its room.
    fn version(&self) -> BoxFuture<'_, Result<ServerVersion, StorageError>>;

    /// Makes room for shares of one immutable file, and renews the lease on those already there.
    fn allocate(&self, request: AllocateRequest)
    -> BoxFuture<'_, Result<Allocation, StorageError>>;

    /// Writes a run of bytes of an allocated share. The write that makes it whole returns only
    /// once it is durable.
    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<WriteProgress, StorageError>>;

    /// Gives up an upload and frees what it held.
    fn abort(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        upload_secret: UploadSecret,
    ) -> BoxFuture<'_, Result<(), StorageError>>;

    /// The complete shares of a storage index; the empty set where there are none.
    fn list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> BoxFuture<'_, Result<BTreeSet<ShareNumber>, StorageError>>;

    /// Bytes of a share.
    fn read(&self, request: ReadRequest) -> BoxFuture<'_, Result<ShareStream, StorageError>>;

    /// Tests, and if all tests hold changes, the shares of a mutable file, all of them or none;
    /// returns once the change is durable. [`StorageError::Unauthorized`] when the write enabler
    /// is not that of every share there.
    fn write_slot(
        &self,
        request: SlotWriteRequest,
    ) -> BoxFuture<'_, Result<SlotWriteAnswer, StorageError>>;

    /// Reads from all shares of a mutable file at once; the empty map where there are none.
    fn read_slot(
        &self,
        request: SlotReadRequest,
    ) -> BoxFuture<'_, Result<SlotReadAnswer, StorageError>>;

    /// Adds a lease to every share of a storage index, or renews it where its renew secret is
    /// known. [`StorageError::NotFound`] when there are no shares.
    fn add_lease(
        &self,
        storage_index: StorageIndex,
        lease: LeaseSecrets,
    ) -> BoxFuture<'_, Result<(), StorageError>>;

    /// Tells the server that a share it holds is corrupt, and why.
    fn advise_corrupt(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        reason: String,
    ) -> BoxFuture<'_, Result<(), StorageError>>;
}
