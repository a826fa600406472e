//! The bodies of requests. A share's data comes from a stream that can be read only once, on a
//! connection that may turn out to be stale: so the first pieces are remembered for a while. A long
//! message goes the same way, and all of it is remembered.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use http_body::{Body, Frame, SizeHint};
use tallac_core::storage::{ShareStream, StorageError};
use tokio::time::Instant;

/// Bytes of a stream that are remembered. A little more than what goes into a connection
/// before its end is noticed.
const REMEMBERED_LEN_MAX: u64 = 512 * 1024;

/// Bytes of a long message that are handed out at a time, so that its progress is seen.
const PIECE_LEN: usize = 128 * 1024;

/// Share data, or a long message, on its way to a server.
pub(super) struct ShareUpload {
    source: Arc<Mutex<Source>>,
    len: u64,
}

struct Source {
    stream: ShareStream,
    len: u64,
    taken: u64,
    /// All that was taken so far, unless that is too much.
    remembered: Option<Vec<Bytes>>,
    remembered_len_max: u64,
    /// Why the source itself failed.
    failure: Option<StorageError>,
    /// Whether it is we who are slow, and since when the connection last took something.
    is_waited_for: bool,
    last_taken: Instant,
}

/// What an upload is doing.
pub(super) enum Pace {
    /// The source has nothing to send yet.
    WaitsForSource,
    /// The connection last took something then.
    LastTaken(Instant),
}

impl ShareUpload {
    /// The upload of exactly `len` bytes.
    pub(super) fn new(stream: ShareStream, len: u64) -> Self {
        Self::remembering(stream, len, REMEMBERED_LEN_MAX)
    }

    /// The upload of a message that is in memory anyway.
    pub(super) fn of_pieces(pieces: Vec<Bytes>) -> Self {
        let len = pieces.iter().map(|piece| piece.len() as u64).sum();
        let pieces = pieces.into_iter().flat_map(|piece| {
            let starts = (0..piece.len()).step_by(PIECE_LEN);
            starts.map(move |at| Ok(piece.slice(at..piece.len().min(at + PIECE_LEN))))
        });
        Self::remembering(Box::pin(stream::iter(pieces)), len, u64::MAX)
    }

    fn remembering(stream: ShareStream, len: u64, remembered_len_max: u64) -> Self {
        let source = Source {
            stream,
            len,
            taken: 0,
            remembered: Some(Vec::new()),
            remembered_len_max,
            failure: None,
            is_waited_for: false,
            last_taken: Instant::now(),
        };
        Self { source: Arc::new(Mutex::new(source)), len }
    }

    /// The body, from its beginning.
    pub(super) fn body(&self) -> RequestBody {
        let source = self.source.clone();
        RequestBody(Kind::Share { source, repeated: 0, left: self.len })
    }

    /// Forgets what was sent: the connection is known to be good.
    pub(super) fn forget(&self) {
        lock(&self.source).remembered = None;
    }

    pub(super) fn can_be_repeated(&self) -> bool {
        let source = lock(&self.source);
        source.remembered.is_some() && source.failure.is_none()
    }

    /// Why the source failed, if it did.
    pub(super) fn failure(&self) -> Option<StorageError> {
        lock(&self.source).failure.clone()
    }

    pub(super) fn pace(&self) -> Pace {
        let source = lock(&self.source);
        match source.is_waited_for {
            true => Pace::WaitsForSource,
            false => Pace::LastTaken(source.last_taken),
        }
    }

    /// Whether all of it was handed to a connection.
    pub(super) fn is_taken(&self) -> bool {
        let source = lock(&self.source);
        source.taken == source.len
    }
}

impl Drop for ShareUpload {
    /// Nobody waits for the answer any more, so nothing more needs to be sent.
    fn drop(&mut self) {
        let nothing: ShareStream = Box::pin(stream::empty());
        let rest = std::mem::replace(&mut lock(&self.source).stream, nothing);
        drop(rest);
    }
}

fn lock(source: &Mutex<Source>) -> MutexGuard<'_, Source> {
    source.lock().expect("no holder of this lock panics")
}

impl Source {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Broken>> {
        loop {
            let Poll::Ready(next) = self.stream.as_mut().poll_next(cx) else {
                self.is_waited_for = true;
                return Poll::Pending;
            };
            self.is_waited_for = false;
            self.last_taken = Instant::now();
            match next {
                None => return self.fail(wrong_length("shorter")),
                Some(Err(error)) => return self.fail(error),
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => return self.take(piece, cx),
            }
        }
    }

    fn take(&mut self, piece: Bytes, cx: &mut Context<'_>) -> Poll<Result<Bytes, Broken>> {
        self.taken += piece.len() as u64;
        if self.taken > self.len || (self.taken == self.len && self.has_more(cx)) {
            return self.fail(wrong_length("longer"));
        }
        match &mut self.remembered {
            Some(pieces) if self.taken <= self.remembered_len_max => pieces.push(piece.clone()),
            remembered => *remembered = None,
        }
        Poll::Ready(Ok(piece))
    }

    /// Whether more follows than should. A source that does not end at once gets the benefit of
    /// the doubt: it may end only when it sees that the write was answered.
    fn has_more(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            match self.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) if piece.is_empty() => {}
                Poll::Ready(Some(_)) => return true,
                Poll::Ready(None) | Poll::Pending => return false,
            }
        }
    }

    fn fail(&mut self, error: StorageError) -> Poll<Result<Bytes, Broken>> {
        self.failure = Some(error);
        Poll::Ready(Err(Broken))
    }
}

fn wrong_length(how: &str) -> StorageError {
    StorageError::BadRange(format!("the data is {how} than its range"))
}

/// The source of a body failed; it knows why.
#[derive(Debug, thiserror::Error)]
#[error("the source of the data failed")]
pub(super) struct Broken;

/// The body of a request.
pub(super) struct RequestBody(Kind);

enum Kind {
    Message(Bytes),
    Share {
        source: Arc<Mutex<Source>>,
        /// Remembered pieces that were sent on this connection.
        repeated: usize,
        left: u64,
    },
}

impl RequestBody {
    pub(super) const fn message(message: Bytes) -> Self {
        Self(Kind::Message(message))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.0 {
            Kind::Message(message) if message.is_empty() => Poll::Ready(None),
            Kind::Message(message) => {
                let message = std::mem::take(message);
                Poll::Ready(Some(Ok(Frame::data(message))))
            }
            Kind::Share { left: 0, .. } => Poll::Ready(None),
            Kind::Share { source, repeated, left } => {
                let mut source = lock(source);
                let again =
                    source.remembered.as_ref().and_then(|pieces| pieces.get(*repeated).cloned());
                let polled = match again {
                    Some(piece) => Poll::Ready(Ok(piece)),
                    None => source.poll_piece(cx),
                };
                polled
                    .map_ok(|piece| {
                        *repeated += 1;
                        *left = left.saturating_sub(piece.len() as u64);
                        Frame::data(piece)
                    })
                    .map(Some)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Message(message) => message.is_empty(),
            Kind::Share { left, .. } => *left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Kind::Message(message) => message.len() as u64,
            Kind::Share { left, .. } => *left,
        })
    }
}
