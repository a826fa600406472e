//! A thread that reads, encrypts, codes and hashes, one segment ahead of what is sent.

use std::io;

use tallac_core::immutable::{EncodedFile, EncodedSegment, Encoder};
use tokio::sync::mpsc;

use super::results::UploadError;
use crate::source::UploadSource;

/// Encoded segments that wait to be sent.
const SEGMENTS_AHEAD: usize = 1;

/// What the encoding thread gives, in this order.
pub(super) enum Encoded {
    /// What every share begins with.
    Header(bytes::Bytes),
    /// One segment's blocks.
    Segment(EncodedSegment),
    /// All that comes after.
    End(Box<EncodedFile>),
}

/// What arrives from the encoding thread; the last is [`Encoded::End`] or an error.
pub(super) type Segments = mpsc::Receiver<Result<Encoded, UploadError>>;

/// Starts encoding. It stops when the receiver is dropped.
pub(super) fn start(source: impl UploadSource, encoder: Encoder) -> Segments {
    let (out, segments) = mpsc::channel(SEGMENTS_AHEAD);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = run(source, encoder, &out) {
            let _ = out.blocking_send(Err(error));
        }
    });
    segments
}

fn run(
    mut source: impl UploadSource,
    mut encoder: Encoder,
    out: &mpsc::Sender<Result<Encoded, UploadError>>,
) -> Result<(), UploadError> {
    let geometry = *encoder.geometry();
    if out.blocking_send(Ok(Encoded::Header(encoder.header()))).is_err() {
        return Ok(());
    }
    for segment in 0..geometry.segment_count() {
        let offset = geometry.segment_offset(segment);
        let plaintext = read(&mut source, offset, geometry.segment_len(segment))?;
        let encoded = encoder.encode(plaintext)?;
        if out.blocking_send(Ok(Encoded::Segment(encoded))).is_err() {
            return Ok(());
        }
    }
    let file = Box::new(encoder.finish()?);
    let _ = out.blocking_send(Ok(Encoded::End(file)));
    Ok(())
}

/// Reads a piece whose length was chosen here: a segment, or less.
pub(super) fn read(
    source: &mut impl UploadSource,
    offset: u64,
    len: u64,
) -> Result<Vec<u8>, UploadError> {
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let mut piece = vec![0; len];
    source.read_at(offset, &mut piece).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => UploadError::SourceChanged,
        _ => UploadError::Source(error.into()),
    })?;
    Ok(piece)
}
