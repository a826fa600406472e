//! The commands' side of the web API: requests to the node that `node.url` names (section 9.4).

use std::path::Path;
use std::pin::Pin;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_LENGTH, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in one component of a path.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Longest text that is taken from an answer which is no file, in bytes.
const TEXT_LEN_MAX: usize = 1 << 20;

/// The body of a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Bytes on their way up.
pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// A node's web API.
#[derive(Debug)]
pub(crate) struct WebClient {
    base: String,
    client: Client<HttpConnector, Body>,
}

/// An answer whose status and headers are there.
#[derive(Debug)]
pub(crate) struct Answer {
    response: Response<Incoming>,
}

impl WebClient {
    /// The node whose URL is given, or else the one of a node directory.
    pub(crate) fn new(node_url: Option<&str>, directory: &Path) -> Result<Self> {
        let base = match node_url {
            Some(url) => url.to_owned(),
            None => url_of(directory)?,
        };
        let base = base.trim().trim_end_matches('/').to_owned();
        let uri: Uri = base.parse().with_context(|| format!("'{base}' is no URL"))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            bail!("the node URL must begin with http:// and name a host, '{base}' does not");
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { base, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Gets `/uri/CAP`.
    pub(crate) async fn get_cap(&self, cap: &str) -> Result<Answer> {
        let cap = utf8_percent_encode(cap, COMPONENT);
        self.request(Method::GET, &format!("/uri/{cap}"), None, empty()).await
    }

    /// Puts a file at `/uri`.
    pub(crate) async fn put_file(&self, body: ByteStream, size: Option<u64>) -> Result<Answer> {
        let body = StreamBody::new(body.map_ok(Frame::data)).boxed_unsync();
        self.request(Method::PUT, "/uri", size, body).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        size: Option<u64>,
        body: Body,
    ) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(USER_AGENT, concat!("tallac/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "text/plain, application/octet-stream");
        if let Some(size) = size {
            request = request.header(CONTENT_LENGTH, size);
        }
        let request = request.body(body).context("cannot make the request")?;
        let response = self.client.request(request).await.map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            anyhow::anyhow!(
                "cannot reach the node at {}: {}. Is it running? Start it with 'tallac run'.",
                self.base,
                cause.unwrap_or_else(|| error.to_string())
            )
        })?;
        Ok(Answer { response })
    }
}

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The length of the body, where it was announced.
    pub(crate) fn size(&self) -> Option<u64> {
        self.response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// Itself, when it tells of success; else what the node said, as an error.
    pub(crate) async fn expect_success(self, doing: &str) -> Result<Self> {
        if self.status().is_success() {
            return Ok(self);
        }
        let status = self.status();
        let text = self.text().await.unwrap_or_default();
        bail!("{doing}: {status}\n{}", text.trim_end());
    }

    /// The body, piece by piece.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<Bytes>> + Send + Unpin {
        let frames = self.response.into_body().into_data_stream();
        frames.map(|piece| piece.context("the node broke off in the middle of the answer"))
    }

    /// The body as text.
    pub(crate) async fn text(self) -> Result<String> {
        let body = http_body_util::Limited::new(self.response.into_body(), TEXT_LEN_MAX);
        let bytes = body.collect().await.map_err(|e| anyhow::anyhow!("no answer: {e}"))?;
        Ok(String::from_utf8_lossy(&bytes.to_bytes()).into_owned())
    }
}

fn empty() -> Body {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
}

/// What `node.url` in a node directory says.
fn url_of(directory: &Path) -> Result<String> {
    let path = directory.join("node.url");
    std::fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}. Start the node with 'tallac run {}', or name another with \
             --node-directory or --node-url.",
            path.display(),
            directory.display()
        )
    })
}
