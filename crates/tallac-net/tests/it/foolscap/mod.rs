//! Storage over Foolscap, on real sockets.

mod conformance;
mod liars;
mod port;
mod raw;
mod uploads;

use std::sync::{Arc, LazyLock};

use foolscap::{Certificate, Furl, Swissnum, Tub, TubOptions};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret};
use tallac_net::foolscap_storage::{FoolscapClient, FoolscapStorage};
use tallac_net::switch::{Switch, SwitchLimits};
use tallac_testkit::SimServer;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::CERTIFICATE;

/// Whom clients go by.
static CLIENT: LazyLock<Certificate> = LazyLock::new(|| Certificate::generate().unwrap());

/// A tub that listens.
struct Listening {
    tub: Tub,
    port: u16,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Listening {
    async fn start() -> Self {
        let tub = Tub::new(&CERTIFICATE, TubOptions::default()).unwrap();
        let switch = Switch::with_limits(tub.clone(), None, SwitchLimits::default());
        Self::start_with(tub, switch).await
    }

    async fn start_with(tub: Tub, switch: Switch) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tub.set_hints(vec![format!("tcp:127.0.0.1:{port}")]);
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let task = tokio::spawn(async move { switch.serve(listener, stopped).await });
        Self { tub, port, stop, task }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
        self.tub.stop().await;
    }
}

/// A simulated storage server that is reached over Foolscap.
struct Served {
    sim: SimServer,
    furl: Furl,
    listening: Listening,
}

impl Served {
    async fn start() -> Self {
        let (sim, listening) = (SimServer::new("sim"), Listening::start().await);
        let storage = Arc::new(FoolscapStorage::new(Arc::new(sim.clone())));
        let furl = listening.tub.register(Swissnum::generate().unwrap(), storage);
        Self { sim, furl, listening }
    }

    /// A client with a connection of its own.
    fn client(&self) -> (Tub, FoolscapClient) {
        client_of(&self.furl)
    }

    async fn stop(self) {
        self.listening.stop().await;
    }
}

fn client_of(furl: &Furl) -> (Tub, FoolscapClient) {
    let tub = Tub::new(&CLIENT, TubOptions::default()).unwrap();
    (tub.clone(), FoolscapClient::new(tub, furl.clone()))
}

fn lease() -> LeaseSecrets {
    LeaseSecrets { renew: RenewSecret::new([1; 32]), cancel: CancelSecret::new([2; 32]) }
}
