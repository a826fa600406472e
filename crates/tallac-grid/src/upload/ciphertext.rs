//! Upload of what somebody else has encrypted, as helpers do (specification section 4.3).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use tallac_core::hash::Hash;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::{Encoder, EncodingError, Geometry, SEGMENTS_MAX};
use tracing::field::Empty;

use super::{UploadError, Uploader};
use crate::history::Kind;
use crate::source::UploadSource;
use crate::spans;

/// A file whose key we do not know.
#[derive(Debug, Clone, Copy)]
pub struct CiphertextFile {
    /// Where its shares go.
    pub storage_index: StorageIndex,
    /// Its sizes.
    pub geometry: Geometry,
    /// Servers that the upload must reach such that any `k` of them have enough shares.
    pub happy: usize,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct CiphertextResults {
    /// Its UEB.
    pub ueb: Bytes,
    /// And the hash of it that goes into the cap.
    pub ueb_hash: Hash,
    /// Shares that were sent, each with the server that has it.
    pub pushed: BTreeMap<ShareNumber, ServerId>,
    /// Shares that were there already, each with the servers that have it.
    pub preexisting: BTreeMap<ShareNumber, BTreeSet<ServerId>>,
}

impl Uploader {
    /// Puts a file on the grid that is given as ciphertext.
    ///
    /// # Errors
    /// [`UploadError`]; what was placed so far is then given up again.
    pub async fn upload_ciphertext(
        &self,
        source: impl UploadSource,
        file: CiphertextFile,
    ) -> Result<CiphertextResults, UploadError> {
        let geometry = &file.geometry;
        if geometry.segment_count() > SEGMENTS_MAX {
            let (segment_size, size) = (geometry.segment_size(), geometry.size());
            let encoding = geometry.encoding();
            return Err(EncodingError::BadSegmentSize { segment_size, size, encoding }.into());
        }
        let encoder = Encoder::for_ciphertext(file.geometry);
        let to = (file.storage_index, file.happy);
        let watched = self.grid.history().begin(Kind::Upload, Some(file.storage_index));
        watched.note(|state| {
            (state.size, state.has_key) = (Some(file.geometry.size()), true);
            state.encoding = Some(file.geometry.encoding());
        });
        let span = tracing::info_span!(
            "upload",
            size = file.geometry.size(),
            storage_index = file.storage_index.abbreviated(),
            otel.status_code = Empty
        );
        let spread = self.spread(source, encoder, to, &watched);
        let (pushed, preexisting) = spans::within(span, spread).await?;
        watched.done();
        let (ueb, ueb_hash) = (pushed.ueb, pushed.ueb_hash);
        Ok(CiphertextResults { ueb, ueb_hash, pushed: pushed.shares, preexisting })
    }
}
