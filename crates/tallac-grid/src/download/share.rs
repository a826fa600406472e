//! One share, opened: its hashes read and proven (specification sections 3.3 and 4.4).
//!
//! Nearly all files have the layout that this version of Tahoe-LAFS gives them, which the cap's
//! numbers tell. So what is wanted is read straight from where it should be; the UEB there either
//! has the hash of the cap, or the share's own header is asked.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use tallac_core::ids::ShareNumber;
use tallac_core::immutable::{
    FileVerifier, Geometry, HEADER_LEN_MAX, SEGMENTS_MAX, ShareLayout, ShareVerifier, UEB_LEN_MAX,
    Ueb, UebError,
};
use tallac_core::storage::{ReadRequest, ShareKind, StorageError};
use tokio::time::timeout;

use super::error::DownloadError;
use super::find::Location;
use super::pool::File;
use super::subject::Subject;

/// Shares up to this size are read whole, in one request.
pub(super) const WHOLE_MAX: u64 = 64 << 10;

/// Room for fields of the UEB that only other writers have.
pub(super) const UEB_SLACK: u64 = 512;

/// How long a server may say nothing in the middle of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Why a share is not open.
pub(super) enum OpenError {
    /// The server's doing, or the network's.
    Storage(StorageError),
    /// The share is not what was uploaded.
    Corrupt(String),
    /// No share of this file can be used.
    File(DownloadError),
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A piece of a share, and where it begins.
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: Bytes,
}

impl Piece {
    pub(super) fn get(&self, range: Range<u64>) -> Option<Bytes> {
        let from = usize::try_from(range.start.checked_sub(self.offset)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(self.offset)?).ok()?;
        (from <= to && to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}

/// What was read of a share; only its UEB is proven.
pub(super) struct Opened {
    pub(super) ueb: Ueb,
    pub(super) ueb_bytes: Bytes,
    pub(super) crypttext_tree: Option<Bytes>,
    layout: ShareLayout,
    block_tree: Bytes,
    chain: Bytes,
    /// Blocks that came along.
    blocks: Option<Piece>,
}

/// A share whose hashes are proven.
pub(super) struct OpenShare {
    location: Location,
    verifier: ShareVerifier,
    data: u64,
    blocks: Option<Piece>,
}

impl OpenShare {
    pub(super) const fn location(&self) -> &Location {
        &self.location
    }

    pub(super) const fn number(&self) -> ShareNumber {
        self.location.share
    }

    pub(super) const fn verifier(&self) -> &ShareVerifier {
        &self.verifier
    }

    /// Reads the hashes of a share, and the blocks that are wanted first.
    pub(super) async fn read(
        file: &File,
        location: &Location,
        with_crypttext_tree: bool,
    ) -> Result<Opened, OpenError> {
        let (geometry, first) = file.sizes();
        let subject = &file.subject;
        let layout = ShareLayout::for_upload(&geometry);
        let end = layout.share_size(Ueb::len_for(&geometry)) + UEB_SLACK;
        let (hashes, blocks) = if end <= WHOLE_MAX {
            let bytes = read_watched(file, location, 0..end).await?;
            (Piece { offset: 0, bytes: bytes.clone() }, Piece { offset: 0, bytes })
        } else {
            let from = if with_crypttext_tree { layout.crypttext_tree } else { layout.block_tree };
            let at = layout.data + geometry.block_offset(first);
            let (hashes, blocks) = tokio::try_join!(
                read_watched(file, location, from..end),
                read_watched(file, location, at..at + geometry.block_len(first)),
            )?;
            (Piece { offset: from, bytes: hashes }, Piece { offset: at, bytes: blocks })
        };
        match parse(subject, &layout, &geometry, &hashes) {
            Some(opened) => Ok(Opened { blocks: Some(blocks), ..opened }),
            None => read_by_header(subject, location).await,
        }
    }

    /// The blocks of a run of segments.
    pub(super) async fn run(
        &self,
        file: &File,
        geometry: &Geometry,
        segments: Range<u64>,
    ) -> Result<Bytes, StorageError> {
        let from = self.data + geometry.block_offset(segments.start);
        let len: u64 = segments.map(|segment| geometry.block_len(segment)).sum();
        let range = from..from + len;
        if let Some(bytes) = self.blocks.as_ref().and_then(|piece| piece.get(range.clone())) {
            return Ok(bytes);
        }
        let bytes = read_watched(file, &self.location, range).await?;
        if bytes.len() as u64 == len {
            Ok(bytes)
        } else {
            Err(StorageError::PeerMisbehaved("the share is shorter than its file".to_owned()))
        }
    }
}

impl Opened {
    /// Reads the crypttext hash tree, when another share was asked for it in vain.
    pub(super) async fn read_crypttext_tree(
        &self,
        file: &File,
        location: &Location,
    ) -> Result<Bytes, OpenError> {
        let at = self.layout.crypttext_tree;
        let len = tree_len(&self.ueb.geometry);
        Ok(read(&file.subject, location, at..at + len).await?)
    }

    /// Proves all that was read.
    pub(super) fn prove(
        self,
        file: &mut FileVerifier,
        location: &Location,
        crypttext_tree: Option<&[u8]>,
    ) -> Result<OpenShare, OpenError> {
        let corrupt = |error: &dyn std::error::Error| OpenError::Corrupt(error.to_string());
        if let Some(tree) = crypttext_tree.filter(|_| !file.has_crypttext_tree()) {
            file.add_crypttext_tree(tree).map_err(|e| corrupt(&e))?;
        }
        let verifier =
            file.share(location.share, &self.chain, &self.block_tree).map_err(|e| corrupt(&e))?;
        let (location, data) = (location.clone(), self.layout.data);
        Ok(OpenShare { location, verifier, data, blocks: self.blocks })
    }
}

/// Takes the hashes out of what was read where a writer of today puts them; `None` when they are
/// not there.
fn parse(
    subject: &Subject,
    layout: &ShareLayout,
    geometry: &Geometry,
    piece: &Piece,
) -> Option<Opened> {
    let ueb_bytes = ueb_in(layout, piece)?;
    let ueb = Ueb::parse(&ueb_bytes, &subject.ueb_hash, subject.encoding, subject.size).ok()?;
    if ueb.geometry != *geometry {
        return None;
    }
    let tree = tree_len(geometry);
    Some(Opened {
        crypttext_tree: piece.get(layout.crypttext_tree..layout.crypttext_tree + tree),
        block_tree: piece.get(layout.block_tree..layout.block_tree + tree)?,
        chain: piece.get(layout.share_hashes..layout.ueb)?,
        layout: *layout,
        blocks: None,
        ueb,
        ueb_bytes,
    })
}

/// The UEB at the end of what was read.
pub(super) fn ueb_in(layout: &ShareLayout, piece: &Piece) -> Option<Bytes> {
    let at = layout.ueb + layout.version.field_len();
    let len = piece.get(layout.ueb..at)?.iter().fold(0, |len: u64, &b| len << 8 | u64::from(b));
    if len > UEB_LEN_MAX { None } else { piece.get(at..at + len) }
}

/// Reads a share of any layout by what its header says.
async fn read_by_header(subject: &Subject, location: &Location) -> Result<Opened, OpenError> {
    let corrupt = |what: &dyn std::fmt::Display| OpenError::Corrupt(what.to_string());
    let header = read(subject, location, 0..HEADER_LEN_MAX as u64).await?;
    let layout = ShareLayout::parse(&header).map_err(|e| corrupt(&e))?;
    let end = layout
        .ueb
        .checked_add(layout.version.field_len() + UEB_LEN_MAX)
        .ok_or_else(|| corrupt(&"the UEB's offset is absurd"))?;
    let bytes = read(subject, location, layout.ueb..end).await?;
    let piece = Piece { offset: layout.ueb, bytes };
    let ueb_bytes = ueb_in(&layout, &piece).ok_or_else(|| corrupt(&"the UEB is cut short"))?;
    let ueb = Ueb::parse(&ueb_bytes, &subject.ueb_hash, subject.encoding, subject.size).map_err(
        |error| match error {
            UebError::WrongHash => corrupt(&error),
            _ => OpenError::File(DownloadError::broken(&error)),
        },
    )?;
    if ueb.geometry.segment_count() > SEGMENTS_MAX {
        return Err(OpenError::File(DownloadError::TooManySegments { size: subject.size }));
    }
    layout.check(&ueb.geometry).map_err(|e| corrupt(&e))?;
    let tree = tree_len(&ueb.geometry);
    let (crypttext_tree, block_tree, chain) = tokio::try_join!(
        read(subject, location, layout.crypttext_tree..layout.crypttext_tree + tree),
        read(subject, location, layout.block_tree..layout.block_tree + tree),
        read(subject, location, layout.share_hashes..layout.ueb),
    )?;
    let crypttext_tree = Some(crypttext_tree);
    Ok(Opened { ueb, ueb_bytes, crypttext_tree, layout, block_tree, chain, blocks: None })
}

/// Bytes of a hash tree over the segments.
pub(super) const fn tree_len(geometry: &Geometry) -> u64 {
    (2 * geometry.segment_count().next_power_of_two() - 1) * 32
}

/// The same as [`read`], for all to see.
async fn read_watched(
    file: &File,
    location: &Location,
    range: Range<u64>,
) -> Result<Bytes, StorageError> {
    let mark = file.watched.block_begins(&location.server, location.share, range.clone());
    let bytes = read(&file.subject, location, range).await;
    file.watched.block_ends(mark, bytes.as_ref().ok().map(|bytes| bytes.len() as u64));
    bytes
}

/// Reads a range of a share into memory; shorter where the share ends.
pub(super) async fn read(
    subject: &Subject,
    location: &Location,
    range: Range<u64>,
) -> Result<Bytes, StorageError> {
    let len_max = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let request = ReadRequest {
        kind: ShareKind::Immutable,
        storage_index: subject.storage_index,
        share_number: location.share,
        range: Some(range),
    };
    let silent = |_| StorageError::TimedOut { seconds: SILENCE_MAX.as_secs() };
    let answer = location.server.storage().read(request);
    let mut stream = timeout(SILENCE_MAX, answer).await.map_err(silent)??;
    let mut all: Option<BytesMut> = None;
    let mut first = Bytes::new();
    while let Some(piece) = timeout(SILENCE_MAX, stream.try_next()).await.map_err(silent)?? {
        if first.is_empty() && all.is_none() {
            first = piece; // Often the only one.
            continue;
        }
        let all = all.get_or_insert_with(|| {
            let mut all = BytesMut::with_capacity(len_max);
            all.extend_from_slice(&first);
            all
        });
        if all.len() + piece.len() > len_max {
            return Err(StorageError::PeerMisbehaved("sent more than was asked for".to_owned()));
        }
        all.extend_from_slice(&piece);
    }
    let bytes = all.map_or(first, BytesMut::freeze);
    if bytes.len() > len_max {
        return Err(StorageError::PeerMisbehaved("sent more than was asked for".to_owned()));
    }
    Ok(bytes)
}
