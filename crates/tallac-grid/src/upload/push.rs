//! Sending: every share goes to its server as one stream, all of them side by side.
//!
//! A server that fails loses only its share while happiness holds. One that hangs is waited for
//! only as long as the others make reasonable.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tallac_core::ids::{ServerId, ShareNumber};
use tallac_core::immutable::{EncodedSegment, Geometry};
use tallac_core::storage::{StorageError, WriteProgress, WriteRequest};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::Progress;
use super::encode::{Encoded, Segments};
use super::key::UebHashBytes;
use super::results::UploadError;
use super::select::{Room, Selection};
use crate::patience::{Patience, gather};

/// Pieces that wait to be sent to one server.
const PIECES_AHEAD: usize = 2;

/// Pieces smaller than this are joined into one before they are sent.
const JOIN_MAX: usize = 64 << 10;

/// How long a server may not take a piece while others do.
const PATIENCE: Patience =
    Patience { floor: Duration::from_secs(5), factor: 4, ceiling: Duration::from_secs(300) };

/// What was pushed.
pub(super) struct Pushed {
    pub(super) ueb: Bytes,
    pub(super) ueb_hash: UebHashBytes,
    pub(super) shares: BTreeMap<ShareNumber, ServerId>,
    pub(super) happiness: usize,
}

/// One share on its way.
struct Sending {
    share: ShareNumber,
    /// Small pieces that go out with the next.
    held: BytesMut,
    pieces: mpsc::Sender<Bytes>,
    write: JoinHandle<Result<WriteProgress, StorageError>>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.write.abort();
    }
}

impl Sending {
    fn start(room: &Room, share_size: u64) -> Self {
        let (pieces, waiting) = mpsc::channel(PIECES_AHEAD);
        let data = futures_util::stream::unfold(waiting, |mut waiting| async {
            waiting.recv().await.map(|piece| (Ok(piece), waiting))
        });
        let storage = room.server.storage_arc();
        let request = WriteRequest {
            storage_index: room.storage_index,
            share_number: room.share,
            upload_secret: room.upload_secret.clone(),
            range: 0..share_size,
            total: share_size,
            data: Box::pin(data),
        };
        let write = async move { storage.write(request).await };
        let write = tokio::spawn(write.in_current_span());
        Self { share: room.share, held: BytesMut::new(), pieces, write }
    }

    /// Hands a piece on; `false` when nobody takes it any more.
    async fn send(&mut self, piece: Bytes, last: bool) -> bool {
        if piece.len() + self.held.len() <= JOIN_MAX {
            self.held.extend_from_slice(&piece);
            return !last || self.flush().await;
        }
        self.flush().await && self.pieces.send(piece).await.is_ok()
    }

    async fn flush(&mut self) -> bool {
        let held = self.held.split().freeze();
        held.is_empty() || self.pieces.send(held).await.is_ok()
    }
}

/// All shares of one file on their way.
struct Push {
    selection: Selection,
    sending: Vec<Sending>,
    lost: BTreeSet<ShareNumber>,
}

/// Sends all segments, then all that comes after them, and waits until every share is durable.
pub(super) async fn push(
    selection: Selection,
    mut segments: Segments,
    geometry: Geometry,
    progress: &Progress,
) -> Result<Pushed, UploadError> {
    let sending: Vec<_> =
        selection.room.iter().map(|room| Sending::start(room, selection.share_size)).collect();
    let mut push = Push { selection, sending, lost: BTreeSet::new() };
    loop {
        match segments.recv().await.ok_or(UploadError::SourceChanged)?? {
            Encoded::Header(header) => push.send_all(|_| header.clone()).await?,
            Encoded::Segment(EncodedSegment { number, blocks }) => {
                push.send_all(|share| blocks[share.index()].clone()).await?;
                progress.add(geometry.segment_len(number));
            }
            Encoded::End(file) => {
                let (ueb, ueb_hash) = (file.ueb.clone(), file.ueb_hash);
                push.send_last(|share| file.trailer(share)).await?;
                let (shares, happiness) = push.finish().await?;
                return Ok(Pushed { ueb, ueb_hash, shares, happiness });
            }
        }
    }
}

impl Push {
    /// Sends one piece of every share.
    async fn send_all(&mut self, piece: impl Fn(ShareNumber) -> Bytes) -> Result<(), UploadError> {
        let sends = self.sending.iter_mut().map(|sending| {
            let piece = piece(sending.share);
            sending.send(piece, false)
        });
        let taken = gather(sends.collect::<Vec<_>>(), PATIENCE).await;
        self.keep(&taken)
    }

    /// Sends the last pieces of every share.
    async fn send_last(
        &mut self,
        pieces: impl Fn(ShareNumber) -> Vec<Bytes>,
    ) -> Result<(), UploadError> {
        let sends = self.sending.iter_mut().map(|sending| {
            let pieces = pieces(sending.share);
            async move {
                for piece in pieces {
                    if !sending.send(piece, false).await {
                        return false;
                    }
                }
                sending.flush().await
            }
        });
        let taken = gather(sends.collect::<Vec<_>>(), PATIENCE).await;
        self.keep(&taken)
    }

    /// Gives up the shares whose piece was not taken.
    fn keep(&mut self, taken: &[Option<bool>]) -> Result<(), UploadError> {
        if taken.iter().all(|&taken| taken == Some(true)) {
            return Ok(());
        }
        let mut taken = taken.iter();
        let lost = &mut self.lost;
        self.sending.retain(|sending| {
            let keep = taken.next() == Some(&Some(true));
            if !keep {
                lost.insert(sending.share);
            }
            keep
        });
        self.report_lost();
        self.selection.check_happiness(&self.lost)?;
        Ok(())
    }

    /// Waits for every server to say that its share is whole and durable.
    async fn finish(mut self) -> Result<(BTreeMap<ShareNumber, ServerId>, usize), UploadError> {
        let waits = self.sending.iter_mut().map(|sending| {
            // The end of the pieces is the end of the share.
            sending.pieces = mpsc::channel(1).0;
            &mut sending.write
        });
        let answers = gather(waits.collect::<Vec<_>>(), PATIENCE).await;
        for (sending, answer) in self.sending.iter().zip(answers) {
            if !matches!(answer, Some(Ok(Ok(progress))) if progress.is_complete()) {
                self.lost.insert(sending.share);
            }
        }
        self.report_lost();
        let happiness = self.selection.check_happiness(&self.lost)?;
        let mut shares = BTreeMap::new();
        for room in &mut self.selection.room {
            room.done = !self.lost.contains(&room.share);
            if room.done {
                shares.insert(room.share, room.server.info().id.clone());
            }
        }
        Ok((shares, happiness))
    }

    fn report_lost(&self) {
        for room in self.selection.room.iter().filter(|room| self.lost.contains(&room.share)) {
            tracing::info!(server = %room.server.info().id, share = %room.share, "share lost");
        }
    }
}
