//! One port for both protocols: which one a client speaks shows in its first bytes (specification
//! section 6.8).

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use connections::{PortLimits, accept_all};
use foolscap::Tub;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::gbs::GbsServer;
use crate::transport::Rewound;

/// What a client of Foolscap says first. No TLS handshake begins like that.
const FOOLSCAP: &[u8; 8] = b"GET /id/";

/// A connection of which we know what it begins with.
type Begun = Rewound<TcpStream, { FOOLSCAP.len() }>;

/// What a port puts up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchLimits {
    /// Connections at a time, of either protocol; more wait until one ends. Those of Foolscap last,
    /// and an introducer has one to every node; those of GBS have a limit of their own.
    pub connections_max: usize,
    /// Connections at a time that have not yet shown what they speak. When there are more, the
    /// one that has kept us waiting for longest is closed.
    pub undecided_max: usize,
    /// How long a client may take to show what it speaks.
    pub first_bytes_timeout: Duration,
    /// How long requests under way may go on after the port was told to close.
    pub drain_timeout: Duration,
}

impl Default for SwitchLimits {
    fn default() -> Self {
        Self {
            connections_max: 20_000,
            undecided_max: 2000,
            first_bytes_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// What is offered at a port.
#[derive(Debug, Clone)]
pub struct Switch {
    tub: Tub,
    gbs: Option<GbsServer>,
    limits: SwitchLimits,
    undecided: Arc<Undecided>,
}

impl Switch {
    /// A tub alone, as with `force_foolscap`, or a tub and a server of GBS.
    #[must_use]
    pub fn new(tub: Tub, gbs: Option<GbsServer>) -> Self {
        Self::with_limits(tub, gbs, SwitchLimits::default())
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(tub: Tub, gbs: Option<GbsServer>, limits: SwitchLimits) -> Self {
        Self { tub, gbs, limits, undecided: Arc::default() }
    }

    /// Serves connections to `listener` until `shutdown` is ready. Then takes no more, lets
    /// requests of GBS under way end, but for no longer than [`SwitchLimits::drain_timeout`],
    /// closes connections of Foolscap, and returns once all are closed. Dropping the future closes
    /// them at once.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        let SwitchLimits { connections_max, drain_timeout, .. } = self.limits;
        let limits = PortLimits { connections_max, drain_timeout };
        let serve = |tcp, draining| self.clone().serve_connection(tcp, draining);
        accept_all(listener, limits, shutdown, serve).await;
    }

    async fn serve_connection(self, tcp: TcpStream, draining: CancellationToken) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        let begun = draining.run_until_cancelled(self.begin(tcp)).await.transpose()?;
        let Some(stream) = begun else { return Ok(()) };
        match self.gbs {
            Some(gbs) if stream.first() != FOOLSCAP => gbs.serve_connection(stream, draining).await,
            _ => {
                let served = self.tub.serve_connection(stream);
                draining.run_until_cancelled(served).await.unwrap_or(Ok(()))
            }
        }
    }

    /// Waits for the first bytes of a connection.
    async fn begin(&self, tcp: TcpStream) -> io::Result<Begun> {
        let waiting = self.undecided.enter(self.limits.undecided_max);
        tokio::select! {
            begun = Begun::after_reading(tcp) => begun,
            () = tokio::time::sleep(self.limits.first_bytes_timeout) => {
                Err(io::ErrorKind::TimedOut.into())
            }
            () = waiting.leave.cancelled() => Err(io::Error::other("too many that say nothing")),
        }
    }
}

/// Connections that have not yet shown what they speak, in the order of their coming.
#[derive(Debug, Default)]
struct Undecided {
    waiting: Mutex<BTreeMap<u64, CancellationToken>>,
    count: AtomicU64,
}

/// A place among them, until it is dropped.
struct Waiting<'a> {
    undecided: &'a Undecided,
    number: u64,
    leave: CancellationToken,
}

impl Undecided {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, CancellationToken>> {
        self.waiting.lock().expect("no holder of this lock panics")
    }

    /// Lets one more in. If there are more than `max` then, the first must leave.
    fn enter(&self, max: usize) -> Waiting<'_> {
        let mut waiting = self.waiting();
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let leave = CancellationToken::new();
        waiting.insert(number, leave.clone());
        if waiting.len() > max
            && let Some((_, first)) = waiting.pop_first()
        {
            first.cancel();
        }
        Waiting { undecided: self, number, leave }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.undecided.waiting().remove(&self.number);
    }
}
