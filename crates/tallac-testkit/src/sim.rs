//! A storage server in memory that fails on demand and remembers what it was asked.

mod faults;
mod shelf;
mod slots;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{LeaseSecrets, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, Allocation, BoxFuture, ReadRequest, ServerVersion, ShareKind, ShareStream,
    SlotReadAnswer, SlotReadRequest, SlotWriteAnswer, SlotWriteRequest, StorageError,
    StorageServer, WriteProgress, WriteRequest,
};

pub use faults::{Fault, Operation};
use faults::{Faults, Gate, Way};
use shelf::Shelf;
use slots::Slots;

/// Bytes in one piece of a share that is read.
const READ_PIECE_LEN: usize = 16 * 1024;

/// What [`ServerVersion::mutable_share_size_max`] says.
const MUTABLE_SHARE_SIZE_MAX: u64 = 69_105_000_000_000_000;

/// One operation that was asked of a [`SimServer`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// Of which file, where it is about one.
    pub storage_index: Option<StorageIndex>,
    /// Of which share, where it is about one.
    pub share_number: Option<ShareNumber>,
    /// Which bytes, for a write or a ranged read.
    pub range: Option<Range<u64>>,
}

/// One report that a share is corrupt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advisory {
    /// Immutable or mutable.
    pub kind: ShareKind,
    /// Of which file.
    pub storage_index: StorageIndex,
    /// Which share.
    pub share_number: ShareNumber,
    /// What the client found.
    pub reason: String,
}

/// A storage server in memory. Clones are handles on the same server, so that a test keeps one
/// to order faults with while a client uses another.
#[derive(Clone)]
pub struct SimServer {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    gate: Gate,
    shelf: Mutex<Shelf>,
    slots: Mutex<Slots>,
    log: Mutex<Log>,
    fate: Mutex<Option<Fate>>,
    application_version: Mutex<String>,
}

/// Decides what each call meets.
type Fate = Box<dyn FnMut(&Call) -> Option<Fault> + Send>;

#[derive(Default)]
struct Log {
    calls: Vec<Call>,
    advisories: Vec<Advisory>,
}

impl fmt::Debug for SimServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimServer").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl SimServer {
    /// An empty server, which fails at nothing yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            inner: Arc::new(Inner {
                name: name.into(),
                gate: Gate::default(),
                shelf: Mutex::default(),
                slots: Mutex::default(),
                log: Mutex::default(),
                fate: Mutex::default(),
                application_version: Mutex::new("tallac-testkit/0".to_owned()),
            }),
        }
    }

    /// What it was named.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Makes every call of `operation` meet `fault`, from now until [`heal`](Self::heal).
    pub fn set_fault(&self, operation: Operation, fault: Fault) {
        self.inner.gate.change(|faults| faults.set(operation, fault));
    }

    /// Makes every operation meet `fault`.
    pub fn set_fault_everywhere(&self, fault: &Fault) {
        self.inner.gate.change(|faults| {
            for operation in Operation::ALL {
                faults.set(operation, fault.clone());
            }
        });
    }

    /// Makes `operation` work again; calls that hang in it go on.
    pub fn heal(&self, operation: Operation) {
        self.inner.gate.change(|faults| faults.clear(operation));
    }

    /// Makes everything work again, and lets all calls that hang go on.
    pub fn heal_all(&self) {
        self.inner.gate.change(|faults| *faults = Faults::default());
    }

    /// Lets `bytes` more bytes be written, over all shares, and then meets the next with `fault`.
    pub fn fault_after_written(&self, bytes: u64, fault: Fault) {
        self.inner.gate.change(|faults| faults.limit(Way::In, bytes, fault));
    }

    /// Lets `bytes` more bytes be read, over all shares, and then meets the next with `fault`: the
    /// stream breaks or stops in the middle.
    pub fn fault_after_read(&self, bytes: u64, fault: Fault) {
        self.inner.gate.change(|faults| faults.limit(Way::Out, bytes, fault));
    }

    /// Lets `fate` decide what each call meets, beside what is set otherwise.
    pub fn set_fate(&self, fate: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        *self.inner.fate.lock().expect("no holder of this lock panics") = Some(Box::new(fate));
    }

    /// Sets what it says to be, program and version.
    pub fn set_application_version(&self, text: impl Into<String>) {
        *self.application_version() = text.into();
    }

    /// Refuses new shares from now on, or takes them again.
    pub fn set_readonly(&self, readonly: bool) {
        self.shelf().readonly = readonly;
    }

    /// Limits what all shares together may take up, in bytes.
    pub fn set_space(&self, bytes: u64) {
        self.shelf().space = bytes;
    }

    /// Flips the bits of `mask` in the byte at `offset` of a mutable share; whether there was one.
    pub fn corrupt_slot(
        &self,
        storage_index: StorageIndex,
        share: ShareNumber,
        at: usize,
        mask: u8,
    ) -> bool {
        let mut slots = self.slots();
        let byte = slots.get_mut(storage_index, share).and_then(|share| share.data.get_mut(at));
        byte.map(|byte| *byte ^= mask).is_some()
    }

    /// The bytes of a mutable share.
    #[must_use]
    pub fn slot_share(&self, storage_index: StorageIndex, share: ShareNumber) -> Option<Vec<u8>> {
        self.slots().get(storage_index, share).map(|share| share.data.clone())
    }

    /// Replaces the bytes of a mutable share, as a server may that restores a backup; whether
    /// there was one.
    pub fn set_slot_share(
        &self,
        storage_index: StorageIndex,
        share: ShareNumber,
        data: Vec<u8>,
    ) -> bool {
        self.slots().get_mut(storage_index, share).map(|share| share.data = data).is_some()
    }

    /// Copies a mutable share to another place; whether there was one.
    pub fn copy_slot_share(
        &self,
        from: (StorageIndex, ShareNumber),
        to: (StorageIndex, ShareNumber),
    ) -> bool {
        let mut slots = self.slots();
        let share = slots.get(from.0, from.1).cloned();
        share.map(|share| slots.put(to.0, to.1, share)).is_some()
    }

    /// Loses a mutable share; whether there was one.
    pub fn drop_slot_share(&self, storage_index: StorageIndex, share: ShareNumber) -> bool {
        self.slots().remove(storage_index, share)
    }

    /// All mutable shares.
    #[must_use]
    pub fn slot_shares(&self) -> Vec<(StorageIndex, ShareNumber)> {
        self.slots().keys().collect()
    }

    /// Flips the bits of `mask` in the byte at `offset` of a share; whether there was one.
    pub fn corrupt(
        &self,
        storage_index: StorageIndex,
        share: ShareNumber,
        at: u64,
        mask: u8,
    ) -> bool {
        self.shelf().corrupt(storage_index, share, at, mask)
    }

    /// Cuts a share down to `length` bytes; whether there was one that long.
    pub fn truncate(&self, storage_index: StorageIndex, share: ShareNumber, length: usize) -> bool {
        self.shelf().truncate(storage_index, share, length)
    }

    /// Loses a share; whether there was one.
    pub fn drop_share(&self, storage_index: StorageIndex, share: ShareNumber) -> bool {
        self.shelf().complete.remove(&(storage_index, share)).is_some()
    }

    /// Puts a complete share there, as if it had been uploaded.
    pub fn put_share(&self, storage_index: StorageIndex, share: ShareNumber, data: Bytes) {
        self.shelf().complete.insert((storage_index, share), data);
    }

    /// The bytes of a complete share.
    #[must_use]
    pub fn share(&self, storage_index: StorageIndex, share: ShareNumber) -> Option<Bytes> {
        self.shelf().complete.get(&(storage_index, share)).cloned()
    }

    /// All complete shares.
    #[must_use]
    pub fn shares(&self) -> Vec<(StorageIndex, ShareNumber)> {
        self.shelf().complete.keys().copied().collect()
    }

    /// How many uploads are under way.
    #[must_use]
    pub fn upload_count(&self) -> usize {
        self.shelf().uploads.len()
    }

    /// How many leases a share has.
    #[must_use]
    pub fn lease_count(&self, storage_index: StorageIndex, share: ShareNumber) -> usize {
        let mutable = self.slots().get(storage_index, share).map(|share| share.leases.len());
        mutable
            .unwrap_or_else(|| self.shelf().leases.get(&(storage_index, share)).map_or(0, Vec::len))
    }

    /// Everything that it was asked, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.log().calls.clone()
    }

    /// How often `operation` was asked for, whether or not it then worked.
    #[must_use]
    pub fn call_count(&self, operation: Operation) -> usize {
        self.log().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// Forgets the calls made so far.
    pub fn forget_calls(&self) {
        self.log().calls.clear();
    }

    /// The corruption reports that it got.
    #[must_use]
    pub fn advisories(&self) -> Vec<Advisory> {
        self.log().advisories.clone()
    }

    /// Bytes written to it so far, over all shares.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.inner.gate.passed(Way::In)
    }

    /// Bytes read from it so far, over all shares.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.inner.gate.passed(Way::Out)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.inner.shelf.lock().expect("no holder of this lock panics")
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.inner.slots.lock().expect("no holder of this lock panics")
    }

    fn application_version(&self) -> MutexGuard<'_, String> {
        self.inner.application_version.lock().expect("no holder of this lock panics")
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.inner.log.lock().expect("no holder of this lock panics")
    }

    async fn enter(
        &self,
        operation: Operation,
        share: (Option<StorageIndex>, Option<ShareNumber>),
        range: Option<Range<u64>>,
    ) -> Result<(), StorageError> {
        self.enter_and_leave(operation, share, range).await.and_then(|after| after)
    }

    /// As [`enter`](Self::enter); what comes out is what the caller shall answer in the end.
    async fn enter_and_leave(
        &self,
        operation: Operation,
        share: (Option<StorageIndex>, Option<ShareNumber>),
        range: Option<Range<u64>>,
    ) -> Result<Result<(), StorageError>, StorageError> {
        let (storage_index, share_number) = share;
        let call = Call { operation, storage_index, share_number, range };
        let fate = {
            let mut fate = self.inner.fate.lock().expect("no holder of this lock panics");
            fate.as_mut().and_then(|decide| decide(&call))
        };
        self.log().calls.push(call);
        let after = self.inner.gate.enter(operation).await?;
        match fate {
            None => Ok(after),
            Some(fault) => faults::meet(&fault).await.map(|fated| after.and(fated)),
        }
    }

    async fn write_all(&self, mut request: WriteRequest) -> Result<WriteProgress, StorageError> {
        let key = (request.storage_index, request.share_number);
        let range = request.range.clone();
        self.enter(Operation::Write, (Some(key.0), Some(key.1)), Some(range.clone())).await?;
        self.shelf().check_write(key, &request.upload_secret, &range)?;
        let mut at = range.start;
        while let Some(piece) = request.data.next().await {
            let piece = piece?;
            let room = usize::try_from(range.end - at).unwrap_or(usize::MAX);
            let fits = piece.slice(..piece.len().min(room));
            self.inner.gate.pass(Way::In, fits.len() as u64).await?;
            self.shelf().write(key, at, &fits)?;
            at += fits.len() as u64;
            if fits.len() < piece.len() {
                return Err(StorageError::BadRange("the body is longer than its range".into()));
            }
        }
        if at < range.end {
            return Err(StorageError::BadRange("the body is shorter than its range".into()));
        }
        let required = self.shelf().finish(key)?;
        Ok(WriteProgress { required })
    }

    fn stream(&self, data: Bytes) -> ShareStream {
        let server = self.clone();
        Box::pin(stream::unfold((server, data), async |(server, mut left)| {
            if left.is_empty() {
                return None;
            }
            let piece = left.split_to(left.len().min(READ_PIECE_LEN));
            match server.inner.gate.pass(Way::Out, piece.len() as u64).await {
                Ok(()) => Some((Ok(piece), (server, left))),
                Err(error) => Some((Err(error), (server, Bytes::new()))),
            }
        }))
    }
}

impl StorageServer for SimServer {
    fn version(&self) -> BoxFuture<'_, Result<ServerVersion, StorageError>> {
        Box::pin(async move {
            self.enter(Operation::Version, (None, None), None).await?;
            let available_space = self.shelf().available();
            Ok(ServerVersion {
                immutable_share_size_max: available_space,
                mutable_share_size_max: MUTABLE_SHARE_SIZE_MAX,
                available_space,
                application_version: self.application_version().clone(),
            })
        })
    }

    fn allocate(
        &self,
        request: AllocateRequest,
    ) -> BoxFuture<'_, Result<Allocation, StorageError>> {
        Box::pin(async move {
            let storage_index = Some(request.storage_index);
            self.enter(Operation::Allocate, (storage_index, None), None).await?;
            Ok(self.shelf().allocate(&request))
        })
    }

    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<WriteProgress, StorageError>> {
        Box::pin(self.write_all(request))
    }

    fn abort(
        &self,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        upload_secret: UploadSecret,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let share = (Some(storage_index), Some(share_number));
            self.enter(Operation::Abort, share, None).await?;
            self.shelf().abort((storage_index, share_number), &upload_secret)
        })
    }

    fn list(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
    ) -> BoxFuture<'_, Result<BTreeSet<ShareNumber>, StorageError>> {
        Box::pin(async move {
            self.enter(Operation::List, (Some(storage_index), None), None).await?;
            Ok(match kind {
                ShareKind::Immutable => self.shelf().list(storage_index),
                ShareKind::Mutable => self.slots().of(storage_index).map(|(n, _)| n).collect(),
            })
        })
    }

    fn read(&self, request: ReadRequest) -> BoxFuture<'_, Result<ShareStream, StorageError>> {
        Box::pin(async move {
            let share = (Some(request.storage_index), Some(request.share_number));
            self.enter(Operation::Read, share, request.range.clone()).await?;
            let (si, number) = (request.storage_index, request.share_number);
            let data = match request.kind {
                ShareKind::Immutable => self.share(si, number),
                ShareKind::Mutable => self.slot_share(si, number).map(Bytes::from),
            }
            .ok_or(StorageError::NotFound)?;
            let range = request.range.unwrap_or(0..u64::MAX);
            let clip = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(data.len());
            let (start, end) = (clip(range.start), clip(range.end));
            Ok(self.stream(data.slice(start.min(end)..end)))
        })
    }

    fn write_slot(
        &self,
        request: SlotWriteRequest,
    ) -> BoxFuture<'_, Result<SlotWriteAnswer, StorageError>> {
        Box::pin(async move {
            let share = (Some(request.storage_index), None);
            let after = self.enter_and_leave(Operation::WriteSlot, share, None).await?;
            let bytes = request.changes.values().flat_map(|change| &change.writes);
            let bytes = bytes.map(|write| write.data.len() as u64).sum();
            self.inner.gate.pass(Way::In, bytes).await?;
            let answer = self.slots().write(&request);
            after.and(answer)
        })
    }

    fn read_slot(
        &self,
        request: SlotReadRequest,
    ) -> BoxFuture<'_, Result<SlotReadAnswer, StorageError>> {
        Box::pin(async move {
            let share = (Some(request.storage_index), None);
            self.enter(Operation::ReadSlot, share, None).await?;
            let answer = self.slots().read(&request)?;
            let bytes = answer.values().flatten().map(|piece| piece.len() as u64).sum();
            self.inner.gate.pass(Way::Out, bytes).await?;
            Ok(answer)
        })
    }

    fn add_lease(
        &self,
        storage_index: StorageIndex,
        lease: LeaseSecrets,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            self.enter(Operation::AddLease, (Some(storage_index), None), None).await?;
            if self.slots().of(storage_index).next().is_some() {
                self.slots().add_lease(storage_index, &lease);
                return Ok(());
            }
            self.shelf().add_lease(storage_index, &lease)
        })
    }

    fn advise_corrupt(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
        share_number: ShareNumber,
        reason: String,
    ) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let share = (Some(storage_index), Some(share_number));
            self.enter(Operation::AdviseCorrupt, share, None).await?;
            let is_there = match kind {
                ShareKind::Immutable => self.share(storage_index, share_number).is_some(),
                ShareKind::Mutable => self.slots().get(storage_index, share_number).is_some(),
            };
            if !is_there {
                return Err(StorageError::NotFound);
            }
            let advisory = Advisory { kind, storage_index, share_number, reason };
            self.log().advisories.push(advisory);
            Ok(())
        })
    }
}
