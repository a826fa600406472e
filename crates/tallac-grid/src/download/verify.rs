//! One share, read to its last byte and proven by itself (specification sections 3.3 and 4.5).
//!
//! A download believes what other shares have proven already, and reads nothing that it can do
//! without. Here every share must hold all that a reader may need of it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tallac_core::immutable::{
    FileVerifier, Geometry, HEADER_LEN_MAX, LayoutError, SEGMENTS_MAX, ShareLayout, ShareVerifier,
    UEB_LEN_MAX, Ueb,
};
use tallac_core::storage::StorageError;
use tokio::time::timeout;

use super::find::Location;
use super::share::{Piece, UEB_SLACK, WHOLE_MAX, read, tree_len, ueb_in};
use super::subject::Subject;
use crate::blocking::blocking_if;
use crate::check::VerifyBudget;

/// Bytes of blocks that are read at once, unless a block is larger.
const RUN_LEN: u64 = 1 << 20;

/// Blocks with more bytes than this are proven by a thread that may block.
const INLINE_MAX: usize = 64 << 10;

/// How long a server may take for anything, and how many bytes a second it must send beyond that.
const READ_TIME: Duration = Duration::from_secs(20);
const RATE_MIN: u64 = 16 << 10;

/// What is wrong with a share.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// It is not what was uploaded.
    Corrupt(String),
    /// Its layout, or its file, is beyond this program.
    Incompatible(String),
    /// It could not be read: the server's doing, or the network's.
    Unread(StorageError),
}

impl From<StorageError> for Flaw {
    fn from(error: StorageError) -> Self {
        Self::Unread(error)
    }
}

/// Turns any error into that of a corrupt share.
fn corrupt(error: impl std::fmt::Display) -> Flaw {
    Flaw::Corrupt(error.to_string())
}

/// Reads a whole share and proves all of it, with as much of it in memory as there is room for.
pub(crate) async fn verify(
    subject: &Subject,
    location: &Location,
    budget: &VerifyBudget,
) -> Result<(), Flaw> {
    let guess = subject.guess().map_err(|error| Flaw::Incompatible(error.to_string()))?;
    let mut room = budget.take(memory(&guess)).await;
    let share = Share::open(subject, location, &guess).await?;
    let ueb = share.ueb().await?;
    if ueb.geometry != guess {
        drop(room.take());
        room = budget.take(memory(&ueb.geometry)).await;
    }
    let geometry = ueb.geometry;
    let verifier = share.hashes(ueb).await?;
    share.blocks(geometry, Arc::new(verifier)).await?;
    drop(room);
    Ok(())
}

/// Bytes that a share takes while it is verified: its trees, and two runs of blocks.
fn memory(geometry: &Geometry) -> u64 {
    let run = RUN_LEN.max(geometry.block_size()).min(geometry.share_data_size());
    (4 * tree_len(geometry)).saturating_add(2 * run)
}

/// A share that is being verified.
struct Share<'a> {
    subject: &'a Subject,
    location: &'a Location,
    layout: ShareLayout,
    /// What was read at first.
    pieces: Vec<Piece>,
}

impl<'a> Share<'a> {
    /// Reads the header, and where the hashes probably are; all of it, if it is small.
    async fn open(
        subject: &'a Subject,
        location: &'a Location,
        guess: &Geometry,
    ) -> Result<Self, Flaw> {
        let layout = ShareLayout::for_upload(guess);
        let end = layout.share_size(Ueb::len_for(guess)) + UEB_SLACK;
        let piece = async |range: Range<u64>| {
            let offset = range.start;
            let bytes = read_soon(subject, location, range).await?;
            Ok::<_, StorageError>(Piece { offset, bytes })
        };
        let pieces = if end <= WHOLE_MAX {
            vec![piece(0..end).await?]
        } else {
            let header = piece(0..HEADER_LEN_MAX as u64);
            let (header, hashes) = tokio::try_join!(header, piece(layout.crypttext_tree..end))?;
            vec![header, hashes]
        };
        let layout = ShareLayout::parse(&pieces[0].bytes).map_err(|error| match error {
            LayoutError::UnknownVersion(_) => Flaw::Incompatible(error.to_string()),
            _ => corrupt(error),
        })?;
        Ok(Self { subject, location, layout, pieces })
    }

    /// A part of it; shorter where the share ends.
    async fn get(&self, range: Range<u64>) -> Result<Bytes, StorageError> {
        match self.pieces.iter().find_map(|piece| piece.get(range.clone())) {
            Some(bytes) => Ok(bytes),
            None => read_soon(self.subject, self.location, range).await,
        }
    }

    /// The UEB that is in it, all of its fields checked.
    async fn ueb(&self) -> Result<Ueb, Flaw> {
        let (layout, offset) = (&self.layout, self.layout.ueb);
        let end = offset.checked_add(layout.version.field_len() + UEB_LEN_MAX);
        let end = end.ok_or_else(|| corrupt("the UEB's offset is absurd"))?;
        let bytes = match self.pieces.iter().find_map(|piece| ueb_in(layout, piece)) {
            Some(bytes) => bytes,
            None => {
                let piece = Piece { offset, bytes: self.get(offset..end).await? };
                ueb_in(layout, &piece).ok_or_else(|| corrupt("the UEB is cut short"))?
            }
        };
        let Subject { ueb_hash, encoding, size, .. } = self.subject;
        let ueb = Ueb::parse(&bytes, ueb_hash, *encoding, *size).map_err(corrupt)?;
        if ueb.geometry.segment_count() > SEGMENTS_MAX {
            let why = format!("a file of {size} bytes in so many segments is not verified");
            return Err(Flaw::Incompatible(why));
        }
        layout.check(&ueb.geometry).map_err(corrupt)?;
        Ok(ueb)
    }

    /// Proves all of its hashes.
    async fn hashes(&self, ueb: Ueb) -> Result<ShareVerifier, Flaw> {
        let (layout, len) = (&self.layout, tree_len(&ueb.geometry));
        let (crypttext_tree, block_tree, chain) = tokio::try_join!(
            self.get(layout.crypttext_tree..layout.crypttext_tree + len),
            self.get(layout.block_tree..layout.block_tree + len),
            self.get(layout.share_hashes..layout.ueb),
        )?;
        let number = self.location.share;
        let is_long = crypttext_tree.len() > INLINE_MAX;
        blocking_if(is_long, move || {
            let mut file = FileVerifier::new(ueb);
            file.add_crypttext_tree(&crypttext_tree)?;
            file.share(number, &chain, &block_tree)
        })
        .await
        .map_err(corrupt)
    }

    /// Proves all of its blocks: while some are hashed, the next are read.
    async fn blocks(&self, geometry: Geometry, verifier: Arc<ShareVerifier>) -> Result<(), Flaw> {
        let step = (RUN_LEN / geometry.block_size()).max(1);
        let mut before: Option<(Range<u64>, Bytes)> = None;
        let mut at = 0;
        loop {
            let run = at..(at + step).min(geometry.segment_count());
            at = run.end;
            let next = async {
                if run.is_empty() {
                    return Ok(None);
                }
                let from = self.layout.data + geometry.block_offset(run.start);
                let len: u64 = run.clone().map(|segment| geometry.block_len(segment)).sum();
                Ok::<_, StorageError>(Some((run, self.get(from..from + len).await?)))
            };
            let check = check(geometry, &verifier, before.take());
            let (next, checked) = tokio::join!(next, check);
            checked?;
            match next? {
                None => return Ok(()),
                Some(run) => before = Some(run),
            }
        }
    }
}

async fn check(
    geometry: Geometry,
    verifier: &Arc<ShareVerifier>,
    run: Option<(Range<u64>, Bytes)>,
) -> Result<(), Flaw> {
    let Some((segments, data)) = run else { return Ok(()) };
    let verifier = Arc::clone(verifier);
    let is_long = data.len() > INLINE_MAX;
    blocking_if(is_long, move || verifier.check_blocks(&geometry, segments, &data))
        .await
        .map_err(corrupt)
}

/// Reads a range of a share, from a server that may not take its time.
async fn read_soon(
    subject: &Subject,
    location: &Location,
    range: Range<u64>,
) -> Result<Bytes, StorageError> {
    let time = READ_TIME + Duration::from_secs((range.end - range.start) / RATE_MIN);
    let read = read(subject, location, range);
    timeout(time, read).await.unwrap_or(Err(StorageError::TimedOut { seconds: time.as_secs() }))
}
