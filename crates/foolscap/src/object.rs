//! Objects that peers call: ours, and theirs.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::call::{Arguments, CallError, Failure};
use crate::tub_id::TubId;
use crate::value::Value;

/// A future that may be sent between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something of ours that a peer may call.
pub trait Referenceable: Send + Sync + 'static {
    /// The name of its interface, which a peer is told with the first reference to it.
    fn interface(&self) -> Option<&str> {
        None
    }

    /// Does what a peer asks. Calls of one connection are handed over in the order of their
    /// arrival: what must happen in that order happens before this returns; the future that it
    /// returns runs beside those of later calls.
    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>>;
}

/// What a peer asks of an object of ours.
#[derive(Debug)]
pub struct IncomingCall {
    /// The method's name.
    pub method: String,
    /// With what.
    pub arguments: Arguments,
    /// Who asks.
    pub peer: TubId,
}

/// An object in a value.
#[derive(Clone)]
pub enum Object {
    /// One of ours: handed out, or come back.
    Local(Arc<dyn Referenceable>),
    /// One of a peer.
    Remote(RemoteReference),
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(object) => write!(f, "Local({:?})", object.interface()),
            Self::Remote(reference) => reference.fmt(f),
        }
    }
}

/// An object of a peer, for as long as the connection lasts. The peer is told when the last clone
/// is dropped.
#[derive(Clone)]
pub struct RemoteReference {
    _private: (),
}

impl RemoteReference {
    /// The name of its interface, as the peer says.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        unimplemented!()
    }

    /// Whose it is.
    #[must_use]
    pub fn peer(&self) -> TubId {
        unimplemented!()
    }

    /// Calls a method and waits for its answer. Calls reach the peer in the order in which these
    /// futures are first polled. Waits for room when much is queued already.
    ///
    /// # Errors
    /// [`CallError`]: what the peer answered, or that no answer will come.
    pub async fn call(&self, method: &str, arguments: Arguments) -> Result<Value, CallError> {
        let _ = (method, arguments);
        unimplemented!()
    }

    /// Calls a method and wants no answer.
    ///
    /// # Errors
    /// [`CallError::Disconnected`] when the connection is lost already.
    pub async fn send(&self, method: &str, arguments: Arguments) -> Result<(), CallError> {
        let _ = (method, arguments);
        unimplemented!()
    }

    /// Whether the connection still stands.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        unimplemented!()
    }

    /// Waits until the connection is lost; at once if it is already.
    pub async fn disconnected(&self) {
        unimplemented!()
    }
}

impl fmt::Debug for RemoteReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteReference({:?} of {})", self.interface(), self.peer())
    }
}
