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

pub use ciphertext::{CiphertextFile, CiphertextResults};
pub use key::{ConvergentKeyHasher, FileKey};
pub use present::CompleteFile;
pub use results::{ImmutableCap, UploadError, UploadResults};
pub(crate) use select::KnownShares;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tallac_core::cap::{ChkReadCap, ChkShape, EncryptionKey, LitCap, UebHash};
use tallac_core::helper::HelperError;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::{Encoder, Geometry};
use tokio::time::timeout;

use assisted::AssistedFile;

use crate::blocking::blocking;
use crate::grid::Grid;
use crate::source::UploadSource;

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

/// How far an upload is, to be looked at from elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes of plaintext that are encoded and handed to all servers, or to the helper.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
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
        mut source: impl UploadSource,
        options: UploadOptions,
    ) -> Result<UploadResults, UploadError> {
        let size = source.size();
        if size <= LIT_SIZE_MAX {
            let data = blocking(move || encode::read(&mut source, 0, size)).await?;
            return Ok(UploadResults::literal(LitCap::new(data)));
        }
        let config = self.grid.config();
        let geometry = Geometry::for_upload(config.encoding, size, config.segment_size_max)?;
        let (source, key) = options.key.clone().resolve(source, geometry, config).await?;
        let Some(helper) = self.grid.helper() else {
            return self.upload_with_key(source, geometry, key, &options).await;
        };
        let begun = timeout(HELPER_PATIENCE, helper.begin(key.storage_index())).await;
        match begun.unwrap_or(Err(HelperError::NotConnected)) {
            Ok(begun) => {
                let file = AssistedFile { geometry, key, happy: config.happy };
                file.upload(begun, source, &options.progress).await
            }
            Err(HelperError::NotConnected) => {
                self.upload_with_key(source, geometry, key, &options).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn upload_with_key(
        &self,
        source: impl UploadSource,
        geometry: Geometry,
        key: EncryptionKey,
        options: &UploadOptions,
    ) -> Result<UploadResults, UploadError> {
        let encoder = Encoder::new(geometry, key.expose());
        let (storage_index, happy) = (key.storage_index(), self.grid.config().happy);
        let (pushed, preexisting) =
            self.spread(source, encoder, (storage_index, happy), &options.progress).await?;
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
        progress: &Progress,
    ) -> Result<(push::Pushed, ShareMap), UploadError> {
        let geometry = *encoder.geometry();
        let selector = select::Selector::new(&self.grid, &geometry, storage_index, happy);
        // The first segment is encoded while the servers make room.
        let segments = encode::start(source, encoder);
        let selection = selector.select().await?;
        let preexisting = selection.preexisting();
        let pushed = push::push(selection, segments, geometry, progress).await?;
        Ok((pushed, preexisting))
    }
}
