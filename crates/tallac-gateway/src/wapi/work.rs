//! Work that takes the processor for long, done where it holds up no other request.

use std::panic::resume_unwind;

use super::error::WebError;

/// Bytes that are worked through on the spot.
const ON_THE_SPOT_MAX: u64 = 1 << 20;

/// Does what has about so many bytes to go through.
pub(super) async fn with_bytes<T: Send + 'static>(
    bytes: u64,
    work: impl FnOnce() -> Result<T, WebError> + Send + 'static,
) -> Result<T, WebError> {
    if bytes <= ON_THE_SPOT_MAX {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => resume_unwind(panic.into_panic()),
    }
}
