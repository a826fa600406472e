//! How a node reaches others, and what lets others reach it where it hides (sections 11.2, 11.3).

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tallac_net::transport::i2p::{DestinationKey, I2p, I2pService, SAM_PORT_DEFAULT};
use tallac_net::transport::tor::{Launch, OnionService, SocksPort, Tor, TorService};
use tallac_net::transport::{Endpoint, Network, Way, Ways};

use super::service::{OnFailure, Service, Tree};
use crate::config::servers_yaml::ListedServer;
use crate::config::{Connections, I2pConfig, NodeConfig, NodeDirectory, OnionConfig, TorConfig};
use crate::files;

/// How a node with these settings reaches others. Starts the Tor of its own that it may have, and
/// its onion service.
///
/// # Errors
/// When a key cannot be read.
pub(super) fn start(
    tree: &mut Tree,
    directory: &NodeDirectory,
    connections: &Connections,
) -> Result<Ways> {
    let Connections { tcp, tor, i2p } = connections;
    let socks = start_tor(tree, directory, tor)?;
    let mut ways = Ways::none().followed_over(Network::Tcp, *tcp);
    if tor.enabled {
        ways = ways.with_tor(Tor::new(socks));
    }
    if i2p.enabled {
        ways = ways.with_i2p(I2p::new(sam_port(i2p)));
    }
    Ok(ways)
}

/// How a server of `servers.yaml` is reached.
///
/// # Errors
/// When that would reveal this machine's address although it must not be.
pub(super) fn ways_to(server: &ListedServer, ways: &Ways, config: &NodeConfig) -> Result<Ways> {
    let mut own = ways.clone();
    for (network, way) in &server.connections {
        ensure!(
            config.reveal_ip_address || *way != Some(Way::Direct),
            "servers.yaml: server '{}' is to be connected to openly, which reveal-IP-address = \
             false forbids: remove its connections",
            server.announcement.server_id()
        );
        own = own.followed_over(*network, *way);
    }
    Ok(own)
}

/// Keeps the I2P destination of a node, which leads to a port of this machine.
///
/// # Errors
/// When its key cannot be read.
pub(super) fn start_destination(tree: &mut Tree, i2p: &I2pConfig, local_port: u16) -> Result<()> {
    let Some(destination) = &i2p.destination else { return Ok(()) };
    let key: DestinationKey = read_key(&destination.private_key_file)?;
    let service = Arc::new(I2pService::new(sam_port(i2p), key, destination.port, local_port));
    tree.start(Service::new("I2P destination", OnFailure::Restart, move |stop| {
        let service = Arc::clone(&service);
        async move { Ok(service.run(stop).await?) }
    }));
    Ok(())
}

fn sam_port(i2p: &I2pConfig) -> Endpoint {
    i2p.sam_port.clone().unwrap_or_else(|| Endpoint::loopback(SAM_PORT_DEFAULT))
}

/// Starts what of Tor runs as long as the node does; gives how its SOCKS port is found.
fn start_tor(tree: &mut Tree, directory: &NodeDirectory, tor: &TorConfig) -> Result<SocksPort> {
    let onion = tor.onion.as_ref().map(onion_service).transpose()?;
    let (service, socks) = if tor.launch {
        let launch = Launch { executable: tor.executable.clone(), private: directory.private("") };
        let (service, launched) = TorService::launching(launch, onion);
        (Some(service), SocksPort::Launched(launched))
    } else {
        let socks = match (&tor.socks_port, &tor.control_port) {
            (Some(socks), _) => SocksPort::At(socks.clone()),
            (None, Some(control)) => SocksPort::Control(control.clone()),
            (None, None) => SocksPort::Default,
        };
        let service = tor.control_port.clone().zip(onion);
        (service.map(|(control, onion)| TorService::at(control, onion)), socks)
    };
    if let Some(service) = service.map(Arc::new) {
        tree.start(Service::new("Tor", OnFailure::Restart, move |stop| {
            let service = Arc::clone(&service);
            async move { Ok(service.run(stop).await?) }
        }));
    }
    Ok(socks)
}

fn onion_service(onion: &OnionConfig) -> Result<OnionService> {
    let &OnionConfig { external_port, local_port, .. } = onion;
    Ok(OnionService { key: read_key(&onion.private_key_file)?, external_port, local_port })
}

/// A key that was kept when the node was made.
fn read_key<K: std::str::FromStr>(file: &Path) -> Result<K>
where
    K::Err: std::error::Error + Send + Sync + 'static,
{
    let text = zeroize::Zeroizing::new(files::read_text(file)?.with_context(|| {
        format!(
            "there is no '{}'. Restore it from a backup; its address is lost else",
            file.display()
        )
    })?);
    text.parse().with_context(|| format!("'{}' is damaged", file.display()))
}
