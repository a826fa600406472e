//! Objects that peers call: ours, and theirs.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::banana::Clid;
use crate::call::{Arguments, CallError, Failure};
use crate::connection::{Connection, Held};
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

impl IncomingCall {
    /// The failure that tells a peer that the object has no such method. `interface` is what the
    /// object is.
    #[must_use]
    pub fn unknown_method(&self, interface: &str) -> Failure {
        Failure::violation(format!("method '{}' not defined in {interface}", self.method))
    }
}

/// An object in a value.
#[derive(Clone)]
pub enum Object {
    /// One of ours: handed out, or come back.
    Local(Arc<dyn Referenceable>),
    /// One of a peer.
    Remote(RemoteReference),
}

/// Objects are equal when they are the same one.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(one), Self::Local(other)) => {
                std::ptr::addr_eq(Arc::as_ptr(one), Arc::as_ptr(other))
            }
            (Self::Remote(one), Self::Remote(other)) => Arc::ptr_eq(&one.0, &other.0),
            _ => false,
        }
    }
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
pub struct RemoteReference(Arc<Held>);

impl RemoteReference {
    pub(crate) const fn new(held: Arc<Held>) -> Self {
        Self(held)
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        self.0.connection()
    }

    pub(crate) fn clid(&self) -> Clid {
        self.0.clid()
    }

    /// The name of its interface, as the peer says.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        self.0.interface()
    }

    /// Whose it is.
    #[must_use]
    pub fn peer(&self) -> TubId {
        self.connection().peer()
    }

    /// Calls a method and waits for its answer. Calls reach the peer in the order in which these
    /// futures are first polled. Waits for room when much is queued already.
    ///
    /// # Errors
    /// [`CallError`]: what the peer answered, or that no answer will come.
    pub async fn call(&self, method: &str, arguments: Arguments) -> Result<Value, CallError> {
        self.connection().request(self.clid(), method, arguments).await?.answer().await
    }

    /// Calls a method and wants no answer.
    ///
    /// # Errors
    /// [`CallError::Disconnected`] when the connection is lost already.
    pub async fn send(&self, method: &str, arguments: Arguments) -> Result<(), CallError> {
        self.connection().tell(self.clid(), method, arguments).await
    }

    /// Whether the connection still stands.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection().is_open()
    }

    /// Waits until the connection is lost; at once if it is already. A clone of the reference, or
    /// this future, keeps the object alive at the peer.
    pub async fn disconnected(&self) {
        self.connection().lost().cancelled().await;
    }
}

impl fmt::Debug for RemoteReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteReference({:?} of {})", self.interface(), self.peer())
    }
}
