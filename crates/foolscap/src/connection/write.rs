//! Writing: the queue, a batch at a time.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::queue::Tally;
use super::{Connection, Lost};

/// How long a peer may take to take our last words.
pub(super) const PARTING: Duration = Duration::from_secs(5);

/// Slices that one call to the system is given.
const SLICES_MAX: usize = 64;

/// Writes what is queued, until the connection is to end. Says why it ended.
pub(super) async fn write(
    connection: &Arc<Connection>,
    mut stream: impl AsyncWrite + Unpin,
) -> Lost {
    match write_all(connection, &mut stream).await {
        Ok(why) => why,
        Err(error) => Lost::Io(error),
    }
}

async fn write_all(
    connection: &Arc<Connection>,
    stream: &mut (impl AsyncWrite + Unpin),
) -> io::Result<Lost> {
    let stall = connection.limits().stall;
    let mut batch = VecDeque::new();
    loop {
        let taken = take(connection, &mut batch);
        if batch.is_empty() {
            match tokio::time::timeout(stall, stream.flush()).await {
                Ok(flushed) => flushed?,
                Err(_) => return Ok(Lost::Stalled),
            }
            tokio::select! {
                biased;
                () = connection.to_write.notified() => continue,
                () = connection.ending.cancelled() => {}
            }
            // What was queued before the end was called for has been noticed by now.
            let _ = tokio::time::timeout(PARTING, stream.shutdown()).await;
            return Ok(Lost::Stopped);
        }
        while !batch.is_empty() {
            match tokio::time::timeout(stall, write_some(stream, &batch)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(Ok(len)) => advance(&mut batch, len),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(Lost::Stalled),
            }
        }
        written(connection, taken);
    }
}

fn take(connection: &Connection, batch: &mut VecDeque<Bytes>) -> Tally {
    let mut state = connection.state();
    state.open.as_mut().map_or_else(Tally::default, |open| open.queue.take(batch))
}

fn written(connection: &Connection, taken: Tally) {
    if let Some(open) = &mut connection.state().open {
        open.queue.written(taken);
    }
    if taken.calls > 0 {
        connection.room.notify_one();
    }
    if taken.answers > 0 {
        connection.relief.notify_one();
    }
}

async fn write_some(
    stream: &mut (impl AsyncWrite + Unpin),
    batch: &VecDeque<Bytes>,
) -> io::Result<usize> {
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = batch.len().min(SLICES_MAX);
    for (slice, piece) in slices.iter_mut().zip(batch) {
        *slice = IoSlice::new(piece);
    }
    stream.write_vectored(&slices[..count]).await
}

/// Forgets what was written.
fn advance(batch: &mut VecDeque<Bytes>, mut len: usize) {
    while let Some(piece) = batch.front_mut() {
        if piece.len() > len {
            piece.advance(len);
            return;
        }
        len -= piece.len();
        batch.pop_front();
    }
}
