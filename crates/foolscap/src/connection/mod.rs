//! A connection between two tubs (section 6.5): calls and answers in both directions at once, and
//! the objects that go with them.
//!
//! Two tasks serve it, one [reads](read) and one [writes](write). Messages are encoded when they
//! are queued, under the lock, since the encoding counts what went before. What users of the crate
//! hand over is never dropped under the lock: its destructors may call us.

pub(crate) mod lower;
mod queue;
mod read;
mod serve;
mod tables;
mod write;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::banana::{
    Clid, Encoder, Introduction, Pieces, ProtocolError, RequestId, SenderObject, WireObject,
};
use crate::call::{Arguments, CallError, Failure};
use crate::handshake::Agreed;
use crate::limits::Limits;
use crate::negotiate::Mastered;
use crate::object::{Object, Referenceable};
use crate::tub::Inner;
use crate::tub_id::TubId;
use crate::value::Value;
use queue::{Purpose, Queue};
use tables::{Exports, Imports};

/// Request ids are less than this, as they are sent as 31 bits.
const REQUEST_END: u32 = 1 << 31;

/// Bytes in a permit of what is being served.
const SERVING_UNIT: usize = 1024;

/// Why a connection was lost.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    Closed,
    /// The stream failed.
    #[error("{0}")]
    Io(io::Error),
    /// The peer broke the protocol.
    #[error("protocol error: {0}")]
    Protocol(#[from] ProtocolError),
    /// The peer sent more objects than may be.
    #[error("the peer sends more objects than we hold at once")]
    TooManyObjects,
    /// Nothing has come for too long.
    #[error("the peer was silent for too long")]
    Silent,
    /// It takes nothing of what we send.
    #[error("the peer takes nothing of what is sent to it")]
    Stalled,
    /// Another took its place.
    #[error("a new connection took its place")]
    Replaced,
    /// We closed it.
    #[error("the tub was stopped")]
    Stopped,
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        match error.kind() {
            // Many end without a farewell.
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// One connection.
pub(crate) struct Connection {
    tub: Arc<Inner>,
    peer: TubId,
    /// What the master, if that is us, remembers.
    mastered: Option<Mastered>,
    state: Mutex<State>,
    /// Whoever wants to queue a call: one at a time, in the order of asking.
    turn: tokio::sync::Mutex<()>,
    /// There is something to write.
    to_write: Notify,
    /// Calls were written: for the one whose turn it is.
    room: Notify,
    /// Answers were written: for the reader.
    relief: Notify,
    serving: Arc<Semaphore>,
    serving_units: Arc<Semaphore>,
    /// It is to end when everything is written.
    ending: CancellationToken,
    lost: CancellationToken,
    tasks: TaskTracker,
}

/// What is known of a connection.
struct State {
    /// Nothing once it is lost.
    open: Option<Open>,
    why: Option<Lost>,
}

/// What there is only as long as the connection lasts.
struct Open {
    encoder: Encoder,
    queue: Queue,
    exports: Exports,
    imports: Imports,
    waiting: HashMap<RequestId, Waiting>,
    last_request: u32,
}

/// Who waits for an answer.
enum Waiting {
    /// A caller.
    Caller(oneshot::Sender<Result<Value, CallError>>),
    /// We ourselves: the peer takes note that we hold its object no more.
    Release(Clid),
}

impl Open {
    fn new(first: Bytes, limits: &Limits) -> Self {
        let mut queue = Queue::default();
        queue.push(Purpose::Answer, [first]);
        Self {
            encoder: Encoder::new(limits.message),
            queue,
            exports: Exports::new(limits.exports_max),
            imports: Imports::new(limits.imports_max),
            waiting: HashMap::new(),
            last_request: 0,
        }
    }

    /// A request id that no call has that waits.
    fn request_id(&mut self) -> RequestId {
        loop {
            self.last_request = (self.last_request + 1) % REQUEST_END;
            let id = RequestId(self.last_request);
            if id.0 != 0 && !self.waiting.contains_key(&id) {
                return id;
            }
        }
    }
}

impl Connection {
    /// A connection that is agreed on, but does not run yet. `first` is what the peer is to be told
    /// before anything else.
    pub(crate) fn new(
        tub: Arc<Inner>,
        peer: TubId,
        first: impl Into<Bytes>,
        mastered: Option<Mastered>,
    ) -> Arc<Self> {
        let limits = *tub.limits();
        let state = State { open: Some(Open::new(first.into(), &limits)), why: None };
        let units =
            limits.serving_bytes_max.div_ceil(SERVING_UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            tub,
            peer,
            mastered,
            state: Mutex::new(state),
            turn: tokio::sync::Mutex::new(()),
            to_write: Notify::new(),
            room: Notify::new(),
            relief: Notify::new(),
            serving: Arc::new(Semaphore::new(limits.serving_max.max(1))),
            serving_units: Arc::new(Semaphore::new(units)),
            ending: CancellationToken::new(),
            lost: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Runs it over a stream.
    pub(crate) fn start(self: &Arc<Self>, agreed: Agreed) {
        let Agreed { stream, received } = agreed;
        let (reader, writer) = tokio::io::split(stream);
        let (reading, writing) = (self.clone(), self.clone());
        self.tasks.spawn(async move {
            let why = tokio::select! {
                () = reading.lost.cancelled() => return,
                why = read::read(&reading, reader, received) => why,
            };
            reading.lose_telling(why).await;
        });
        self.tasks.spawn(async move {
            let why = tokio::select! {
                () = writing.lost.cancelled() => return,
                why = write::write(&writing, writer) => why,
            };
            writing.lose(why);
        });
        self.tasks.close();
    }

    /// Whose objects are at the other end.
    pub(crate) const fn peer(&self) -> TubId {
        self.peer
    }

    /// What we remember as the master of it.
    pub(crate) const fn mastered(&self) -> Option<&Mastered> {
        self.mastered.as_ref()
    }

    /// Whether it still stands.
    pub(crate) fn is_open(&self) -> bool {
        !self.lost.is_cancelled()
    }

    /// Becomes cancelled when it is lost.
    pub(crate) const fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Why it was lost, once.
    pub(crate) fn why(&self) -> Option<Lost> {
        self.state().why.take()
    }

    /// Waits until nothing of it is left.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Ends it at once: callers learn that no answers will come, and the peer's hold on our objects
    /// is gone.
    pub(crate) fn lose(&self, why: Lost) {
        let mut state = self.state();
        let Some(open) = state.open.take() else { return };
        tracing::debug!(peer = %self.peer, %why, "connection ended");
        state.why.get_or_insert(why);
        drop(state);
        self.lost.cancel();
        self.tub.detach(self);
        drop(open);
    }

    /// Ends it when everything that is queued has been sent, or soon.
    pub(crate) async fn end(&self) {
        self.ending.cancel();
        let ended = tokio::time::timeout(write::PARTING, self.lost.cancelled()).await;
        if ended.is_err() {
            self.lose(Lost::Stopped);
        }
    }

    /// Ends it, and says why if it is the peer's fault.
    async fn lose_telling(&self, why: Lost) {
        if let Lost::Protocol(error) = &why
            && let Some(words) = error.told()
        {
            tracing::warn!(peer = %self.peer, %why, "a peer broke the protocol");
            self.push(Purpose::Answer, [Encoder::give_up(&words)]);
            self.state().why.get_or_insert(why);
            self.ending.cancel();
            let _ = tokio::time::timeout(write::PARTING, self.lost.cancelled()).await;
            return self.lose(Lost::Stopped);
        }
        self.lose(why);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self) -> &Limits {
        self.tub.limits()
    }

    /// Queues bytes that are no message of their own.
    fn push(&self, purpose: Purpose, pieces: impl IntoIterator<Item = Bytes>) {
        if let Some(open) = &mut self.state().open {
            open.queue.push(purpose, pieces);
        }
        self.to_write.notify_one();
    }

    /// Queues a call, when there is room. The answer can be awaited.
    pub(crate) async fn request(
        self: &Arc<Self>,
        target: Clid,
        method: &str,
        arguments: Arguments,
    ) -> Result<Pending, CallError> {
        let (sender, receiver) = oneshot::channel();
        let message = (target, method, arguments);
        let id = self.queue_call(message, Some(Waiting::Caller(sender))).await?;
        let id = id.ok_or(CallError::Disconnected)?;
        Ok(Pending { connection: self.clone(), id, receiver })
    }

    /// Queues a call that wants no answer, when there is room.
    pub(crate) async fn tell(
        self: &Arc<Self>,
        target: Clid,
        method: &str,
        arguments: Arguments,
    ) -> Result<(), CallError> {
        self.queue_call((target, method, arguments), None).await.map(|_| ())
    }

    async fn queue_call(
        self: &Arc<Self>,
        (target, method, arguments): (Clid, &str, Arguments),
        waiting: Option<Waiting>,
    ) -> Result<Option<RequestId>, CallError> {
        let (arguments, objects) = take_objects(arguments);
        // Who asks first has the first turn. The runtime's budget must not change that.
        let _turn = match self.turn.try_lock() {
            Ok(turn) => turn,
            Err(_) => tokio::task::unconstrained(self.turn.lock()).await,
        };
        while !self.has_room_for_calls() {
            tokio::select! {
                () = self.room.notified() => {}
                () = self.lost.cancelled() => return Err(CallError::Disconnected),
            }
        }
        let mut state = self.state();
        let open = state.open.as_mut().ok_or(CallError::Disconnected)?;
        let id = waiting.is_some().then(|| open.request_id());
        let pieces = self.with_objects(open, &objects, |encoder, object| {
            let arguments = lower::map_arguments(arguments, &mut |index| object(index))?;
            encoder.call(id, target, method, &arguments)
        })?;
        open.queue.push(Purpose::Call, pieces);
        if let (Some(id), Some(waiting)) = (id, waiting) {
            open.waiting.insert(id, waiting);
        }
        drop(state);
        self.to_write.notify_one();
        Ok(id)
    }

    fn has_room_for_calls(&self) -> bool {
        let state = self.state();
        let max = self.limits().calls_queued_max;
        state.open.as_ref().is_none_or(|open| open.queue.waiting().calls <= max)
    }

    /// Queues the answer to a call of the peer.
    fn answer(self: &Arc<Self>, request: RequestId, result: Result<Value, Failure>) {
        let (result, objects) = match result {
            Ok(value) => {
                let mut objects = Vec::new();
                (Ok(take_out(value, &mut objects)), objects)
            }
            Err(failure) => (Err(failure), Vec::new()),
        };
        let mut state = self.state();
        let Some(open) = &mut state.open else { return };
        let pieces = match result {
            Ok(value) => self.with_objects(open, &objects, |encoder, object| {
                encoder.answer(request, &lower::map(value, &mut |index| object(index))?)
            }),
            Err(failure) => Ok(open.encoder.error(request, &failure)),
        };
        let pieces = pieces.unwrap_or_else(|error| {
            let failure = match error {
                CallError::Remote(failure) => failure,
                error => Failure::violation(error.to_string()),
            };
            open.encoder.error(request, &failure)
        });
        open.queue.push(Purpose::Answer, pieces);
        drop(state);
        self.to_write.notify_one();
        drop(objects);
    }

    /// Encodes a message with those objects in it, which are known to the peer if it succeeds.
    fn with_objects(
        self: &Arc<Self>,
        open: &mut Open,
        objects: &[Object],
        encode: impl FnOnce(
            &mut Encoder,
            &mut dyn FnMut(usize) -> Result<WireObject, CallError>,
        ) -> Result<Pieces, CallError>,
    ) -> Result<Pieces, CallError> {
        let mut sent = Vec::new();
        let exports = &mut open.exports;
        let encoded = encode(&mut open.encoder, &mut |index| match &objects[index] {
            Object::Local(object) => {
                let wire = exports.send(object, || self.introduce(object)).map_err(|_| {
                    refusal("the peer holds more objects of ours than it may at once")
                })?;
                if let WireObject::OfSender(SenderObject { clid, .. }) = &wire {
                    sent.push(*clid);
                }
                Ok(wire)
            }
            Object::Remote(reference) if Arc::ptr_eq(reference.connection(), self) => {
                Ok(WireObject::OfReceiver(reference.clid()))
            }
            Object::Remote(_) => Err(refusal("objects of a third party are not passed on")),
        });
        if encoded.is_err() {
            // The caller has these objects, so that nothing of theirs is dropped here.
            sent.into_iter().for_each(|clid| drop(exports.release(clid, 1)));
        }
        encoded
    }

    fn introduce(&self, object: &Arc<dyn Referenceable>) -> Introduction {
        let interface = object.interface().map(str::to_owned);
        Introduction { interface, furl: self.tub.furl_of(object) }
    }

    /// A reference is gone; the peer is told when it was the last.
    fn release(&self, clid: Clid) {
        let mut state = self.state();
        let Some(open) = &mut state.open else { return };
        let count = open.imports.release(clid);
        if count == 0 {
            return;
        }
        let id = open.request_id();
        let arguments = Arguments::none()
            .with("clid", Value::Int(clid.0.into()))
            .with("count", Value::Int(count.into()));
        // So small a call is never too large; without it, the peer keeps an object for too long.
        if let Ok(pieces) = open.encoder.call(Some(id), Clid::BROKER, "decref", &arguments) {
            open.queue.push(Purpose::Call, pieces);
            open.waiting.insert(id, Waiting::Release(clid));
        }
        drop(state);
        self.to_write.notify_one();
    }

    /// How much there is in the tables: objects of ours, objects of the peer, calls that wait.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> Option<(usize, usize, usize)> {
        let state = self.state();
        let open = state.open.as_ref()?;
        Some((open.exports.len(), open.imports.len(), open.waiting.len()))
    }

    /// Bytes that wait to be sent.
    #[cfg(test)]
    pub(crate) fn queued(&self) -> usize {
        let waiting = self.state().open.as_ref().map(|open| open.queue.waiting());
        waiting.map_or(0, |waiting| waiting.calls + waiting.answers)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// Something that cannot be sent, for a reason that is not about size.
fn refusal(why: &str) -> CallError {
    CallError::Remote(Failure::violation(why))
}

/// The arguments with numbers for the objects in them, and the objects.
fn take_objects(arguments: Arguments) -> (Arguments<usize>, Vec<Object>) {
    let mut objects = Vec::new();
    let Ok(arguments) = lower::map_arguments(arguments, &mut |object| {
        objects.push(object);
        Ok::<_, std::convert::Infallible>(objects.len() - 1)
    });
    (arguments, objects)
}

fn take_out(value: Value, objects: &mut Vec<Object>) -> Value<usize> {
    let Ok(value) = lower::map(value, &mut |object| {
        objects.push(object);
        Ok::<_, std::convert::Infallible>(objects.len() - 1)
    });
    value
}

/// A call that was queued. When it is dropped, nobody waits for the answer.
pub(crate) struct Pending {
    connection: Arc<Connection>,
    id: RequestId,
    receiver: oneshot::Receiver<Result<Value, CallError>>,
}

impl Pending {
    /// Waits for the answer.
    pub(crate) async fn answer(mut self) -> Result<Value, CallError> {
        (&mut self.receiver).await.unwrap_or(Err(CallError::Disconnected))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut state = self.connection.state();
        let waiting = state.open.as_mut().and_then(|open| open.waiting.remove(&self.id));
        drop(state);
        drop(waiting);
    }
}

/// An object of the peer that is held. All references to it share this one.
pub(crate) struct Held {
    connection: Arc<Connection>,
    clid: Clid,
    interface: Option<Arc<str>>,
}

impl Held {
    pub(crate) const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub(crate) const fn clid(&self) -> Clid {
        self.clid
    }

    pub(crate) fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connection.release(self.clid);
    }
}
