//! Traces for OpenTelemetry (OTLP over HTTP), if `tallac.toml` or the environment names a
//! collector.
//!
//! What is traced are the spans of Tallac's own crates: what they may have in them is sizes,
//! numbers, names of servers, and how storage indexes begin. What is logged within them stays out.
//! A node never waits for a collector: spans that find the queue full are dropped.

mod client;
mod storage;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::{Layer, Registry, reload};

pub(crate) use self::storage::Traced;
use crate::config::OtlpEndpoint;

/// Variables that name a collector: the whole address for traces, or that of all it takes.
const ENDPOINT_OF_TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// The variable that switches everything off.
const DISABLED: &str = "OTEL_SDK_DISABLED";

/// How long the end of a process may wait for the last spans to be sent.
const END_PATIENCE: Duration = Duration::from_secs(2);

type TracerLayer = Option<OpenTelemetryLayer<Registry, SdkTracer>>;

/// Where the tracer is put once it is known whether there is one.
static SLOT: OnceLock<reload::Handle<TracerLayer, Registry>> = OnceLock::new();

/// What is to be ended, once it runs.
static PROVIDER: Mutex<Option<SdkTracerProvider>> = Mutex::new(None);

/// Whether spans are sent. Until then they cost nothing.
static IS_ACTIVE: AtomicBool = AtomicBool::new(false);

/// What takes in the spans, to be put beside the layers of the log.
pub(crate) fn layer() -> impl Layer<Registry> + Send + Sync {
    let (layer, handle) = reload::Layer::new(None);
    // Only a test that runs several commands in one process has set one before.
    let _ = SLOT.set(handle);
    layer.with_filter(OwnSpans)
}

/// Starts to send spans to the collector that the environment names, or else to that of the
/// node's settings. Those of the environment must be on this machine if the node hides.
pub(crate) fn start(of_settings: Option<&OtlpEndpoint>, hides: bool) {
    let url = match of_environment(hides) {
        Ok(None) => of_settings.map(OtlpEndpoint::traces_url),
        Ok(url) => url,
        Err(problem) => return tracing::warn!("no traces are sent: {problem}"),
    };
    let is_disabled = variable(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let (Some(url), Some(slot), false) = (url, SLOT.get(), is_disabled) else { return };
    let mut running = PROVIDER.lock().unwrap_or_else(PoisonError::into_inner);
    // Several nodes in one process send to the same collector.
    if running.is_some() {
        return;
    }
    match provider(url) {
        Ok(provider) => {
            let layer = tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("tallac"))
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_context_activation(false);
            IS_ACTIVE.store(true, Ordering::Relaxed);
            if slot.reload(Some(layer)).is_ok() {
                *running = Some(provider);
            }
        }
        Err(error) => tracing::warn!(%error, "no traces are sent"),
    }
}

/// Sends what is left, and waits for that only a little.
pub(crate) fn stop() {
    let provider = PROVIDER.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(provider) = provider {
        IS_ACTIVE.store(false, Ordering::Relaxed);
        // The collector is not there; that was told.
        let _ = provider.shutdown_with_timeout(END_PATIENCE);
    }
}

/// What makes spans and sends them from a thread of its own, in batches, from a bounded queue: see
/// the variables `OTEL_BSP_*` of OpenTelemetry for its sizes.
fn provider(url: String) -> Result<SdkTracerProvider, opentelemetry_otlp::ExporterBuildError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client::Sender::new(Handle::current()))
        .with_retry_policy(RetryPolicy::disabled())
        .with_endpoint(url)
        .build()?;
    let mut resource = Resource::builder();
    if variable("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("tallac");
    }
    let builder = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Ok(builder.with_resource(resource.build()).build())
}

/// The collector that the environment names.
fn of_environment(hides: bool) -> Result<Option<String>, String> {
    let (name, text) = match (variable(ENDPOINT_OF_TRACES), variable(ENDPOINT)) {
        (Some(text), _) => (ENDPOINT_OF_TRACES, text),
        (None, Some(text)) => (ENDPOINT, text),
        (None, None) => return Ok(None),
    };
    let endpoint: OtlpEndpoint = text.parse().map_err(|error| format!("{name}: {error}"))?;
    if hides && !endpoint.is_on_this_machine() {
        return Err(format!("{name} is not on this machine, whose address is to stay hidden"));
    }
    let is_whole = name == ENDPOINT_OF_TRACES;
    Ok(Some(if is_whole { text } else { endpoint.traces_url() }))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Lets spans of Tallac through, once they are sent somewhere.
#[derive(Debug)]
struct OwnSpans;

fn is_sent(metadata: &Metadata<'_>) -> bool {
    IS_ACTIVE.load(Ordering::Relaxed)
        && metadata.is_span()
        && *metadata.level() <= tracing::Level::INFO
        && metadata.target().starts_with("tallac")
}

impl<S: Subscriber> Filter<S> for OwnSpans {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        is_sent(metadata)
    }

    // What this says is asked again whenever the layer is exchanged.
    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_sent(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let is_active = IS_ACTIVE.load(Ordering::Relaxed);
        Some(if is_active { LevelFilter::INFO } else { LevelFilter::OFF })
    }
}
