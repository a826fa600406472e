//! Servers that answer what the protocol does not allow.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret, WriteEnabler};
use tallac_core::storage::{
    AllocateRequest, ReadRequest, ReadVector, ShareKind, SlotReadRequest, SlotWriteRequest,
    StorageError, StorageServer as _, WriteRequest,
};
use tallac_net::gbs::GbsClient;
use tallac_net::identity::{Location, Nurl, SpkiHash, Swissnum};
use tallac_net::transport::Ways;
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
    client_of(move |_| response.clone()).await
}

/// A client of a server that answers like this.
async fn client_of(
    answer: impl Fn(&Request<Incoming>) -> Response<Full<Bytes>> + Send + Sync + 'static,
) -> GbsClient {
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
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let service = service_fn(|request: Request<Incoming>| {
                    let response = answer(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let server = hyper::server::conn::http1::Builder::new();
                let _ = server.serve_connection(TokioIo::new(tls), service).await;
            });
        }
    });
    let location = Location::new("127.0.0.1", port).unwrap();
    let nurl = Nurl::new(SpkiHash::of(&CERTIFICATE), location, Swissnum::generate().unwrap());
    GbsClient::new(&[nurl], &Ways::direct()).unwrap()
}

fn lease() -> LeaseSecrets {
    LeaseSecrets { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) }
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
            lease: lease(),
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

/// A read of four bytes from the second on.
fn four_bytes() -> Vec<ReadVector> {
    vec![ReadVector::new(1, 4)]
}

#[tokio::test]
async fn changes_of_slots() {
    let check = async |what, status, body: &str| {
        let client = client(status, &[CBOR], hex::decode(body).unwrap()).await;
        let request = SlotWriteRequest {
            storage_index: SI,
            write_enabler: WriteEnabler::new([3; 32]),
            lease: lease(),
            changes: BTreeMap::new(),
            reads: four_bytes(),
        };
        assert_misbehaved(client.write_slot(request).await, what);
    };
    let answer = |data: &str| format!("a26773756363657373f56464617461{data}");
    check("no data", 200, "a16773756363657373f5").await;
    check("a number for a flag", 200, "a26773756363657373016464617461a0").await;
    check("no runs", 200, &answer("a10380")).await;
    check("two runs", 200, &answer("a103824000")).await;
    check("a longer run", 200, &answer("a10381450102030405")).await;
    check("a share twice", 200, &answer("a2038140038140")).await;
    check("a far share", 200, &answer("a11901008140")).await;
    check("more behind", 200, &answer("a000")).await;
    check("another status", 201, &answer("a0")).await;
}

#[tokio::test]
async fn reads_of_slots() {
    let check = async |what, status, body: &str| {
        let client = client(status, &[CBOR], hex::decode(body).unwrap()).await;
        let reads = four_bytes();
        let share_numbers = vec![ShareNumber::new(3)];
        let request = SlotReadRequest { storage_index: SI, share_numbers, reads };
        assert_misbehaved(client.read_slot(request).await, what);
    };
    check("no map", 200, "80").await;
    check("no runs", 200, "a10380").await;
    check("a longer run", 200, "a10381450102030405").await;
    check("a share that was not asked for", 200, "a1048140").await;
    check("another status", 204, "a0").await;
}

#[tokio::test]
async fn a_server_is_asked_once_whether_it_reads_slots() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let client = client_of(move |request| {
        let path = request.uri().path();
        let response = match path.rsplit('/').next().unwrap() {
            "read" => {
                counted.fetch_add(1, Ordering::Relaxed);
                Response::builder().status(404)
            }
            "shares" => {
                let body = Full::new(Bytes::from_static(b"\xd9\x01\x02\x82\x03\x04"));
                return Response::builder().header(CBOR.0, CBOR.1).body(body).unwrap();
            }
            "3" => {
                let response = Response::builder().status(206).header(OCTETS.0, OCTETS.1);
                let body = Full::new(Bytes::from_static(b"hare"));
                return response.header("content-range", "bytes 1-4/*").body(body).unwrap();
            }
            _ => Response::builder().status(404),
        };
        response.body(Full::default()).unwrap()
    })
    .await;
    for _ in 0..3 {
        let request =
            SlotReadRequest { storage_index: SI, share_numbers: Vec::new(), reads: four_bytes() };
        // Share 4 is listed, and gone when it is read.
        let expected = [(ShareNumber::new(3), vec![Bytes::from_static(b"hare")])];
        assert_eq!(client.read_slot(request).await.unwrap(), expected.into());
    }
    assert_eq!(tries.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_refusal_is_repeated_in_part_and_without_control_characters() {
    let said = format!("first\x1b[31m\n{}", "x".repeat(5000)).into_bytes();
    let client = client(400, &[("content-type", "text/plain")], said).await;
    let Err(StorageError::BadRequest(message)) = client.version().await else { panic!() };
    assert!(message.contains("first") && message.len() < 300);
    assert!(!message.contains(char::is_control));
}
