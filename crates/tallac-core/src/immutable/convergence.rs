//! Convergent keys: the same content, encoding and secret give the same key (section 2.3).

use sha256_lanes::Stream;

use super::Geometry;
use crate::hash;
use crate::secrets::ConvergenceSecret;

/// Takes the plaintext of a file, piece by piece, and gives its key.
#[derive(Debug, Clone)]
pub struct ConvergentKey(Stream);

impl ConvergentKey {
    /// Of a file with these sizes, which go into the key.
    #[must_use]
    pub fn new(geometry: &Geometry, secret: &ConvergenceSecret) -> Self {
        let encoding = geometry.encoding();
        let parameters = (encoding.needed(), encoding.total(), geometry.segment_size());
        Self(Stream::with_prefix(&hash::convergence_prefix(parameters, secret)))
    }

    /// The next piece of plaintext.
    pub fn update(&mut self, plaintext: &[u8]) {
        self.0.update(plaintext);
    }

    /// The key, once the whole file went in.
    #[must_use]
    pub fn finish(self) -> [u8; 16] {
        hash::truncate(&self.0.finalize_double())
    }
}
