//! TEMPORARY stand-in so that others can compile; being replaced.
#![allow(missing_docs, clippy::pedantic, reason = "temporary")]
use sha2::{Digest as _, Sha256};
pub type Digest = [u8; 32];
pub fn sha256(prefix: &[u8], data: &[u8]) -> Digest {
    Sha256::new().chain_update(prefix).chain_update(data).finalize().into()
}
pub fn sha256d(prefix: &[u8], data: &[u8]) -> Digest {
    Sha256::digest(sha256(prefix, data)).into()
}
#[derive(Clone, Debug, Default)]
pub struct Stream(Sha256);
impl Stream {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn with_prefix(p: &[u8]) -> Self {
        Self(Sha256::new().chain_update(p))
    }
    pub fn update(&mut self, d: &[u8]) {
        self.0.update(d)
    }
    pub fn finalize(self) -> Digest {
        self.0.finalize().into()
    }
    pub fn finalize_double(self) -> Digest {
        Sha256::digest(self.finalize()).into()
    }
}
#[derive(Debug, Default)]
pub struct Batch<'a>(Vec<Digest>, std::marker::PhantomData<&'a ()>);
impl<'a> Batch<'a> {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn push_double(&mut self, p: &'a [u8], d: &'a [u8]) -> usize {
        self.0.push(sha256d(p, d));
        self.0.len() - 1
    }
    pub fn push_single(&mut self, p: &'a [u8], d: &'a [u8]) -> usize {
        self.0.push(sha256(p, d));
        self.0.len() - 1
    }
    pub fn push_stream(&mut self, s: &'a mut Stream, d: &'a [u8]) {
        s.update(d)
    }
    pub fn run(self) -> Vec<Digest> {
        self.0
    }
}
