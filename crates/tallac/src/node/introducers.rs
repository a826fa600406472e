//! The introducers that a node meets its grid at: what it says there, and what it hears (section
//! 6.1).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use foolscap::Tub;
use serde_json::{Map, Value, json};
use tallac_core::announcement::SignedAnnouncement;
use tallac_core::base32;
use tallac_gateway::wapi::{IntroducerStatus, Introducers};
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

/// What the node announces of its storage server, signed.
///
/// # Errors
/// When its number cannot be read or written.
pub(super) fn storage_offer(
    config: &NodeConfig,
    identity: &NodeIdentity,
    storage: Map<String, Value>,
) -> Result<SignedAnnouncement> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce)?;
    let of_node = json!({
        "version": 0,
        "nickname": config.nickname,
        "app-versions": [],
        "my-version": APPLICATION_VERSION,
        "oldest-supported": OLDEST_SUPPORTED,
        "service-name": "storage",
        "seqnum": next_seqnum(&config.directory)?,
        "nonce": base32::encode(&nonce),
    });
    let mut keys = storage;
    keys.extend(of_node.as_object().cloned().unwrap_or_default());
    Ok(SignedAnnouncement::sign(&keys, &identity.key))
}

/// Keeps in touch with the introducers; gives how the node stands with each.
pub(super) fn start(
    tree: &mut Tree,
    config: &NodeConfig,
    tub: &Tub,
    roster: &Arc<Roster>,
    offers: &[SignedAnnouncement],
) -> Introducers {
    let mut clients = Vec::new();
    for (petname, furl) in &config.client.introducers {
        let node = NodeInfo {
            nickname: config.nickname.clone(),
            application_version: APPLICATION_VERSION.to_owned(),
        };
        let client = Arc::new(IntroducerClient::start(tub, furl.clone(), node, offers.to_vec()));
        clients.push(Arc::clone(&client));
        let listener = Listener {
            petname: petname.clone(),
            directory: config.directory.clone(),
            client,
            roster: Arc::clone(roster),
        };
        let listener = Arc::new(listener);
        let name = format!("introducer {petname}");
        tree.start(Service::new(name, OnFailure::Restart, move |stop| {
            Arc::clone(&listener).run(stop)
        }));
    }
    let tcp = config.connections.tcp;
    Introducers::new(move || clients.iter().map(|client| status(client, tcp)).collect())
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
