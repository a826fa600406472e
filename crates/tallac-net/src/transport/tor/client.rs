//! Connections through Tor.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{Control, TorError};
use crate::transport::{BoxStream, Endpoint, socks};

/// Where Tor listens if nobody says otherwise, and where the one of the Tor Browser does.
const DEFAULT_PORTS: [u16; 2] = [9050, 9150];

/// How Tor's SOCKS port is found.
#[derive(Debug, Clone)]
pub enum SocksPort {
    /// Where it is by default.
    Default,
    /// There.
    At(Endpoint),
    /// Where Tor says at its control port.
    Control(Endpoint),
    /// At the Tor that this node launches, once it has.
    Launched(watch::Receiver<Option<Endpoint>>),
}

/// Connects through Tor. Clones share what they found out.
#[derive(Debug, Clone)]
pub struct Tor {
    port: SocksPort,
    /// What the control port told.
    known: Arc<Mutex<Option<Endpoint>>>,
}

impl Tor {
    /// Connects through the Tor whose SOCKS port is there.
    #[must_use]
    pub fn new(port: SocksPort) -> Self {
        Self { port, known: Arc::default() }
    }

    /// Whether Tor can connect to a host: its exits lead to no address that is not public.
    #[must_use]
    pub fn leads_to(host: &str) -> bool {
        match host.parse() {
            Ok(IpAddr::V4(address)) => {
                !(address.is_loopback()
                    || address.is_private()
                    || address.is_link_local()
                    || address.is_multicast()
                    || address.is_unspecified()
                    || address.octets()[0] >= 240)
            }
            Ok(IpAddr::V6(_)) => false,
            Err(_) => true,
        }
    }

    /// Connects to a port of a host. Its name is looked up by Tor, and by nobody on this side.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self, host: &str, port: u16) -> Result<BoxStream, TorError> {
        let mut stream = self.proxy().await?;
        socks::connect(&mut stream, host, port).await?;
        Ok(stream)
    }

    /// A connection to the SOCKS port.
    async fn proxy(&self) -> Result<BoxStream, TorError> {
        match &self.port {
            SocksPort::At(endpoint) => reach(endpoint).await,
            SocksPort::Default => {
                let [first, second] = DEFAULT_PORTS.map(Endpoint::loopback);
                match reach(&first).await {
                    Ok(stream) => Ok(stream),
                    Err(error) => reach(&second).await.map_err(|_| error),
                }
            }
            SocksPort::Control(control) => {
                let known = self.known().clone();
                if let Some(endpoint) = known
                    && let Ok(stream) = reach(&endpoint).await
                {
                    return Ok(stream);
                }
                let endpoint = Control::connect(control).await?.socks_port().await?;
                *self.known() = Some(endpoint.clone());
                reach(&endpoint).await
            }
            SocksPort::Launched(launched) => {
                let mut launched = launched.clone();
                let endpoint = launched.wait_for(Option::is_some).await;
                let endpoint = endpoint.ok().and_then(|endpoint| endpoint.clone());
                let stopped = || TorError::Ended("the node is stopping".to_owned());
                reach(&endpoint.ok_or_else(stopped)?).await
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<Endpoint>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reach(endpoint: &Endpoint) -> Result<BoxStream, TorError> {
    let unreachable = |error| TorError::Unreachable { endpoint: endpoint.clone(), error };
    endpoint.connect().await.map_err(unreachable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tor_leads_to_public_addresses_only() {
        for host in ["example.org", "x.onion", "8.8.8.8", "223.0.0.1"] {
            assert!(Tor::leads_to(host), "{host}");
        }
        for host in
            ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "::1"]
        {
            assert!(!Tor::leads_to(host), "{host}");
        }
    }
}
