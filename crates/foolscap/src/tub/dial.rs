//! Reaching a peer: all its hints at once, and who asks for the same peer meanwhile waits for the
//! same attempt.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, Shared, WeakShared};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::net::TcpStream;

use super::inner::Inner;
use super::{ConnectError, Dialer, Stream};
use crate::connection::Connection;
use crate::furl::Furl;
use crate::handshake::{self, HandshakeError};
use crate::location::Location;
use crate::negotiate::NegotiationError;
use crate::object::BoxFuture;
use crate::tub_id::TubId;

/// Hints that are followed at once; a FURL with more is none that helps anybody.
const HINTS_MAX: usize = 32;

/// How long we wait for the connection that a peer says it has to us already.
const DUPLICATE_WAIT: Duration = Duration::from_secs(5);

type Outcome = Result<Arc<Connection>, ConnectError>;

/// The attempts that somebody waits for.
#[derive(Default)]
pub(super) struct Attempts(HashMap<TubId, WeakShared<BoxFuture<'static, Outcome>>>);

impl Attempts {
    /// The attempt to reach that peer: the one that is being made, or a new one.
    fn of(
        &mut self,
        peer: TubId,
        begin: impl FnOnce() -> BoxFuture<'static, Outcome>,
    ) -> Shared<BoxFuture<'static, Outcome>> {
        if let Some(attempt) = self.0.get(&peer).and_then(WeakShared::upgrade) {
            return attempt;
        }
        self.0.retain(|_, attempt| attempt.upgrade().is_some());
        let attempt = begin().shared();
        if let Some(weak) = attempt.downgrade() {
            self.0.insert(peer, weak);
        }
        attempt
    }
}

impl Dialer for super::TcpDialer {
    fn dial(&self, hint: &str) -> Option<BoxFuture<'static, io::Result<Box<dyn Stream>>>> {
        let location: Location = hint.strip_prefix("tcp:").unwrap_or(hint).parse().ok()?;
        Some(Box::pin(async move {
            let stream = TcpStream::connect((location.host(), location.port())).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        }))
    }
}

impl Inner {
    /// The connection to the tub of a FURL, which is made if there is none.
    pub(super) async fn connection(self: &Arc<Self>, furl: &Furl) -> Outcome {
        let peer = furl.tub_id();
        let attempt = {
            let mut table = self.table();
            if table.is_stopped {
                return Err(ConnectError::Stopped);
            }
            if let Some(connection) = table.connection(peer) {
                return Ok(connection);
            }
            if peer == self.tub_id() {
                return Ok(self.loop_back(&mut table));
            }
            table.attempts.of(peer, || {
                let hints = furl.hints().iter().take(HINTS_MAX).cloned().collect();
                Box::pin(attempt(self.clone(), peer, hints))
            })
        };
        attempt.await
    }

    /// Follows one hint to the end.
    async fn follow(
        self: &Arc<Self>,
        peer: TubId,
        host: String,
        stream: BoxFuture<'static, io::Result<Box<dyn Stream>>>,
    ) -> Result<Arc<Connection>, HandshakeError> {
        let stream = stream.await?;
        let (connection, agreed) = handshake::dial(self, stream, peer, &host).await?;
        connection.start(agreed);
        Ok(connection)
    }

    /// Follows all hints, until one has led to a connection.
    async fn follow_all(self: &Arc<Self>, peer: TubId, hints: Vec<String>) -> Outcome {
        let ways = hints.iter().filter_map(|hint| {
            let stream = self.options().dialer.dial(hint)?;
            let follow = self.follow(peer, host_of(hint).to_owned(), stream);
            Some(follow.map(move |result| result.map_err(|error| (hint, error))))
        });
        let mut ways: FuturesUnordered<_> = ways.collect();
        let mut failure = None;
        while let Some(result) = ways.next().await {
            let (hint, error) = match result {
                Ok(connection) => return Ok(connection),
                Err(error) => error,
            };
            tracing::debug!(%peer, hint, %error, "a hint led nowhere");
            // What a peer says is worth more than that nobody is there.
            let is_said = matches!(error, HandshakeError::Negotiation(_));
            if is_said || !matches!(failure, Some(HandshakeError::Negotiation(_))) {
                failure = Some(error);
            }
        }
        let Some(error) = failure else { return Err(ConnectError::NoWay) };
        if is_duplicate(&error) {
            // The peer has a connection to us that we have not heard of, or not any more.
            let attached = self.attached(peer);
            if let Ok(connection) = tokio::time::timeout(DUPLICATE_WAIT, attached).await {
                return Ok(connection);
            }
        }
        Err(ConnectError::Failed(error.to_string()))
    }
}

async fn attempt(tub: Arc<Inner>, peer: TubId, hints: Vec<String>) -> Outcome {
    let outcome = tokio::select! {
        biased;
        () = tub.stopping.cancelled() => Err(ConnectError::Stopped),
        connection = tub.attached(peer) => Ok(connection),
        outcome = tokio::time::timeout(handshake::TIMEOUT, tub.follow_all(peer, hints)) => {
            let timed_out = || Err(ConnectError::Failed(HandshakeError::TimedOut.to_string()));
            outcome.unwrap_or_else(|_| timed_out())
        }
    };
    // Who comes later shall try anew.
    tub.table().attempts.0.remove(&peer);
    outcome
}

fn is_duplicate(error: &HandshakeError) -> bool {
    match error {
        HandshakeError::Negotiation(NegotiationError::Duplicate) => true,
        HandshakeError::Negotiation(NegotiationError::Refused(words)) => {
            words.contains("Duplicate connection")
        }
        _ => false,
    }
}

/// The host in a hint, as far as there is one.
fn host_of(hint: &str) -> &str {
    let place = hint.rsplit_once(':').map_or(hint, |(place, _port)| place);
    match place.split_once(':') {
        Some((_kind, host)) if !place.starts_with('[') => host,
        _ => place,
    }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn hosts_of_hints() {
        for (hint, host) in [
            ("tcp:example.org:3456", "example.org"),
            ("example.org:3456", "example.org"),
            ("tcp:[::1]:80", "[::1]"),
            ("[::1]:80", "[::1]"),
            ("tor:x.onion:80", "x.onion"),
            ("odd", "odd"),
        ] {
            assert_eq!(host_of(hint), host, "{hint}");
        }
    }
}
