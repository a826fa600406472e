//! `RIBucketWriter`: one share of an immutable file on its way.
//!
//! What one client asks of one writer is done in the order of asking. A share becomes visible with
//! its last byte, a little before the client says `close`.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use foolscap::object::BoxFuture;
use foolscap::{Arguments, Failure, IncomingCall, Referenceable, Value};
use futures_util::{TryStreamExt as _, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::UploadSecret;
use tallac_core::storage::{
    ReadRequest, ShareKind, StorageError, StorageServer, WriteProgress, WriteRequest,
};
use tokio::sync::{mpsc, oneshot};

use crate::foolscap_storage::messages::bucket;
use crate::foolscap_storage::{BUCKET_WRITER, failures::failure_of};

/// The most that a client may leave out of a share, in bytes: clients of old allocate more than
/// they write. What they leave out is zeros.
const LEFT_OUT_MAX: u64 = 1 << 20;

/// One share on its way.
pub(super) struct BucketWriter {
    storage: Arc<dyn StorageServer>,
    storage_index: StorageIndex,
    share_number: ShareNumber,
    size: u64,
    secret: UploadSecret,
    turns: Turns,
    state: Mutex<State>,
}

/// How far it is.
struct State {
    phase: Phase,
    /// What is still missing.
    required: Vec<Range<u64>>,
    /// Dropped once there is nothing left to give up.
    unfinished: Option<mpsc::Sender<Infallible>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Bytes are missing.
    Open,
    /// It is visible; the client has yet to say that it is done.
    Complete,
    /// The client has closed it, or it was given up.
    Over,
}

impl BucketWriter {
    pub(super) fn new(
        storage: Arc<dyn StorageServer>,
        (storage_index, share_number): (StorageIndex, ShareNumber),
        size: u64,
        secret: UploadSecret,
        unfinished: mpsc::Sender<Infallible>,
    ) -> Self {
        let required = std::iter::once(0..size).collect();
        let state = State { phase: Phase::Open, required, unfinished: Some(unfinished) };
        Self {
            storage,
            storage_index,
            share_number,
            size,
            secret,
            turns: Turns::default(),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = phase;
        state.unfinished = None;
    }

    fn phase(&self) -> Phase {
        self.state().phase
    }

    /// Writes `data`, unless it is there already.
    async fn write(&self, offset: u64, data: Bytes) -> Result<(), StorageError> {
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= self.size);
        let beyond = || StorageError::BadRange(format!("beyond the {} allocated", self.size));
        let range = offset..end.ok_or_else(beyond)?;
        match self.phase() {
            Phase::Over => Err(StorageError::AlreadyComplete),
            _ if range.is_empty() => Ok(()),
            Phase::Complete => self.compare(range, &data).await,
            Phase::Open => self.store(range, data).await,
        }
    }

    async fn store(&self, range: Range<u64>, data: Bytes) -> Result<(), StorageError> {
        let request = WriteRequest {
            storage_index: self.storage_index,
            share_number: self.share_number,
            upload_secret: self.secret.clone(),
            range,
            total: self.size,
            data: Box::pin(stream::iter([Ok(data)])),
        };
        let progress = self.storage.write(request).await?;
        self.note(progress);
        Ok(())
    }

    fn note(&self, progress: WriteProgress) {
        match progress.is_complete() {
            true => self.enter(Phase::Complete),
            false => self.state().required = progress.required,
        }
    }

    /// Asserts that a complete share has these bytes there.
    async fn compare(&self, range: Range<u64>, data: &[u8]) -> Result<(), StorageError> {
        let (storage_index, share_number) = (self.storage_index, self.share_number);
        let kind = ShareKind::Immutable;
        let request = ReadRequest { kind, storage_index, share_number, range: Some(range) };
        let mut stored = self.storage.read(request).await?;
        let mut left = data;
        while let Some(piece) = stored.try_next().await? {
            left = left.strip_prefix(&piece[..]).ok_or(StorageError::Conflict)?;
        }
        if left.is_empty() { Ok(()) } else { Err(StorageError::Conflict) }
    }

    async fn close(&self) -> Result<(), StorageError> {
        let required = match self.phase() {
            Phase::Over => return Err(StorageError::AlreadyComplete),
            Phase::Complete => Vec::new(),
            Phase::Open => self.state().required.clone(),
        };
        let left_out: u64 = required.iter().map(|run| run.end - run.start).sum();
        if left_out > LEFT_OUT_MAX {
            self.abort().await;
            let reason = format!("{left_out} bytes of the share are missing: it was given up");
            return Err(StorageError::BadRequest(reason));
        }
        for run in required {
            let len = usize::try_from(run.end - run.start).unwrap_or(0);
            self.store(run, vec![0; len].into()).await?;
        }
        self.enter(Phase::Over);
        Ok(())
    }

    async fn abort(&self) {
        if self.phase() == Phase::Open {
            let secret = self.secret.clone();
            let aborted = self.storage.abort(self.storage_index, self.share_number, secret).await;
            if let Err(error) = aborted {
                tracing::debug!(%error, "an upload was over before it was given up");
            }
        }
        self.enter(Phase::Over);
    }

    /// The client is gone.
    pub(super) async fn give_up(&self) {
        let mut turn = self.turns.ask();
        turn.wait().await;
        if self.phase() == Phase::Open {
            let (si, share) = (self.storage_index, self.share_number);
            tracing::info!(%si, %share, "an upload was given up: its client is gone");
            self.abort().await;
        }
    }

    async fn answer(&self, call: Call, mut turn: Turn) -> Result<Value, Failure> {
        turn.wait().await;
        match call {
            Call::Write(offset, data) => self.write(offset, data).await.map_err(failure_of)?,
            Call::Close => self.close().await.map_err(failure_of)?,
            Call::Abort => self.abort().await,
        }
        Ok(Value::None)
    }
}

/// What a client asks of a writer.
enum Call {
    Write(u64, Bytes),
    Close,
    Abort,
}

impl Call {
    fn read(method: &str, arguments: Arguments) -> Result<Self, Failure> {
        match method {
            "write" => {
                let (offset, data) = bucket::read_write(arguments)?;
                Ok(Self::Write(offset, data))
            }
            "close" => arguments.bind([]).map(|[]| Self::Close),
            "abort" => arguments.bind([]).map(|[]| Self::Abort),
            _ => Err(Failure::violation("there is no such method")),
        }
    }
}

impl Referenceable for BucketWriter {
    fn interface(&self) -> Option<&str> {
        Some(BUCKET_WRITER)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        let call = Call::read(&call.method, call.arguments);
        let turn = self.turns.ask();
        Box::pin(async move { self.answer(call?, turn).await })
    }
}

/// Lets one come after the other, in the order of asking.
#[derive(Default)]
struct Turns {
    last: Mutex<Option<oneshot::Receiver<Infallible>>>,
}

/// A place in the order. The next one's turn comes when it is dropped.
struct Turn {
    before: Option<oneshot::Receiver<Infallible>>,
    _over: oneshot::Sender<Infallible>,
}

impl Turns {
    fn ask(&self) -> Turn {
        let (over, next) = oneshot::channel();
        let before = self.last.lock().expect("no holder of this lock panics").replace(next);
        Turn { before, _over: over }
    }
}

impl Turn {
    async fn wait(&mut self) {
        if let Some(before) = self.before.take() {
            // It ends by being dropped.
            let _over = before.await;
        }
    }
}
