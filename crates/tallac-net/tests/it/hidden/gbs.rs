//! Storage servers that are reached through a network that hides who asks.

use tallac_core::storage::StorageServer as _;
use tallac_net::gbs::{GbsClient, GbsClientError};
use tallac_net::identity::{Location, Network, Nurl};
use tallac_net::transport::i2p::{DestinationKey, I2p, I2pService};
use tallac_net::transport::tor::{SocksPort, Tor};
use tallac_net::transport::{Way, Ways};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::fakes;
use crate::support::Served;

/// The NURL of a server, with another address.
fn nurl_at(served: &Served, network: Network, host: &str, port: u16) -> Nurl {
    let location = Location::new(host, port).unwrap();
    let nurl = &served.nurl;
    Nurl::with_network(network, *nurl.spki_hash(), location, nurl.swissnum().clone())
}

fn port_of(served: &Served) -> u16 {
    served.nurl.locations()[0].port()
}

/// What anybody who connects to past the proxy is caught by.
async fn trap() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn servers_are_reached_through_tor_by_name() {
    let (served, proxy) = (Served::start().await, fakes::socks().await);
    proxy.name("abc.onion", port_of(&served));
    proxy.name("server.invalid", port_of(&served));
    let tor = Tor::new(SocksPort::At(proxy.endpoint()));
    let ways = Ways::none().with_tor(tor).followed_over(Network::Tcp, Some(Way::Tor));
    for (network, host) in [(Network::Tor, "abc.onion"), (Network::Tcp, "server.invalid")] {
        let client = GbsClient::new(&[nurl_at(&served, network, host, 3457)], &ways).unwrap();
        client.version().await.unwrap();
    }
    assert_eq!(proxy.asked(), ["abc.onion:3457", "server.invalid:3457"]);
}

#[tokio::test]
async fn nothing_goes_past_the_proxy() {
    let (served, proxy) = (Served::start().await, fakes::socks().await);
    let (trap, trap_port) = trap().await;
    let tor = Tor::new(SocksPort::At(proxy.endpoint()));
    let ways = Ways::none().with_tor(tor).followed_over(Network::Tcp, Some(Way::Tor));
    // The proxy knows none of them; `localhost` would be found without it.
    let nurls = [
        nurl_at(&served, Network::Tcp, "127.0.0.1", trap_port),
        nurl_at(&served, Network::Tcp, "localhost", trap_port),
        nurl_at(&served, Network::Tor, "localhost", trap_port),
        nurl_at(&served, Network::I2p, "localhost", trap_port),
    ];
    let error = GbsClient::new(&nurls, &ways).unwrap().version().await.unwrap_err();
    assert!(error.to_string().contains("the host is unreachable"), "{error}");
    assert_eq!(proxy.asked(), [format!("localhost:{trap_port}"), format!("localhost:{trap_port}")]);
    let none = [(0..1, Ways::none()), (0..1, ways), (2..4, Ways::direct())];
    for (range, ways) in none {
        let refused = GbsClient::new(&nurls[range], &ways);
        assert!(matches!(refused, Err(GbsClientError::NoAddress)), "{refused:?}");
    }
    // Without its proxy, nothing is reached either.
    proxy.kill().await;
    let tor = Tor::new(SocksPort::At(tallac_net::transport::Endpoint::loopback(9)));
    let ways = Ways::none().with_tor(tor).followed_over(Network::Tcp, Some(Way::Tor));
    let error = GbsClient::new(&nurls, &ways).unwrap().version().await.unwrap_err();
    assert!(error.to_string().contains("cannot reach Tor at tcp:127.0.0.1:9"), "{error}");
    let caught = tokio::time::timeout(std::time::Duration::ZERO, trap.accept()).await;
    assert!(caught.is_err(), "somebody connected openly");
}

#[tokio::test]
async fn servers_are_reached_through_i2p_and_serve_there() {
    let (served, router) = (Served::start().await, fakes::sam().await);
    let key: DestinationKey = "AAAAkey~-=".parse().unwrap();
    let service = I2pService::new(router.endpoint(), key, 3457, port_of(&served));
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let task = tokio::spawn(async move { service.run(stopped).await });
    let session = router.wait_for("SESSION CREATE").await;
    assert!(session.ends_with("DESTINATION=AAAAkey~-= FROM_PORT=3457"), "{session}");
    let forward = router.wait_for("STREAM FORWARD").await;
    let port = port_of(&served);
    assert!(forward.ends_with(&format!("PORT={port} HOST=127.0.0.1 SILENT=true")), "{forward}");
    assert_eq!(router.wait_for("PONG").await, "PONG 1 2");

    let ways = Ways::none().with_i2p(I2p::new(router.endpoint()));
    let nurl = nurl_at(&served, Network::I2p, "forwarded.i2p", 3457);
    let client = GbsClient::new(&[nurl], &ways).unwrap();
    client.version().await.unwrap();
    let connect = router.wait_for("STREAM CONNECT").await;
    assert!(connect.ends_with("DESTINATION=forwarded-i2p TO_PORT=3457 SILENT=false"), "{connect}");
    stop.cancel();
    task.await.unwrap().unwrap();
}
