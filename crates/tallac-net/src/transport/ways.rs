//! How a node reaches others: which network each kind of address is followed over (section 10.2,
//! `[connections]`). Every connection to a peer, whatever it speaks, is opened here, so that a node
//! that hides where it is can be sure that none goes out openly.

use std::fmt;
use std::io;
use std::time::Duration;

use foolscap::{Dialer, Location, object::BoxFuture};
use tokio::net::TcpStream;

use super::BoxStream;
use super::i2p::I2p;
use super::tor::Tor;

/// A network in which addresses mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Network {
    /// The open network: `tcp:` hints, `pb://` NURLs.
    Tcp,
    /// Tor: `tor:` hints, `pb+tor://` NURLs.
    Tor,
    /// I2P: `i2p:` hints, `pb+i2p://` NURLs.
    I2p,
}

/// How connections are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Openly, from this machine's own address.
    Direct,
    /// Through Tor.
    Tor,
    /// Through I2P.
    I2p,
}

/// How a node reaches others.
#[derive(Debug, Clone)]
pub struct Ways {
    /// How addresses of the open network, of Tor, and of I2P are followed; not at all if there is
    /// none.
    followed: [Option<Way>; 3],
    tor: Option<Tor>,
    i2p: Option<I2p>,
}

impl Ways {
    /// Openly, and no other way.
    #[must_use]
    pub const fn direct() -> Self {
        Self { followed: [Some(Way::Direct), None, None], tor: None, i2p: None }
    }

    /// No way: each must be added. Never openly, unless [`followed_over`](Self::followed_over) says
    /// so.
    #[must_use]
    pub const fn none() -> Self {
        Self { followed: [None; 3], tor: None, i2p: None }
    }

    /// The same, with Tor's own addresses followed through it.
    #[must_use]
    pub fn with_tor(self, tor: Tor) -> Self {
        Self { tor: Some(tor), ..self }.followed_over(Network::Tor, Some(Way::Tor))
    }

    /// The same, with I2P's own addresses followed through it.
    #[must_use]
    pub fn with_i2p(self, i2p: I2p) -> Self {
        Self { i2p: Some(i2p), ..self }.followed_over(Network::I2p, Some(Way::I2p))
    }

    /// The same, but with the addresses of a network followed in that way, or not at all.
    #[must_use]
    pub const fn followed_over(mut self, network: Network, way: Option<Way>) -> Self {
        self.followed[network as usize] = way;
        self
    }

    /// Whether anything may be connected to openly.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.followed.contains(&Some(Way::Direct))
    }

    /// The way to a port of a host in a network; nothing when there is none that is allowed.
    #[must_use]
    pub fn route(&self, network: Network, location: &Location) -> Option<Route> {
        self.route_to(network, location.host(), location.port())
    }

    fn route_to(&self, network: Network, host: &str, port: u16) -> Option<Route> {
        let via = match (self.followed[network as usize]?, network) {
            (Way::Direct, Network::Tcp) => Via::Direct,
            (Way::Tor, Network::Tcp | Network::Tor) if Tor::leads_to(host) => {
                Via::Tor(self.tor.clone()?)
            }
            (Way::I2p, Network::I2p) => Via::I2p(self.i2p.clone()?),
            _ => return None,
        };
        Some(Route { via, host: host.to_owned(), port })
    }

    /// The way that a connection hint leads; nothing when there is none that is allowed.
    #[must_use]
    pub fn route_of_hint(&self, hint: &str) -> Option<Route> {
        let (kind, rest) = hint.split_once(':')?;
        match kind {
            "tcp" => self.route(Network::Tcp, &rest.parse().ok()?),
            "tor" => self.route(Network::Tor, &rest.parse().ok()?),
            "i2p" => {
                let (host, port) = i2p_address(rest)?;
                self.route_to(Network::I2p, host, port)
            }
            // As hints were written before there were kinds.
            _ => self.route(Network::Tcp, &hint.parse().ok()?),
        }
    }
}

impl Dialer for Ways {
    fn dial(&self, hint: &str) -> Option<BoxFuture<'static, io::Result<BoxStream>>> {
        let route = self.route_of_hint(hint)?;
        Some(Box::pin(async move { route.open().await }))
    }
}

/// The way to one port of one host.
#[derive(Clone)]
pub struct Route {
    via: Via,
    host: String,
    port: u16,
}

#[derive(Clone)]
enum Via {
    Direct,
    Tor(Tor),
    I2p(I2p),
}

impl Route {
    /// How it goes.
    #[must_use]
    pub const fn way(&self) -> Way {
        match self.via {
            Via::Direct => Way::Direct,
            Via::Tor(_) => Way::Tor,
            Via::I2p(_) => Way::I2p,
        }
    }

    /// How long to wait for a connection, where `direct` is right for an open one. Hidden ones are
    /// made of many.
    #[must_use]
    pub fn patience(&self, direct: Duration) -> Duration {
        match self.via {
            Via::Direct => direct,
            Via::Tor(_) => direct.max(Duration::from_secs(120)),
            Via::I2p(_) => direct.max(Duration::from_secs(300)),
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(&self) -> io::Result<BoxStream> {
        match &self.via {
            Via::Direct => {
                let tcp = TcpStream::connect((self.host.as_str(), self.port)).await?;
                tcp.set_nodelay(true)?;
                Ok(Box::new(tcp))
            }
            Via::Tor(tor) => Ok(tor.connect(&self.host, self.port).await?),
            Via::I2p(i2p) => Ok(i2p.connect(&self.host, self.port).await?),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({:?} to {}:{})", self.way(), self.host, self.port)
    }
}

/// A destination's name, and its port; 0, which stands for any, if there is none.
fn i2p_address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let is_decimal = port.bytes().all(|byte| byte.is_ascii_digit());
    let is_address = !host.is_empty() && host.bytes().all(is_name) && is_decimal;
    Some((host, port.parse().ok().filter(|_| is_address)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Endpoint;
    use crate::transport::tor::SocksPort;

    const HINTS: [&str; 11] = [
        "tcp:example.org:1",
        "tcp:127.0.0.1:1",
        "tcp:[::1]:1",
        "example.org:1",
        "tor:x.onion:1",
        "tor:10.0.0.1:1",
        "i2p:x.b32.i2p:3457",
        "i2p:x.b32.i2p",
        "i2p:a b:1",
        "udp:h:1",
        "tcp:h:0",
    ];

    /// How each hint is followed: Direct, through Tor, through I2P, or not.
    fn check(ways: &Ways, expected: &str) {
        let followed = HINTS.iter().map(|hint| match ways.route_of_hint(hint) {
            Some(route) => match route.way() {
                Way::Direct => 'd',
                Way::Tor => 't',
                Way::I2p => 'i',
            },
            None => '-',
        });
        assert_eq!(followed.collect::<String>(), expected, "{ways:?}");
    }

    #[test]
    fn hints_are_followed_as_their_network_is() {
        let both = || {
            let endpoint = Endpoint::loopback(1);
            let tor = Tor::new(SocksPort::At(endpoint.clone()));
            Ways::none().with_tor(tor).with_i2p(I2p::new(endpoint))
        };
        let tcp = |ways: Ways, way| ways.followed_over(Network::Tcp, way);
        check(&Ways::none(), "-----------");
        check(&Ways::direct(), "dddd-------");
        check(&both(), "----t-ii---");
        check(&tcp(both(), Some(Way::Direct)), "ddddt-ii---");
        check(&tcp(both(), Some(Way::Tor)), "t--tt-ii---");
        check(&tcp(both(), Some(Way::I2p)), "----t-ii---");
        check(&tcp(Ways::none(), Some(Way::Tor)), "-----------");
        check(&both().followed_over(Network::Tor, Some(Way::Direct)), "------ii---");
        assert!(Ways::direct().is_open() && !tcp(both(), Some(Way::Tor)).is_open());
    }
}
