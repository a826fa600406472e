//! One port for both protocols.

use std::sync::Arc;
use std::time::Duration;

use foolscap::{Swissnum, Tub, TubOptions};
use tallac_core::storage::StorageServer as _;
use tallac_net::foolscap_storage::FoolscapStorage;
use tallac_net::gbs::{GbsClient, GbsServer};
use tallac_net::identity::{Location, Nurl, SpkiHash};
use tallac_net::switch::{Switch, SwitchLimits};
use tallac_testkit::SimServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Listening, client_of};
use crate::support::CERTIFICATE;

/// Soon enough for a test, and late enough for a busy machine.
const SOON: Duration = Duration::from_millis(300);

fn tub() -> Tub {
    Tub::new(&CERTIFICATE, TubOptions::default()).unwrap()
}

/// Whether the other side closes a connection.
async fn is_closed(mut stream: TcpStream) -> bool {
    stream.read(&mut [0]).await.unwrap_or(0) == 0
}

#[tokio::test]
async fn both_protocols_are_served() {
    let (sim, tub) = (SimServer::new("sim"), tub());
    let swissnum = Swissnum::generate().unwrap();
    let gbs = GbsServer::new(Arc::new(sim.clone()), &CERTIFICATE, &swissnum).unwrap();
    let listening = Listening::start_with(tub.clone(), Switch::new(tub, Some(gbs))).await;
    let storage = Arc::new(FoolscapStorage::new(Arc::new(sim)));
    let furl = listening.tub.register(swissnum.clone(), storage);
    let location = Location::new("127.0.0.1", listening.port).unwrap();
    let nurl = Nurl::new(SpkiHash::of(&CERTIFICATE), location, swissnum);

    let (_tub, foolscap) = client_of(&furl);
    let gbs = GbsClient::new(&[nurl]).unwrap();
    let version = foolscap.version().await.unwrap();
    assert_eq!(gbs.version().await.unwrap(), version);
    assert_eq!(foolscap.version().await.unwrap(), version);
    listening.stop().await;
    assert!(gbs.version().await.is_err());
    assert!(foolscap.version().await.is_err());
}

#[tokio::test]
async fn a_tub_alone_speaks_no_https() {
    let listening = Listening::start().await;
    let location = Location::new("127.0.0.1", listening.port).unwrap();
    let nurl = Nurl::new(SpkiHash::of(&CERTIFICATE), location, Swissnum::generate().unwrap());
    assert!(GbsClient::new(&[nurl]).unwrap().version().await.is_err());
    listening.stop().await;
}

#[tokio::test]
async fn those_who_say_too_little_are_sent_away() {
    let limits = SwitchLimits { first_bytes_timeout: SOON, ..SwitchLimits::default() };
    let tub = tub();
    let switch = Switch::with_limits(tub.clone(), None, limits);
    let listening = Listening::start_with(tub, switch).await;
    let connect = async || TcpStream::connect(("127.0.0.1", listening.port)).await.unwrap();
    let silent = connect().await;
    let mut slow = connect().await;
    slow.write_all(b"GET /id").await.unwrap();
    assert!(is_closed(silent).await);
    assert!(is_closed(slow).await);
    listening.stop().await;
}

#[tokio::test]
async fn of_too_many_who_say_nothing_the_first_must_leave() {
    let limits = SwitchLimits { undecided_max: 2, ..SwitchLimits::default() };
    let (sim, tub) = (SimServer::new("sim"), tub());
    let switch = Switch::with_limits(tub.clone(), None, limits);
    let listening = Listening::start_with(tub, switch).await;
    let storage = Arc::new(FoolscapStorage::new(Arc::new(sim)));
    let furl = listening.tub.register(Swissnum::generate().unwrap(), storage);
    let (_tub, client) = client_of(&furl);
    client.version().await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(("127.0.0.1", listening.port)).await.unwrap());
    }
    for first in silent.drain(..3) {
        assert!(is_closed(first).await);
    }
    // Who has shown what it speaks is not concerned.
    client.version().await.unwrap();
    listening.stop().await;
    assert!(is_closed(silent.remove(0)).await);
}
