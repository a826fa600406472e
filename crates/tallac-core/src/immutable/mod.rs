//! Immutable files (specification section 3): encryption, coding and hashing of segments into
//! shares, and back.
//!
//! All of it is synchronous and incremental. [`Encoder`] takes plaintext segment by segment and
//! gives blocks; [`FileVerifier`], [`ShareVerifier`] and [`SegmentDecoder`] take what servers
//! answer and give back plaintext that is proven to be what was uploaded.

mod convergence;
mod crypttext;
mod decoder;
mod encoder;
mod geometry;
mod layout;
mod ueb;
mod verifier;

pub use convergence::ConvergentKey;
pub use crypttext::CrypttextHasher;
pub use decoder::{DecodeError, SegmentDecoder, ShareRun};
pub use encoder::{EncodeError, EncodedFile, EncodedSegment, Encoder};
pub use geometry::{Encoding, EncodingError, Geometry, SEGMENT_SIZE_DEFAULT, SEGMENT_SIZE_MAX};
pub use layout::{HEADER_LEN_MAX, LayoutError, LayoutVersion, ShareLayout};
pub use ueb::{UEB_LEN_MAX, Ueb, UebError};
pub use verifier::{FileVerifier, SEGMENTS_MAX, ShareVerifier, VerifyError};
