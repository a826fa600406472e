//! A tub: one identity, what it offers, and its connections.

mod dial;
mod inner;
mod reconnect;
mod serve;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::banana::Clid;
use crate::call::{Arguments, CallError};
use crate::certificate::Certificate;
use crate::furl::Furl;
use crate::limits::Limits;
use crate::object::{BoxFuture, Object, Referenceable, RemoteReference};
use crate::swissnum::Swissnum;
use crate::tub_id::TubId;
use crate::value::Value;

pub(crate) use inner::Inner;
pub use reconnect::Reconnector;

/// A stream of bytes in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens the streams that connection hints lead to.
pub trait Dialer: Send + Sync + 'static {
    /// Opens the stream of a hint such as `tcp:host:port`; nothing when there is no way to follow
    /// hints of that kind.
    fn dial(&self, hint: &str) -> Option<BoxFuture<'static, io::Result<Box<dyn Stream>>>>;
}

/// Follows `tcp:host:port` and bare `host:port`, directly.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDialer;

/// How a tub behaves.
#[derive(Clone)]
pub struct TubOptions {
    /// Silence after which a peer is asked whether it is still there.
    pub keepalive: Duration,
    /// Silence after which a peer is given up; never if there is none.
    pub disconnect: Option<Duration>,
    /// How hints are followed.
    pub dialer: Arc<dyn Dialer>,
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// No hint leads anywhere that we can go.
    #[error("there is no way to connect: the FURL has no hint of a kind that is allowed here")]
    NoWay,
    /// All ways failed; what the last one met.
    #[error("cannot connect: {0}")]
    Failed(String),
    /// The peer does not offer it.
    #[error("the peer does not have it: {0}")]
    Refused(String),
    /// The tub was stopped.
    #[error("the tub was stopped")]
    Stopped,
}

impl Default for TubOptions {
    /// A question after 240 s, no end to patience, and TCP.
    fn default() -> Self {
        let keepalive = Duration::from_secs(240);
        Self { keepalive, disconnect: None, dialer: Arc::new(TcpDialer) }
    }
}

impl std::fmt::Debug for TubOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TubOptions").field("keepalive", &self.keepalive).finish_non_exhaustive()
    }
}

/// One identity, what it offers, and its connections. Clones are the same tub. It lasts until it is
/// [stopped](Self::stop), or no clone, reference or connection of it is left.
#[derive(Debug, Clone)]
pub struct Tub(Arc<Inner>);

impl Tub {
    /// A tub with this identity.
    ///
    /// # Errors
    /// When the certificate cannot be used for TLS, or the system has no randomness to give.
    pub fn new(certificate: &Certificate, options: TubOptions) -> Result<Self, rustls::Error> {
        Self::with_limits(certificate, options, Limits::default())
    }

    /// A tub with this identity, which bears so much from its peers.
    ///
    /// # Errors
    /// When the certificate cannot be used for TLS, or the system has no randomness to give.
    pub fn with_limits(
        certificate: &Certificate,
        options: TubOptions,
        limits: Limits,
    ) -> Result<Self, rustls::Error> {
        Inner::new(certificate, options, limits).map(Self)
    }

    /// Who it is.
    #[must_use]
    pub fn tub_id(&self) -> TubId {
        self.0.tub_id()
    }

    /// The hints in the FURLs of what is registered from now on. What could not stand in a FURL is
    /// left out.
    pub fn set_hints(&self, hints: Vec<String>) {
        self.0.set_hints(hints);
    }

    /// Offers an object to whoever knows its name; gives its FURL. Another object of that name is
    /// offered no more.
    pub fn register(&self, name: Swissnum, object: Arc<dyn Referenceable>) -> Furl {
        self.0.register(name, object)
    }

    /// Serves a connection that somebody opened to us, from its first byte to its end. Reading
    /// begins with the peer's plain `GET /id/…`. The connection ends when this future is dropped.
    ///
    /// # Errors
    /// Why it ended, unless the peer simply closed it.
    pub async fn serve_connection(&self, stream: impl Stream + 'static) -> io::Result<()> {
        self.0.serve(Box::new(stream)).await
    }

    /// What a FURL names, over the connection to its tub, which is made if there is none.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn get_reference(&self, furl: &Furl) -> Result<RemoteReference, ConnectError> {
        Self::reference(&self.0, furl).await
    }

    async fn reference(tub: &Arc<Inner>, furl: &Furl) -> Result<RemoteReference, ConnectError> {
        let connection = tub.connection(furl).await?;
        let name = Bytes::copy_from_slice(furl.name().expose().as_bytes());
        let arguments = Arguments::none().with("name", Value::Bytes(name));
        let asked = connection.request(Clid::BROKER, "getReferenceByName", arguments).await;
        let answer = match asked {
            Ok(pending) => pending.answer().await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(Value::Object(Object::Remote(reference))) => Ok(reference),
            Ok(_) => Err(ConnectError::Refused("it answers with something else".to_owned())),
            Err(CallError::Remote(failure)) => Err(ConnectError::Refused(failure.to_string())),
            Err(error) => Err(ConnectError::Failed(error.to_string())),
        }
    }

    /// Keeps a connection to what a FURL names: `connected` is called each time there is one.
    /// Ends when the [`Reconnector`] is dropped.
    pub fn keep_connected(
        &self,
        furl: Furl,
        connected: impl Fn(RemoteReference) + Send + Sync + 'static,
    ) -> Reconnector {
        Reconnector::start(&self.0, furl, connected)
    }

    /// Ends all connections, when what is queued has been sent or the peer does not take it, and
    /// takes no more. Calls of peers that have begun run to their end.
    pub async fn stop(&self) {
        let connections = self.0.close();
        join_all(connections.iter().map(|connection| connection.end())).await;
        join_all(connections.iter().map(|connection| connection.ended())).await;
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.forget_offers();
    }
}
