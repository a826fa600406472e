//! How spans get to the collector: plain HTTP, with the client that commands have too.
//!
//! The exporter runs in a thread of its own, which may wait. That a collector does not take them is
//! told once, and again only after it took some.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use tokio::runtime::Handle;

/// How long a collector may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer that is read, in bytes: it only says what was refused.
const ANSWER_LEN_MAX: usize = 64 * 1024;

/// Sends spans to a collector.
#[derive(Debug)]
pub(super) struct Sender {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
    has_warned: AtomicBool,
}

impl Sender {
    /// One whose connections this runtime drives.
    pub(super) fn new(runtime: Handle) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(TIMEOUT));
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, runtime, has_warned: AtomicBool::new(false) }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // All of it there: the thread of the exporter has no timers.
        let (client, request) = (self.client.clone(), request.map(Full::new));
        let answer = async move {
            let (head, body) = client.request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_LEN_MAX).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        let asked = async move { tokio::time::timeout(TIMEOUT, answer).await };
        self.runtime.spawn(asked).await??
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request).await;
        let problem = match &answer {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answered {}", response.status())),
            Err(error) => Some(causes(&**error)),
        };
        match problem {
            None => self.has_warned.store(false, Ordering::Relaxed),
            Some(problem) if !self.has_warned.swap(true, Ordering::Relaxed) => {
                tracing::warn!(
                    problem,
                    "the collector of [telemetry] otlp_endpoint takes no traces, they are dropped"
                );
            }
            Some(_) => {}
        }
        answer
    }
}

/// An error and what it comes from.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
