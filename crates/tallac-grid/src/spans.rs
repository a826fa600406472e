//! Spans of what a client does, for whoever traces it: sizes, and how storage indexes begin. No
//! cap and no key is in one.

use tracing::{Instrument as _, Span};

/// Does the work in a span that has an empty field `otel.status_code`, which tells if it failed.
pub(crate) async fn within<T, E>(
    span: Span,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let done = work.instrument(span.clone()).await;
    if done.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    done
}
