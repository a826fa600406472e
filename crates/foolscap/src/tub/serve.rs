//! Connections that peers open.

use std::io;
use std::sync::Arc;

use super::Stream;
use super::inner::Inner;
use crate::connection::{Connection, Lost};
use crate::handshake;

/// Ends a connection when nobody serves it any more.
struct Guard(Arc<Connection>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.lose(Lost::Stopped);
    }
}

impl Inner {
    /// Serves a connection from its first byte to its end.
    pub(super) async fn serve(self: &Arc<Self>, stream: Box<dyn Stream>) -> io::Result<()> {
        let guard = {
            let too_many = |_| io::Error::other("too many peers negotiate at once");
            let _permit = self.negotiations.clone().try_acquire_owned().map_err(too_many)?;
            let negotiated = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(()),
                negotiated = handshake::serve(self, stream) => negotiated,
            };
            let (connection, agreed) = negotiated.map_err(io::Error::other)?;
            connection.start(agreed);
            Guard(connection)
        };
        guard.0.ended().await;
        match guard.0.why() {
            None | Some(Lost::Closed | Lost::Stopped | Lost::Replaced) => Ok(()),
            Some(why) => Err(io::Error::other(why)),
        }
    }
}
