//! Uploads: a run of bytes becomes several writes, some of which are under way at a time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use foolscap::{Arguments, Object, RemoteReference};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::ranges::RangeSet;
use tallac_core::secrets::UploadSecret;
use tallac_core::storage::{
    AllocateRequest, Allocation, ShareKind, StorageError, WriteProgress, WriteRequest,
};
use tokio::sync::OnceCell;

use super::pieces::Pieces;
use super::{FoolscapClient, Shared};
use crate::foolscap_storage::failures::error_of;
use crate::foolscap_storage::messages::{allocate, bucket};

/// Bytes of one share that are on their way at a time.
const UNDER_WAY_MAX: u64 = 2 << 20;

/// Uploads to one server at a time. Only one that nobody ends could make them so many.
const UPLOADS_MAX: usize = 65_536;

/// Names a share.
type Key = (StorageIndex, ShareNumber);

/// The uploads to one server that are under way.
#[derive(Default)]
pub(super) struct Uploads {
    table: Mutex<HashMap<Key, Arc<Upload>>>,
}

/// One share on its way.
struct Upload {
    secret: UploadSecret,
    size: u64,
    writer: RemoteReference,
    /// What the server has acknowledged.
    written: Mutex<RangeSet>,
    closed: OnceCell<()>,
}

impl Uploads {
    fn table(&self) -> MutexGuard<'_, HashMap<Key, Arc<Upload>>> {
        self.table.lock().expect("no holder of this lock panics")
    }

    fn find(&self, key: Key, secret: &UploadSecret) -> Result<Arc<Upload>, StorageError> {
        let table = self.table();
        let upload = table.get(&key).ok_or(StorageError::NotFound)?;
        match upload.secret == *secret {
            true => Ok(Arc::clone(upload)),
            false => Err(StorageError::Unauthorized),
        }
    }

    fn forget(&self, key: Key, upload: &Arc<Upload>) {
        if let Entry::Occupied(entry) = self.table().entry(key)
            && Arc::ptr_eq(entry.get(), upload)
        {
            entry.remove();
        }
    }

    /// Forgets uploads whose connection is lost, and asserts that there is room for more.
    fn make_room(&self, count: usize) -> Result<(), StorageError> {
        let mut table = self.table();
        table.retain(|_, upload| upload.writer.is_connected());
        match table.len() + count {
            0..=UPLOADS_MAX => Ok(()),
            _ => Err(StorageError::Local("too many uploads to one server at a time".into())),
        }
    }
}

impl Upload {
    fn written(&self) -> MutexGuard<'_, RangeSet> {
        self.written.lock().expect("no holder of this lock panics")
    }

    /// Sends one piece, and notes when the server has it.
    async fn write(self: Arc<Self>, offset: u64, data: Bytes) -> Result<u64, StorageError> {
        let len = data.len() as u64;
        self.writer.call("write", bucket::write(offset, data)).await.map_err(error_of)?;
        self.written().insert(offset..offset + len);
        Ok(len)
    }

    /// Says that the share is whole.
    async fn close(&self) -> Result<(), StorageError> {
        let close = async || {
            let closed = self.writer.call("close", Arguments::none()).await;
            closed.map(drop).map_err(error_of)
        };
        self.closed.get_or_try_init(close).await.copied()
    }
}

impl FoolscapClient {
    pub(super) async fn call_allocate(
        &self,
        request: AllocateRequest,
    ) -> Result<Allocation, StorageError> {
        let server = self.server().await?;
        self.shared.uploads.make_room(request.share_numbers.len())?;
        let canary = self.shared.canary();
        let shared = Arc::clone(&self.shared);
        // A task of its own: whoever gives up waiting leaves nothing allocated at the server.
        let (allocated, result) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let allocation = allocate_at(&server, &shared.uploads, &request, canary).await;
            if let Err(Ok(unwanted)) = allocated.send(allocation) {
                let Shared { uploads, .. } = &*shared;
                for number in unwanted.allocated {
                    let key = (request.storage_index, number);
                    if let Ok(upload) = uploads.find(key, &request.upload_secret) {
                        abort(uploads, key, &upload).await.ok();
                    }
                }
            }
        });
        result.await.unwrap_or_else(|_| Err(StorageError::Local("it was stopped".into())))
    }

    pub(super) async fn call_write(
        &self,
        request: WriteRequest,
    ) -> Result<WriteProgress, StorageError> {
        let WriteRequest { storage_index, share_number, upload_secret, range, data, .. } = request;
        let (key, uploads) = ((storage_index, share_number), &self.shared.uploads);
        let upload = uploads.find(key, &upload_secret)?;
        check_range(&range, upload.size)?;
        send(&upload, Pieces::new(data, range)).await?;
        let required = upload.written().missing(upload.size);
        if required.is_empty() {
            upload.close().await?;
            uploads.forget(key, &upload);
        }
        Ok(WriteProgress { required })
    }

    pub(super) async fn call_abort(
        &self,
        key: Key,
        secret: UploadSecret,
    ) -> Result<(), StorageError> {
        let uploads = &self.shared.uploads;
        match uploads.find(key, &secret) {
            Ok(upload) => abort(uploads, key, &upload).await,
            Err(StorageError::NotFound) => {
                let complete = self.call_list(ShareKind::Immutable, key.0).await?;
                match complete.contains(&key.1) {
                    true => Err(StorageError::AlreadyComplete),
                    false => Err(StorageError::NotFound),
                }
            }
            Err(error) => Err(error),
        }
    }
}

async fn abort(uploads: &Uploads, key: Key, upload: &Arc<Upload>) -> Result<(), StorageError> {
    uploads.forget(key, upload);
    upload.writer.call("abort", Arguments::none()).await.map(drop).map_err(error_of)
}

async fn allocate_at(
    server: &RemoteReference,
    uploads: &Uploads,
    request: &AllocateRequest,
    canary: Object,
) -> Result<Allocation, StorageError> {
    let AllocateRequest { storage_index, share_numbers, allocated_size, upload_secret, lease } =
        request;
    let message = allocate::Request {
        storage_index: *storage_index,
        lease: lease.clone(),
        share_numbers: share_numbers.clone(),
        allocated_size: *allocated_size,
    };
    let answer = server.call("allocate_buckets", message.arguments(canary)).await;
    let (already_have, writers) = allocate::read_answer(answer.map_err(error_of)?, share_numbers)?;
    let mut table = uploads.table();
    for (number, writer) in writers {
        let upload = Upload {
            secret: upload_secret.clone(),
            size: *allocated_size,
            writer,
            written: Mutex::default(),
            closed: OnceCell::new(),
        };
        table.insert((*storage_index, number), Arc::new(upload));
    }
    // What the same client asks for again is still its own.
    let is_ours = |number: &ShareNumber| {
        let upload = table.get(&(*storage_index, *number));
        upload.is_some_and(|u| u.secret == *upload_secret && u.size == *allocated_size)
    };
    let wanted = share_numbers.difference(&already_have).copied();
    let allocated = wanted.filter(is_ours).collect();
    Ok(Allocation { already_have, allocated })
}

fn check_range(range: &Range<u64>, size: u64) -> Result<(), StorageError> {
    if range.start > range.end || range.end > size {
        return Err(StorageError::BadRange(format!("beyond the {size} bytes allocated")));
    }
    if range.is_empty() && size > 0 {
        return Err(StorageError::BadRange("nothing to write".into()));
    }
    Ok(())
}

/// Sends all pieces, several at a time, and waits until the server has them.
async fn send(upload: &Arc<Upload>, mut pieces: Pieces) -> Result<(), StorageError> {
    let mut under_way = FuturesUnordered::new();
    let mut under_way_len = 0;
    let mut failed = None;
    let mut has_more = true;
    while has_more || !under_way.is_empty() {
        tokio::select! {
            biased;
            Some(written) = under_way.next() => match written {
                Ok(len) => under_way_len -= len,
                Err(error) => {
                    has_more = false;
                    failed.get_or_insert(error);
                }
            },
            piece = pieces.next(), if has_more && under_way_len < UNDER_WAY_MAX => match piece {
                Ok(Some((offset, data))) => {
                    under_way_len += data.len() as u64;
                    under_way.push(Arc::clone(upload).write(offset, data));
                }
                Ok(None) => has_more = false,
                Err(error) => {
                    has_more = false;
                    failed.get_or_insert(error);
                }
            },
        }
    }
    failed.map_or(Ok(()), Err)
}
