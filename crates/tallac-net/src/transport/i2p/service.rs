//! A destination of this node, at which others reach it.

use tokio_util::sync::CancellationToken;

use super::sam::Sam;
use super::{DestinationKey, I2pError, session_id};
use crate::transport::Endpoint;

/// Keeps a destination: who connects to it is led to a port of this machine.
#[derive(Debug)]
pub struct I2pService {
    sam: Endpoint,
    key: DestinationKey,
    external_port: u16,
    local_port: u16,
}

impl I2pService {
    /// Keeps the destination of `key` at the router whose SAM port is there, and leads who connects
    /// to `local_port` of 127.0.0.1.
    #[must_use]
    pub const fn new(
        sam: Endpoint,
        key: DestinationKey,
        external_port: u16,
        local_port: u16,
    ) -> Self {
        Self { sam, key, external_port, local_port }
    }

    /// Runs until it is told to stop; the destination ends with its connections to the router.
    ///
    /// # Errors
    /// What ended it, or kept it from starting. It may be run again.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), I2pError> {
        let serve = async {
            let id = session_id()?;
            let session = Sam::connect(&self.sam).await?;
            let session = session.session(&id, Some((&self.key, self.external_port))).await?;
            let forward = Sam::connect(&self.sam).await?.forward(&id, self.local_port).await?;
            tracing::info!("I2P has the destination");
            tokio::select! {
                ended = session.keep() => Err(ended),
                ended = forward.keep() => Err(ended),
            }
        };
        stop.run_until_cancelled(serve).await.unwrap_or(Ok(()))
    }
}
