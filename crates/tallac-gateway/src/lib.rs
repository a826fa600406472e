//! What users' programs speak. The web API: files in and out over HTTP.
//!
//! It sees the grid through `tallac-grid`, and never a storage server or a peer's wire.

#[doc(hidden)]
pub mod fuzzing;
pub mod metrics;
pub mod wapi;
