//! Reading: a share becomes a stream of chunks, the next one read while the last is used.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tallac_core::storage::{ReadRequest, ShareStream, StorageError};
use tokio::task::JoinHandle;

use super::{DiskServer, only_immutable, share_error};
use crate::disk::{ShareFile, ShareKey};

/// Bytes read at once.
const CHUNK_LEN: usize = 256 * 1024;

/// A read under way.
struct Reading {
    share: Arc<ShareFile>,
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
        only_immutable(request.kind)?;
        let key = ShareKey { storage_index: request.storage_index, number: request.share_number };
        let range = request.range.unwrap_or(0..u64::MAX);
        let reading = self
            .blocking(move |shared| {
                let share = shared.disk.open_share(key).map_err(share_error)?;
                let end = range.end.min(share.layout().share_len());
                let ready = read_chunk(&share, range.start, end)?;
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
            self.next = Some(tokio::task::spawn_blocking(move || read_chunk(&share, at, end)));
        }
        Ok(Some((chunk, self)))
    }
}

fn read_chunk(share: &ShareFile, at: u64, end: u64) -> Result<Bytes, StorageError> {
    let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
    share.read_at(at, left.min(CHUNK_LEN)).map(Bytes::from).map_err(share_error)
}
