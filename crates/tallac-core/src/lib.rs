//! What Tahoe-LAFS means, and nothing of how it gets anywhere: ids, secrets, hashes, trees, share
//! formats, placement, and the [`storage::StorageServer`] trait that everything meets at.
//!
//! Nothing here does IO, reads a clock or draws randomness: what is needed of these is an argument.

pub mod announcement;
pub mod base32;
pub mod cap;
pub mod crypto;
pub mod dirnode;
pub mod grid_manager;
pub mod hash;
pub mod helper;
pub mod ids;
pub mod immutable;
pub mod introducer;
pub mod lease;
pub mod merkle;
pub mod mutable;
pub mod netstring;
pub mod placement;
pub mod ranges;
pub mod secrets;
pub mod storage;
