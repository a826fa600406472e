//! Servers that answer what the protocol does not allow.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tallac_core::ids::ShareNumber;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, ReadRequest, ShareKind, StorageError, StorageServer as _, WriteRequest,
};
use tallac_net::gbs::GbsClient;
use tallac_net::identity::{Location, Nurl, Swissnum};
use tokio::net::TcpListener;

use crate::support::{CERTIFICATE, SI};

const CBOR: (&str, &str) = ("content-type", "application/cbor");
const OCTETS: (&str, &str) = ("content-type", "application/octet-stream");

/// A client of a server that gives every request this answer.
async fn client(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> GbsClient {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let response = response.body(Full::new(Bytes::from(body))).unwrap();
    let pem = CERTIFICATE.to_pem().as_bytes();
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(pem).unwrap()],
            PrivateKeyDer::from_pem_slice(pem).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(tls) = acceptor.accept(tcp).await else { continue };
            let service = service_fn(|_: Request<Incoming>| {
                let response = response.clone();
                async move { Ok::<_, Infallible>(response) }
            });
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(tls), service).await;
        }
    });
    let location = Location::new("127.0.0.1", port).unwrap();
    let nurl = Nurl::new(CERTIFICATE.spki_hash(), location, Swissnum::generate().unwrap());
    GbsClient::new(&[nurl]).unwrap()
}

fn assert_misbehaved<T: std::fmt::Debug>(answer: Result<T, StorageError>, what: &str) {
    assert!(matches!(answer, Err(StorageError::PeerMisbehaved(_))), "{what}: {answer:?}");
}

#[tokio::test]
async fn reads() {
    let check = async |what, status, headers: &[_], body: &[u8]| {
        let client = client(status, headers, body.to_vec()).await;
        let request = ReadRequest {
            kind: ShareKind::Immutable,
            storage_index: SI,
            share_number: ShareNumber::new(0),
            range: Some(10..20),
        };
        let read = async { client.read(request).await?.try_collect::<Vec<_>>().await };
        assert_misbehaved(read.await, what);
    };
    let range = |range| ("content-range", range);
    check("a whole share", 200, &[OCTETS], b"0123456789").await;
    check("no range", 206, &[OCTETS], b"0123456789").await;
    check("an odd range", 206, &[OCTETS, range("bytes */10")], b"0123456789").await;
    check("an earlier range", 206, &[OCTETS, range("bytes 9-18/*")], b"0123456789").await;
    check("a longer range", 206, &[OCTETS, range("bytes 10-20/*")], b"01234567890").await;
    check("more than said", 206, &[OCTETS, range("bytes 10-14/*")], b"0123456789").await;
    check("less than said", 206, &[OCTETS, range("bytes 10-19/*")], b"01234").await;
    check("text", 206, &[range("bytes 10-19/*")], b"0123456789").await;
    check("a redirection", 301, &[("location", "https://else.invalid/")], b"").await;
    check("a breakdown", 500, &[], b"<html>").await;
}

#[tokio::test]
async fn lists() {
    let check = async |what, status, headers: &[_], body: Vec<u8>| {
        let client = client(status, headers, body).await;
        assert_misbehaved(client.list(ShareKind::Immutable, SI).await, what);
    };
    check("no CBOR", 200, &[CBOR], b"nonsense".to_vec()).await;
    check("no set", 200, &[CBOR], vec![0x80]).await;
    check("257 shares", 200, &[CBOR], [&b"\xd9\x01\x02\x99\x01\x01"[..], &[0; 257]].concat()).await;
    check("a far share", 200, &[CBOR], b"\xd9\x01\x02\x81\x19\x01\x00".to_vec()).await;
    check("no end", 200, &[CBOR], vec![0; 2_000_000]).await;
    check("another type", 200, &[OCTETS], b"\xd9\x01\x02\x80".to_vec()).await;
    check("another status", 206, &[CBOR], b"\xd9\x01\x02\x80".to_vec()).await;
}

#[tokio::test]
async fn allocations() {
    let answer = "a26c616c72656164792d68617665d9010281XX69616c6c6f6361746564d9010281YY";
    for (what, have, allocated) in
        [("not asked for", "00", "02"), ("had and allocated", "01", "01")]
    {
        let body = hex::decode(answer.replace("XX", have).replace("YY", allocated)).unwrap();
        let client = client(200, &[CBOR], body).await;
        let request = AllocateRequest {
            storage_index: SI,
            share_numbers: [ShareNumber::new(1)].into(),
            allocated_size: 1,
            upload_secret: UploadSecret::new(vec![1; 20]),
            lease: LeaseSecrets {
                renew: RenewSecret::new([1; 32]),
                cancel: CancelSecret::new([2; 32]),
            },
        };
        assert_misbehaved(client.allocate(request).await, what);
    }
}

#[tokio::test]
async fn writes() {
    let missing = "a168726571756972656481a265626567696e0563656e640a";
    let nothing = "a168726571756972656480";
    for (what, status, body) in
        [("complete but not", 201, missing), ("not but complete", 200, nothing)]
    {
        let client = client(status, &[CBOR], hex::decode(body).unwrap()).await;
        let request = WriteRequest {
            storage_index: SI,
            share_number: ShareNumber::new(0),
            upload_secret: UploadSecret::new(vec![1; 20]),
            range: 0..5,
            total: 10,
            data: Box::pin(futures_util::stream::iter([Ok(Bytes::from_static(b"01234"))])),
        };
        assert_misbehaved(client.write(request).await, what);
    }
}

#[tokio::test]
async fn a_refusal_is_repeated_in_part_and_without_control_characters() {
    let said = format!("first\x1b[31m\n{}", "x".repeat(5000)).into_bytes();
    let client = client(400, &[("content-type", "text/plain")], said).await;
    let Err(StorageError::BadRequest(message)) = client.version().await else { panic!() };
    assert!(message.contains("first") && message.len() < 300);
    assert!(!message.contains(char::is_control));
}
