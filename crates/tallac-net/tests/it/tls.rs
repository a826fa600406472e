//! Handshakes: certificates of version 1, both versions of TLS, and forgers.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, SupportedProtocolVersion, version};
use tallac_core::storage::{ShareKind, StorageError, StorageServer as _};
use tallac_net::gbs::{GbsClient, GbsServer};
use tallac_net::identity::{Certificate, Location, Nurl, SpkiHash, Swissnum};
use tallac_net::transport::Ways;
use tallac_testkit::SimServer;
use tokio::net::TcpListener;

use crate::support::{CERTIFICATE, SI};

const OF_TAHOE: &str = include_str!("../data/tahoe-node.pem");
const ED25519: &str = include_str!("../data/ed25519-v3.pem");

/// A server that presents the certificate of one file and signs with the key of another.
async fn server(
    certificate: &str,
    key: &str,
    version: &'static SupportedProtocolVersion,
) -> Location {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = CertifiedKey::new(vec![certificate], key);
    let tls = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(tls) = acceptor.accept(tcp).await else { continue };
            let service = service_fn(async |_: Request<Incoming>| {
                let body = Full::new(Bytes::from_static(b"\xd9\x01\x02\x80"));
                let response = Response::builder().header("content-type", "application/cbor");
                Ok::<_, Infallible>(response.body(body).unwrap())
            });
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(TokioIo::new(tls), service).await;
        }
    });
    Location::new("127.0.0.1", port).unwrap()
}

/// Whether a client that pins the key of `pinned` takes that server for it.
async fn is_taken(pinned: &str, location: Location) -> bool {
    let pin = SpkiHash::of(&Certificate::from_pem(pinned).unwrap());
    let nurl = Nurl::new(pin, location, Swissnum::generate().unwrap());
    let client = GbsClient::new(&[nurl], &Ways::direct()).unwrap();
    match client.list(ShareKind::Immutable, SI).await {
        Ok(_) => true,
        Err(StorageError::Unreachable(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_owner_of_the_key_is_taken() {
    for version in [&version::TLS12, &version::TLS13] {
        for pem in [OF_TAHOE, ED25519, CERTIFICATE.to_pem()] {
            assert!(is_taken(pem, server(pem, pem, version).await).await, "{version:?}");
        }
    }
}

#[tokio::test]
async fn who_shows_a_certificate_without_its_key_is_refused() {
    for version in [&version::TLS12, &version::TLS13] {
        for pem in [OF_TAHOE, ED25519] {
            let forger = server(pem, CERTIFICATE.to_pem(), version).await;
            assert!(!is_taken(pem, forger).await, "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_node_of_tahoe_can_be_replaced_with_its_certificate() {
    let certificate = Certificate::from_pem(OF_TAHOE).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = Location::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
    let swissnum = Swissnum::generate().unwrap();
    let storage = Arc::new(SimServer::new("sim"));
    let server = GbsServer::new(storage, &certificate, &swissnum).unwrap();
    let serving = tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
    let nurl = Nurl::new(SpkiHash::of(&certificate), location, swissnum);
    GbsClient::new(&[nurl], &Ways::direct()).unwrap().version().await.unwrap();
    serving.abort();
}
