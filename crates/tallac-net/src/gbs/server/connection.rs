//! One connection of a client: handshake, then requests one after the other.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use connections::WriteStall;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::{State, handlers};
use crate::transport;

/// Bytes of a body that are held on their way, at most. More is no faster.
const BUFFER_LEN: usize = 128 * 1024;

/// Longest head of a request; ours and Tahoe-LAFS's have less than 1 KiB.
const HEAD_LEN_MAX: usize = 16 * 1024;

/// Most headers of a request.
const HEADERS_MAX: usize = 64;

pub(super) async fn serve(
    state: Arc<State>,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    draining: CancellationToken,
) -> io::Result<()> {
    let limits = &state.limits;
    let handshake = transport::accept(state.tls.clone(), stream);
    let handshake = tokio::time::timeout(limits.handshake_timeout, handshake);
    let Some(tls) = draining.run_until_cancelled(handshake).await else { return Ok(()) };
    let tls = WriteStall::new(tls??, limits.silence_timeout);

    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(HEAD_LEN_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_LEN);
    let service = service_fn(|request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(handlers::answer(&state, request).await) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(tls), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.map_err(io::Error::other)
}
