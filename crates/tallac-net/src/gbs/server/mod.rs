//! The server's side of GBS: lets clients reach any [`StorageServer`].

mod body;
mod connection;
mod handlers;
mod reply;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use connections::{PortLimits, accept_all};
use http::HeaderValue;
use rustls::ServerConfig;
use tallac_core::storage::StorageServer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::auth;
use crate::identity::{self, Certificate, Swissnum};

/// What a server puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at a time; more wait until one ends.
    pub connections_max: usize,
    /// How long a client may take for the TLS handshake.
    pub handshake_timeout: Duration,
    /// How long a client may take to send the head of a request, or leave a connection unused.
    pub header_timeout: Duration,
    /// How long a client may neither send nor take a byte in the middle of a request.
    pub silence_timeout: Duration,
    /// Longest body of a change to a mutable file, in bytes. Bodies of more than
    /// [`Self::SMALL_BODY_LEN`] take no more than this together: they wait for each other.
    pub slot_bodies_max: usize,
    /// How long requests under way may go on after the server was told to stop.
    pub drain_timeout: Duration,
}

impl ServerLimits {
    /// Bodies up to this length, in bytes, need not wait for others.
    pub const SMALL_BODY_LEN: usize = 1 << 20;

    const fn port(&self) -> PortLimits {
        PortLimits { connections_max: self.connections_max, drain_timeout: self.drain_timeout }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections_max: 1000,
            handshake_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(60),
            silence_timeout: Duration::from_secs(60),
            slot_bodies_max: 512 << 20,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// Serves a [`StorageServer`] to whoever knows the swissnum.
#[derive(Clone)]
pub struct GbsServer {
    state: Arc<State>,
}

/// What all connections share.
struct State {
    storage: Arc<dyn StorageServer>,
    authorization: HeaderValue,
    tls: Arc<ServerConfig>,
    limits: ServerLimits,
    /// Connections that may still be served, whatever port they come to.
    slots: Semaphore,
    room: body::Room,
}

impl fmt::Debug for GbsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GbsServer").field("storage", &self.state.storage).finish_non_exhaustive()
    }
}

impl GbsServer {
    /// A server that proves to be the owner of `certificate` and answers those who know `swissnum`.
    ///
    /// # Errors
    /// When the TLS library does not take the certificate.
    pub fn new(
        storage: Arc<dyn StorageServer>,
        certificate: &Certificate,
        swissnum: &Swissnum,
    ) -> Result<Self, rustls::Error> {
        Self::with_limits(storage, certificate, swissnum, ServerLimits::default())
    }

    /// The same, with other limits.
    ///
    /// # Errors
    /// When the TLS library does not take the certificate.
    pub fn with_limits(
        storage: Arc<dyn StorageServer>,
        certificate: &Certificate,
        swissnum: &Swissnum,
        limits: ServerLimits,
    ) -> Result<Self, rustls::Error> {
        let tls = Arc::new(identity::server_config(certificate.certified_key())?);
        let authorization = auth::authorization(swissnum);
        let (slots, room) =
            (Semaphore::new(limits.connections_max), body::Room::new(limits.slot_bodies_max));
        Ok(Self { state: Arc::new(State { storage, authorization, tls, limits, slots, room }) })
    }

    /// Serves connections to `listener` until `shutdown` is ready. Then takes no more, lets
    /// requests under way end, but for no longer than [`ServerLimits::drain_timeout`], and returns
    /// once all connections are closed. Dropping the future closes them at once.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let serve = |tcp: TcpStream, draining| {
            let server = self.clone();
            async move {
                tcp.set_nodelay(true)?;
                server.serve_connection(tcp, draining).await
            }
        };
        accept_all(listener, self.state.limits.port(), shutdown, serve).await;
    }

    /// Serves one connection from the first byte of its handshake to its end. Once `draining` is
    /// cancelled, a request that is under way is the last.
    pub(crate) async fn serve_connection(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send,
        draining: CancellationToken,
    ) -> io::Result<()> {
        let turn = draining.run_until_cancelled(self.state.slots.acquire()).await;
        let Some(Ok(_slot)) = turn else { return Ok(()) };
        connection::serve(self.state.clone(), stream, draining.clone()).await
    }
}
