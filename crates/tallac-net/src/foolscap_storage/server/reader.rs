//! `RIBucketReader`: one share of an immutable file.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use foolscap::object::BoxFuture;
use foolscap::{Failure, IncomingCall, Referenceable, Value};
use futures_util::TryStreamExt as _;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::storage::{ReadRequest, ShareKind, StorageError, StorageServer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::foolscap_storage::messages::{bucket, share};
use crate::foolscap_storage::{BUCKET_READER, failures::failure_of};

/// The most that one read is answered with, in bytes. Tahoe-LAFS reads a block at a time.
const READ_LEN_MAX: u64 = 64 << 20;

/// Reads of no more than this need not wait for others, in bytes.
const SMALL_READ_LEN: u64 = 1 << 20;

/// Bytes that larger reads may hold together while they go on.
const LARGE_READS_LEN: usize = 256 << 20;

/// Memory for large reads, which wait for each other.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_READS_LEN)))
    }
}

impl Room {
    async fn of(&self, len: u64) -> Option<OwnedSemaphorePermit> {
        if len <= SMALL_READ_LEN {
            return None;
        }
        let len = u32::try_from(len.min(READ_LEN_MAX)).unwrap_or(u32::MAX);
        self.0.clone().acquire_many_owned(len).await.ok()
    }
}

/// One share, for as long as a client holds on to it.
pub(super) struct BucketReader {
    storage: Arc<dyn StorageServer>,
    room: Room,
    storage_index: StorageIndex,
    share_number: ShareNumber,
}

impl BucketReader {
    pub(super) fn new(
        storage: Arc<dyn StorageServer>,
        room: Room,
        storage_index: StorageIndex,
        share_number: ShareNumber,
    ) -> Self {
        Self { storage, room, storage_index, share_number }
    }

    async fn answer(&self, call: IncomingCall) -> Result<Value, Failure> {
        match call.method.as_str() {
            "read" => {
                let (offset, size) = bucket::read_read(call.arguments)?;
                Ok(Value::Bytes(self.read(offset, size).await.map_err(failure_of)?))
            }
            "advise_corrupt_share" => {
                let report = share::Report {
                    kind: ShareKind::Immutable,
                    storage_index: self.storage_index,
                    share_number: self.share_number,
                    reason: share::read_reason(call.arguments)?,
                };
                super::advise_corrupt(&*self.storage, report).await
            }
            _ => Err(Failure::violation("there is no such method")),
        }
    }

    async fn read(&self, offset: u64, size: u64) -> Result<Bytes, StorageError> {
        let _room = self.room.of(size).await;
        let request = ReadRequest {
            kind: ShareKind::Immutable,
            storage_index: self.storage_index,
            share_number: self.share_number,
            range: Some(offset..offset.saturating_add(size)),
        };
        let mut stream = self.storage.read(request).await?;
        let mut first = Bytes::new();
        while let Some(piece) = stream.try_next().await? {
            if first.is_empty() {
                first = piece;
                continue;
            }
            let len = usize::try_from(size.min(READ_LEN_MAX)).unwrap_or(usize::MAX);
            let mut all = BytesMut::with_capacity(len.min(1 << 20));
            all.extend_from_slice(&first);
            all.extend_from_slice(&piece);
            while let Some(piece) = stream.try_next().await? {
                if all.len() as u64 + piece.len() as u64 > READ_LEN_MAX {
                    return Err(StorageError::BadRequest("more than can be read at once".into()));
                }
                all.extend_from_slice(&piece);
            }
            return Ok(all.freeze());
        }
        Ok(first)
    }
}

impl Referenceable for BucketReader {
    fn interface(&self) -> Option<&str> {
        Some(BUCKET_READER)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move { self.answer(call).await })
    }
}
