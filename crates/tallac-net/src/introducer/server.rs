//! The introducer itself: takes announcements, and passes them on to whoever subscribed.
//!
//! Subscribers have no queues. All read the one table of announcements, each from the place that it
//! has come to, a batch at a time: a slow one holds nobody up and costs no memory, and finds of
//! what was replaced meanwhile only the last.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use foolscap::object::BoxFuture;
use foolscap::{
    Arguments, CallError, Failure, Furl, IncomingCall, Object, Referenceable, RemoteReference,
    TubId, Value,
};
use tallac_core::announcement::{
    Accepted, Announcement, AnnouncementTable, Ignored, SERVICE_LEN_MAX, TableLimits,
};
use tallac_core::crypto::VerifyingKey;
use tallac_core::introducer::{AnnouncementReport, IntroducerReport, SubscriberReport};
use tokio::sync::watch;

use super::wire::{self, INTRODUCER, VERSION_2};

/// Bytes of announcements in one call, about; several small ones fit, or a large one.
const BATCH_LEN: usize = 64 << 10;

/// How long to wait, once there is an announcement, for those that come with it.
const GATHER: Duration = Duration::from_millis(20);

/// How much an introducer takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntroducerLimits {
    /// Announcements.
    pub announcements: TableLimits,
    /// Subscriptions of all.
    pub subscriptions: usize,
    /// Subscriptions of one peer. Nodes have one for each service, of which there is one.
    pub subscriptions_per_peer: usize,
}

impl Default for IntroducerLimits {
    fn default() -> Self {
        Self {
            announcements: TableLimits::default(),
            subscriptions: 10_000,
            subscriptions_per_peer: 16,
        }
    }
}

/// An introducer. Clones are the same one.
#[derive(Debug, Clone)]
pub struct IntroducerServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    application_version: String,
    limits: IntroducerLimits,
    state: Mutex<State>,
    /// The place that the next announcement gets.
    next_place: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    table: AnnouncementTable,
    announced: HashMap<(String, VerifyingKey), SystemTime>,
    subscribers: BTreeMap<u64, Subscriber>,
    next_subscriber: u64,
}

#[derive(Debug)]
struct Subscriber {
    peer: TubId,
    report: SubscriberReport,
}

impl IntroducerServer {
    /// One that knows of nothing yet.
    #[must_use]
    pub fn new(application_version: impl Into<String>, limits: IntroducerLimits) -> Self {
        let table = AnnouncementTable::new(limits.announcements);
        Self(Arc::new(Inner {
            application_version: application_version.into(),
            limits,
            state: Mutex::new(State { table, ..State::default() }),
            next_place: watch::Sender::default(),
        }))
    }

    /// What it knows now.
    #[must_use]
    pub fn report(&self) -> IntroducerReport {
        let state = self.0.lock();
        let mut announcements: Vec<_> =
            state.table.all().map(|announcement| state.report(announcement)).collect();
        announcements.sort_by(|a, b| {
            (&a.service, &a.nickname, &a.server_id).cmp(&(&b.service, &b.nickname, &b.server_id))
        });
        let subscribers = state.subscribers.values().map(|s| s.report.clone()).collect();
        IntroducerReport { announcements, subscribers }
    }
}

impl Referenceable for IntroducerServer {
    fn interface(&self) -> Option<&str> {
        Some(INTRODUCER)
    }

    fn call(self: Arc<Self>, call: IncomingCall) -> BoxFuture<'static, Result<Value, Failure>> {
        let answer = match &*call.method {
            "get_version" => self.version(call.arguments),
            "publish_v2" => self.publish(call.peer, call.arguments),
            "subscribe_v2" => self.subscribe(call.peer, call.arguments),
            method => Err(wire::no_such_method(method)),
        };
        Box::pin(async move { answer })
    }
}

impl IntroducerServer {
    fn version(&self, arguments: Arguments) -> Result<Value, Failure> {
        let [] = arguments.bind([])?;
        let version = wire::bytes(&self.0.application_version);
        Ok(Value::Dict(vec![
            (wire::bytes(VERSION_2), Value::Dict(Vec::new())),
            (wire::bytes("application-version"), version),
        ]))
    }

    fn publish(&self, peer: TubId, arguments: Arguments) -> Result<Value, Failure> {
        // The canary would tell that the publisher went away, and nobody asks for that.
        let [announcement, _canary] = arguments.bind(["announcement", "canary"])?;
        let announcement = wire::announcement_from_value(announcement)
            .and_then(tallac_core::announcement::SignedAnnouncement::verify);
        let announcement = match announcement {
            Ok(announcement) => Arc::new(announcement),
            Err(refusal) => {
                tracing::warn!(%peer, %refusal, "an announcement is refused");
                return Err(Failure::new("builtins.ValueError", format!("refused: {refusal}")));
            }
        };
        let server = announcement.key().server_id();
        let service = announcement.service().to_owned();
        match self.0.accept(announcement) {
            Ok(Accepted::New) => tracing::info!(%server, service, "announced"),
            Ok(Accepted::Update) => tracing::debug!(%server, service, "announced anew"),
            Err(Ignored::Duplicate) => {}
            Err(reason @ Ignored::Old) => {
                tracing::info!(%server, service, %reason, "an announcement is ignored");
            }
            Err(reason @ Ignored::Full(_)) => {
                tracing::error!(%server, service, %reason, "an announcement is refused");
                return Err(Failure::new("builtins.ValueError", format!("refused: {reason}")));
            }
        }
        Ok(Value::None)
    }

    fn subscribe(&self, peer: TubId, arguments: Arguments) -> Result<Value, Failure> {
        let names = ["subscriber", "service_name", "subscriber_info"];
        let [subscriber, service, info] = arguments.bind(names)?;
        let Value::Object(Object::Remote(subscriber)) = subscriber else {
            return Err(Failure::violation("subscriber must be a reference of the caller's"));
        };
        let service = wire::text(&service).filter(|name| name.len() <= SERVICE_LEN_MAX);
        let service = service
            .ok_or_else(|| Failure::violation("service_name must be a short byte string"))?;
        let words = |key| wire::get(&info, key).and_then(wire::text).map(wire::words);
        let report = SubscriberReport {
            service: service.to_owned(),
            tub_id: peer.to_string(),
            nickname: words("nickname").unwrap_or_default(),
            version: words("my-version").unwrap_or_default(),
            since: SystemTime::now(),
        };
        let id = self.0.add_subscriber(Subscriber { peer, report })?;
        tokio::spawn(Arc::clone(&self.0).tell(id, subscriber, service.to_owned()));
        Ok(Value::None)
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self, announcement: Arc<Announcement>) -> Result<Accepted, Ignored> {
        let mut state = self.lock();
        let index = (announcement.service().to_owned(), *announcement.key());
        let accepted = state.table.accept(announcement)?;
        state.announced.insert(index, SystemTime::now());
        self.next_place.send_replace(state.table.next_place());
        Ok(accepted)
    }

    fn add_subscriber(&self, subscriber: Subscriber) -> Result<u64, Failure> {
        let mut state = self.lock();
        let of_peer = state.subscribers.values().filter(|s| s.peer == subscriber.peer).count();
        if of_peer >= self.limits.subscriptions_per_peer
            || state.subscribers.len() >= self.limits.subscriptions
        {
            tracing::warn!(peer = %subscriber.peer, "too many subscriptions, this one is refused");
            return Err(Failure::new("builtins.ValueError", "there are too many subscriptions"));
        }
        let id = state.next_subscriber;
        state.next_subscriber += 1;
        state.subscribers.insert(id, subscriber);
        Ok(id)
    }

    /// Tells a subscriber of all that there is, and then of all that comes, until it goes away.
    async fn tell(self: Arc<Self>, id: u64, subscriber: RemoteReference, service: String) {
        let mut next_place = self.next_place.subscribe();
        let mut place = 0;
        loop {
            next_place.mark_unchanged();
            let batch = self.batch(&service, &mut place);
            if batch.is_empty() {
                tokio::select! {
                    () = subscriber.disconnected() => break,
                    _ = next_place.changed() => tokio::time::sleep(GATHER).await,
                }
                continue;
            }
            let arguments = Arguments::positional(vec![Value::Set(batch)]);
            match subscriber.call("announce_v2", arguments).await {
                Ok(_) => {}
                Err(error @ CallError::Remote(_)) => {
                    let reason = wire::reason(&error);
                    tracing::info!(peer = %subscriber.peer(), reason, "a subscriber complains");
                }
                Err(CallError::Disconnected | CallError::TooLarge) => break,
            }
        }
        self.lock().subscribers.remove(&id);
    }

    /// The announcements from a place on that fit into a call; moves the place behind them.
    fn batch(&self, service: &str, place: &mut u64) -> Vec<Value> {
        let state = self.lock();
        let (mut batch, mut len) = (Vec::new(), 0);
        for (next, announcement) in state.table.since(service, *place) {
            len += announcement.signed().len();
            if len > BATCH_LEN && !batch.is_empty() {
                break;
            }
            batch.push(wire::announcement_to_value(announcement.signed()));
            *place = next;
        }
        batch
    }
}

impl State {
    fn report(&self, announcement: &Announcement) -> AnnouncementReport {
        let index = (announcement.service().to_owned(), *announcement.key());
        let words = |key| announcement.text(key).map(wire::words).unwrap_or_default();
        let furl = announcement.text("anonymous-storage-FURL");
        let furl = furl.and_then(|furl| furl.parse::<Furl>().ok());
        AnnouncementReport {
            service: announcement.service().to_owned(),
            server_id: announcement.key().server_id().as_str().to_owned(),
            nickname: words("nickname"),
            version: words("my-version"),
            hints: furl.map(|furl| furl.hints().to_vec()).unwrap_or_default(),
            announced: self.announced.get(&index).copied().unwrap_or(SystemTime::UNIX_EPOCH),
        }
    }
}
