//! The log of a process as JSON: what was lately said is kept for incident reports, and whoever
//! reads `/private/logs/v1` gets each line as it is written. The log that people see is another
//! layer beside this one.

pub(crate) mod level;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::sync::broadcast;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Lines that are kept.
const KEPT_MAX: usize = 1000;

/// Lines that wait for the slowest reader; further ones are lost to it.
const WAITING_MAX: usize = 256;

/// Bytes of one value of a line, at most.
const VALUE_LEN_MAX: usize = 4000;

/// The lines of this process.
static LINES: LazyLock<Lines> = LazyLock::new(|| Lines {
    kept: Mutex::default(),
    readers: broadcast::Sender::new(WAITING_MAX),
});

struct Lines {
    kept: Mutex<VecDeque<Arc<str>>>,
    readers: broadcast::Sender<Arc<str>>,
}

/// What takes in the lines, to be put beside other layers.
pub(crate) fn layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // Spans are not shown, and cost nothing where nobody wants them.
    let events =
        filter_fn(|metadata| metadata.is_event() && *metadata.level() <= tracing::Level::INFO);
    JsonLines.with_filter(events.with_max_level_hint(LevelFilter::INFO))
}

/// The lines from now on.
pub(crate) fn subscribe() -> broadcast::Receiver<Arc<str>> {
    LINES.readers.subscribe()
}

/// What was lately said, the oldest first.
pub(crate) fn recent() -> Vec<Arc<str>> {
    LINES.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

#[derive(Debug)]
struct JsonLines;

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let line: Arc<str> = line(event, SystemTime::now()).into();
        let mut kept = LINES.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Arc::clone(&line));
        drop(kept);
        // Often nobody reads.
        let _ = LINES.readers.send(line);
    }
}

/// An event as a line. Time and type have the names that they have in Tahoe-LAFS's log.
fn line(event: &Event<'_>, now: SystemTime) -> String {
    let metadata = event.metadata();
    let mut fields = Fields::default();
    event.record(&mut fields);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    fields.0.insert("timestamp".to_owned(), now.into());
    fields.0.insert("message_type".to_owned(), metadata.target().into());
    fields.0.insert("level".to_owned(), metadata.level().as_str().into());
    Value::Object(fields.0).to_string()
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.chars().take(VALUE_LEN_MAX).collect::<String>());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn what_is_said_is_kept_and_sent() {
        let mut lines = subscribe();
        let subscriber = tracing_subscriber::registry().with(layer());
        tracing::subscriber::with_default(subscriber, || {
            let (count, name) = (3_u64, "x\ny");
            tracing::info!(target: "a::test", count, name, ok = true, "it happened");
            tracing::debug!("not this");
        });
        let is_ours = |line: &str| line.contains("a::test");
        let line = std::iter::from_fn(|| lines.try_recv().ok()).find(|line| is_ours(line));
        let value: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let expected = serde_json::json!({
            "count": 3, "name": "x\ny", "ok": true, "message": "it happened",
            "level": "INFO", "message_type": "a::test", "timestamp": value["timestamp"],
        });
        assert_eq!(value, expected);
        assert!(recent().iter().any(|line| is_ours(line)));
    }
}
