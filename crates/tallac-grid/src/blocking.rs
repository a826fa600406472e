//! Where work is done that takes its time: on threads that may block, not on those that everything
//! else waits for.

/// Does it there. A panic in it goes on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// Does it there if it is long, else here: changing threads takes longer than short work.
pub(crate) async fn blocking_if<T: Send + 'static>(
    is_long: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    if is_long { blocking(work).await } else { work() }
}
