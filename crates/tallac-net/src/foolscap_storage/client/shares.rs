//! Listing and reading shares, their leases, and reports about them.

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;
use foolscap::RemoteReference;
use futures_util::{StreamExt as _, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::LeaseSecrets;
use tallac_core::storage::{
    ReadRequest, ReadVector, ShareKind, ShareStream, SlotReadRequest, StorageError,
};

use super::FoolscapClient;
use crate::foolscap_storage::failures::error_of;
use crate::foolscap_storage::messages::{bucket, share, slot};

/// Bytes that are asked for at a time.
const PIECE_LEN: u64 = 1 << 20;

/// Pieces of one read that are asked for before the first has come.
const PIECES_AHEAD: usize = 4;

/// Where the pieces of a share come from.
#[derive(Clone)]
enum Source {
    Reader(RemoteReference),
    Slot(FoolscapClient, StorageIndex, ShareNumber),
}

impl FoolscapClient {
    pub(super) async fn call_list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> Result<BTreeSet<ShareNumber>, StorageError> {
        match kind {
            ShareKind::Immutable => {
                let answer = self.call("get_buckets", bucket::list(&storage_index)).await?;
                let readers = bucket::read_readers(answer)?;
                let numbers = readers.keys().copied().collect();
                self.shared.readers.remember(storage_index, readers);
                Ok(numbers)
            }
            ShareKind::Mutable => {
                let arguments = slot::read(&storage_index, &BTreeSet::new(), &[]);
                let answer = self.call("slot_readv", arguments).await?;
                Ok(slot::read_read_answer(answer, &[])?.into_keys().collect())
            }
        }
    }

    /// The reader of a share that is there.
    async fn reader(
        &self,
        storage_index: StorageIndex,
        number: ShareNumber,
    ) -> Result<RemoteReference, StorageError> {
        let readers = &self.shared.readers;
        if let Some(reader) = readers.find(storage_index, number) {
            return Ok(reader);
        }
        self.call_list(ShareKind::Immutable, storage_index).await?;
        readers.find(storage_index, number).ok_or(StorageError::NotFound)
    }

    pub(super) async fn call_read(
        &self,
        request: ReadRequest,
    ) -> Result<ShareStream, StorageError> {
        let ReadRequest { kind, storage_index, share_number, range } = request;
        let range = range.unwrap_or(0..u64::MAX);
        if range.start > range.end {
            return Err(StorageError::BadRange("it ends before it begins".into()));
        }
        if range.is_empty() {
            return Ok(Box::pin(stream::empty()));
        }
        let source = match kind {
            ShareKind::Immutable => Source::Reader(self.reader(storage_index, share_number).await?),
            ShareKind::Mutable => Source::Slot(self.clone(), storage_index, share_number),
        };
        Ok(read_all(source, range))
    }

    /// Adds a lease. Servers say nothing where there is no share, so they are asked besides.
    pub(super) async fn call_add_lease(
        &self,
        storage_index: StorageIndex,
        lease: LeaseSecrets,
    ) -> Result<(), StorageError> {
        let arguments = share::lease(&storage_index, &lease);
        let (immutable, mutable, added) = tokio::join!(
            self.call_list(ShareKind::Immutable, storage_index),
            self.call_list(ShareKind::Mutable, storage_index),
            self.call("add_lease", arguments),
        );
        added?;
        // One that holds shares of one kind may well stumble when it is asked for the other.
        match (immutable, mutable) {
            (Ok(immutable), Ok(mutable)) if immutable.is_empty() && mutable.is_empty() => {
                Err(StorageError::NotFound)
            }
            _ => Ok(()),
        }
    }

    /// Reports a share. Servers say nothing where there is none, so they are asked besides.
    pub(super) async fn call_advise_corrupt(
        &self,
        kind: ShareKind,
        (storage_index, share_number): (StorageIndex, ShareNumber),
        reason: String,
    ) -> Result<(), StorageError> {
        if kind == ShareKind::Immutable {
            let reader = self.reader(storage_index, share_number).await?;
            let arguments = share::reason(&reason);
            return reader
                .call("advise_corrupt_share", arguments)
                .await
                .map(drop)
                .map_err(error_of);
        }
        let report = share::Report { kind, storage_index, share_number, reason };
        let (mutable, advised) = tokio::join!(
            self.call_list(kind, storage_index),
            self.call("advise_corrupt_share", report.arguments()),
        );
        advised?;
        match mutable?.contains(&share_number) {
            true => Ok(()),
            false => Err(StorageError::NotFound),
        }
    }
}

impl Source {
    async fn read(self, range: Range<u64>) -> Result<Bytes, StorageError> {
        let size = range.end - range.start;
        match self {
            Self::Reader(reader) => {
                let read = reader.call("read", bucket::read(range.start, size)).await;
                Ok(bucket::read_data(read.map_err(error_of)?, size)?)
            }
            Self::Slot(client, storage_index, number) => {
                let request = SlotReadRequest {
                    storage_index,
                    share_numbers: vec![number],
                    reads: vec![ReadVector { offset: range.start, size }],
                };
                let read = client.call_read_slot(request).await?.remove(&number);
                Ok(read.ok_or(StorageError::NotFound)?.swap_remove(0))
            }
        }
    }
}

/// The bytes of a share, piece by piece, up to its end.
fn read_all(source: Source, range: Range<u64>) -> ShareStream {
    let end = range.end;
    let starts = stream::unfold(range.start, move |start| async move {
        (start < end).then(|| (start, start.saturating_add(PIECE_LEN)))
    });
    let pieces = starts.map(move |start| {
        let (source, range) = (source.clone(), start..end.min(start.saturating_add(PIECE_LEN)));
        async move {
            let size = range.end - range.start;
            (source.read(range).await, size)
        }
    });
    let pieces = pieces.buffered(PIECES_AHEAD);
    // A piece that is cut short is the last.
    let pieces = pieces.scan(false, |is_over, (read, size)| {
        let was_over = *is_over;
        *is_over |= read.as_ref().map_or(true, |piece| (piece.len() as u64) < size);
        async move { if was_over { None } else { Some(read) } }
    });
    Box::pin(pieces.filter(|read| {
        let is_empty = read.as_ref().is_ok_and(Bytes::is_empty);
        async move { !is_empty }
    }))
}
