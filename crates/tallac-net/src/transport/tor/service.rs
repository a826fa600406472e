//! What of Tor runs as long as the node does: a Tor of our own, an onion service, or both.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Control, Launch, Launched, OnionAddress, OnionKey, TorError, launch};
use crate::transport::Endpoint;

/// An onion service of this node.
#[derive(Debug, Clone)]
pub struct OnionService {
    /// The key that its address comes from.
    pub key: OnionKey,
    /// The port that others connect to.
    pub external_port: u16,
    /// The port of 127.0.0.1 that it leads to.
    pub local_port: u16,
}

/// Where the Tor is that a service uses.
#[derive(Debug)]
enum Source {
    /// At its control port.
    Running(Endpoint),
    /// It is launched; what it takes connections at is told here.
    Launched(Launch, watch::Sender<Option<Endpoint>>),
}

/// Keeps a Tor of our own running, or an onion service, or both.
#[derive(Debug)]
pub struct TorService {
    source: Source,
    onion: Option<OnionService>,
}

impl TorService {
    /// Keeps an onion service at the Tor with this control port.
    #[must_use]
    pub const fn at(control: Endpoint, onion: OnionService) -> Self {
        Self { source: Source::Running(control), onion: Some(onion) }
    }

    /// Keeps a Tor of our own, and an onion service there if one is wanted; also gives where
    /// connections are taken, once they are.
    #[must_use]
    pub fn launching(
        launch: Launch,
        onion: Option<OnionService>,
    ) -> (Self, watch::Receiver<Option<Endpoint>>) {
        let (socks, told) = watch::channel(None);
        (Self { source: Source::Launched(launch, socks), onion }, told)
    }

    /// Runs until it is told to stop. The onion service ends with the connection that controls Tor,
    /// and so does a Tor of our own.
    ///
    /// # Errors
    /// What ended it, or kept it from starting. It may be run again.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), TorError> {
        match &self.source {
            Source::Running(endpoint) => {
                let serve = async { self.keep(&mut Control::connect(endpoint).await?).await };
                stop.run_until_cancelled(serve).await.unwrap_or(Ok(()))
            }
            Source::Launched(launch, socks) => {
                let Some(launched) = stop.run_until_cancelled(launch.start()).await else {
                    return Ok(());
                };
                let mut launched = launched?;
                socks.send_replace(Some(launched.socks.clone()));
                let ended = self.keep_with(&mut launched, &stop).await;
                socks.send_replace(None);
                launched.stop().await?;
                ended
            }
        }
    }

    async fn keep_with(
        &self,
        launched: &mut Launched,
        stop: &CancellationToken,
    ) -> Result<(), TorError> {
        let (child, control) = launched.parts();
        tokio::select! {
            ended = self.keep(control) => ended,
            ended = launch::ended(child) => Err(ended),
            () = stop.cancelled() => Ok(()),
        }
    }

    /// Keeps the onion service as long as Tor is there.
    async fn keep(&self, control: &mut Control) -> Result<(), TorError> {
        let mut unpublished = None;
        if let Some(onion) = &self.onion {
            control.follow_descriptors().await?;
            let ports = (onion.external_port, onion.local_port);
            let address = control.add_onion(&onion.key, ports.0, ports.1).await?;
            tracing::info!(%address, "Tor has the onion service");
            unpublished = Some(address);
        }
        loop {
            let event = control.event().await?;
            if let Some(address) = unpublished.take_if(|it| is_upload(event.text(), it)) {
                tracing::info!(%address, "others can find the onion service");
            }
        }
    }
}

/// Whether an event tells that the descriptor of a service was left where others find it.
fn is_upload(event: &str, address: &OnionAddress) -> bool {
    let uploaded = event.strip_prefix("HS_DESC UPLOADED ");
    uploaded.and_then(|rest| rest.split(' ').next()) == Some(address.service_id())
}
