//! Upload: a file becomes a cap and shares (specification sections 3.1 and 4.2).
//!
//! *Select* plans where shares go and makes room for them; *push* encodes segment by segment
//! and streams every share to its server; *results* tell what became of each.

mod assisted;
mod ciphertext;
mod encode;
mod key;
mod present;
mod push;
mod restore;
mod results;
mod select;

pub use crate::history::Progress;
pub use ciphertext::{CiphertextFile, CiphertextResults};
pub use key::{ConvergentKeyHasher, FileKey};
pub use present::CompleteFile;
pub use results::{ImmutableCap, UploadError, UploadResults};
pub(crate) use select::KnownShares;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tallac_core::cap::{ChkReadCap, ChkShape, EncryptionKey, LitCap, UebHash};
use tallac_core::helper::HelperError;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::{Encoder, Geometry};
use tokio::time::timeout;
use tracing::field::Empty;

use assisted::AssistedFile;

use crate::blocking::blocking;
use crate::grid::Grid;
use crate::history::{Counter, Kind, Operation, State};
use crate::source::UploadSource;
use crate::spans;

/// Largest file, in bytes, that fits into its cap and is stored nowhere else.
pub const LIT_SIZE_MAX: u64 = 55;

/// How long a helper may look for a file before we go to the servers ourselves.
const HELPER_PATIENCE: Duration = Duration::from_secs(60);

/// Which servers have which shares.
type ShareMap = BTreeMap<ShareNumber, BTreeSet<ServerId>>;

/// How one upload is to be done.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Which key encrypts the file.
    pub key: FileKey,
    /// Told of progress.
    pub progress: Progress,
}

/// The service that uploads immutable files.
#[derive(Debug, Clone)]
pub struct Uploader {
    grid: Grid,
}

impl Uploader {
    pub(crate) const fn new(grid: Grid) -> Self {
        Self { grid }
    }

    /// Takes the convergent key of plaintext that arrives before its size is known.
    #[must_use]
    pub fn key_hasher(&self) -> ConvergentKeyHasher {
        ConvergentKeyHasher::new(self.grid.config())
    }

    /// Puts the file on the grid; a helper does, if there is one that is connected, unless the file
    /// fits into its cap. It returns once happiness is reached and every share that
    /// counts is on a server's disk.
    ///
    /// # Errors
    /// [`UploadError`]; what was placed so far is then given up again.
    pub async fn upload(
        &self,
        source: impl UploadSource,
        options: UploadOptions,
    ) -> Result<UploadResults, UploadError> {
        let size = source.size();
        let span =
            tracing::info_span!("upload", size, storage_index = Empty, otel.status_code = Empty);
        spans::within(span, self.upload_source(source, size, options)).await
    }

    async fn upload_source(
        &self,
        mut source: impl UploadSource,
        size: u64,
        options: UploadOptions,
    ) -> Result<UploadResults, UploadError> {
        let history = self.grid.history();
        history.count(Counter::FilesUploaded, Counter::BytesUploaded, size);
        let watched = history.begin(Kind::Upload, None);
        watched.note(|state| {
            (state.size, state.progress) = (Some(size), options.progress.clone());
        });
        if size <= LIT_SIZE_MAX {
            let data = blocking(move || encode::read(&mut source, 0, size)).await?;
            watched.done();
            return Ok(UploadResults::literal(LitCap::new(data)));
        }
        let config = self.grid.config();
        let geometry = Geometry::for_upload(config.encoding, size, config.segment_size_max)?;
        let (source, key) = options.key.clone().resolve(source, geometry, config).await?;
        watched.set_storage_index(key.storage_index());
        tracing::Span::current().record("storage_index", key.storage_index().abbreviated());
        watched.note(|state| {
            (state.has_key, state.encoding) = (true, Some(config.encoding));
        });
        let results = self.upload_with_key(source, geometry, key, &watched).await?;
        watched.note(|state| note_results(state, &results));
        watched.done();
        Ok(results)
    }

    /// With the helper's help, if it can be had.
    async fn upload_with_key(
        &self,
        source: impl UploadSource,
        geometry: Geometry,
        key: EncryptionKey,
        watched: &Operation,
    ) -> Result<UploadResults, UploadError> {
        let progress = watched.state().progress;
        if let Some(helper) = self.grid.helper() {
            watched.set_status("Contacting Helper");
            let begun = timeout(HELPER_PATIENCE, helper.begin(key.storage_index())).await;
            match begun.unwrap_or(Err(HelperError::NotConnected)) {
                Ok(begun) => {
                    watched.set_status("Uploading Ciphertext");
                    watched.note(|state| state.uses_helper = true);
                    let happy = self.grid.config().happy;
                    let file = AssistedFile { geometry, key, happy };
                    return file.upload(begun, source, &progress).await;
                }
                Err(HelperError::NotConnected) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let encoder = Encoder::new(geometry, key.expose());
        let (storage_index, happy) = (key.storage_index(), self.grid.config().happy);
        let (pushed, preexisting) =
            self.spread(source, encoder, (storage_index, happy), watched).await?;
        let shape =
            ChkShape::new(UebHash::new(pushed.ueb_hash), geometry.encoding(), geometry.size());
        Ok(UploadResults {
            cap: ChkReadCap::new(key, shape).into(),
            pushed: pushed.shares,
            preexisting,
            happiness: pushed.happiness,
        })
    }

    /// Puts what the encoder makes of the source onto servers.
    async fn spread(
        &self,
        source: impl UploadSource,
        encoder: Encoder,
        (storage_index, happy): (StorageIndex, usize),
        watched: &Operation,
    ) -> Result<(push::Pushed, ShareMap), UploadError> {
        let geometry = *encoder.geometry();
        let selector = select::Selector::new(&self.grid, &geometry, storage_index, happy);
        // The first segment is encoded while the servers make room.
        let segments = encode::start(source, encoder);
        watched.set_status("Contacting Servers..");
        let selection = selector.select().await?;
        let preexisting = selection.preexisting();
        watched.set_status("Sending segments");
        let progress = watched.state().progress;
        let pushed = push::push(selection, segments, geometry, &progress).await?;
        Ok((pushed, preexisting))
    }
}

/// Where the shares of a file are by now.
fn note_results(state: &mut State, results: &UploadResults) {
    state.preexisting = results.preexisting.len();
    for (share, servers) in &results.preexisting {
        state.shares.entry(*share).or_default().extend(servers.iter().cloned());
    }
    for (share, server) in &results.pushed {
        state.shares.entry(*share).or_default().push(server.clone());
    }
}
