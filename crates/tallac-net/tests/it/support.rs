//! A server to talk to, and a client without manners.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tallac_core::ids::StorageIndex;
use tallac_core::storage::StorageServer;
use tallac_net::gbs::{GbsServer, ServerLimits};
use tallac_net::identity::{Certificate, Location, Nurl, SpkiHash, Swissnum};
use tallac_testkit::SimServer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SI: StorageIndex = StorageIndex::new([7; 16]);

/// Making a key takes long, so that most tests share one.
pub(crate) static CERTIFICATE: LazyLock<Certificate> =
    LazyLock::new(|| Certificate::generate().unwrap());

pub(crate) struct Served {
    pub(crate) sim: SimServer,
    pub(crate) nurl: Nurl,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::start_with(ServerLimits::default()).await
    }

    pub(crate) async fn start_with(limits: ServerLimits) -> Self {
        let sim = SimServer::new("sim");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let swissnum = Swissnum::generate().unwrap();
        Self::start_at(listener, sim, swissnum, limits)
    }

    pub(crate) fn start_at(
        listener: TcpListener,
        sim: SimServer,
        swissnum: Swissnum,
        limits: ServerLimits,
    ) -> Self {
        let port = listener.local_addr().unwrap().port();
        let storage: Arc<dyn StorageServer> = Arc::new(sim.clone());
        let server = GbsServer::with_limits(storage, &CERTIFICATE, &swissnum, limits).unwrap();
        let location = Location::new("127.0.0.1", port).unwrap();
        let nurl = Nurl::new(SpkiHash::of(&CERTIFICATE), location, swissnum);
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { server.serve(listener, stopped).await });
        Self { sim, nurl, stop, task }
    }

    /// Stops it, and waits until it has stopped.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Tells it to stop.
    pub(crate) fn tell_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops it in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// The same server again, at the same address.
    pub(crate) async fn restart(self) -> Self {
        let (sim, nurl) = (self.sim.clone(), self.nurl.clone());
        self.stop().await;
        let port = nurl.locations()[0].port();
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        Self::start_at(listener, sim, nurl.swissnum().clone(), ServerLimits::default())
    }

    /// A request that says who may ask.
    pub(crate) fn request(&self, method: Method, path: &str) -> RawRequest {
        let swissnum = self.nurl.swissnum().expose();
        let authorization = data_encoding::BASE64.encode(swissnum.as_bytes());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Tahoe-LAFS {authorization}"));
        RawRequest { request, port: self.nurl.locations()[0].port(), body: Bytes::new() }
    }
}

/// A request with any headers and body.
pub(crate) struct RawRequest {
    request: http::request::Builder,
    port: u16,
    body: Bytes,
}

impl RawRequest {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if name == "authorization" {
            self.request.headers_mut().unwrap().remove(name);
        }
        self.request = self.request.header(name, value.as_ref());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.request.headers_mut().unwrap().remove(name);
        self
    }

    pub(crate) fn secret(self, name: &str, secret: &[u8]) -> Self {
        let encoded = data_encoding::BASE64.encode(secret);
        self.header("x-tahoe-authorization", format!("{name} {encoded}"))
    }

    pub(crate) fn lease(self) -> Self {
        self.secret("lease-renew-secret", &[1; 32]).secret("lease-cancel-secret", &[2; 32])
    }

    pub(crate) fn upload_secret(self) -> Self {
        self.secret("upload-secret", &[1; 20])
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it over a connection of its own.
    pub(crate) async fn send(self) -> Response<Bytes> {
        let tls = connect(self.port).await;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.unwrap();
        tokio::spawn(connection);
        let request = self.request.body(Full::new(self.body)).unwrap();
        let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    /// Sends it, and asserts the status of the answer.
    pub(crate) async fn expect(self, status: u16) -> Response<Bytes> {
        let what = format!("{:?} {:?}", self.request.method_ref(), self.request.uri_ref());
        let response = self.send().await;
        assert_eq!(response.status(), status, "{what}: {:?}", response.body());
        response
    }
}

pub(crate) async fn connect(port: u16) -> tokio_rustls::client::TlsStream<TcpStream> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustsAnyone))
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("test.invalid").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

#[derive(Debug)]
struct TrustsAnyone;

impl ServerCertVerifier for TrustsAnyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
