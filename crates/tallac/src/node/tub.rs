//! The node's tub: who it is to others, and where they reach it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use foolscap::{Certificate, Tub, TubOptions};
use tallac_net::gbs::GbsServer;
use tallac_net::switch::Switch;
use tallac_net::transport::Ways;

use super::listen::{self, Listener};
use super::service::{OnFailure, Service, Tree};
use super::ways;
use crate::config::{self, Connections, ListenAt, NodeDirectory, TubPort};

/// How long a connection may be silent before the other side is asked whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(240);

/// What the setting is called that sockets come from.
const SETTING: &str = "[node] tub.port";

/// How silent connections are treated: `timeout.keepalive` and `timeout.disconnect`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    pub(super) keepalive: Option<Duration>,
    pub(super) disconnect: Option<Duration>,
}

/// A tub with this identity, which reaches others in these ways.
///
/// # Errors
/// When the certificate cannot be used.
pub(super) fn tub(certificate: &Certificate, silence: Silence, ways: &Ways) -> Result<Tub> {
    let options = TubOptions {
        keepalive: silence.keepalive.unwrap_or(KEEPALIVE),
        disconnect: silence.disconnect,
        dialer: Arc::new(ways.clone()),
    };
    Tub::new(certificate, options)
        .context("the certificate in private/node.pem cannot be used for TLS")
}

/// The sockets of a node, and what others are told of where they are.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) hints: Vec<String>,
    listeners: Vec<Listener>,
}

impl Reached {
    /// Opens the sockets of `tub.port`; none if the node does not listen. A port that was left
    /// open is chosen once, and kept in `client.port`.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub(super) fn open(
        tree: &mut Tree,
        directory: &NodeDirectory,
        connections: &Connections,
        tub: &config::Tub,
    ) -> Result<Self> {
        let config::Tub::Listening { ports, location } = tub else { return Ok(Self::default()) };
        let mut listeners = Vec::new();
        for port in ports {
            listeners.push(listener(tree, connections, port)?);
        }
        if listeners.is_empty() {
            let at = ListenAt { host: "0.0.0.0".to_owned(), port: 0 };
            let listener = Listener::bind(&at, SETTING)?;
            directory.save_client_port(listener.port()?)?;
            listeners.push(listener);
        }
        let port = listeners.first().context("tub.port names no port")?.port()?;
        Ok(Self { hints: location.hints(&listen::local_addresses(), port), listeners })
    }

    /// Serves what the tub offers on all of them, and HTTPS if there is a server for it.
    ///
    /// # Errors
    /// When the system does not tell the port of a socket.
    pub(super) fn serve(self, tree: &mut Tree, tub: &Tub, gbs: Option<&GbsServer>) -> Result<()> {
        let switch = Switch::new(tub.clone(), gbs.cloned());
        for listener in self.listeners {
            let name = format!("tub port {}", listener.port()?);
            let switch = switch.clone();
            tree.start(Service::new(name, OnFailure::Restart, move |stop| {
                let (switch, listener) = (switch.clone(), listener.handle());
                async move {
                    switch.serve(listener?, stop.cancelled_owned()).await;
                    Ok(())
                }
            }));
        }
        Ok(())
    }
}

/// The socket of one port; that of the I2P destination is one which the router connects to.
fn listener(tree: &mut Tree, connections: &Connections, port: &TubPort) -> Result<Listener> {
    match port {
        TubPort::Socket(at) => Listener::bind(at, SETTING),
        TubPort::I2p => {
            let at = ListenAt { host: "127.0.0.1".to_owned(), port: 0 };
            let listener = Listener::bind(&at, SETTING)?;
            ways::start_destination(tree, &connections.i2p, listener.port()?)?;
            Ok(listener)
        }
    }
}

/// Ends the tub's connections when the node stops, after all that was started later.
pub(super) fn stop_with(tree: &mut Tree, tub: &Tub) {
    let tub = tub.clone();
    tree.start(Service::ending("tub", move || {
        let tub = tub.clone();
        async move { tub.stop().await }
    }));
}
