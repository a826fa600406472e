//! Upload with a helper's help (specification section 4.3): it gets ciphertext, and its answer is
//! not believed but compared with what we know of the file ourselves.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tallac_core::cap::{ChkReadCap, ChkShape, EncryptionKey, UebHash};
use tallac_core::crypto::Aes128Ctr;
use tallac_core::hash::Hash;
use tallac_core::helper::{
    Begun, BoxFuture, Ciphertext, CodingParameters, HelperError, HelperResults,
};
use tallac_core::immutable::{CrypttextHasher, Geometry, Ueb};

use super::encode;
use super::results::{UploadError, UploadResults};
use super::{Progress, ShareMap};
use crate::blocking::blocking;
use crate::source::UploadSource;

/// A file that a helper is to upload.
pub(super) struct AssistedFile {
    pub(super) geometry: Geometry,
    pub(super) key: EncryptionKey,
    pub(super) happy: usize,
}

impl AssistedFile {
    /// Does what the helper wants, and makes the cap.
    pub(super) async fn upload(
        self,
        begun: Begun,
        source: impl UploadSource,
        progress: &Progress,
    ) -> Result<UploadResults, UploadError> {
        let encrypted = Arc::new(Encrypted {
            geometry: self.geometry,
            happy: self.happy,
            cipher: Aes128Ctr::new(self.key.expose()),
            source: Mutex::new(source),
            read: Mutex::new(0),
            progress: progress.clone(),
        });
        // Our own hash of the ciphertext is taken while the helper works.
        let root = encrypted.root();
        let (results, root) = match begun {
            Begun::Present(results) => (results, root.await?),
            Begun::Wanted(upload) => {
                let help =
                    async { Ok(upload.upload(Arc::new(Reader(Arc::clone(&encrypted)))).await?) };
                tokio::try_join!(help, root)?
            }
        };
        self.check(&results, &root)?;
        let (geometry, ueb_hash) = (self.geometry, UebHash::new(results.ueb_hash));
        let shape = ChkShape::new(ueb_hash, geometry.encoding(), geometry.size());
        let happiness = tallac_core::placement::happiness(&results.shares);
        let (pushed, preexisting) = match results.pushed {
            0 => (ShareMap::new(), results.shares),
            _ => (results.shares, ShareMap::new()),
        };
        Ok(UploadResults {
            cap: ChkReadCap::new(self.key, shape).into(),
            // Which of them it sent, a helper does not say.
            pushed: pushed
                .into_iter()
                .filter_map(|(share, servers)| Some((share, servers.into_iter().next()?)))
                .collect(),
            preexisting,
            happiness,
        })
    }

    /// Whether what the helper says is of this file: a cap made of anything else would be of
    /// something else.
    fn check(&self, results: &HelperResults, root: &Hash) -> Result<(), HelperError> {
        let geometry = &self.geometry;
        let ueb = Ueb::parse(&results.ueb, &results.ueb_hash, geometry.encoding(), geometry.size());
        let ueb = ueb.map_err(|error| HelperError::Misbehaved(error.to_string()))?;
        match ueb.geometry == *geometry && ueb.crypttext_root == *root {
            true => Ok(()),
            false => {
                Err(HelperError::Misbehaved("the UEB that it made is of another file".to_owned()))
            }
        }
    }
}

/// A source as its ciphertext.
struct Encrypted<S> {
    geometry: Geometry,
    happy: usize,
    cipher: Aes128Ctr,
    source: Mutex<S>,
    /// How far the helper has read.
    read: Mutex<u64>,
    progress: Progress,
}

impl<S: UploadSource> Encrypted<S> {
    fn piece(&self, offset: u64, len: u64) -> Result<Vec<u8>, UploadError> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let mut piece = encode::read(&mut *source, offset, len)?;
        drop(source);
        self.cipher.apply(offset, &mut piece);
        Ok(piece)
    }

    /// The root of the hash tree over the segments.
    async fn root(self: &Arc<Self>) -> Result<Hash, UploadError> {
        let this = Arc::clone(self);
        blocking(move || {
            let mut hasher = CrypttextHasher::new(&this.geometry);
            for segment in 0..this.geometry.segment_count() {
                let offset = this.geometry.segment_offset(segment);
                hasher.update(&this.piece(offset, this.geometry.segment_len(segment))?);
            }
            Ok(hasher.finish())
        })
        .await
    }
}

/// What the helper sees of it.
struct Reader<S>(Arc<Encrypted<S>>);

impl<S> fmt::Debug for Reader<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.0.geometry).finish()
    }
}

impl<S: UploadSource> Ciphertext for Reader<S> {
    fn size(&self) -> BoxFuture<'_, Result<u64, HelperError>> {
        Box::pin(async { Ok(self.0.geometry.size()) })
    }

    fn parameters(&self) -> BoxFuture<'_, Result<CodingParameters, HelperError>> {
        let (geometry, happy) = (&self.0.geometry, self.0.happy);
        let encoding = geometry.encoding();
        let parameters = CodingParameters {
            needed: encoding.needed().into(),
            happy: u64::try_from(happy).unwrap_or(u64::MAX),
            total: encoding.total().into(),
            segment_size: geometry.segment_size(),
        };
        Box::pin(async move { Ok(parameters) })
    }

    fn read(&self, offset: u64, len: usize) -> BoxFuture<'_, Result<Bytes, HelperError>> {
        let this = Arc::clone(&self.0);
        Box::pin(async move {
            let (len, size) = (u64::try_from(len).unwrap_or(u64::MAX), this.geometry.size());
            let end = offset.checked_add(len).filter(|end| *end <= size);
            let end = end.ok_or_else(|| {
                HelperError::Misbehaved("it asked for bytes beyond the end of the file".to_owned())
            })?;
            let reader = Arc::clone(&this);
            let piece = blocking(move || reader.piece(offset, len)).await;
            let piece = piece.map_err(|error| HelperError::Local(error.to_string()))?;
            let mut read = this.read.lock().unwrap_or_else(PoisonError::into_inner);
            // What the helper has already counts as well.
            this.progress.add(end.saturating_sub(*read));
            *read = end.max(*read);
            drop(read);
            Ok(piece.into())
        })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
