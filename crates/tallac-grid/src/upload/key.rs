//! Which key a file gets (specification section 2.3).

use tallac_core::cap::EncryptionKey;
use tallac_core::hash::Hash;
use tallac_core::immutable::{ConvergentKey, Geometry};
use tallac_core::secrets::ConvergenceSecret;

use super::results::UploadError;
use super::{LIT_SIZE_MAX, encode};
use crate::blocking::blocking;
use crate::grid::GridConfig;
use crate::source::UploadSource;

/// Plaintext that is hashed in one go.
const PIECE: usize = 256 << 10;

/// How the key of a file is chosen.
#[derive(Debug, Clone, Default)]
pub enum FileKey {
    /// From the content and the node's convergence secret: the same file gives the same cap.
    #[default]
    Convergent,
    /// From the content and another secret.
    ConvergentWith(ConvergenceSecret),
    /// Drawn at random: two uploads of one file have nothing in common.
    Random,
    /// Known already, from a [`ConvergentKeyHasher`] that saw this plaintext.
    Known(EncryptionKey),
}

impl FileKey {
    pub(super) async fn resolve<S: UploadSource>(
        self,
        source: S,
        geometry: Geometry,
        config: &GridConfig,
    ) -> Result<(S, EncryptionKey), UploadError> {
        let secret = match self {
            Self::Known(key) => return Ok((source, key)),
            Self::Random => {
                let mut key = [0; EncryptionKey::LEN];
                getrandom::fill(&mut key).map_err(|_| UploadError::NoRandomness)?;
                return Ok((source, EncryptionKey::new(key)));
            }
            Self::Convergent => config.convergence.clone(),
            Self::ConvergentWith(secret) => secret,
        };
        blocking(move || {
            let mut source = source;
            let mut hasher = ConvergentKey::new(&geometry, &secret);
            let mut at = 0;
            while at < geometry.size() {
                let len = (PIECE as u64).min(geometry.size() - at);
                hasher.update(&encode::read(&mut source, at, len)?);
                at += len;
            }
            Ok((source, EncryptionKey::new(hasher.finish())))
        })
        .await
    }
}

/// Takes the convergent key of plaintext while it arrives, whatever its size will be.
///
/// The size of a segment goes into the key, and depends on the size of a file that is smaller than
/// one segment. So the first segment is kept until it is full, or until the end.
#[derive(Debug)]
pub struct ConvergentKeyHasher {
    config: GridConfig,
    size: u64,
    held: Vec<u8>,
    hasher: Option<ConvergentKey>,
}

impl ConvergentKeyHasher {
    pub(super) fn new(config: &GridConfig) -> Self {
        Self { config: config.clone(), size: 0, held: Vec::new(), hasher: None }
    }

    /// The next piece of plaintext.
    pub fn update(&mut self, plaintext: &[u8]) {
        self.size = self.size.saturating_add(plaintext.len() as u64);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(plaintext);
            return;
        }
        self.held.extend_from_slice(plaintext);
        if self.size >= self.config.segment_size_max {
            self.begin();
        }
    }

    /// The size is known well enough: hashes what was held.
    fn begin(&mut self) {
        let config = &self.config;
        let Ok(geometry) =
            Geometry::for_upload(config.encoding, self.size, config.segment_size_max)
        else {
            return;
        };
        let mut hasher = ConvergentKey::new(&geometry, &config.convergence);
        hasher.update(&std::mem::take(&mut self.held));
        self.hasher = Some(hasher);
    }

    /// The key, for [`FileKey::Known`]; none is needed for a file that fits into its cap.
    #[must_use]
    pub fn finish(mut self) -> FileKey {
        if self.size <= LIT_SIZE_MAX {
            return FileKey::Convergent;
        }
        if self.hasher.is_none() {
            self.begin();
        }
        self.hasher.map_or(FileKey::Convergent, |hasher| {
            FileKey::Known(EncryptionKey::new(hasher.finish()))
        })
    }
}

/// The UEB's hash, as it comes out of encoding.
pub(super) type UebHashBytes = Hash;
