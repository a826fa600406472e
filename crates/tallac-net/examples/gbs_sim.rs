//! Serves a storage server in memory until Ctrl-C, and prints its NURL.

use std::io::Write as _;
use std::sync::Arc;

use tallac_net::gbs::GbsServer;
use tallac_net::identity::{Certificate, Location, Nurl, SpkiHash, Swissnum};
use tallac_testkit::SimServer;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let certificate = Certificate::generate()?;
    let swissnum = Swissnum::generate()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let location = Location::new("127.0.0.1", listener.local_addr()?.port())?;
    let nurl = Nurl::new(SpkiHash::of(&certificate), location, swissnum.clone());
    writeln!(std::io::stdout(), "{}", nurl.expose_text())?;
    let server = GbsServer::new(Arc::new(SimServer::new("sim")), &certificate, &swissnum)?;
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    server.serve(listener, interrupted).await;
    Ok(())
}
