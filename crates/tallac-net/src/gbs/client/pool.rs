//! Connections to one server, kept while they are not in use.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tallac_core::storage::StorageError;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::ClientLimits;
use super::body::RequestBody;
use crate::gbs::auth;
use crate::identity::{self, Location, Nurl};
use crate::transport::{self, Route, Ways};

/// Bytes of a body that are held on their way, at most. More is no faster.
const BUFFER_LEN: usize = 128 * 1024;

/// Longest head of an answer.
const HEAD_LEN_MAX: usize = 16 * 1024;

/// So many connections may be busy before a request waits for one of them.
const BUSY_MIN: usize = 4;

/// Longest that a request waits for a connection that others use, before a new one may be made.
const PATIENCE_MAX: Duration = Duration::from_millis(100);

/// After so many times that, a new one is made whatever else is being done.
const PATIENCE_ROUNDS: u32 = 4;

/// One place where the server may be.
struct Target {
    location: Location,
    route: Route,
    tls: Arc<ClientConfig>,
    authorization: HeaderValue,
    host: HeaderValue,
}

pub(super) struct Pool {
    targets: Vec<Target>,
    /// Which target worked last.
    preferred: AtomicUsize,
    idle: Mutex<Vec<Connection>>,
    /// Tells one who waits that a connection was put back.
    returned: Notify,
    counts: Arc<Counts>,
    /// How long it took to connect, the last time.
    connecting_took: Mutex<Duration>,
    limits: ClientLimits,
}

/// How many connections there are.
#[derive(Default)]
struct Counts {
    /// Idle and busy ones, and those that are being made.
    all: AtomicUsize,
    /// Those that are being made.
    opening: AtomicUsize,
}

/// Counts a connection for as long as there is one.
struct Counted(Arc<Counts>);

impl Counted {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.all.fetch_add(1, Ordering::Relaxed);
        Self(counts.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts an attempt to connect while it lasts.
struct Opening<'a>(&'a Counts);

impl<'a> Opening<'a> {
    fn new(counts: &'a Counts) -> Self {
        counts.opening.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that nobody else uses at the moment.
pub(super) struct Connection {
    pub(super) sender: SendRequest<RequestBody>,
    /// Whether it has carried a request before, so that it may be stale.
    pub(super) is_used: bool,
    target: usize,
    _counted: Counted,
}

impl Pool {
    pub(super) fn new<'a>(
        nurls: impl IntoIterator<Item = &'a Nurl>,
        ways: &Ways,
        limits: ClientLimits,
    ) -> Result<Self, rustls::Error> {
        let mut targets = Vec::new();
        for nurl in nurls {
            // One for each NURL, as sessions must never be resumed with another key.
            let tls = Arc::new(identity::client_config(*nurl.spki_hash())?);
            let authorization = auth::authorization(nurl.swissnum());
            targets.extend(nurl.locations().iter().filter_map(|location| {
                Some(Target {
                    location: location.clone(),
                    route: ways.route(nurl.network(), location)?,
                    tls: tls.clone(),
                    authorization: authorization.clone(),
                    host: HeaderValue::try_from(location.to_string())
                        .expect("a location can stand in a header"),
                })
            }));
        }
        Ok(Self {
            targets,
            preferred: AtomicUsize::new(0),
            idle: Mutex::default(),
            returned: Notify::new(),
            counts: Arc::default(),
            connecting_took: Mutex::new(PATIENCE_MAX),
            limits,
        })
    }

    pub(super) fn locations(&self) -> Vec<&Location> {
        self.targets.iter().map(|target| &target.location).collect()
    }

    pub(super) const fn limits(&self) -> &ClientLimits {
        &self.limits
    }

    /// A connection that was kept and seems to work still, or a new one.
    ///
    /// Many short requests at once share a few connections: to make one takes longer, and far
    /// more work on both sides, than to wait until another request is answered. Where answers are
    /// slow, more are made, first a few, then ever more at a time.
    pub(super) async fn connection(&self) -> Result<Connection, StorageError> {
        let begun = Instant::now();
        loop {
            if let Some(kept) = self.kept().await {
                return Ok(kept);
            }
            let all = self.counts.all.load(Ordering::Relaxed);
            let opening = self.counts.opening.load(Ordering::Relaxed);
            let (patience, waited) = (self.patience(all), begun.elapsed());
            if all < BUSY_MIN
                || waited >= patience && opening < BUSY_MIN.max(all.saturating_sub(opening))
                || waited >= patience * PATIENCE_ROUNDS
            {
                return self.connect().await;
            }
            let _ = tokio::time::timeout(patience, self.returned.notified()).await;
        }
    }

    /// One that was kept and seems to work still.
    async fn kept(&self) -> Option<Connection> {
        loop {
            let mut kept = self.idle().pop()?;
            let ready = kept.sender.ready();
            if let Ok(Ok(())) = tokio::time::timeout(self.limits.connect_timeout, ready).await {
                return Some(kept);
            }
        }
    }

    /// How long to wait for a connection that others use, of so many: about as long as it takes to
    /// make one, and longer for one that would not be kept afterwards.
    fn patience(&self, all: usize) -> Duration {
        if all >= self.limits.idle_connections_max {
            return PATIENCE_MAX;
        }
        let took = *self.connecting_took.lock().expect("no holder of this lock panics");
        took.clamp(Duration::from_millis(1), PATIENCE_MAX)
    }

    /// A new connection, after one that was kept turned out to be stale: the others most likely
    /// are as well.
    pub(super) async fn fresh_connection(&self) -> Result<Connection, StorageError> {
        let stale = std::mem::take(&mut *self.idle());
        drop(stale);
        self.connect().await
    }

    /// Keeps a connection for later. Its last answer must have been read to the end.
    pub(super) fn keep(&self, mut connection: Connection) {
        connection.is_used = true;
        let mut idle = self.idle();
        if idle.len() < self.limits.idle_connections_max && !connection.sender.is_closed() {
            idle.push(connection);
            self.returned.notify_one();
        }
    }

    /// Adds what every request to that server has.
    pub(super) fn complete(&self, headers: &mut HeaderMap, connection: &Connection) {
        let target = &self.targets[connection.target];
        headers.insert(header::HOST, target.host.clone());
        headers.insert(header::AUTHORIZATION, target.authorization.clone());
    }

    /// Connects to the first target that answers, beginning with the one that did last.
    async fn connect(&self) -> Result<Connection, StorageError> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for step in 0..self.targets.len() {
            let index = (first + step) % self.targets.len();
            match self.connect_to(index).await {
                Ok(connection) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| StorageError::Unreachable("it has no address".into())))
    }

    async fn connect_to(&self, index: usize) -> Result<Connection, StorageError> {
        let target = &self.targets[index];
        let limit = target.route.patience(self.limits.connect_timeout);
        let (begun, counted) = (Instant::now(), Counted::new(&self.counts));
        let _opening = Opening::new(&self.counts);
        match tokio::time::timeout(limit, open(target)).await {
            Ok(Ok(sender)) => {
                *self.connecting_took.lock().expect("no holder of this lock panics") =
                    begun.elapsed();
                Ok(Connection { sender, is_used: false, target: index, _counted: counted })
            }
            Ok(Err(error)) => {
                Err(StorageError::Unreachable(format!("{}: {error}", target.location)))
            }
            Err(_) => Err(StorageError::TimedOut { seconds: limit.as_secs() }),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().expect("no holder of this lock panics")
    }
}

async fn open(target: &Target) -> io::Result<SendRequest<RequestBody>> {
    let stream = target.route.open().await?;
    let tls = transport::connect(target.tls.clone(), stream).await?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER_LEN).max_header_size(HEAD_LEN_MAX);
    let (sender, connection) =
        builder.handshake(TokioIo::new(tls)).await.map_err(io::Error::other)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended");
        }
    });
    Ok(sender)
}
