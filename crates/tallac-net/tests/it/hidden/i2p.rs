//! What an I2P router may do wrong, and how it is told.

use foolscap::Dialer as _;
use tallac_net::transport::Ways;
use tallac_net::transport::i2p::{DestinationKey, I2p, I2pService};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::fakes;

#[tokio::test]
async fn a_destination_is_made() {
    let router = fakes::sam().await;
    let (address, key) = I2p::new(router.endpoint()).generate().await.unwrap();
    // The SHA-256 of three zero bytes.
    let expected = "ocpibruys6xrqoxqg7sflgutfdqfwtyu4d25t6oaveufvkj6brvq.b32.i2p";
    assert_eq!((address.to_string().len(), key.expose()), (expected.len(), "AAAAkey~-="));
    assert!(address.to_string().ends_with(".b32.i2p"));
    assert_eq!(router.asked()[1], "DEST GENERATE SIGNATURE_TYPE=7");
}

#[tokio::test]
async fn hints_are_followed_from_one_session() {
    let router = fakes::sam().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    router.name("peer.i2p", listener.local_addr().unwrap().port());
    let ways = Ways::none().with_i2p(I2p::new(router.endpoint()));
    for hint in ["i2p:peer.i2p:7", "i2p:peer.i2p"] {
        let mut stream = ways.dial(hint).unwrap().await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        peer.write_all(b"hello").await.unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"hello");
    }
    let made = router.asked().into_iter().filter(|line| line.starts_with("SESSION")).count();
    assert_eq!(made, 1);
    let unknown = ways.dial("i2p:nobody.i2p").unwrap().await.err().unwrap();
    assert!(unknown.to_string().contains("I2P refuses: KEY_NOT_FOUND"), "{unknown}");
    assert!(ways.dial("tcp:127.0.0.1:1").is_none());
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let cases: [(&'static [u8], &str); 6] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what listens there is no SAM port"),
        (b"HELLO REPLY RESULT=NOVERSION\n", "I2P refuses: NOVERSION"),
        (b"HELLO REPLY RESULT=I2P_ERROR MESSAGE=\"not now\"\n", "I2P_ERROR not now"),
        (b"HELLO REPLY RESULT=OK\n", "what listens there is no SAM port"),
        (b"HELLO REPLY RESULT=OK VERSION=3.1\nSESSION STATUS RESULT=DUPLICATED_DEST\n", "DUPL"),
        (b"\xff\n", "it sends no text"),
    ];
    for (text, expected) in cases {
        let router = fakes::says(text).await;
        let error = I2p::new(router.endpoint()).connect("x.i2p", 1).await.err().unwrap();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
    let router = fakes::says(b"").await;
    let endpoint = router.endpoint();
    router.kill().await;
    let error = I2p::new(endpoint).connect("x.i2p", 1).await.err().unwrap();
    assert!(error.to_string().starts_with("cannot reach I2P at tcp:127.0.0.1:"), "{error}");
}

#[tokio::test]
async fn a_router_that_ends_ends_the_service() {
    let router = fakes::sam().await;
    let key: DestinationKey = "AAAA".parse().unwrap();
    let service = I2pService::new(router.endpoint(), key, 1, 2);
    let task = tokio::spawn(async move { service.run(CancellationToken::new()).await });
    router.wait_for("STREAM FORWARD").await;
    router.kill().await;
    task.await.unwrap().unwrap_err();
}

/// A session of a router that was started again is not used for ever.
#[tokio::test]
async fn a_session_that_is_gone_is_made_again() {
    let router = fakes::sam().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    router.name("peer.i2p", listener.local_addr().unwrap().port());
    let i2p = I2p::new(router.endpoint());
    i2p.connect("peer.i2p", 1).await.unwrap();
    router.forget_sessions();
    let error = i2p.connect("peer.i2p", 1).await.err().unwrap();
    assert!(error.to_string().contains("INVALID_ID no such"), "{error}");
    i2p.connect("peer.i2p", 1).await.unwrap();
}
