//! The servers that a node knows of, from `private/servers.yaml` and from introducers, and how each
//! is spoken to (section 4.1).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use foolscap::{Certificate, Tub};
use serde_json::{Map, Value};
use tallac_core::announcement::{SERVERS_MAX, StorageAnnouncement, seqnum_of};
use tallac_core::grid_manager::GridManagers;
use tallac_core::storage::StorageServer;
use tallac_grid::grid::Grid;
use tallac_grid::servers::{GridServer, ServerInfo};
use tallac_net::foolscap_storage::FoolscapClient;
use tallac_net::gbs::GbsClient;
use tallac_net::identity::{Furl, Nurl};
use tallac_net::transport::Ways;
use tokio::sync::{Mutex, OnceCell};

use super::tub::{self, Silence};
use super::ways;
use crate::config::NodeConfig;
use crate::config::servers_yaml::{self, ListedServer};
use crate::telemetry::Traced;

/// How servers are spoken to.
#[derive(Debug)]
pub(super) struct Connector {
    ways: Ways,
    silence: Silence,
    managers: GridManagers,
    force_foolscap: bool,
    /// The tub that servers are spoken to from, once there is one that speaks only Foolscap. It is
    /// another than the node's, and another after each start, so that servers cannot tell who it
    /// is that they serve.
    tub: OnceCell<Tub>,
    /// The tubs of servers that are reached in ways of their own.
    own_tubs: std::sync::Mutex<Vec<Tub>>,
}

impl Connector {
    /// In the way that the node is told.
    pub(super) fn new(config: &NodeConfig, ways: Ways, silence: Silence) -> Self {
        Self {
            ways,
            silence,
            managers: config.client.grid_managers.clone(),
            force_foolscap: config.client.force_foolscap,
            tub: OnceCell::new(),
            own_tubs: std::sync::Mutex::default(),
        }
    }

    /// The server that an announcement tells of, reached as others are or in its own ways.
    ///
    /// # Errors
    /// When none of its addresses can be used.
    async fn server(
        &self,
        announcement: &StorageAnnouncement,
        own_ways: Option<&Ways>,
    ) -> Result<GridServer> {
        let name = announcement.server_id();
        let storage: Arc<dyn StorageServer> = match self.nurls(announcement).as_slice() {
            [] => Arc::new(self.over_foolscap(announcement, own_ways).await?),
            nurls => Arc::new(GbsClient::new(nurls, own_ways.unwrap_or(&self.ways))?),
        };
        let info = ServerInfo {
            id: name.clone(),
            nickname: announcement.nickname().to_owned(),
            tub_id: *announcement.tub_id(),
            permutation_seed: announcement.permutation_seed().to_vec(),
        };
        let permit = self.managers.permit(name, announcement.certificates());
        let storage = Traced::other(storage, name.short_name());
        let server = GridServer::new(info, Arc::new(storage));
        Ok(server.given_shares_while(move || permit.holds(SystemTime::now())))
    }

    /// The addresses of a server's HTTPS side, if it is to be spoken to in that way.
    fn nurls(&self, announcement: &StorageAnnouncement) -> Vec<Nurl> {
        if self.force_foolscap {
            return Vec::new();
        }
        let nurl = |text: &String| match text.parse() {
            Ok(nurl) => Some(nurl),
            Err(error) => {
                let server = announcement.server_id();
                tracing::warn!(%server, %error, "an address of a server is wrong");
                None
            }
        };
        announcement.nurls().iter().filter_map(nurl).collect()
    }

    async fn over_foolscap(
        &self,
        announcement: &StorageAnnouncement,
        own_ways: Option<&Ways>,
    ) -> Result<FoolscapClient> {
        let furl: Furl = announcement.anonymous_storage_furl().parse()?;
        let tub = match own_ways {
            None => self.tub.get_or_try_init(|| self.nameless_tub(&self.ways)).await?.clone(),
            Some(ways) => {
                let tub = self.nameless_tub(ways).await?;
                self.own_tubs().push(tub.clone());
                tub
            }
        };
        Ok(FoolscapClient::new(tub, furl))
    }

    async fn nameless_tub(&self, ways: &Ways) -> Result<Tub> {
        let certificate = tokio::task::spawn_blocking(Certificate::generate).await??;
        tub::tub(&certificate, self.silence, ways)
    }

    fn own_tubs(&self) -> MutexGuard<'_, Vec<Tub>> {
        self.own_tubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connections to servers that are spoken to over Foolscap.
    async fn stop(&self) {
        let own = std::mem::take(&mut *self.own_tubs());
        for tub in self.tub.get().into_iter().chain(&own) {
            tub.stop().await;
        }
    }
}

/// Where what is known of a server comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The node's operator: nothing changes that.
    Static,
    /// An introducer, which may know better later.
    Introducer,
    /// What an introducer said when the node last ran: whatever is newer counts for more.
    Cache,
}

/// All servers that the node knows of.
#[derive(Debug)]
pub(super) struct Roster {
    grid: Grid,
    connector: Connector,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    announcement: StorageAnnouncement,
    seqnum: Option<u64>,
    source: Source,
    /// Its entry in `servers.yaml`, if it is there.
    listed: Option<ListedServer>,
    server: Arc<GridServer>,
}

/// What reading `servers.yaml` again has changed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Changes {
    new: usize,
    changed: usize,
    gone: usize,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, changed, gone } = self;
        write!(f, "{new} new servers, {changed} changed, {gone} gone")
    }
}

impl Roster {
    /// Nobody yet.
    pub(super) fn new(grid: Grid, connector: Connector) -> Self {
        Self { grid, connector, known: Mutex::default() }
    }

    /// Takes in the servers of `private/servers.yaml`, and forgets those that were there and are no
    /// more. Those that stay as they were keep their connections.
    ///
    /// # Errors
    /// For the first of them that cannot be used; nothing has changed then.
    pub(super) async fn take_static(&self, config: &NodeConfig) -> Result<Changes> {
        let listed = servers_yaml::read(&config.directory)?;
        let mut known = self.known.lock().await;
        let mut made = Vec::new();
        for listed in &listed {
            let name = listed.announcement.server_id().as_str();
            if known.get(name).is_some_and(|known| known.listed.as_ref() == Some(listed)) {
                continue;
            }
            let own_ways = match listed.connections.is_empty() {
                true => None,
                false => Some(ways::ways_to(listed, &self.connector.ways, config)?),
            };
            let server = self.connector.server(&listed.announcement, own_ways.as_ref()).await;
            let server = server.with_context(|| format!("servers.yaml: server {name}"))?;
            made.push((listed.clone(), Arc::new(server)));
        }
        let is_listed = |name: &str| {
            listed.iter().any(|listed| listed.announcement.server_id().as_str() == name)
        };
        let mut changes = Changes::default();
        known.retain(|name, known| match &known.listed {
            Some(listed) if !is_listed(name) => {
                changes.gone += 1;
                self.grid.servers().remove(listed.announcement.server_id());
                false
            }
            _ => true,
        });
        for (listed, server) in made {
            let name = listed.announcement.server_id().as_str().to_owned();
            self.grid.servers().put(Arc::clone(&server));
            let of_it = Known {
                announcement: listed.announcement.clone(),
                seqnum: None,
                source: Source::Static,
                listed: Some(listed),
                server,
            };
            match known.insert(name, of_it) {
                Some(_) => changes.changed += 1,
                None => changes.new += 1,
            }
        }
        Ok(changes)
    }

    /// Takes in what is announced of a server, unless better is known. What cannot be used is
    /// logged.
    pub(super) async fn take(&self, server_id: &str, keys: &Map<String, Value>, source: Source) {
        if let Err(error) = self.try_take(server_id, keys, source).await {
            tracing::warn!(server = server_id, "an announced server cannot be used: {error:#}");
        }
    }

    async fn try_take(
        &self,
        server_id: &str,
        keys: &Map<String, Value>,
        source: Source,
    ) -> Result<()> {
        let announcement = StorageAnnouncement::from_keys(server_id, keys)?;
        let seqnum = seqnum_of(keys);
        let mut known = self.known.lock().await;
        let server = match known.get(server_id) {
            Some(old) if !old.gives_way_to(source, seqnum) => return Ok(()),
            // The server was perhaps started anew, and said again what it had said.
            Some(old) if old.announcement == announcement => {
                old.server.retry_soon();
                Arc::clone(&old.server)
            }
            None if known.len() >= SERVERS_MAX => bail!("there are {SERVERS_MAX} already"),
            _ => {
                let server = self.connector.server(&announcement, None).await?;
                let server = Arc::new(server);
                self.grid.servers().put(Arc::clone(&server));
                server
            }
        };
        known.insert(
            server_id.to_owned(),
            Known { announcement, seqnum, source, listed: None, server },
        );
        Ok(())
    }

    /// Ends the connections to all servers.
    pub(super) async fn stop(&self) {
        self.connector.stop().await;
    }
}

impl Known {
    /// Whether something from that source, with that number, is to be believed instead.
    fn gives_way_to(&self, source: Source, seqnum: Option<u64>) -> bool {
        match (self.source, source) {
            (Source::Static, _) | (Source::Introducer, Source::Cache) => false,
            (Source::Cache, Source::Introducer) => true,
            // Several introducers may tell of the same server; one may be behind the others.
            _ => self.seqnum.is_none() || seqnum > self.seqnum,
        }
    }
}
