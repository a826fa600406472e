//! A port: connections are accepted, a bounded number at a time, and end when it is closed.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long to wait after a connection could not be accepted: the usual reason is that this
/// process has too many files open, and trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a port puts up with.
#[derive(Debug, Clone, Copy)]
pub struct PortLimits {
    /// Connections at a time; more wait until one ends.
    pub connections_max: usize,
    /// How long connections may go on after the port was told to close.
    pub drain_timeout: Duration,
}

/// Accepts connections and serves each with `serve`, until `shutdown` is ready. Then takes no
/// more, tells those who serve so by their token, and returns once all connections are closed.
/// Dropping the future closes them at once.
pub async fn accept_all<F>(
    listener: TcpListener,
    limits: PortLimits,
    shutdown: impl Future<Output = ()> + Send,
    serve: impl Fn(TcpStream, CancellationToken) -> F,
) where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections_max));
    let connections = TaskTracker::new();
    let draining = CancellationToken::new();
    let closing = CancellationToken::new();
    let _close_if_dropped = closing.clone().drop_guard();
    let accept = async {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let (tcp, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let served = serve(tcp, draining.clone());
            let closing = closing.clone();
            connections.spawn(async move {
                if let Some(Err(error)) = closing.run_until_cancelled(served).await {
                    tracing::debug!(%peer, %error, "a connection ended");
                }
                drop(slot);
            });
        }
    };
    tokio::select! {
        () = accept => {}
        () = shutdown => {}
    }
    drop(listener);
    draining.cancel();
    connections.close();
    if tokio::time::timeout(limits.drain_timeout, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "closing connections still in use");
        closing.cancel();
        connections.wait().await;
    }
}
