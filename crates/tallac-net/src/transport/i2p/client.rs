//! Connections through I2P.

use std::fmt;
use std::io;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::sam::Sam;
use super::{DestinationKey, I2pAddress, I2pError, session_id};
use crate::transport::{BoxStream, Endpoint};

/// Connects through I2P, from a destination that is made anew each time and that nobody ever hears
/// of otherwise. Clones share it.
#[derive(Clone)]
pub struct I2p {
    sam: Endpoint,
    session: Arc<Mutex<Option<Session>>>,
}

/// A session that the router has.
struct Session {
    id: String,
    /// Answers the router; has ended when the session has.
    keeper: AbortOnDropHandle<()>,
}

impl fmt::Debug for I2p {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("I2p").field("sam", &self.sam).finish_non_exhaustive()
    }
}

impl I2p {
    /// Connects through the router whose SAM port is there.
    #[must_use]
    pub fn new(sam: Endpoint) -> Self {
        Self { sam, session: Arc::default() }
    }

    /// Asks the router for a new destination: its address, and the key to be kept.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn generate(&self) -> Result<(I2pAddress, DestinationKey), I2pError> {
        Sam::connect(&self.sam).await?.generate().await
    }

    /// Connects to a port of a destination, by its name.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn connect(&self, host: &str, port: u16) -> Result<BoxStream, I2pError> {
        let id = self.session().await?;
        let stream = Sam::connect(&self.sam).await?.stream(&id, host, port).await;
        if let Err(I2pError::Refused { result, .. }) = &stream
            && result == "INVALID_ID"
        {
            // The router was restarted; the next attempt makes a new session.
            self.forget(&id).await;
        }
        Ok(Box::new(stream?))
    }

    /// The session; made if there is none. Who gives up waiting does not undo it, as making its
    /// tunnels takes long.
    async fn session(&self) -> Result<String, I2pError> {
        let this = self.clone();
        let made = tokio::spawn(async move {
            let mut session = this.session.lock().await;
            if let Some(session) = session.as_ref().filter(|it| !it.keeper.is_finished()) {
                return Ok(session.id.clone());
            }
            let id = session_id()?;
            let sam = Sam::connect(&this.sam).await?.session(&id, None).await?;
            let keeper = AbortOnDropHandle::new(tokio::spawn(async move {
                let error = sam.keep().await;
                tracing::debug!(%error, "the session with I2P ended");
            }));
            *session = Some(Session { id: id.clone(), keeper });
            Ok(id)
        });
        made.await.unwrap_or_else(|error| Err(io::Error::other(error).into()))
    }

    async fn forget(&self, id: &str) {
        self.session.lock().await.take_if(|session| session.id == id);
    }
}
