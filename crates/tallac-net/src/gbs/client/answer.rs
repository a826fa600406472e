//! Share data that comes in answer to a read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use connections::Silence;
use futures_core::Stream;
use http_body::Body as _;
use hyper::body::Incoming;
use tallac_core::storage::StorageError;

use super::misbehaved;
use super::pool::{Connection, Pool};

/// The bytes of an answer, counted. Once it was read to its end the connection goes back to the
/// pool; dropped earlier, it is closed.
pub(super) struct ShareAnswer {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    body: Incoming,
    left: Option<u64>,
    silence: Silence,
    is_done: bool,
}

impl ShareAnswer {
    pub(super) fn new(
        pool: Arc<Pool>,
        connection: Connection,
        body: Incoming,
        left: Option<u64>,
    ) -> Self {
        let silence = Silence::new(pool.limits().silence_timeout);
        Self { pool, connection: Some(connection), body, left, silence, is_done: false }
    }

    fn fail(&mut self, error: StorageError) -> Poll<Option<Result<Bytes, StorageError>>> {
        self.is_done = true;
        self.connection = None;
        Poll::Ready(Some(Err(error)))
    }

    fn keep_connection(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.keep(connection);
        }
    }
}

impl Stream for ShareAnswer {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.is_done {
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                ready!(this.silence.poll_too_long(cx));
                let seconds = this.silence.limit().as_secs();
                return this.fail(StorageError::TimedOut { seconds });
            };
            this.silence.end();
            let data = match frame {
                None if this.left.is_some_and(|left| left > 0) => {
                    return this.fail(misbehaved("it sent less than it said"));
                }
                None => {
                    this.is_done = true;
                    this.keep_connection();
                    return Poll::Ready(None);
                }
                Some(Err(error)) => {
                    return this.fail(StorageError::Unreachable(error.to_string()));
                }
                Some(Ok(frame)) => frame.into_data(),
            };
            let Ok(piece) = data else { continue };
            if let Some(left) = &mut this.left {
                match left.checked_sub(piece.len() as u64) {
                    Some(rest) => *left = rest,
                    None => return this.fail(misbehaved("it sent more than it said")),
                }
            }
            if this.body.is_end_stream() && this.left.is_none_or(|left| left == 0) {
                // Before the last piece is out, so that whoever counts bytes and stops reading
                // does not cost us the connection.
                this.is_done = true;
                this.keep_connection();
            }
            return Poll::Ready(Some(Ok(piece)));
        }
        Poll::Ready(None)
    }
}
