//! A node's side of one introducer: found again whenever it comes back, told of what the node
//! offers each time, and listened to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use foolscap::object::BoxFuture;
use foolscap::{
    Arguments, CallError, Failure, Furl, IncomingCall, Object, Reconnector, Referenceable,
    RemoteReference, Tub, TubId, Value,
};
use tallac_core::announcement::{
    Accepted, Announcement, AnnouncementTable, Ignored, SignedAnnouncement,
};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::wire::{self, SUBSCRIBER, VERSION_2};

/// The service that nodes look for.
const STORAGE: &str = "storage";

/// How long an introducer may take to answer one call.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// How long the first attempt to reach the introducer may take before it is counted as failed.
const FIRST_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Announcements that are checked in one go: then others have their turn.
const CHECKED_AT_ONCE: usize = 50;

/// What a node says of itself to whom it meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// What its operator calls it.
    pub nickname: String,
    /// Program and version, such as `tallac/0.1.0`.
    pub application_version: String,
}

/// How a node stands with an introducer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntroducerState {
    /// There is no connection yet, or no longer.
    Connecting {
        /// Since when.
        since: SystemTime,
    },
    /// There is a connection, and it is the introducer.
    Connected {
        /// Since when.
        since: SystemTime,
    },
    /// Something else answers there, or an introducer that cannot be spoken to.
    Unusable {
        /// In what way.
        reason: String,
    },
}

/// A node's side of one introducer. The connection ends when it is dropped.
#[derive(Debug)]
pub struct IntroducerClient {
    shared: Arc<Shared>,
    furl: Furl,
    reconnector: Reconnector,
    _stop: DropGuard,
}

/// The announcements of storage servers by one introducer, as they come.
#[derive(Debug)]
pub struct News {
    shared: Arc<Shared>,
    /// The place that it has come to.
    place: u64,
    changed: watch::Receiver<u64>,
}

struct Shared {
    node: NodeInfo,
    /// What the node offers.
    offers: Vec<SignedAnnouncement>,
    inner: Mutex<Inner>,
    /// The place that the next announcement gets.
    next_place: watch::Sender<u64>,
    /// Whether the first attempt to reach the introducer failed, once that is known.
    first_attempt_failed: watch::Sender<Option<bool>>,
    stop: CancellationToken,
}

struct Inner {
    table: AnnouncementTable,
    state: IntroducerState,
    /// Counts the connections: what comes from an old one is of no interest.
    connection: u64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.lock().state).finish_non_exhaustive()
    }
}

impl IntroducerClient {
    /// Keeps connected to the introducer that the FURL names. What the node offers is announced
    /// each time that it is reached.
    #[must_use]
    pub fn start(tub: &Tub, furl: Furl, node: NodeInfo, offers: Vec<SignedAnnouncement>) -> Self {
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            node,
            offers,
            inner: Mutex::new(Inner {
                table: AnnouncementTable::default(),
                state: IntroducerState::Connecting { since: SystemTime::now() },
                connection: 0,
            }),
            next_place: watch::Sender::default(),
            first_attempt_failed: watch::Sender::default(),
            stop: stop.clone(),
        });
        let connected = Arc::clone(&shared);
        let reconnector = tub.keep_connected(furl.clone(), move |introducer| {
            tokio::spawn(Arc::clone(&connected).session(introducer));
        });
        tokio::spawn(first_attempt(Arc::clone(&shared), tub.clone(), furl.clone()));
        let _stop = stop.drop_guard();
        Self { shared, furl, reconnector, _stop }
    }

    /// Where it is.
    #[must_use]
    pub const fn furl(&self) -> &Furl {
        &self.furl
    }

    /// How the node stands with it.
    #[must_use]
    pub fn state(&self) -> IntroducerState {
        self.shared.lock().state.clone()
    }

    /// What went wrong with the last attempt to reach it, while there is no connection.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.reconnector.last_error().map(|error| wire::words(&error.to_string()))
    }

    /// Tries at once, and again with short pauses from now on.
    pub fn retry_soon(&self) {
        self.reconnector.reset();
    }

    /// The announcements of storage servers, those that came already first.
    #[must_use]
    pub fn news(&self) -> News {
        let changed = self.shared.next_place.subscribe();
        News { shared: Arc::clone(&self.shared), place: 0, changed }
    }

    /// All announcements of storage servers that came, the last of each server.
    #[must_use]
    pub fn announcements(&self) -> Vec<Arc<Announcement>> {
        self.shared.lock().table.since(STORAGE, 0).map(|(_, a)| a.clone()).collect()
    }

    /// Waits until it is known whether the first attempt to reach the introducer failed.
    pub async fn first_attempt_failed(&self) -> bool {
        let mut failed = self.shared.first_attempt_failed.subscribe();
        let known = failed.wait_for(Option::is_some).await;
        known.is_ok_and(|failed| *failed == Some(true))
    }
}

impl News {
    /// Waits for announcements that were not given out before. Of several by one server only the
    /// last is given. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Vec<Arc<Announcement>> {
        loop {
            self.changed.mark_unchanged();
            let news: Vec<_> = {
                let inner = self.shared.lock();
                inner.table.since(STORAGE, self.place).map(|(next, a)| (next, a.clone())).collect()
            };
            if let Some((next, _)) = news.last() {
                self.place = *next;
                return news.into_iter().map(|(_, announcement)| announcement).collect();
            }
            // The sender is in `shared`, which is not dropped before this.
            let _ = self.changed.changed().await;
        }
    }
}

/// Notes whether the introducer can be reached at all.
async fn first_attempt(shared: Arc<Shared>, tub: Tub, furl: Furl) {
    let attempt = tokio::time::timeout(FIRST_ATTEMPT_TIMEOUT, tub.get_reference(&furl));
    let Some(attempt) = shared.stop.run_until_cancelled(attempt).await else { return };
    let is_reached = match attempt {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "an introducer cannot be reached; perhaps it is down");
            false
        }
        Err(_) => {
            tracing::warn!("an introducer cannot be reached: it does not answer");
            false
        }
    };
    shared.first_attempt_failed.send_replace(Some(!is_reached));
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens over one connection.
    async fn session(self: Arc<Self>, introducer: RemoteReference) {
        let connection = {
            let mut inner = self.lock();
            inner.connection += 1;
            inner.connection
        };
        let session = async {
            match check_version(&introducer).await {
                Ok(()) => {
                    self.set_state(
                        connection,
                        IntroducerState::Connected { since: SystemTime::now() },
                    );
                    self.greet(&introducer).await;
                }
                Err(reason) => {
                    tracing::warn!(reason, "an introducer cannot be used");
                    self.set_state(connection, IntroducerState::Unusable { reason });
                }
            }
            introducer.disconnected().await;
        };
        if self.stop.run_until_cancelled(session).await.is_some() {
            let since = SystemTime::now();
            self.set_state(connection, IntroducerState::Connecting { since });
        }
    }

    fn set_state(&self, connection: u64, state: IntroducerState) {
        let mut inner = self.lock();
        if inner.connection == connection {
            inner.state = state;
        }
    }

    /// Announces what the node offers, and asks what others do.
    async fn greet(self: &Arc<Self>, introducer: &RemoteReference) {
        let canary: Arc<dyn Referenceable> = Arc::new(Canary);
        for offer in &self.offers {
            let arguments = Arguments::positional(vec![
                wire::announcement_to_value(offer),
                Value::Object(Object::Local(canary.clone())),
            ]);
            if let Err(error) = answered(introducer.call("publish_v2", arguments)).await {
                tracing::warn!(reason = error, "an introducer did not take our announcement");
            }
        }
        let subscriber: Arc<dyn Referenceable> =
            Arc::new(Subscriber { shared: Arc::clone(self), introducer: introducer.peer() });
        let arguments = Arguments::positional(vec![
            Value::Object(Object::Local(subscriber)),
            wire::bytes(STORAGE),
            self.node.to_value(),
        ]);
        if let Err(error) = answered(introducer.call("subscribe_v2", arguments)).await {
            tracing::warn!(reason = error, "an introducer did not take our subscription");
        }
    }

    fn accept(&self, announcement: SignedAnnouncement, introducer: TubId) {
        let announcement = match announcement.verify() {
            Ok(announcement) => announcement,
            Err(refusal) => {
                tracing::warn!(%introducer, %refusal, "an announcement is refused");
                return;
            }
        };
        if announcement.service() != STORAGE {
            tracing::debug!(%introducer, "an announcement of a service that nobody asked for");
            return;
        }
        let server = announcement.key().server_id();
        let mut inner = self.lock();
        match inner.table.accept(Arc::new(announcement)) {
            Ok(accepted) => {
                self.next_place.send_replace(inner.table.next_place());
                let is_new = accepted == Accepted::New;
                tracing::debug!(%introducer, %server, is_new, "a server is announced");
            }
            Err(Ignored::Duplicate) => {}
            Err(reason) => {
                tracing::warn!(%introducer, %server, %reason, "an announcement is ignored");
            }
        }
    }
}

/// Asks an introducer whether it speaks what we do.
async fn check_version(introducer: &RemoteReference) -> Result<(), String> {
    let version = answered(introducer.call("get_version", Arguments::none())).await?;
    match wire::get(&version, VERSION_2) {
        Some(_) => Ok(()),
        None => Err("it is too old, or no introducer: it speaks no version 2".to_owned()),
    }
}

/// The answer to a call; the reason when there is none.
async fn answered(call: impl Future<Output = Result<Value, CallError>>) -> Result<Value, String> {
    match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(wire::reason(&error)),
        Err(_) => Err(format!("it did not answer within {} seconds", ANSWER_TIMEOUT.as_secs())),
    }
}

impl NodeInfo {
    fn to_value(&self) -> Value {
        Value::Dict(vec![
            (wire::bytes("version"), Value::Int(0)),
            (wire::bytes("nickname"), Value::Text(self.nickname.clone())),
            (wire::bytes("app-versions"), Value::List(Vec::new())),
            (wire::bytes("my-version"), Value::Text(self.application_version.clone())),
            (wire::bytes("oldest-supported"), Value::Text("1.0.0".to_owned())),
        ])
    }
}

/// What an introducer is given to see that a publisher is there.
#[derive(Debug)]
struct Canary;

impl Referenceable for Canary {
    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move { Err(wire::no_such_method(&call.method)) })
    }
}

/// What an introducer calls to tell of announcements.
struct Subscriber {
    shared: Arc<Shared>,
    introducer: TubId,
}

impl Referenceable for Subscriber {
    fn interface(&self) -> Option<&str> {
        Some(SUBSCRIBER)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        Box::pin(async move {
            if call.method != "announce_v2" {
                return Err(wire::no_such_method(&call.method));
            }
            let [announcements] = call.arguments.bind(["announcements"])?;
            let (Value::Set(announcements)
            | Value::List(announcements)
            | Value::Tuple(announcements)) = announcements
            else {
                return Err(Failure::violation("announcements must be a set"));
            };
            // Each stands for itself: a bad one does not spoil the others.
            for (number, announcement) in announcements.into_iter().enumerate() {
                match wire::announcement_from_value(announcement) {
                    Ok(announcement) => self.shared.accept(announcement, self.introducer),
                    Err(refusal) => {
                        let introducer = self.introducer;
                        tracing::warn!(%introducer, %refusal, "an announcement is refused");
                    }
                }
                if number % CHECKED_AT_ONCE == CHECKED_AT_ONCE - 1 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(Value::None)
        })
    }
}
