//! Connections: accepted, served one request after the other, drained at the end.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use connections::{PortLimits, WriteStall, accept_all};
use http::header::EXPECT;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::access_log::AccessLine;
use super::body::Body;
use super::config::WebLimits;
use super::error::WebError;
use super::reply::Reply;
use super::request_body::RequestBody;
use super::spool::Pieces;

/// Longest head of a request, URL included. Tahoe-LAFS takes as much.
const HEAD_LEN_MAX: usize = 16 * 1024;

/// Most headers of a request.
const HEADERS_MAX: usize = 100;

/// Bytes that are read from the socket in one go, at most: large files come in faster.
const BUFFER_LEN: usize = 512 * 1024;

/// Bytes of a refused body that are read and thrown away, so that a client which sends it all
/// before it listens gets to hear why.
const DRAIN_LEN_MAX: u64 = 64 << 20;

/// How long that may take.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What is behind the connections.
pub(super) trait Site: Send + Sync + 'static {
    /// What it puts up with.
    fn limits(&self) -> &WebLimits;

    /// Answers one request. The body is read only where it is needed.
    fn answer(
        self: Arc<Self>,
        head: &Parts,
        body: RequestBody,
    ) -> impl Future<Output = Result<Reply, WebError>> + Send;
}

/// Serves until `shutdown`, then lets requests under way end.
pub(super) async fn serve<S: Site>(
    site: &Arc<S>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) {
    let WebLimits { connections_max, drain_timeout, .. } = *site.limits();
    let limits = PortLimits { connections_max, drain_timeout };
    let serve = |tcp, draining| connection(site.clone(), tcp, draining);
    accept_all(listener, limits, shutdown, serve).await;
}

async fn connection<S: Site>(
    site: Arc<S>,
    tcp: TcpStream,
    draining: CancellationToken,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let limits = site.limits();
    let stream = WriteStall::new(tcp, limits.download_silence);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(HEAD_LEN_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_LEN);
    let service = service_fn(|request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(answer(site, request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = draining.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.map_err(io::Error::other)
}

async fn answer<S: Site>(site: Arc<S>, request: Request<Incoming>) -> Response<Body> {
    let access = AccessLine::new(request.method(), request.uri());
    let (head, body) = request.into_parts();
    let mut body = RequestBody::new(body, site.limits().upload_silence);
    let reply = match site.answer(&head, body.clone()).await {
        Ok(reply) => reply,
        Err(error) => {
            note(&error);
            if !head.headers.contains_key(EXPECT) && !error.is_of_body() {
                let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain(&mut body)).await;
            }
            Reply::error(&error)
        }
    };
    let mut response = reply.into_response();
    if let Some(mut access) = access {
        access.set_status(response.status());
        response.body_mut().log_with(access);
    }
    response
}

/// Tells the node's owner what is not the client's doing.
fn note(error: &WebError) {
    match error.status() {
        StatusCode::INTERNAL_SERVER_ERROR | StatusCode::INSUFFICIENT_STORAGE => {
            tracing::error!(%error, "a request failed");
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GONE => {
            tracing::info!(%error, "the grid could not do what was asked");
        }
        _ => {}
    }
}

/// Reads what is left of a body, within bounds.
async fn drain(body: &mut RequestBody) {
    if body.announced() > DRAIN_LEN_MAX {
        return;
    }
    let mut len = 0;
    while let Ok(Some(piece)) = body.next().await {
        len += piece.len() as u64;
        if len > DRAIN_LEN_MAX {
            return;
        }
    }
}
