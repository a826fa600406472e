//! The server under test, with shorter ways to ask it, and names nobody else uses.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret, WriteEnabler};
use tallac_core::storage::{
    AllocateRequest, Allocation, ReadRequest, ReadVector, ShareChange, ShareKind, ShareStream,
    SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError, StorageServer, WriteProgress,
    WriteRequest,
};

pub(super) struct Subject<'a> {
    pub(super) server: &'a dyn StorageServer,
    name: &'static str,
    kind: ShareKind,
    pub(super) storage_index: StorageIndex,
}

impl<'a> Subject<'a> {
    pub(super) fn new(server: &'a dyn StorageServer, name: &'static str) -> Self {
        // The standard hasher is seeded anew each time, which makes names no other run has.
        let random = RandomState::new();
        let mut bytes = [0; StorageIndex::LEN];
        bytes[..8].copy_from_slice(&random.hash_one((name, 1)).to_be_bytes());
        bytes[8..].copy_from_slice(&random.hash_one((name, 2)).to_be_bytes());
        let storage_index = StorageIndex::new(bytes);
        Self { server, name, kind: ShareKind::Immutable, storage_index }
    }

    /// The same file, looked at as one of that kind.
    pub(super) const fn of_kind(&self, kind: ShareKind) -> Self {
        Self { server: self.server, name: self.name, kind, storage_index: self.storage_index }
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
        let answer = self.server.list(self.kind, self.storage_index).await;
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
                kind: self.kind,
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
        self.server.advise_corrupt(self.kind, self.storage_index, share, reason).await
    }

    /// Changes the slot, with the write enabler made of that byte.
    pub(super) async fn try_change(
        &self,
        enabler: u8,
        changes: &[(u8, ShareChange)],
        reads: &[(u64, u64)],
    ) -> Result<SlotWriteAnswer, StorageError> {
        let changes = changes.iter().map(|(share, change)| (ShareNumber::new(*share), change));
        let request = SlotWriteRequest {
            storage_index: self.storage_index,
            write_enabler: WriteEnabler::new([enabler; 32]),
            lease: lease(1),
            changes: changes.map(|(share, change)| (share, change.clone())).collect(),
            reads: vectors(reads),
        };
        self.server.write_slot(request).await
    }

    /// Changes the slot, and asserts whether the tests held and that nothing was read.
    pub(super) async fn change(&self, changes: &[(u8, ShareChange)], success: bool) {
        match self.try_change(1, changes, &[]).await {
            Ok(answer) => assert_eq!(answer.success, success, "{}: success", self.name),
            Err(error) => panic!("{}: write_slot: {error}", self.name),
        }
    }

    /// Reads those shares of the slot, or all.
    pub(super) async fn try_read_slot(
        &self,
        shares: &[u8],
        reads: &[(u64, u64)],
    ) -> Result<Pieces, StorageError> {
        let request = SlotReadRequest {
            storage_index: self.storage_index,
            share_numbers: shares.iter().copied().map(ShareNumber::new).collect(),
            reads: vectors(reads),
        };
        self.server.read_slot(request).await.map(pieces_of)
    }

    /// Reads those shares of the slot, or all, and asserts what comes.
    pub(super) async fn reads_slot(
        &self,
        shares: &[u8],
        reads: &[(u64, u64)],
        expected: &[(u8, &[&[u8]])],
    ) {
        match self.try_read_slot(shares, reads).await {
            Ok(read) => {
                let is_same = read == expected_pieces(expected);
                assert!(is_same, "{}: {reads:?} of {shares:?} differ", self.name);
            }
            Err(error) => panic!("{}: read_slot: {error}", self.name),
        }
    }

    /// Asserts that the slot holds these shares and no others.
    pub(super) async fn holds(&self, expected: &[(u8, &[u8])]) {
        let shares: Vec<u8> = expected.iter().map(|(share, _)| *share).collect();
        assert_eq!(self.list().await, numbers(&shares), "{}: shares", self.name);
        for (share, data) in expected {
            self.reads(*share, None, data).await;
        }
        let all: Vec<_> = expected.iter().map(|(share, data)| (*share, [*data])).collect();
        let all: Vec<_> = all.iter().map(|(share, data)| (*share, &data[..])).collect();
        self.reads_slot(&[], &[(0, 1 << 32)], &all).await;
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

/// What was read of each share.
pub(super) type Pieces = Vec<(u8, Vec<Vec<u8>>)>;

/// What was read, as plain bytes.
pub(super) fn pieces_of(read: BTreeMap<ShareNumber, Vec<Bytes>>) -> Pieces {
    let plain = |pieces: Vec<Bytes>| pieces.iter().map(|piece| piece.to_vec()).collect();
    read.into_iter().map(|(share, pieces)| (share.get(), plain(pieces))).collect()
}

pub(super) fn expected_pieces(expected: &[(u8, &[&[u8]])]) -> Pieces {
    let plain = |pieces: &[&[u8]]| pieces.iter().map(|piece| piece.to_vec()).collect();
    expected.iter().map(|(share, pieces)| (*share, plain(pieces))).collect()
}

fn vectors(reads: &[(u64, u64)]) -> Vec<ReadVector> {
    reads.iter().map(|&(offset, size)| ReadVector { offset, size }).collect()
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
