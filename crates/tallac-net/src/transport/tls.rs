//! TLS on a connection.

use std::io;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::BoxStream;

/// A TLS connection, whichever side we are.
pub(crate) type TlsStream<S> = tokio_rustls::TlsStream<BufReader<S>>;

/// Bytes read from a socket at once. The TLS library alone would read 4 KiB at a time.
const READ_LEN: usize = 128 * 1024;

/// The name that servers are called by in the handshake, where one is needed and none is checked.
const SERVER_NAME: &str = "storage.invalid";

/// Does the server's side of a handshake.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    config: Arc<ServerConfig>,
    stream: S,
) -> io::Result<TlsStream<S>> {
    Ok(TlsAcceptor::from(config).accept(BufReader::with_capacity(READ_LEN, stream)).await?.into())
}

/// Does the client's side of a handshake.
pub(crate) async fn connect(
    config: Arc<ClientConfig>,
    stream: BoxStream,
) -> io::Result<TlsStream<BoxStream>> {
    let name = ServerName::try_from(SERVER_NAME).expect("it is a valid name");
    Ok(TlsConnector::from(config)
        .connect(name, BufReader::with_capacity(READ_LEN, stream))
        .await?
        .into())
}
