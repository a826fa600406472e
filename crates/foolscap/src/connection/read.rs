//! Reading: messages, one after the other, in the order in which they came.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, Sleep};

use super::queue::Purpose;
use super::{Connection, Held, Lost, Waiting, lower, serve};
use crate::banana::{Clid, Decoder, Encoder, Event, Incoming, RequestId, SenderObject, WireObject};
use crate::call::{CallError, Failure};
use crate::object::{Object, RemoteReference};
use crate::value::Value;

/// Longest silence that is waited for at a time.
const SILENCE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Time that passes between two looks at the clock, at least.
const TICK: Duration = Duration::from_millis(1);

/// Reads until the connection ends, and says why.
pub(super) async fn read(
    connection: &Arc<Connection>,
    stream: impl AsyncRead + Unpin,
    received: BytesMut,
) -> Lost {
    match read_all(connection, stream, received).await {
        Ok(()) => Lost::Closed,
        Err(why) => why,
    }
}

async fn read_all(
    connection: &Arc<Connection>,
    mut stream: impl AsyncRead + Unpin,
    received: BytesMut,
) -> Result<(), Lost> {
    let mut decoder = Decoder::new(connection.limits().message);
    decoder.space().extend_from_slice(&received);
    drop(received);
    let mut silence = Silence::new(connection);
    loop {
        while let Some(incoming) = decoder.next()? {
            take(connection, incoming).await?;
        }
        let len = tokio::select! {
            biased;
            len = stream.read_buf(decoder.space()) => len?,
            why = silence.broken(connection) => return Err(why),
        };
        if len == 0 {
            return Ok(());
        }
        silence.heard();
    }
}

/// How long nothing has come.
struct Silence {
    keepalive: Duration,
    disconnect: Option<Duration>,
    heard: Instant,
    timer: Pin<Box<Sleep>>,
    asked: bool,
}

impl Silence {
    fn new(connection: &Connection) -> Self {
        let options = connection.tub.options();
        let keepalive = options.keepalive.clamp(TICK, SILENCE_MAX);
        let disconnect = options.disconnect.map(|limit| limit.clamp(TICK, SILENCE_MAX));
        let timer = Box::pin(tokio::time::sleep(disconnect.unwrap_or(keepalive).min(keepalive)));
        Self { keepalive, disconnect, heard: Instant::now(), timer, asked: false }
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.asked = false;
    }

    /// Asks the peer whether it is there when it has been silent for long; ends when it has been
    /// for too long.
    async fn broken(&mut self, connection: &Connection) -> Lost {
        loop {
            self.timer.as_mut().await;
            let silent = self.heard.elapsed();
            if self.disconnect.is_some_and(|limit| silent >= limit) {
                return Lost::Silent;
            }
            if silent >= self.keepalive && !self.asked {
                // One question is enough: TCP repeats it until somebody gives up.
                self.asked = true;
                connection.push(Purpose::Answer, [Encoder::ping(0)]);
            }
            let next = match self.asked {
                true => Instant::now() + self.keepalive,
                false => self.heard + self.keepalive,
            };
            let end = self.disconnect.map(|limit| self.heard + limit);
            self.timer.as_mut().reset(end.map_or(next, |end| next.min(end)));
        }
    }
}

/// Does what a message wants.
async fn take(connection: &Arc<Connection>, incoming: Incoming) -> Result<(), Lost> {
    let Incoming { event, references } = incoming;
    // What is not used of these is released at the end.
    let held = hold(connection, &references)?;
    match event {
        Event::Call { request, target, method, arguments } => {
            let call = serve::Call { request, target, method, arguments };
            serve::serve(connection, call, &held).await;
        }
        Event::Answer { request, result } => {
            let result = result
                .map_err(CallError::Remote)
                .and_then(|value| raise(connection, value, &held).map_err(CallError::Remote));
            complete(connection, request, result);
        }
        Event::RefusedCall { request: Some(request), why } => {
            connection.answer(request, Err(why));
        }
        Event::RefusedCall { request: None, why } => {
            tracing::debug!(peer = %connection.peer, %why, "a call was refused");
        }
        Event::RefusedAnswer { request, why } => {
            complete(connection, request, Err(CallError::Remote(why)));
        }
        Event::Ping(number) => connection.push(Purpose::Answer, [Encoder::pong(number)]),
        Event::Pong(_) => {}
    }
    room_for_answers(connection).await;
    Ok(())
}

/// Waits until not too many answers wait to be sent.
async fn room_for_answers(connection: &Connection) {
    let max = connection.limits().answers_queued_max;
    let has_room = || {
        let state = connection.state();
        state.open.as_ref().is_none_or(|open| open.queue.waiting().answers <= max)
    };
    while !has_room() {
        connection.relief.notified().await;
    }
}

/// Objects of the peer in a message.
pub(super) type Objects = Vec<Arc<Held>>;

/// Counts the objects that came.
fn hold(connection: &Arc<Connection>, objects: &[SenderObject]) -> Result<Objects, Lost> {
    let mut held = Vec::with_capacity(objects.len());
    if objects.is_empty() {
        return Ok(held);
    }
    let mut state = connection.state();
    let result = objects.iter().try_for_each(|object| {
        let Some(open) = &mut state.open else { return Ok(()) };
        let hold = |interface| {
            Arc::new(Held { connection: connection.clone(), clid: object.clid, interface })
        };
        held.push(open.imports.receive(object, hold).map_err(|_| Lost::TooManyObjects)?);
        Ok(())
    });
    drop(state);
    result.map(|()| held)
}

/// A value with the objects that it names.
pub(super) fn raise(
    connection: &Connection,
    value: Value<WireObject>,
    held: &[Arc<Held>],
) -> Result<Value, Failure> {
    lower::map(value, &mut |object| object_of(connection, object, held))
}

/// The object that a message names.
pub(super) fn object_of(
    connection: &Connection,
    object: WireObject,
    held: &[Arc<Held>],
) -> Result<Object, Failure> {
    match object {
        WireObject::OfSender(SenderObject { clid, .. }) => {
            let held = held.iter().find(|held| held.clid == clid);
            let held = held.ok_or_else(|| unknown(clid))?;
            Ok(Object::Remote(RemoteReference::new(held.clone())))
        }
        WireObject::OfReceiver(clid) => {
            let state = connection.state();
            let object = state.open.as_ref().and_then(|open| open.exports.object(clid));
            object.map(Object::Local).ok_or_else(|| unknown(clid))
        }
    }
}

/// There is no object of that number.
pub(super) fn unknown(clid: Clid) -> Failure {
    Failure::violation(format!("unknown CLID {clid}"))
}

/// Hands an answer to whoever waits for it. Who does not want it any more is not missed.
fn complete(connection: &Connection, request: RequestId, result: Result<Value, CallError>) {
    let mut state = connection.state();
    let Some(open) = &mut state.open else { return };
    let waiting = open.waiting.remove(&request);
    if let Some(Waiting::Release(clid)) = &waiting {
        open.imports.released(*clid);
    }
    drop(state);
    if let Some(Waiting::Caller(caller)) = waiting {
        let _ = caller.send(result);
    }
}
