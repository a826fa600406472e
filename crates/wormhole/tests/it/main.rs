//! Two sides, and a rendezvous server between them that does what it should, or does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod hostile;
mod server;
mod talk;

/// Opens a connection on this machine.
async fn dial(host: &str, port: u16) -> std::io::Result<tokio::net::TcpStream> {
    tokio::net::TcpStream::connect((host, port)).await
}
