//! A node, put together from its configuration: read from top to bottom, this is what a node is.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use tallac_core::announcement::StorageAnnouncement;
use tallac_core::grid_manager::GridManagers;
use tallac_core::storage::StorageServer;
use tallac_gateway::wapi::{WebApi, WebConfig};
use tallac_grid::grid::{Grid, GridConfig};
use tallac_grid::servers::{GridServer, ServerInfo, ServerList};
use tallac_net::gbs::{GbsClient, GbsServer};
use tallac_net::identity::{Nurl, node_id};
use tallac_net::transport::Ways;
use tallac_storage::{Config as DiskConfig, DiskServer};

use super::listen::{self, Listener};
use super::service::{OnFailure, Service, Tree};
use super::ways;
use crate::config::{ListenAt, NodeConfig, StorageConfig, Tub, TubPort, servers_yaml};
use crate::node_files::{ApiAuthToken, NodeIdentity, NodeSecrets, PermutationSeed, storage_furl};

/// How often a storage server looks for uploads that nobody goes on with.
const SWEEP_INTERVAL: Duration = Duration::from_secs(300);

/// The parts of a node, all of them running.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) tree: Tree,
    pub(super) grid: Grid,
    /// Where the web API is, if there is one.
    pub(super) web_url: Option<String>,
}

/// Starts every part of a node.
///
/// # Errors
/// What is wrong with the configuration, the node directory or the machine, and what to do.
pub(super) async fn assemble(config: NodeConfig) -> Result<Parts> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let directory = config.directory.clone();
    let (identity, secrets) = tokio::task::spawn_blocking(move || {
        let identity = NodeIdentity::load_or_create(&directory)?;
        let secrets = NodeSecrets::load_or_create(&directory)?;
        ApiAuthToken::renew(&directory)?;
        anyhow::Ok((identity, secrets))
    })
    .await??;
    let mut tree = Tree::new();
    let ways = ways::start(&mut tree, &config.directory, &config.connections)?;
    if let Some(storage) = &config.storage {
        start_storage(&mut tree, &config, storage, &identity).await?;
    }
    let grid = start_grid(&mut tree, &config, &ways, &secrets)?;
    let web_url = match &config.web_port {
        Some(at) => Some(start_web(&mut tree, &config, at, &grid)?),
        None => None,
    };
    Ok(Parts { tree, grid, web_url })
}

/// The storage server on this machine's disk, and its ports.
async fn start_storage(
    tree: &mut Tree,
    config: &NodeConfig,
    storage: &StorageConfig,
    identity: &NodeIdentity,
) -> Result<()> {
    let mut disk = DiskConfig::new(&storage.dir);
    disk.reserved_space = storage.reserved_space;
    disk.readonly = storage.readonly;
    disk.node = node_id(identity.certificate.tub_id());
    let server = tokio::task::spawn_blocking(move || DiskServer::open(disk)).await??;
    let listeners = tub_listeners(tree, config)?;
    PermutationSeed::load_or_create(&config.directory, identity, &storage.dir)?;
    let hints = tub_hints(config, &listeners)?;
    let furl = storage_furl(&config.directory, &identity.certificate, &hints)?;
    let shared: Arc<dyn StorageServer> = Arc::new(server.clone());
    let gbs = GbsServer::new(shared, &identity.certificate, furl.name())
        .context("the certificate in private/node.pem cannot be used for TLS")?;

    tree.start(Service::new("storage sweep", OnFailure::Restart, move |stop| {
        let server = server.clone();
        async move {
            let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                server.drop_idle_uploads().await?;
            }
            // So that Tahoe-LAFS may take the storage directory over.
            if let Err(error) = server.settle().await {
                tracing::error!(%error, "the journal of mutable shares is left to the next start");
            }
            Ok(())
        }
    }));
    for listener in listeners {
        let name = format!("storage port {}", listener.port()?);
        let gbs = gbs.clone();
        tree.start(Service::new(name, OnFailure::Restart, move |stop| {
            let (gbs, listener) = (gbs.clone(), listener.handle());
            async move {
                gbs.serve(listener?, stop.cancelled_owned()).await;
                Ok(())
            }
        }));
    }
    Ok(())
}

/// The sockets of `tub.port`. A port that was left open is chosen once, and kept in `client.port`.
fn tub_listeners(tree: &mut Tree, config: &NodeConfig) -> Result<Vec<Listener>> {
    let Tub::Listening { ports, .. } = &config.tub else {
        bail!("storage is enabled, but tub is not listening");
    };
    if !ports.is_empty() {
        return ports.iter().map(|port| tub_listener(tree, config, port)).collect();
    }
    let at = ListenAt { host: "0.0.0.0".to_owned(), port: 0 };
    let listener = Listener::bind(&at, "[node] tub.port")?;
    config.directory.save_client_port(listener.port()?)?;
    Ok(vec![listener])
}

/// The socket of one port; that of the I2P destination is one which the router connects to.
fn tub_listener(tree: &mut Tree, config: &NodeConfig, port: &TubPort) -> Result<Listener> {
    const SETTING: &str = "[node] tub.port";
    match port {
        TubPort::Socket(at) => Listener::bind(at, SETTING),
        TubPort::I2p => {
            let at = ListenAt { host: "127.0.0.1".to_owned(), port: 0 };
            let listener = Listener::bind(&at, SETTING)?;
            ways::start_destination(tree, &config.connections.i2p, listener.port()?)?;
            Ok(listener)
        }
    }
}

/// What others are told of where the sockets are.
fn tub_hints(config: &NodeConfig, listeners: &[Listener]) -> Result<Vec<String>> {
    let Tub::Listening { location, .. } = &config.tub else { return Ok(Vec::new()) };
    let port = listeners.first().context("tub.port names no port")?.port()?;
    Ok(location.hints(&listen::local_addresses(), port))
}

/// The client of the grid's servers.
fn start_grid(
    tree: &mut Tree,
    config: &NodeConfig,
    ways: &Ways,
    secrets: &NodeSecrets,
) -> Result<Grid> {
    let servers = static_servers(config, ways)?;
    let mut grid_config = GridConfig::new(secrets.lease.clone(), secrets.convergence.clone())?;
    grid_config.encoding = config.client.encoding();
    grid_config.happy = config.client.happy.into();
    grid_config.segment_size_max = config.client.segment_size_max;
    let grid = Grid::new(grid_config, ServerList::new(servers));
    grid.mutable_files().keep_keys_ready();
    let monitored = grid.clone();
    tree.start(Service::new("grid monitor", OnFailure::Restart, move |stop| {
        let grid = monitored.clone();
        async move {
            stop.run_until_cancelled(grid.servers().monitor()).await;
            stop.cancelled().await;
            Ok(())
        }
    }));
    Ok(grid)
}

/// The servers of `private/servers.yaml`.
fn static_servers(config: &NodeConfig, ways: &Ways) -> Result<Vec<Arc<GridServer>>> {
    let mut servers = Vec::new();
    let managers = &config.client.grid_managers;
    for server in servers_yaml::read(&config.directory)? {
        let ways = ways::ways_to(&server, ways, config)?;
        let announcement = server.announcement;
        if announcement.nurls().is_empty() {
            tracing::warn!(
                server = %announcement.server_id(),
                "left out: it has no anonymous-storage-NURLs, and this version speaks no Foolscap"
            );
            continue;
        }
        servers.push(Arc::new(grid_server(&announcement, &ways, managers)?));
    }
    Ok(servers)
}

/// A server of the grid, spoken to over HTTPS.
fn grid_server(
    announcement: &StorageAnnouncement,
    ways: &Ways,
    managers: &GridManagers,
) -> Result<GridServer> {
    let name = announcement.server_id();
    let nurls: Result<Vec<Nurl>, _> = announcement.nurls().iter().map(|n| n.parse()).collect();
    let nurls = nurls.with_context(|| format!("servers.yaml: a NURL of {name} is wrong"))?;
    let client =
        GbsClient::new(&nurls, ways).with_context(|| format!("servers.yaml: server {name}"))?;
    let info = ServerInfo {
        id: name.clone(),
        nickname: announcement.nickname().to_owned(),
        tub_id: *announcement.tub_id(),
        permutation_seed: announcement.permutation_seed().to_vec(),
    };
    let permit = managers.permit(name, announcement.certificates());
    let server = GridServer::new(info, Arc::new(client));
    Ok(server.given_shares_while(move || permit.holds(SystemTime::now())))
}

/// The web API; gives its URL, which is left in `node.url`.
fn start_web(tree: &mut Tree, config: &NodeConfig, at: &ListenAt, grid: &Grid) -> Result<String> {
    let listener = Listener::bind(at, "[node] web.port")?;
    let url = format!("http://127.0.0.1:{}/", listener.port()?);
    std::fs::create_dir_all(&config.tempdir)
        .with_context(|| format!("cannot make the tempdir {}", config.tempdir.display()))?;
    let mut web = WebConfig::new(config.tempdir.clone(), config.nickname.clone());
    web.mutable_format = config.client.mutable_format;
    let web = WebApi::new(grid.clone(), web);
    config.directory.save_node_url(&url)?;
    tree.start(Service::new("web API", OnFailure::Restart, move |stop| {
        let (web, listener) = (web.clone(), listener.handle());
        async move {
            web.serve(listener?, stop.cancelled_owned()).await;
            Ok(())
        }
    }));
    Ok(url)
}
