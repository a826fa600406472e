//! New files.

use tallac_grid::upload::{ImmutableCap, UploadOptions};

use super::State;
use super::error::WebError;
use super::spool::Plaintext;

/// Stores a new immutable file.
pub(super) async fn immutable(state: &State, content: Plaintext) -> Result<ImmutableCap, WebError> {
    let options = UploadOptions { key: content.key, ..UploadOptions::default() };
    Ok(state.grid.uploader().upload(content.source, options).await?.cap)
}
