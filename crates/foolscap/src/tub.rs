//! A tub: one identity, what it offers, and its connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::certificate::Certificate;
use crate::furl::Furl;
use crate::object::{BoxFuture, Referenceable, RemoteReference};
use crate::swissnum::Swissnum;
use crate::tub_id::TubId;

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

impl Dialer for TcpDialer {
    fn dial(&self, hint: &str) -> Option<BoxFuture<'static, io::Result<Box<dyn Stream>>>> {
        let _ = hint;
        unimplemented!()
    }
}

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

impl std::fmt::Debug for TubOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TubOptions").field("keepalive", &self.keepalive).finish_non_exhaustive()
    }
}

/// One identity, what it offers, and its connections. Clones are the same tub.
#[derive(Debug, Clone)]
pub struct Tub {
    _private: (),
}

impl Tub {
    /// A tub with this identity.
    ///
    /// # Errors
    /// When the certificate cannot be used for TLS.
    pub fn new(certificate: &Certificate, options: TubOptions) -> Result<Self, rustls::Error> {
        let _ = (certificate, options);
        unimplemented!()
    }

    /// Who it is.
    #[must_use]
    pub fn tub_id(&self) -> TubId {
        unimplemented!()
    }

    /// The hints in the FURLs of what is registered from now on.
    pub fn set_hints(&self, hints: Vec<String>) {
        let _ = hints;
        unimplemented!()
    }

    /// Offers an object to whoever knows its name; gives its FURL.
    pub fn register(&self, name: Swissnum, object: Arc<dyn Referenceable>) -> Furl {
        let _ = (name, object);
        unimplemented!()
    }

    /// Serves a connection that somebody opened to us, from its first byte to its end. Reading
    /// begins with the peer's plain `GET /id/…`.
    ///
    /// # Errors
    /// Why it ended, unless the peer simply closed it.
    pub async fn serve_connection(&self, stream: impl Stream + 'static) -> io::Result<()> {
        let _ = stream;
        unimplemented!()
    }

    /// What a FURL names, over the connection to its tub, which is made if there is none.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn get_reference(&self, furl: &Furl) -> Result<RemoteReference, ConnectError> {
        let _ = furl;
        unimplemented!()
    }

    /// Keeps a connection to what a FURL names: `connected` is called each time there is one.
    /// Ends when the [`Reconnector`] is dropped.
    pub fn keep_connected(
        &self,
        furl: Furl,
        connected: impl Fn(RemoteReference) + Send + Sync + 'static,
    ) -> Reconnector {
        let _ = (furl, connected);
        unimplemented!()
    }

    /// Ends all connections, and takes no more.
    pub async fn stop(&self) {
        unimplemented!()
    }
}

/// Keeps connecting, with growing pauses, until it is dropped.
#[derive(Debug)]
pub struct Reconnector {
    _private: (),
}

impl Reconnector {
    /// Tries again at once, and with short pauses from now on.
    pub fn reset(&self) {
        unimplemented!()
    }

    /// How the last attempt failed, while there is no connection.
    #[must_use]
    pub fn last_error(&self) -> Option<ConnectError> {
        unimplemented!()
    }
}
