//! The introducers that a node meets its grid at: what it says there, and what it hears (section
//! 6.1).

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use foolscap::Tub;
use serde_json::{Map, Value, json};
use tallac_core::announcement::SignedAnnouncement;
use tallac_core::base32;
use tallac_gateway::wapi::IntroducerStatus;
use tallac_net::identity::Furl;
use tallac_net::introducer::{IntroducerClient, IntroducerState, NodeInfo};
use tallac_net::transport::Way;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::servers::{Roster, Source};
use super::service::{OnFailure, Service, Tree};
use crate::config::{NodeConfig, NodeDirectory};
use crate::node_files::{NodeIdentity, next_seqnum, read_introducer_cache, write_introducer_cache};

/// How long to gather what an introducer tells before it is written to its cache.
const CACHE_DELAY: Duration = Duration::from_secs(1);

/// How often an introducer that is away is looked for with short pauses again: theirs grow to an
/// hour, and a grid should not wait so long for one that is back.
const RETRY_INTERVAL: Duration = Duration::from_secs(300);

/// Oldest version of Tahoe-LAFS that can speak with us, as it says itself.
const OLDEST_SUPPORTED: &str = "1.0.0";

/// Program and version, as nodes say them.
pub(super) const APPLICATION_VERSION: &str = concat!("tallac/", env!("CARGO_PKG_VERSION"));

/// What a node announces of its storage server.
#[derive(Debug)]
pub(super) struct Offer {
    /// What the storage server has to say.
    pub(super) keys: Map<String, Value>,
    /// Whose it is.
    pub(super) identity: NodeIdentity,
}

impl Offer {
    /// The announcement, signed, with a number of its own.
    ///
    /// # Errors
    /// When its number cannot be read or written.
    fn sign(&self, nickname: &str, directory: &NodeDirectory) -> Result<SignedAnnouncement> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce)?;
        let of_node = json!({
            "version": 0,
            "nickname": nickname,
            "app-versions": [],
            "my-version": APPLICATION_VERSION,
            "oldest-supported": OLDEST_SUPPORTED,
            "service-name": "storage",
            "seqnum": next_seqnum(directory)?,
            "nonce": base32::encode(&nonce),
        });
        let mut keys = self.keys.clone();
        keys.extend(of_node.as_object().cloned().unwrap_or_default());
        Ok(SignedAnnouncement::sign(&keys, &self.identity.key))
    }
}

/// All introducers of a node. They may come and go while it runs.
#[derive(Debug)]
pub(super) struct Meeting {
    nickname: String,
    directory: NodeDirectory,
    /// How `tcp:` hints are followed.
    tcp: Option<Way>,
    tub: Tub,
    roster: Arc<Roster>,
    offer: Option<Offer>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// The offer, signed once there was an introducer to hear it.
    signed: Option<SignedAnnouncement>,
    clients: BTreeMap<String, Arc<IntroducerClient>>,
    listeners: Tree,
}

/// What has changed of the introducers.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    new: usize,
    gone: usize,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} new introducers, {} gone", self.new, self.gone)
    }
}

impl Meeting {
    /// Nobody yet. What is offered is announced to all that come.
    pub(super) fn new(
        config: &NodeConfig,
        tub: &Tub,
        roster: &Arc<Roster>,
        offer: Option<Offer>,
    ) -> Self {
        let inner = Inner { signed: None, clients: BTreeMap::new(), listeners: Tree::new() };
        Self {
            nickname: config.nickname.clone(),
            directory: config.directory.clone(),
            tcp: config.connections.tcp,
            tub: tub.clone(),
            roster: Arc::clone(roster),
            offer,
            inner: Mutex::new(inner),
        }
    }

    /// Keeps in touch with these introducers, and no longer with others. Those that stay keep
    /// their connections, and servers that others told of stay known.
    ///
    /// # Errors
    /// When the node's announcement cannot be made; nothing has changed then.
    pub(super) fn take(&self, introducers: &BTreeMap<String, Furl>) -> Result<Changes> {
        let mut changes = Changes::default();
        let mut inner = self.lock();
        if let (Some(offer), None, false) = (&self.offer, &inner.signed, introducers.is_empty()) {
            inner.signed = Some(offer.sign(&self.nickname, &self.directory)?);
        }
        let is_to_go = |petname: &str, client: &IntroducerClient| {
            introducers.get(petname) != Some(client.furl())
        };
        let gone = inner.clients.extract_if(.., |petname, client| is_to_go(petname, client));
        let gone: Vec<_> = gone.map(|(petname, _)| service_name(&petname)).collect();
        changes.gone = gone.len();
        for name in &gone {
            inner.listeners.dismiss(name);
        }
        for (petname, furl) in introducers {
            if !inner.clients.contains_key(petname) {
                self.meet(&mut inner, petname, furl);
                changes.new += 1;
            }
        }
        Ok(changes)
    }

    fn meet(&self, inner: &mut Inner, petname: &str, furl: &Furl) {
        let node = NodeInfo {
            nickname: self.nickname.clone(),
            application_version: APPLICATION_VERSION.to_owned(),
        };
        let offers = inner.signed.iter().cloned().collect();
        let client = Arc::new(IntroducerClient::start(&self.tub, furl.clone(), node, offers));
        inner.clients.insert(petname.to_owned(), Arc::clone(&client));
        let listener = Arc::new(Listener {
            petname: petname.to_owned(),
            directory: self.directory.clone(),
            client,
            roster: Arc::clone(&self.roster),
        });
        let run = move |stop| Arc::clone(&listener).run(stop);
        inner.listeners.start(Service::new(service_name(petname), OnFailure::Restart, run));
    }

    /// How the node stands with each.
    pub(super) fn statuses(&self) -> Vec<IntroducerStatus> {
        self.lock().clients.values().map(|client| status(client, self.tcp)).collect()
    }

    /// Stops listening to all of them.
    pub(super) async fn stop(&self) {
        let listeners = std::mem::replace(&mut self.lock().listeners, Tree::new());
        listeners.stop().await;
        self.lock().clients.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn service_name(petname: &str) -> String {
    format!("introducer {petname}")
}

/// Keeps in touch with the introducers.
///
/// # Errors
/// When the node's announcement cannot be made.
pub(super) fn start(
    tree: &mut Tree,
    config: &NodeConfig,
    meeting: Meeting,
) -> Result<Arc<Meeting>> {
    let meeting = Arc::new(meeting);
    meeting.take(&config.client.introducers)?;
    let stopped = Arc::clone(&meeting);
    tree.start(Service::ending("introducers", move || {
        let meeting = Arc::clone(&stopped);
        async move { meeting.stop().await }
    }));
    Ok(meeting)
}

/// Listens to one introducer.
struct Listener {
    petname: String,
    directory: NodeDirectory,
    client: Arc<IntroducerClient>,
    roster: Arc<Roster>,
}

impl Listener {
    async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<()> {
        let mut news = self.client.news();
        let mut first_attempt = pin!(self.client.first_attempt_failed());
        let mut first_attempt_is_over = false;
        // When to write the cache, if there is something to be written.
        let mut write_at = None;
        let mut retries = tokio::time::interval(RETRY_INTERVAL);
        retries.tick().await;
        loop {
            let due = async {
                match write_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                announcements = news.next() => {
                    for announcement in announcements {
                        let server_id = announcement.key().server_id();
                        let keys = announcement.keys();
                        self.roster.take(server_id.as_str(), keys, Source::Introducer).await;
                    }
                    write_at.get_or_insert_with(|| Instant::now() + CACHE_DELAY);
                }
                failed = &mut first_attempt, if !first_attempt_is_over => {
                    first_attempt_is_over = true;
                    if failed {
                        self.take_cache().await;
                    }
                }
                _ = retries.tick() => {
                    if matches!(self.client.state(), IntroducerState::Connecting { .. }) {
                        self.client.retry_soon();
                    }
                }
                () = due => {
                    write_at = None;
                    self.write_cache().await;
                }
            }
        }
        if write_at.is_some() {
            self.write_cache().await;
        }
        Ok(())
    }

    /// Takes in what the introducer told when the node last ran.
    async fn take_cache(&self) {
        let (directory, petname) = (self.directory.clone(), self.petname.clone());
        let read = tokio::task::spawn_blocking(move || read_introducer_cache(&directory, &petname));
        match read.await {
            Ok(Ok(servers)) => {
                let (introducer, count) = (&self.petname, servers.len());
                tracing::warn!(introducer, count, "using what the introducer told last");
                for server in servers {
                    let (id, keys) = (&server.server_id, &server.announcement);
                    self.roster.take(id, keys, Source::Cache).await;
                }
            }
            Ok(Err(error)) => tracing::warn!(%error, "the cache of an introducer is of no use"),
            Err(error) => tracing::error!(%error, "the cache of an introducer was not read"),
        }
    }

    async fn write_cache(&self) {
        let (directory, petname) = (self.directory.clone(), self.petname.clone());
        let announcements = self.client.announcements();
        let write = move || write_introducer_cache(&directory, &petname, &announcements);
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the cache of an introducer is not kept"),
            Err(error) => tracing::error!(%error, "the cache of an introducer is not kept"),
        }
    }
}

/// How the node stands with an introducer, in words; `tcp` is the way to `tcp:` hints.
fn status(client: &IntroducerClient, tcp: Option<Way>) -> IntroducerStatus {
    let state = client.state();
    let text = match &state {
        IntroducerState::Connected { .. } => match client.furl().hints() {
            [hint] => format!("Connected to {hint} via {}", way_of(hint, tcp)),
            _ => "Connected".to_owned(),
        },
        IntroducerState::Unusable { reason } => format!("Connected, but of no use: {reason}"),
        IntroducerState::Connecting { .. } => match client.last_error() {
            Some(error) => format!("Trying to connect; the last attempt failed: {error}"),
            None => "Trying to connect".to_owned(),
        },
    };
    let is_connected = matches!(state, IntroducerState::Connected { .. });
    IntroducerStatus { is_connected, text }
}

/// What carries connections to a hint, in Tahoe-LAFS's words.
fn way_of(hint: &str, tcp: Option<Way>) -> &'static str {
    match hint.split_once(':') {
        Some(("tor", _)) => "tor",
        Some(("i2p", _)) => "i2p",
        _ if tcp == Some(Way::Tor) => "tor",
        _ => "tcp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_tells_its_way() {
        assert_eq!(way_of("tcp:host:1", Some(Way::Direct)), "tcp");
        assert_eq!(way_of("tcp:host:1", Some(Way::Tor)), "tor");
        assert_eq!(way_of("host:1", None), "tcp");
        assert_eq!(way_of("tor:x.onion:1", None), "tor");
        assert_eq!(way_of("i2p:x.i2p", Some(Way::Tor)), "i2p");
    }
}
