//! Negotiation over a stream: the plain request, TLS, and the blocks of both sides, as
//! [`negotiate`](crate::negotiate) has them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::certificate::Certificate;
use crate::negotiate::{
    self, Block, Greeted, Greeting, NegotiationError, Number, Role, Us, block_end,
};
use crate::tls::{self, KeyVerifier};
use crate::tub::Stream;
use crate::tub_id::TubId;

/// How long a negotiation may take, all in all. Tor may need most of it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// How long we try to tell a peer that we refuse it.
const PARTING: Duration = Duration::from_secs(5);

/// Bytes that TLS may have encrypted and not yet written.
const TLS_BUFFER: usize = 256 * 1024;

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// The two do not agree.
    #[error("{0}")]
    Negotiation(#[from] NegotiationError),
    /// TLS, or the stream below it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer ended it.
    #[error("the peer hung up in the middle of the negotiation")]
    Closed,
    /// It took too long.
    #[error("the peer did not finish the negotiation in {} s", TIMEOUT.as_secs())]
    TimedOut,
}

/// Both roles of TLS, with one identity.
pub(crate) struct Tls {
    connector: TlsConnector,
    acceptor: TlsAcceptor,
}

impl Tls {
    /// With that identity. Any peer is let in: who it is is looked at afterwards, where we can say
    /// what is wrong with it.
    pub(crate) fn new(certificate: &Certificate) -> Result<Self, rustls::Error> {
        let verifier = Arc::new(KeyVerifier::new(|_| true));
        let key = Arc::new(SingleCertAndKey::from(certificate.certified_key()));
        let mut client = ClientConfig::builder_with_provider(tls::provider().clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_client_cert_resolver(key.clone());
        client.enable_sni = false;
        client.resumption = Resumption::disabled();
        let mut server = ServerConfig::builder_with_provider(tls::provider().clone())
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(key);
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Self { connector: Arc::new(client).into(), acceptor: Arc::new(server).into() })
    }
}

/// A stream that both sides agreed on.
pub(crate) struct Agreed {
    /// What the connection runs over.
    pub(crate) stream: Box<dyn Stream>,
    /// What the peer sent already.
    pub(crate) received: BytesMut,
}

impl Agreed {
    /// A stream that needs no agreement.
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), received: BytesMut::new() }
    }
}

/// What becomes of a connection once the peer has introduced itself: the tub has the last word.
pub(crate) trait Verdict {
    /// What the tub makes of an agreement.
    type Connection;

    /// Who we are.
    fn us(&self) -> &Us;

    /// How we prove it.
    fn tls(&self) -> &Tls;

    /// The number of our last connection to a peer that was its master.
    fn last(&self, peer: TubId) -> Option<Number>;

    /// We are the master, and decide. What there is to tell the peer goes out with the first bytes
    /// of the connection.
    fn decide(&self, offer: negotiate::Offer) -> Result<Self::Connection, NegotiationError>;

    /// The master decided to go on.
    fn accept(&self, decided: negotiate::Decided) -> Result<Self::Connection, NegotiationError>;
}

/// A connection, and what it runs over.
pub(crate) type Outcome<V> = Result<(<V as Verdict>::Connection, Agreed), HandshakeError>;

/// Negotiates over a stream that we opened to reach a tub. `host` is what we called it.
pub(crate) async fn dial<V: Verdict>(
    verdict: &V,
    stream: Box<dyn Stream>,
    target: TubId,
    host: &str,
) -> Outcome<V> {
    let negotiation = async {
        let mut stream = stream;
        stream.write_all(negotiate::request(target, host).as_bytes()).await?;
        stream.flush().await?;
        negotiate::check_response(&header(&mut stream).await?)?;
        let name = ServerName::try_from("foolscap.invalid").map_err(io::Error::other)?;
        let tls = verdict.tls().connector.connect(name, stream).await?;
        Talk::over(tls.into()).agree(verdict, Role::Dialler(target)).await
    };
    tokio::time::timeout(TIMEOUT, negotiation).await.unwrap_or(Err(HandshakeError::TimedOut))
}

/// Negotiates over a stream that a peer opened.
pub(crate) async fn serve<V: Verdict>(verdict: &V, stream: Box<dyn Stream>) -> Outcome<V> {
    let negotiation = async {
        let mut stream = stream;
        let header = header(&mut stream).await?;
        if let Err(error) = negotiate::check_request(&header, verdict.us().tub_id) {
            let response = error.response();
            part(&mut stream, response.as_bytes()).await;
            return Err(error.into());
        }
        stream.write_all(negotiate::SWITCHING.as_bytes()).await?;
        stream.flush().await?;
        let tls = verdict.tls().acceptor.accept(stream).await?;
        Talk::over(tls.into()).agree(verdict, Role::Listener).await
    };
    tokio::time::timeout(TIMEOUT, negotiation).await.unwrap_or(Err(HandshakeError::TimedOut))
}

/// Reads what a peer says in plain. Nothing may follow it, as the peer waits for us now: what
/// follows would be taken for something that TLS protected.
async fn header(stream: &mut Box<dyn Stream>) -> Result<BytesMut, HandshakeError> {
    let mut received = BytesMut::with_capacity(512);
    loop {
        if let Some((content, end)) = block_end(&received)? {
            if received.len() > end {
                return Err(NegotiationError::Bad("it says more before it was answered").into());
            }
            received.truncate(content);
            return Ok(received);
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Err(HandshakeError::Closed);
        }
    }
}

/// Last words, if the peer takes them.
async fn part(stream: &mut (impl Stream + ?Sized), words: &[u8]) {
    let farewell = async {
        stream.write_all(words).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(PARTING, farewell).await;
}

/// Blocks over a TLS stream.
struct Talk {
    stream: Box<TlsStream<Box<dyn Stream>>>,
    received: BytesMut,
}

impl Talk {
    fn over(mut stream: TlsStream<Box<dyn Stream>>) -> Self {
        match &mut stream {
            TlsStream::Client(tls) => tls.get_mut().1.set_buffer_limit(Some(TLS_BUFFER)),
            TlsStream::Server(tls) => tls.get_mut().1.set_buffer_limit(Some(TLS_BUFFER)),
        }
        Self { stream: Box::new(stream), received: BytesMut::with_capacity(1024) }
    }

    /// Says hello, and comes to an agreement; tells the peer if there is none.
    async fn agree<V: Verdict>(mut self, verdict: &V, role: Role) -> Outcome<V> {
        match self.converse(verdict, role).await {
            Ok(connection) => {
                let Self { stream, received } = self;
                Ok((connection, Agreed { stream, received }))
            }
            Err(HandshakeError::Negotiation(error)) => {
                if !matches!(error, NegotiationError::Refused(_)) {
                    part(&mut *self.stream, error.block().as_bytes()).await;
                }
                Err(error.into())
            }
            Err(error) => Err(error),
        }
    }

    async fn converse<V: Verdict>(
        &mut self,
        verdict: &V,
        role: Role,
    ) -> Result<V::Connection, HandshakeError> {
        let certificate = self.certificate()?;
        if !tls::is_self_signed(&certificate) {
            return Err(NegotiationError::NotSelfSigned.into());
        }
        let greeting = Greeting::new(verdict.us().clone(), role, &certificate)?;
        let hello = greeting.hello(verdict.last(greeting.peer()).as_ref());
        self.stream.write_all(hello.as_bytes()).await?;
        self.stream.flush().await?;
        Ok(match greeting.greeted(&self.block().await?)? {
            Greeted::Decide(offer) => verdict.decide(offer)?,
            Greeted::Await(awaiting) => {
                let decided = awaiting.decided(&self.block().await?)?;
                verdict.accept(decided)?
            }
        })
    }

    /// The peer's certificate. TLS has made sure that there is one.
    fn certificate(&self) -> Result<CertificateDer<'static>, NegotiationError> {
        let (_, session) = self.stream.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        certificate
            .map(|certificate| certificate.clone().into_owned())
            .ok_or(NegotiationError::Bad("you must use a certificate to claim a TubID"))
    }

    async fn block(&mut self) -> Result<Block, HandshakeError> {
        loop {
            if let Some((content, end)) = block_end(&self.received)? {
                let block = self.received.split_to(end);
                return Ok(Block::parse(&block[..content])?);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(HandshakeError::Closed);
            }
        }
    }
}
