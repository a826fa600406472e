//! Writing: the body of a request becomes batches, and batches go to the disk.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use futures_util::StreamExt as _;
use tallac_core::storage::{ShareStream, StorageError, WriteProgress, WriteRequest};
use tokio::task::JoinHandle;

use super::DiskServer;
use crate::disk::ShareKey;
use crate::incoming::{Batch, Upload, Written};

/// Bytes gathered before they are written. Two batches an upload are in memory at most: one being
/// gathered, one being written.
const BATCH_LEN: u64 = 512 * 1024;

/// Pieces gathered before they are written, so that tiny ones do not pile up.
const BATCH_PIECE_COUNT: usize = 128;

/// What follows a batch.
enum Then {
    /// More of the body.
    More,
    /// Nothing: the body has the length it should have.
    End,
    /// Nothing: the body broke off, or was too short or too long.
    Failed(StorageError),
}

/// The body of a write request.
struct Body {
    data: ShareStream,
    at: u64,
    end: u64,
}

/// The way of one body to the disk.
struct Pipeline<'a> {
    server: &'a DiskServer,
    upload: Arc<Upload>,
    /// The batch being written.
    writing: Option<JoinHandle<Result<Option<Arc<File>>, StorageError>>>,
}

impl DiskServer {
    pub(super) async fn write_body(
        &self,
        request: WriteRequest,
    ) -> Result<WriteProgress, StorageError> {
        let key = ShareKey { storage_index: request.storage_index, number: request.share_number };
        let upload = self.shared.uploads.find(key, &request.upload_secret)?;
        check_range(&request.range, upload.size())?;
        let Range { start, end } = request.range;
        let mut body = Body { data: request.data, at: start, end };
        let mut pipeline = Pipeline { server: self, upload, writing: None };
        loop {
            let (batch, then) = body.next_batch().await;
            pipeline.upload.touch(self.shared.now());
            match then {
                Then::More => pipeline.start(batch).await?,
                Then::End => return pipeline.finish(batch).await,
                Then::Failed(error) => {
                    pipeline.start(batch).await?;
                    pipeline.settle().await?;
                    return Err(error);
                }
            }
        }
    }
}

/// The total that a request names is not looked at: Tahoe-LAFS does not either, and a
/// `Content-Range` may leave it open.
fn check_range(range: &Range<u64>, size: u64) -> Result<(), StorageError> {
    let Range { start, end } = range;
    if start > end || *end > size {
        let reason = format!("{start}..{end} does not lie within the {size} bytes allocated");
        return Err(StorageError::BadRange(reason));
    }
    Ok(())
}

impl Body {
    async fn next_batch(&mut self) -> (Batch, Then) {
        let mut batch = Batch { at: self.at, ..Batch::default() };
        while batch.len < BATCH_LEN && batch.pieces.len() < BATCH_PIECE_COUNT {
            let mut piece = match self.data.next().await {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return (batch, Then::Failed(error)),
                None if self.at == self.end => return (batch, Then::End),
                None => return (batch, self.of_wrong_length("shorter")),
            };
            let room = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            let is_too_long = piece.len() > room;
            piece.truncate(room);
            if !piece.is_empty() {
                self.at += piece.len() as u64;
                batch.len += piece.len() as u64;
                batch.pieces.push(piece);
            }
            if is_too_long {
                return (batch, self.of_wrong_length("longer"));
            }
        }
        (batch, Then::More)
    }

    fn of_wrong_length(&self, how: &str) -> Then {
        Then::Failed(StorageError::BadRange(format!(
            "the body is {how} than its range, which ends at {}",
            self.end
        )))
    }
}

impl Pipeline<'_> {
    /// Starts to write a batch, once the one before it is written.
    async fn start(&mut self, batch: Batch) -> Result<(), StorageError> {
        self.settle().await?;
        if batch.len == 0 {
            return Ok(());
        }
        let (shared, upload) = (Arc::clone(&self.server.shared), Arc::clone(&self.upload));
        self.writing = Some(tokio::task::spawn_blocking(move || {
            let result = upload.write(&shared.disk, &batch);
            if upload.is_over() {
                shared.uploads.forget(&upload);
            }
            result
        }));
        Ok(())
    }

    /// Waits for the batch being written.
    async fn settle(&mut self) -> Result<(), StorageError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        if let Some(file) = writing.await.unwrap_or_else(|_| Err(stopped()))? {
            self.upload.start_write_back(file).await;
        }
        Ok(())
    }

    async fn finish(mut self, batch: Batch) -> Result<WriteProgress, StorageError> {
        self.settle().await?;
        let (upload, key) = (Arc::clone(&self.upload), self.upload.key());
        let size = self.upload.size();
        let Written { missing, due, is_journalled } = self
            .server
            .blocking(move |shared| {
                let result = upload.write_last(&shared.disk, &batch);
                if upload.is_over() {
                    shared.index.mark_growth(key.storage_index, size);
                    shared.uploads.forget(&upload);
                }
                result
            })
            .await?;
        if let Some(file) = due {
            self.upload.start_write_back(file).await;
        }
        if is_journalled {
            self.server.settle_when_idle();
        }
        Ok(WriteProgress { required: missing })
    }
}

pub(super) fn stopped() -> StorageError {
    StorageError::Local("a storage thread stopped".into())
}
