//! The servers of a grid: who they are, whether they answer, how quickly (specification section
//! 4.1).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tallac_core::hash;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex, TubId};
use tallac_core::storage::{ServerVersion, ShareKind, StorageError, StorageServer};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// How long a server has to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a server that answers is asked again.
const POLL_INTERVAL: Duration = Duration::from_secs(30);
/// How soon a server that did not answer is asked again, at first and at most.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Reports of corrupt shares that a server is told at the same time, at most: further ones are
/// dropped. And how long it may take to hear one.
const ADVICE_MAX: usize = 16;
const ADVICE_TIMEOUT: Duration = Duration::from_secs(60);

/// What an announcement or a static list tells of a server.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// Its name in the grid.
    pub id: ServerId,
    /// What its owner calls it.
    pub nickname: String,
    /// Its identity for leases, whatever the transport.
    pub tub_id: TubId,
    /// Where it stands in every file's ring.
    pub permutation_seed: Vec<u8>,
}

/// Whether a server can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It was not heard of yet.
    Unknown,
    /// It answered.
    Connected {
        /// What it said.
        version: ServerVersion,
        /// When, by this machine's clock.
        since: SystemTime,
    },
    /// It did not.
    Failing {
        /// Why not.
        reason: String,
    },
}

/// A server of the grid.
pub struct GridServer {
    info: ServerInfo,
    storage: Arc<dyn StorageServer>,
    health: watch::Sender<Health>,
    /// Smoothed time of its short answers.
    round_trip: Mutex<Option<Duration>>,
    /// Told to look again at once.
    wake: tokio::sync::Notify,
    /// Told that pauses begin short again.
    reset: tokio::sync::Notify,
    /// Asked each time whether it may be given shares.
    permit: Option<Permit>,
    /// Room for reports of corrupt shares.
    advice: Arc<Semaphore>,
}

/// What tells whether a server may be given shares.
type Permit = Box<dyn Fn() -> bool + Send + Sync>;

impl fmt::Debug for GridServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GridServer({})", self.info.id)
    }
}

impl GridServer {
    /// A server of which nothing was heard yet.
    #[must_use]
    pub fn new(info: ServerInfo, storage: Arc<dyn StorageServer>) -> Self {
        Self {
            info,
            storage,
            health: watch::Sender::new(Health::Unknown),
            round_trip: Mutex::new(None),
            wake: tokio::sync::Notify::new(),
            reset: tokio::sync::Notify::new(),
            permit: None,
            advice: Arc::new(Semaphore::new(ADVICE_MAX)),
        }
    }

    /// The same, given new shares only while this says so. It is asked each time, and never for
    /// downloads, nor when a share that the server has is changed.
    #[must_use]
    pub fn given_shares_while(mut self, may: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.permit = Some(Box::new(may));
        self
    }

    /// Whether it may be given new shares.
    #[must_use]
    pub fn may_take_shares(&self) -> bool {
        self.permit.as_ref().is_none_or(|may| may())
    }

    /// What was announced of it.
    #[must_use]
    pub const fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// How it is reached.
    #[must_use]
    pub fn storage(&self) -> &dyn StorageServer {
        &*self.storage
    }

    pub(crate) fn storage_arc(&self) -> Arc<dyn StorageServer> {
        Arc::clone(&self.storage)
    }

    /// Whether it can be used.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// Whether it answered when last asked.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(*self.health.borrow(), Health::Connected { .. })
    }

    /// Its usual time for a short answer, once known.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        *self.round_trip.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_round_trip(&self, took: Duration) {
        let mut known = self.round_trip.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some(known.map_or(took, |old| (old * 7 + took) / 8));
    }

    /// Tells what an operation met. Only errors of the way there count against the server; it is
    /// asked again at once.
    pub(crate) fn note_error(&self, error: &StorageError) {
        if matches!(error, StorageError::Unreachable(_) | StorageError::TimedOut { .. }) {
            self.health.send_replace(Health::Failing { reason: error.to_string() });
            self.wake.notify_one();
        }
    }

    /// Tells it that a share of its is corrupt, without waiting for it to hear.
    pub(crate) fn advise_corrupt(
        &self,
        kind: ShareKind,
        storage_index: StorageIndex,
        share: ShareNumber,
        reason: String,
    ) {
        let server = &self.info.id;
        tracing::warn!(%server, %storage_index, %share, reason, "corrupt {kind} share");
        let Ok(room) = Arc::clone(&self.advice).try_acquire_owned() else { return };
        let storage = self.storage_arc();
        tokio::spawn(async move {
            let advice = storage.advise_corrupt(kind, storage_index, share, reason);
            if let Ok(Err(error)) = tokio::time::timeout(ADVICE_TIMEOUT, advice).await {
                tracing::debug!(%storage_index, %share, %error, "corruption was not reported");
            }
            drop(room);
        });
    }

    /// Asks for its version, and remembers the answer.
    pub async fn poll(&self) -> bool {
        let asked = Instant::now();
        let answer = tokio::time::timeout(VERSION_TIMEOUT, self.storage.version()).await;
        let seconds = VERSION_TIMEOUT.as_secs();
        let health = match answer.unwrap_or(Err(StorageError::TimedOut { seconds })) {
            Ok(version) => {
                self.note_round_trip(asked.elapsed());
                Health::Connected { version, since: SystemTime::now() }
            }
            Err(error) => Health::Failing { reason: error.to_string() },
        };
        let connected = matches!(health, Health::Connected { .. });
        self.health.send_replace(health);
        connected
    }

    /// Polls for as long as it is awaited; tells `connected` whenever it answers after it did not.
    async fn watch(&self, connected: &watch::Sender<u64>) {
        let mut retry = RETRY_MIN;
        loop {
            let was_connected = self.is_connected();
            if self.poll().await {
                if !was_connected {
                    connected.send_modify(|count| *count += 1);
                }
                retry = RETRY_MIN;
                let _ = tokio::time::timeout(POLL_INTERVAL, self.wake.notified()).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(retry) => retry = (retry * 2).min(RETRY_MAX),
                () = self.wake.notified() => {}
                () = self.reset.notified() => retry = RETRY_MIN,
            }
            // A woken poll of a failing server still waits a little: no busy loop.
            tokio::time::sleep(RETRY_MIN).await;
        }
    }

    /// Asks it soon, if it does not answer at present, and with short pauses from now on.
    pub fn retry_soon(&self) {
        if !self.is_connected() {
            self.reset.notify_one();
        }
    }
}

/// All servers of a grid. They may become more while it is used, and any of them may be replaced
/// by another of the same name.
#[derive(Debug, Default)]
pub struct ServerList {
    servers: RwLock<Vec<Arc<GridServer>>>,
    /// Counts changes of the list.
    changes: watch::Sender<u64>,
}

impl ServerList {
    /// These servers.
    #[must_use]
    pub fn new(servers: Vec<Arc<GridServer>>) -> Self {
        Self { servers: RwLock::new(servers), changes: watch::Sender::default() }
    }

    /// Takes a server in; one of the same name makes room for it. What is under way with that one
    /// goes on.
    pub fn put(&self, server: Arc<GridServer>) {
        let mut servers = self.servers.write().unwrap_or_else(PoisonError::into_inner);
        match servers.iter_mut().find(|known| known.info.id == server.info.id) {
            Some(known) => *known = server,
            None => servers.push(server),
        }
        drop(servers);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Forgets a server. What is under way with it goes on.
    pub fn remove(&self, id: &ServerId) {
        let mut servers = self.servers.write().unwrap_or_else(PoisonError::into_inner);
        servers.retain(|known| known.info.id != *id);
        drop(servers);
        self.changes.send_modify(|count| *count += 1);
    }

    /// All that are known.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<GridServer>> {
        self.servers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that answered when last asked, in the order of a file's ring.
    #[must_use]
    pub fn ring(&self, si: &StorageIndex) -> Vec<Arc<GridServer>> {
        let mut ring = self.whole_ring(si);
        ring.retain(|server| server.is_connected());
        ring
    }

    /// All of them, in the order of a file's ring.
    #[must_use]
    pub fn whole_ring(&self, si: &StorageIndex) -> Vec<Arc<GridServer>> {
        let place = |server: &GridServer| hash::permute_server(si, &server.info.permutation_seed);
        let mut ring: Vec<_> =
            self.all().into_iter().map(|server| (place(&server), server)).collect();
        ring.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.info.id.cmp(&y.info.id)));
        ring.into_iter().map(|(_, server)| server).collect()
    }

    /// Waits until every server answered or failed once, or until the time is over.
    pub async fn settled(&self, timeout: Duration) {
        let mut waits = JoinSet::new();
        for server in self.all() {
            waits.spawn(async move {
                let mut health = server.health.subscribe();
                let _ = health.wait_for(|health| *health != Health::Unknown).await;
            });
        }
        let _ = tokio::time::timeout(timeout, waits.join_all()).await;
    }

    /// Keeps asking every server how it is, those that come later too, for as long as it is
    /// awaited. Whenever one answers that did not, the others that do not are asked again soon:
    /// what kept them away was perhaps this machine's own connection.
    pub async fn monitor(&self) {
        let connected = watch::Sender::default();
        let (mut changed, mut came) = (self.changes.subscribe(), connected.subscribe());
        let mut tasks = JoinSet::new();
        let mut watches: HashMap<ServerId, (Arc<GridServer>, AbortHandle)> = HashMap::new();
        loop {
            changed.mark_unchanged();
            for server in self.all() {
                let watched = watches.get(&server.info.id);
                if watched.is_some_and(|(watched, _)| Arc::ptr_eq(watched, &server)) {
                    continue;
                }
                let (task, connected) = (server.clone(), connected.clone());
                let handle = tasks.spawn(async move { task.watch(&connected).await });
                let id = server.info.id.clone();
                if let Some((_, old)) = watches.insert(id, (server, handle)) {
                    old.abort();
                }
            }
            tokio::select! {
                _ = changed.changed() => {}
                _ = came.changed() => self.all().iter().for_each(|server| server.retry_soon()),
                // Those that were replaced.
                Some(_) = tasks.join_next() => {}
            }
        }
    }
}
