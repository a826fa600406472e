//! Reading: a share becomes a stream of chunks, the next one read while the last is used.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tallac_core::storage::{ReadRequest, ShareKind, ShareStream, StorageError};
use tokio::task::JoinHandle;

use super::locks::SlotLock;
use super::{DiskServer, Shared, share_error};
use crate::disk::{ShareFile, ShareKey, SlotFile};

/// Bytes read at once.
const CHUNK_LEN: usize = 256 * 1024;

/// The share that is read.
enum Source {
    Immutable(ShareFile),
    /// One that may change while it is read: what was read before and what would be read then
    /// do not belong together.
    Mutable {
        share: SlotFile,
        lock: SlotLock,
        change_count: u64,
    },
}

/// A read under way.
struct Reading {
    share: Arc<Source>,
    /// Read, and to be given next.
    ready: Option<Bytes>,
    /// Being read.
    next: Option<JoinHandle<Result<Bytes, StorageError>>>,
    at: u64,
    end: u64,
}

impl DiskServer {
    pub(super) async fn read_share(
        &self,
        request: ReadRequest,
    ) -> Result<ShareStream, StorageError> {
        let kind = request.kind;
        let key = ShareKey { storage_index: request.storage_index, number: request.share_number };
        let range = request.range.unwrap_or(0..u64::MAX);
        let reading = self
            .blocking(move |shared| {
                let share = Source::open(shared, kind, key)?;
                let end = range.end.min(share.len());
                let ready = share.read_chunk(range.start, end)?;
                let at = range.start.saturating_add(ready.len() as u64);
                Ok(Reading { share: Arc::new(share), ready: Some(ready), next: None, at, end })
            })
            .await?;
        Ok(Box::pin(stream::try_unfold(reading, Reading::next_chunk)))
    }
}

impl Reading {
    async fn next_chunk(mut self) -> Result<Option<(Bytes, Self)>, StorageError> {
        let chunk = match (self.ready.take(), self.next.take()) {
            (Some(ready), _) => ready,
            (None, Some(next)) => next.await.unwrap_or_else(|_| Err(super::body::stopped()))?,
            (None, None) => return Ok(None),
        };
        if chunk.is_empty() {
            return Ok(None);
        }
        if self.at < self.end {
            let (share, at, end) = (Arc::clone(&self.share), self.at, self.end);
            self.at = end.min(at + CHUNK_LEN as u64);
            self.next = Some(tokio::task::spawn_blocking(move || share.read_chunk(at, end)));
        }
        Ok(Some((chunk, self)))
    }
}

impl Source {
    fn open(shared: &Shared, kind: ShareKind, key: ShareKey) -> Result<Self, StorageError> {
        let opened = match kind {
            ShareKind::Immutable => shared.disk.open_share(key).map(Self::Immutable),
            ShareKind::Mutable => {
                let lock = shared.slot_locks.of(key.storage_index);
                let unchanged = lock.to_read();
                let change_count = lock.change_count();
                let share = shared.disk.open_slot_share(key);
                drop(unchanged);
                share.map(|share| Self::Mutable { share, lock, change_count })
            }
        };
        opened.map_err(share_error)
    }

    const fn len(&self) -> u64 {
        match self {
            Self::Immutable(share) => share.layout().share_len(),
            Self::Mutable { share, .. } => share.header().data_len,
        }
    }

    fn read_chunk(&self, at: u64, end: u64) -> Result<Bytes, StorageError> {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let len = left.min(CHUNK_LEN);
        let read = match self {
            Self::Immutable(share) => share.read_at(at, len),
            Self::Mutable { share, lock, change_count } => {
                let _unchanged = lock.to_read();
                if lock.change_count() != *change_count {
                    let reason = "the share was changed while it was read: read it again";
                    return Err(StorageError::Local(reason.into()));
                }
                share.read_at(at, len)
            }
        };
        read.map(Bytes::from).map_err(share_error)
    }
}
