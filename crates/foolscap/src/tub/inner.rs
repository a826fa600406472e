//! What a tub knows: what it offers, and its connections.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::TubOptions;
use super::dial::Attempts;
use crate::certificate::Certificate;
use crate::connection::{Connection, Lost};
use crate::furl::Furl;
use crate::handshake::{Agreed, Tls, Verdict};
use crate::limits::Limits;
use crate::negotiate::{Decided, Incarnation, NegotiationError, Number, Offer, Us};
use crate::object::Referenceable;
use crate::swissnum::Swissnum;
use crate::tub_id::TubId;

/// Peers of which we remember how their last connection was numbered.
const REMEMBERED_MAX: usize = 1000;

/// Bytes that the two ends of a connection to ourselves may be apart.
const LOOPBACK_LEN: usize = 256 * 1024;

/// What the clones of a tub share.
pub(crate) struct Inner {
    us: Us,
    tls: Tls,
    options: TubOptions,
    limits: Limits,
    offers: Mutex<Offers>,
    table: Mutex<Table>,
    /// Changes when a connection is attached.
    attached: watch::Sender<()>,
    pub(super) stopping: CancellationToken,
    /// What must have ended when the tub has stopped.
    pub(super) tasks: TaskTracker,
    pub(super) negotiations: Arc<Semaphore>,
}

/// What a tub offers.
#[derive(Default)]
struct Offers {
    hints: Vec<String>,
    by_name: HashMap<Swissnum, Arc<dyn Referenceable>>,
}

/// The connections of a tub.
#[derive(Default)]
pub(super) struct Table {
    pub(super) is_stopped: bool,
    pub(super) connections: HashMap<TubId, Arc<Connection>>,
    pub(super) attempts: Attempts,
    remembered: Remembered,
    /// The greatest number that a connection was given whose master we are. One sequence for all
    /// peers: they only ask that later connections have greater numbers.
    sequence: u64,
}

/// The numbers that masters gave our last connections. The peers that were heard of first are
/// forgotten first.
#[derive(Default)]
struct Remembered {
    numbers: HashMap<TubId, Number>,
    order: VecDeque<TubId>,
}

impl Remembered {
    fn insert(&mut self, peer: TubId, number: Number) {
        if self.numbers.insert(peer, number).is_some() {
            return;
        }
        self.order.push_back(peer);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.numbers.remove(&oldest);
        }
    }
}

impl Table {
    /// The connection to that peer, if there is one that stands.
    pub(super) fn connection(&self, peer: TubId) -> Option<Arc<Connection>> {
        self.connections.get(&peer).filter(|connection| connection.is_open()).cloned()
    }
}

impl Inner {
    pub(super) fn new(
        certificate: &Certificate,
        options: TubOptions,
        limits: Limits,
    ) -> Result<Arc<Self>, rustls::Error> {
        let incarnation =
            Incarnation::generate().map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        let us = Us { tub_id: certificate.tub_id(), incarnation };
        Ok(Arc::new(Self {
            us,
            tls: Tls::new(certificate)?,
            options,
            limits,
            offers: Mutex::default(),
            table: Mutex::default(),
            attached: watch::Sender::new(()),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            negotiations: Arc::new(Semaphore::new(limits.negotiations_max)),
        }))
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) const fn options(&self) -> &TubOptions {
        &self.options
    }

    pub(super) const fn tub_id(&self) -> TubId {
        self.us.tub_id
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offers(&self) -> MutexGuard<'_, Offers> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_hints(&self, hints: Vec<String>) {
        self.offers().hints = hints.into_iter().filter(|hint| Furl::is_hint(hint)).collect();
    }

    pub(super) fn register(&self, name: Swissnum, object: Arc<dyn Referenceable>) -> Furl {
        let mut offers = self.offers();
        let furl = Furl::of(self.us.tub_id, offers.hints.clone(), name.clone());
        let earlier = offers.by_name.insert(name, object);
        drop(offers);
        drop(earlier);
        furl
    }

    /// The object of that name.
    pub(crate) fn object_named(&self, name: &str) -> Option<Arc<dyn Referenceable>> {
        let name = Swissnum::from_text(name).ok()?;
        self.offers().by_name.get(&name).cloned()
    }

    /// The FURL of an object, if it is registered.
    pub(crate) fn furl_of(&self, object: &Arc<dyn Referenceable>) -> Option<Furl> {
        let offers = self.offers();
        let mut registered = offers.by_name.iter();
        let (name, _) = registered.find(|(_, registered)| Arc::ptr_eq(registered, object))?;
        Some(Furl::of(self.us.tub_id, offers.hints.clone(), name.clone()))
    }

    /// Takes a connection out of the table, when it is lost.
    pub(crate) fn detach(&self, connection: &Connection) {
        let mut table = self.table();
        let is_it = |found: &Arc<Connection>| std::ptr::eq(Arc::as_ptr(found), connection);
        if table.connections.get(&connection.peer()).is_some_and(is_it) {
            let connection = table.connections.remove(&connection.peer());
            drop(table);
            drop(connection);
        }
    }

    /// Waits until there is a connection to that peer.
    pub(super) async fn attached(&self, peer: TubId) -> Arc<Connection> {
        let mut changes = self.attached.subscribe();
        loop {
            let connection = self.table().connection(peer);
            if let Some(connection) = connection {
                return connection;
            }
            if changes.changed().await.is_err() {
                // Not while we are here.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Puts a connection into the table, made by `connect` under the lock, and ends the one whose
    /// place it takes.
    fn attach(
        &self,
        peer: TubId,
        connect: impl FnOnce(
            &mut Table,
            Option<&Arc<Connection>>,
        ) -> Result<Arc<Connection>, NegotiationError>,
    ) -> Result<Arc<Connection>, NegotiationError> {
        let mut table = self.table();
        if table.is_stopped {
            return Err(NegotiationError::Stopped);
        }
        let existing = table.connection(peer);
        if existing.is_none() && table.connections.len() >= self.limits.connections_max {
            return Err(NegotiationError::Full);
        }
        let connection = connect(&mut table, existing.as_ref())?;
        table.connections.insert(peer, connection.clone());
        drop(table);
        if let Some(existing) = existing {
            existing.lose(Lost::Replaced);
        }
        self.attached.send_replace(());
        Ok(connection)
    }

    /// The connection to ourselves, when the table has none: both ends of it are ours.
    pub(super) fn loop_back(self: &Arc<Self>, table: &mut Table) -> Arc<Connection> {
        let us = self.us.tub_id;
        let (here, there) = tokio::io::duplex(LOOPBACK_LEN);
        let connection = Connection::new(self.clone(), us, "", None);
        connection.start(Agreed::new(here));
        Connection::new(self.clone(), us, "", None).start(Agreed::new(there));
        table.connections.insert(us, connection.clone());
        connection
    }

    /// Takes no more connections; gives those that there are.
    pub(super) fn close(&self) -> Vec<Arc<Connection>> {
        self.stopping.cancel();
        let mut table = self.table();
        table.is_stopped = true;
        table.connections.values().cloned().collect()
    }

    /// Forgets what is offered, once nobody can ask for it any more.
    pub(super) fn forget_offers(&self) {
        let offers = std::mem::take(&mut *self.offers());
        drop(offers);
    }
}

impl Verdict for Arc<Inner> {
    type Connection = Arc<Connection>;

    fn us(&self) -> &Us {
        &self.us
    }

    fn tls(&self) -> &Tls {
        &self.tls
    }

    fn last(&self, peer: TubId) -> Option<Number> {
        self.table().remembered.numbers.get(&peer).cloned()
    }

    fn decide(&self, offer: Offer) -> Result<Arc<Connection>, NegotiationError> {
        let peer = offer.peer();
        self.attach(peer, |table, existing| {
            if let Some(mastered) = existing.and_then(|existing| existing.mastered())
                && !offer.replaces(mastered)
            {
                return Err(NegotiationError::Duplicate);
            }
            table.sequence += 1;
            let (decision, mastered) = offer.accept(table.sequence);
            Ok(Connection::new(self.clone(), peer, decision, Some(mastered)))
        })
    }

    fn accept(&self, decided: Decided) -> Result<Arc<Connection>, NegotiationError> {
        let Decided { peer, number } = decided;
        self.attach(peer, |table, _| {
            if let Some(number) = number {
                table.remembered.insert(peer, number);
            }
            Ok(Connection::new(self.clone(), peer, "", None))
        })
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tub").field("tub_id", &self.us.tub_id).finish_non_exhaustive()
    }
}
