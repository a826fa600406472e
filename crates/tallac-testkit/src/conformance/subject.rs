//! The server under test, with shorter ways to ask it, and names nobody else uses.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, ReadRequest, ShareKind, ShareStream, StorageError, StorageServer,
    WriteProgress, WriteRequest,
};

pub(super) struct Subject<'a> {
    pub(super) server: &'a dyn StorageServer,
    name: &'static str,
    pub(super) storage_index: StorageIndex,
}

impl<'a> Subject<'a> {
    pub(super) fn new(server: &'a dyn StorageServer, name: &'static str) -> Self {
        // The standard hasher is seeded anew each time, which makes names no other run has.
        let random = RandomState::new();
        let mut bytes = [0; StorageIndex::LEN];
        bytes[..8].copy_from_slice(&random.hash_one((name, 1)).to_be_bytes());
        bytes[8..].copy_from_slice(&random.hash_one((name, 2)).to_be_bytes());
        Self { server, name, storage_index: StorageIndex::new(bytes) }
    }

    pub(super) async fn allocate(&self, shares: &[u8], size: usize, secret: u8) -> Allocation {
        let request = self.allocate_request(shares, size, secret);
        let answer = self.server.allocate(request).await;
        answer.unwrap_or_else(|error| panic!("{}: allocate: {error}", self.name))
    }

    fn allocate_request(&self, shares: &[u8], size: usize, secret: u8) -> AllocateRequest {
        AllocateRequest {
            storage_index: self.storage_index,
            share_numbers: numbers(shares),
            allocated_size: size as u64,
            upload_secret: upload_secret(secret),
            lease: lease(secret),
        }
    }

    /// Writes `data` at `at`, as one body in pieces of odd lengths.
    pub(super) async fn write(
        &self,
        share: u8,
        secret: u8,
        at: usize,
        data: &[u8],
    ) -> Result<WriteProgress, StorageError> {
        self.write_body(share, secret, at..at + data.len(), data).await
    }

    /// Writes `data` as the body for `range`, of whatever length it is.
    pub(super) async fn write_body(
        &self,
        share: u8,
        secret: u8,
        range: Range<usize>,
        data: &[u8],
    ) -> Result<WriteProgress, StorageError> {
        let request = WriteRequest {
            storage_index: self.storage_index,
            share_number: ShareNumber::new(share),
            upload_secret: upload_secret(secret),
            range: range.start as u64..range.end as u64,
            total: range.end as u64,
            data: pieces(data),
        };
        self.server.write(request).await
    }

    /// Writes `data` and asserts what is missing afterwards.
    pub(super) async fn write_leaves(
        &self,
        share: u8,
        at: usize,
        data: &[u8],
        required: &[(u64, u64)],
    ) {
        match self.write(share, 1, at, data).await {
            Ok(progress) => {
                let left: Vec<_> =
                    progress.required.iter().map(|run| (run.start, run.end)).collect();
                assert_eq!(left, required, "{}: required", self.name);
            }
            Err(error) => panic!("{}: write of {} at {at}: {error}", self.name, data.len()),
        }
    }

    /// Uploads a whole share.
    pub(super) async fn upload(&self, share: u8, data: &[u8]) {
        let allocation = self.allocate(&[share], data.len(), 1).await;
        assert_eq!(allocation.allocated, numbers(&[share]), "{}: allocated", self.name);
        self.write_leaves(share, 0, data, &[]).await;
    }

    pub(super) async fn list(&self) -> BTreeSet<ShareNumber> {
        let answer = self.server.list(ShareKind::Immutable, self.storage_index).await;
        answer.unwrap_or_else(|error| panic!("{}: list: {error}", self.name))
    }

    pub(super) async fn abort(&self, share: u8, secret: u8) -> Result<(), StorageError> {
        let share = ShareNumber::new(share);
        self.server.abort(self.storage_index, share, upload_secret(secret)).await
    }

    pub(super) async fn read(
        &self,
        share: u8,
        range: Option<Range<u64>>,
    ) -> Result<Vec<u8>, StorageError> {
        let stream = self
            .server
            .read(ReadRequest {
                kind: ShareKind::Immutable,
                storage_index: self.storage_index,
                share_number: ShareNumber::new(share),
                range,
            })
            .await?;
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        Ok(pieces.concat())
    }

    /// Reads `range` and asserts what comes.
    pub(super) async fn reads(&self, share: u8, range: Option<Range<u64>>, expected: &[u8]) {
        match self.read(share, range.clone()).await {
            Ok(data) => assert!(data == expected, "{}: read of {range:?} differs", self.name),
            Err(error) => panic!("{}: read of {range:?}: {error}", self.name),
        }
    }

    pub(super) async fn advise(&self, share: u8) -> Result<(), StorageError> {
        let share = ShareNumber::new(share);
        let reason = "hash of block 3 is wrong: ∎".to_owned();
        self.server.advise_corrupt(ShareKind::Immutable, self.storage_index, share, reason).await
    }

    pub(super) async fn add_lease(&self, secret: u8) -> Result<(), StorageError> {
        self.server.add_lease(self.storage_index, lease(secret)).await
    }
}

/// Asserts that an answer is the error of that name.
macro_rules! assert_refused {
    ($answer:expr, $pattern:pat) => {{
        let answer = $answer;
        assert!(
            matches!(answer, Err($pattern)),
            "expected {}, got {answer:?}",
            stringify!($pattern)
        );
    }};
}
pub(super) use assert_refused;

/// Bytes without a period that a block size could hide.
pub(super) fn sample(len: usize) -> Vec<u8> {
    (0u64..)
        .map(|at| (at.wrapping_mul(at).wrapping_add(at >> 3) >> 5).to_le_bytes()[0])
        .take(len)
        .collect()
}

pub(super) fn numbers(shares: &[u8]) -> BTreeSet<ShareNumber> {
    shares.iter().copied().map(ShareNumber::new).collect()
}

fn lease(secret: u8) -> LeaseSecrets {
    LeaseSecrets { renew: RenewSecret::new([secret; 32]), cancel: CancelSecret::new([!secret; 32]) }
}

fn upload_secret(secret: u8) -> UploadSecret {
    UploadSecret::new(vec![secret; 20])
}

fn pieces(data: &[u8]) -> ShareStream {
    let len = (data.len() / 3).max(7);
    let pieces: Vec<_> = data.chunks(len).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Box::pin(stream::iter(pieces))
}
