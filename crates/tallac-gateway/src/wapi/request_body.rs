//! The body of a request as it comes in, piece by piece, with an end to patience.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;

use super::spool::{Pieces, SpoolError};

/// The body of a request. Clones are the same body: what one of them reads, the others miss.
#[derive(Clone)]
pub(super) struct RequestBody {
    incoming: Arc<Mutex<Incoming>>,
    /// How long the client may send nothing.
    silence: Duration,
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestBody({} bytes announced)", self.announced())
    }
}

impl RequestBody {
    /// Of a client that may be silent for so long.
    pub(super) fn new(incoming: Incoming, silence: Duration) -> Self {
        Self { incoming: Arc::new(Mutex::new(incoming)), silence }
    }

    /// All of it, if that is no more than `max` bytes.
    pub(super) async fn gather(&mut self, max: u64) -> Result<Bytes, SpoolError> {
        gather(self, max).await
    }
}

/// All that comes, if that is no more than `max` bytes.
pub(super) async fn gather(pieces: &mut impl Pieces, max: u64) -> Result<Bytes, SpoolError> {
    if pieces.announced() > max {
        return Err(SpoolError::TooLarge { max });
    }
    let Some(first) = pieces.next().await? else { return Ok(Bytes::new()) };
    let Some(second) = pieces.next().await? else { return bounded(first, max) };
    let mut held = BytesMut::from(first);
    held.extend_from_slice(&second);
    while held.len() as u64 <= max
        && let Some(piece) = pieces.next().await?
    {
        held.extend_from_slice(&piece);
    }
    bounded(held.freeze(), max)
}

fn bounded(bytes: Bytes, max: u64) -> Result<Bytes, SpoolError> {
    if bytes.len() as u64 > max { Err(SpoolError::TooLarge { max }) } else { Ok(bytes) }
}

impl Pieces for RequestBody {
    fn announced(&self) -> u64 {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner).size_hint().lower()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, SpoolError> {
        loop {
            let frame = poll_fn(|cx| {
                let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
                Pin::new(&mut *incoming).poll_frame(cx)
            });
            let frame = tokio::time::timeout(self.silence, frame)
                .await
                .map_err(|_| SpoolError::Silent { seconds: self.silence.as_secs() })?;
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(SpoolError::Truncated),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                    _ => {}
                },
            }
        }
    }
}
