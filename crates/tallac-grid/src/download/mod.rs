//! Download: a cap becomes plaintext again, all of it proven (specification section 4.4).
//!
//! *Find* asks servers for shares; *share* opens one and proves its hashes; *pool* keeps `k` of
//! them open and replaces those that fail; *run* fetches and decodes a few segments; here they are
//! strung together to a stream that is a little ahead of whoever reads it.

mod ciphertext;
mod error;
mod find;
mod open;
mod pool;
mod run;
mod share;
mod subject;
mod target;
mod verify;

pub(crate) use ciphertext::Ciphertext;
pub use error::DownloadError;
pub(crate) use find::Location;
pub(crate) use open::OpenFiles;
pub(crate) use subject::Subject;
pub use target::{DownloadTarget, FileTarget, WriterTarget};
pub(crate) use verify::{Flaw, verify};

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt};
use tallac_core::cap::ChkReadCap;
use tallac_core::immutable::Geometry;
use tokio_util::task::AbortOnDropHandle;
use tracing::Span;
use tracing::field::Empty;

use crate::grid::Grid;
use crate::history::{Counter, Kind, Reading};
use crate::spans;
use crate::upload::ImmutableCap;
use pool::File;

/// Plaintext in order, in pieces of whatever size.
pub type PlaintextStream = Pin<Box<dyn Stream<Item = Result<Bytes, DownloadError>> + Send>>;

/// Bytes of plaintext that are fetched and decoded in one go, unless a segment is larger.
const RUN_SIZE: u64 = 2 << 20;

/// Runs that are under way or done while the reader is at the one before them.
const RUNS_AHEAD: usize = 4;

/// The service that downloads immutable files.
#[derive(Debug, Clone)]
pub struct Downloader {
    grid: Grid,
}

impl Downloader {
    pub(crate) const fn new(grid: Grid) -> Self {
        Self { grid }
    }

    /// Opens a range of a file: returns once enough shares are found and proven to begin. Only
    /// the segments of the range are fetched. What lies beyond the end is left out.
    ///
    /// # Errors
    /// [`DownloadError`]; so may the stream, when too many shares are lost on the way.
    pub async fn read(
        &self,
        cap: &ImmutableCap,
        range: Range<u64>,
    ) -> Result<PlaintextStream, DownloadError> {
        match cap {
            ImmutableCap::Lit(cap) => {
                let data = Bytes::copy_from_slice(cap.data());
                let at =
                    |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(data.len());
                let piece = data.slice(at(range.start)..at(range.end).max(at(range.start)));
                Ok(Box::pin(futures_util::stream::iter([Ok(piece)])))
            }
            ImmutableCap::Chk(cap) => self.read_chk(cap, range).await,
        }
    }

    async fn read_chk(
        &self,
        cap: &ChkReadCap,
        range: Range<u64>,
    ) -> Result<PlaintextStream, DownloadError> {
        let range = range.start.min(cap.size())..range.end.min(cap.size());
        if range.is_empty() {
            cap.encoding()?;
            return Ok(Box::pin(futures_util::stream::empty()));
        }
        let size = range.end - range.start;
        self.grid.history().count(Counter::FilesDownloaded, Counter::BytesDownloaded, size);
        let span = tracing::info_span!(
            "download",
            offset = range.start,
            size,
            storage_index = cap.storage_index().abbreviated(),
            otel.status_code = Empty
        );
        let (file, geometry, reading) = spans::within(span.clone(), self.open(cap, &range)).await?;
        let pieces = self.stream(file, geometry, range, span);
        Ok(Box::pin(pieces.inspect_ok(move |piece| reading.gave(piece.len() as u64))))
    }

    /// What a file that is open holds in a range.
    fn stream(
        &self,
        file: Arc<File>,
        geometry: Geometry,
        range: Range<u64>,
        span: Span,
    ) -> impl Stream<Item = Result<Bytes, DownloadError>> + Send + 'static {
        let grid = self.grid.clone();
        let runs = futures_util::stream::iter(runs(geometry, range.clone()));
        runs.map(move |segments| {
            let (file, grid) = (Arc::clone(&file), grid.clone());
            let range = range.clone();
            let first = geometry.segment_offset(segments.start);
            let running = Arc::clone(&file);
            let fetching = tracing::info_span!(
                parent: &span,
                "fetch segments",
                first = segments.start,
                count = segments.end - segments.start,
                otel.status_code = Empty
            );
            let run = async move { spans::within(fetching, running.run(segments)).await };
            let run = tokio::spawn(run);
            async move {
                let plaintext = match AbortOnDropHandle::new(run).await {
                    Ok(result) => result.inspect_err(|_| grid.open_files().drop_file(&file))?,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                };
                Ok(trim(plaintext.into(), first, &range))
            }
        })
        .buffered(RUNS_AHEAD)
    }

    /// The file of a cap with enough shares open: the one that was opened a moment ago, or anew.
    async fn open(
        &self,
        cap: &ChkReadCap,
        range: &Range<u64>,
    ) -> Result<(Arc<File>, Geometry, Reading), DownloadError> {
        let kept = self.grid.open_files();
        if let Some(file) = kept.get(cap) {
            let reading = file.watched.read_begins(range.clone());
            if let Ok(geometry) = file.open().await {
                return Ok((file, geometry, reading));
            }
            kept.drop_file(&file);
        }
        let watched = self.grid.history().begin(Kind::Download, Some(cap.storage_index()));
        watched.note(|state| state.size = Some(cap.size()));
        let reading = watched.operation().read_begins(range.clone());
        let file = Arc::new(File::new(&self.grid, cap, range.start, watched.operation())?);
        let geometry = file.open().await?;
        watched.done();
        kept.keep(&file);
        Ok((file, geometry, reading))
    }

    /// Downloads a whole file into a target; returns how many bytes it was.
    ///
    /// # Errors
    /// [`DownloadError`]; what the target was given until then is right as far as it goes.
    pub async fn download(
        &self,
        cap: &ImmutableCap,
        target: &mut impl DownloadTarget,
    ) -> Result<u64, DownloadError> {
        let mut stream = self.read(cap, 0..u64::MAX).await?;
        let mut size = 0;
        while let Some(piece) = stream.try_next().await? {
            size += piece.len() as u64;
            target.write(piece).await.map_err(DownloadError::target)?;
        }
        target.finish().await.map_err(DownloadError::target)?;
        Ok(size)
    }

    /// Downloads a whole file into memory, if it has at most `size_max` bytes.
    ///
    /// # Errors
    /// [`DownloadError`], also for a file that is larger.
    pub async fn download_to_memory(
        &self,
        cap: &ImmutableCap,
        size_max: u64,
    ) -> Result<Bytes, DownloadError> {
        if cap.size() > size_max {
            return Err(DownloadError::TooLarge { size: cap.size(), size_max });
        }
        let mut bytes = Vec::new();
        self.download(cap, &mut bytes).await?;
        Ok(bytes.into())
    }
}

/// The segments of a range in runs: the first alone, so that the reader soon has something.
fn runs(geometry: Geometry, range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let first = range.start / geometry.segment_size();
    let end = range.end.div_ceil(geometry.segment_size());
    let step = (RUN_SIZE / geometry.segment_size()).max(1);
    let mut at = first;
    std::iter::from_fn(move || {
        let len = if at == first { 1 } else { step };
        let run = at..(at + len).min(end);
        at = run.end;
        (!run.is_empty()).then_some(run)
    })
}

/// What of a run, whose plaintext begins at `first`, is in the range.
fn trim(plaintext: Bytes, first: u64, range: &Range<u64>) -> Bytes {
    let at = |offset: u64| {
        usize::try_from(offset.saturating_sub(first)).unwrap_or(usize::MAX).min(plaintext.len())
    };
    plaintext.slice(at(range.start)..at(range.end))
}
