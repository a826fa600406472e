//! The commands' side of the web API: requests to the node that `node.url` names (section 9.4).

use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{ACCEPT, CONTENT_LENGTH, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;

use super::location::Location;
use super::program;
use super::quote;

/// Longest text that is taken from an answer which is no file, in bytes.
const TEXT_LEN_MAX: usize = 1 << 20;

/// Longest JSON that is taken: a directory of a million entries, and more.
const JSON_LEN_MAX: usize = 1 << 30;

/// How long a connection that nothing uses is kept: less than nodes keep it, so that none is used
/// that the node is about to close.
const IDLE: Duration = Duration::from_secs(20);

/// The body of a request.
pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Bytes on their way up.
pub(crate) type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// A node's web API. Clones share the connections.
#[derive(Debug, Clone)]
pub(crate) struct WebClient {
    base: String,
    client: Client<HttpConnector, Body>,
}

/// An answer whose status and headers are there.
#[derive(Debug)]
pub(crate) struct Answer {
    response: Response<Incoming>,
}

/// There is no connection.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot reach the node at {base}: {cause}. Is it running? Start it with '{} run'.",
    program::name()
)]
pub(crate) struct Unreachable {
    base: String,
    cause: String,
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
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { base, client })
    }

    /// The URL at which a browser finds `location`.
    pub(crate) fn url(&self, location: &Location) -> String {
        format!("{}{}", self.base, location.expose())
    }

    /// Gets what is at `location`.
    pub(crate) async fn get(&self, location: &Location) -> Result<Answer> {
        self.request(Method::GET, location, None, full(Bytes::new())).await
    }

    /// Posts to `location`.
    pub(crate) async fn post(&self, location: &Location, body: impl Into<Bytes>) -> Result<Answer> {
        self.send(Method::POST, location, body.into()).await
    }

    /// Puts a short text at `location`.
    pub(crate) async fn put(&self, location: &Location, body: impl Into<Bytes>) -> Result<Answer> {
        self.send(Method::PUT, location, body.into()).await
    }

    /// Deletes what is at `location`.
    pub(crate) async fn delete(&self, location: &Location) -> Result<Answer> {
        self.request(Method::DELETE, location, None, full(Bytes::new())).await
    }

    /// Puts a file at `location`.
    pub(crate) async fn put_file(
        &self,
        location: &Location,
        body: ByteStream,
        size: Option<u64>,
    ) -> Result<Answer> {
        let body = StreamBody::new(body.map_ok(Frame::data)).boxed_unsync();
        self.request(Method::PUT, location, size, body).await
    }

    async fn send(&self, method: Method, location: &Location, body: Bytes) -> Result<Answer> {
        self.request(method, location, Some(body.len() as u64), full(body)).await
    }

    async fn request(
        &self,
        method: Method,
        location: &Location,
        size: Option<u64>,
        body: Body,
    ) -> Result<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.url(location))
            .header(USER_AGENT, concat!("tallac/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "text/plain, application/octet-stream");
        if let Some(size) = size {
            request = request.header(CONTENT_LENGTH, size);
        }
        let request = request.body(body).context("cannot make the request")?;
        match self.client.request(request).await {
            Ok(response) => Ok(Answer { response }),
            Err(error) if error.is_connect() => {
                let (base, cause) = (self.base.clone(), root_cause(&error));
                Err(Unreachable { base, cause }.into())
            }
            Err(error) => bail!("the request to the node broke off: {}", root_cause(&error)),
        }
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
        bail!("{}", self.failure(doing).await);
    }

    /// What an answer that tells of no success says, for people.
    pub(crate) async fn failure(self, doing: &str) -> String {
        let status = self.status();
        let text = self.text().await.unwrap_or_default();
        let text = quote::plain(without_tags(&text).trim());
        format!("{doing}: {status}\n{text}").trim_end().to_owned()
    }

    /// The body, piece by piece.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<Bytes>> + Send + Unpin {
        let frames = self.response.into_body().into_data_stream();
        frames.map(|piece| piece.context("the node broke off in the middle of the answer"))
    }

    /// The body as text.
    pub(crate) async fn text(self) -> Result<String> {
        let bytes = self.bytes(TEXT_LEN_MAX).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The cap that the body is.
    pub(crate) async fn cap(self) -> Result<String> {
        let text = self.text().await?;
        let cap = text.trim();
        if cap.is_empty() || cap.contains(char::is_control) {
            bail!("the node answered with something that is no capability");
        }
        Ok(cap.to_owned())
    }

    /// The body as JSON, in the bytes that came.
    pub(crate) async fn json_bytes(self) -> Result<Bytes> {
        self.bytes(JSON_LEN_MAX).await
    }

    /// The body as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let bytes = self.json_bytes().await?;
        serde_json::from_slice(&bytes).context("the node answered with JSON that makes no sense")
    }

    async fn bytes(self, len_max: usize) -> Result<Bytes> {
        let body = http_body_util::Limited::new(self.response.into_body(), len_max);
        let bytes = body.collect().await.map_err(|e| anyhow::anyhow!("no answer: {e}"))?;
        Ok(bytes.to_bytes())
    }
}

/// The error at the end of the chain, which says most.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}

/// The text of a page, if it is one: nodes put some errors into HTML.
fn without_tags(text: &str) -> String {
    if !text.trim_start().starts_with('<') {
        return text.to_owned();
    }
    let body = text.split_once("<body").map_or(text, |(_, body)| body);
    let pieces = body.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text);
    let lines = pieces.map(str::trim).filter(|line| !line.is_empty() && *line != "Error");
    let text = lines.collect::<Vec<_>>().join("\n");
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text, |text, (entity, c)| text.replace(entity, c))
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// What `node.url` in a node directory says.
fn url_of(directory: &Path) -> Result<String> {
    let path = directory.join("node.url");
    std::fs::read_to_string(&path).with_context(|| {
        format!(
            "cannot read {}. Start the node with '{} run {}', or name another with \
             --node-directory or --node-url.",
            path.display(),
            program::name(),
            directory.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_shown_as_text() {
        let page = "\n<html><head><title>404 - Error</title></head>\n<body>\n<h1>Error</h1>\n\
                    <p>No such child: a&lt;b &amp;amp;</p>\n</body></html>\n";
        assert_eq!(without_tags(page), "No such child: a<b &amp;");
        assert_eq!(without_tags("a < b"), "a < b");
    }
}
