//! Calls of the peer: of the connection itself, and of our objects.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::read::{Objects, object_of, unknown};
use super::{Connection, SERVING_UNIT, lower};
use crate::banana::{Clid, RequestId, WireObject};
use crate::call::{Arguments, Failure};
use crate::object::{IncomingCall, Object};
use crate::value::Value;

/// A call as it came.
pub(super) struct Call {
    /// By what the answer is to be known; nothing if none is wanted.
    pub(super) request: Option<RequestId>,
    /// The object.
    pub(super) target: Clid,
    /// The method.
    pub(super) method: String,
    /// With what.
    pub(super) arguments: Arguments<WireObject>,
}

/// Begins to serve a call, when not too many are being served. Calls begin in the order of their
/// arrival; once it has begun, one runs to its end, even when the connection is lost.
pub(super) async fn serve(connection: &Arc<Connection>, call: Call, held: &Objects) {
    let permits = permits(connection, lower::arguments_len(&call.arguments)).await;
    let Call { request, target, method, arguments } = call;
    let arguments =
        lower::map_arguments(arguments, &mut |object| object_of(connection, object, held));
    let arguments = match arguments {
        Ok(arguments) => arguments,
        Err(failure) => return reply(connection, request, Err(failure)),
    };
    if target == Clid::BROKER {
        return reply(connection, request, broker(connection, &method, arguments));
    }
    let object = connection.state().open.as_ref().and_then(|open| open.exports.object(target));
    let Some(object) = object else { return reply(connection, request, Err(unknown(target))) };
    let call = IncomingCall { method, arguments, peer: connection.peer };
    let begun = catch_unwind(AssertUnwindSafe(|| object.call(call)));
    let Ok(future) = begun else { return reply(connection, request, Err(panicked())) };
    let connection = connection.clone();
    tokio::spawn(async move {
        let result = AssertUnwindSafe(future).catch_unwind().await;
        reply(&connection, request, result.unwrap_or_else(|_| Err(panicked())));
        drop(permits);
    });
}

fn reply(connection: &Arc<Connection>, request: Option<RequestId>, result: Result<Value, Failure>) {
    match (request, result) {
        (Some(request), result) => connection.answer(request, result),
        (None, Err(failure)) => {
            let peer = connection.peer;
            tracing::debug!(%peer, kind = failure.kind, "a call failed whose answer nobody wants");
        }
        (None, Ok(_)) => {}
    }
}

/// What a call that is being served takes up.
async fn permits(connection: &Connection, len: usize) -> [Option<OwnedSemaphorePermit>; 2] {
    let all = connection.limits().serving_bytes_max.div_ceil(SERVING_UNIT);
    let units = len.div_ceil(SERVING_UNIT).clamp(1, all.clamp(1, Semaphore::MAX_PERMITS));
    let units = u32::try_from(units).unwrap_or(u32::MAX);
    // Nobody closes the semaphores.
    let one = connection.serving.clone().acquire_owned().await.ok();
    [one, connection.serving_units.clone().acquire_many_owned(units).await.ok()]
}

fn panicked() -> Failure {
    tracing::error!("a call of a peer made an object of ours panic");
    Failure::new("builtins.RuntimeError", "internal error")
}

/// The methods of the connection itself.
fn broker(connection: &Connection, method: &str, arguments: Arguments) -> Result<Value, Failure> {
    match method {
        "getReferenceByName" => {
            let [name] = arguments.bind(["name"])?;
            let name = match &name {
                Value::Bytes(name) => std::str::from_utf8(name).ok(),
                Value::Text(name) => Some(name.as_str()),
                _ => return Err(Failure::violation("a name is a byte string")),
            };
            let object = name.and_then(|name| connection.tub.object_named(name));
            object.map(|object| Value::Object(Object::Local(object))).ok_or_else(|| {
                Failure::new("builtins.KeyError", "unable to find reference for that name")
            })
        }
        "decref" => {
            let [clid, count] = arguments.bind(["clid", "count"])?;
            let (Value::Int(clid), Value::Int(count)) = (clid, count) else {
                return Err(Failure::violation("decref takes two numbers"));
            };
            let clid = i32::try_from(clid).map(Clid).ok().filter(|clid| *clid != Clid::BROKER);
            let (Some(clid), Ok(count)) = (clid, u64::try_from(count)) else {
                return Err(Failure::violation("decref takes two positive numbers"));
            };
            let mut state = connection.state();
            let released = state.open.as_mut().map(|open| open.exports.release(clid, count));
            drop(state);
            match released {
                Some(Err(held)) => Err(Failure::new(
                    "builtins.AssertionError",
                    format!("decref({count}) but refcount was {held}"),
                )),
                // The object, if this was the last that knew it, is dropped here.
                Some(Ok(_)) | None => Ok(Value::None),
            }
        }
        // We never give gifts.
        "decgift" => Err(Failure::new("builtins.KeyError", "there is no such gift")),
        method => Err(Failure::violation(format!("method '{method}' not defined in RIBroker"))),
    }
}
