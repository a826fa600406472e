//! `/metrics`: the same and more for Prometheus, under our own names.

use std::time::Duration;

use http::{Method, StatusCode};
use tallac_grid::history::{Counter, Kind};
use tallac_grid::servers::Health;

use super::node;
use crate::metrics::{Exposition, Histogram};
use crate::wapi::asked::Asked;
use crate::wapi::error::WebError;
use crate::wapi::reply::Reply;
use crate::wapi::route::Route;

/// Type of the answer.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Kinds of requests.
const KINDS: [&str; 9] =
    ["welcome", "upload", "read", "change", "operation", "page", "private", "static", "other"];

/// The last of them.
const OTHER: usize = KINDS.len() - 1;

/// How requests were answered.
#[derive(Debug, Default)]
pub(in crate::wapi) struct WebMetrics {
    /// By kind: how long it took until the answer began.
    times: [Histogram; KINDS.len()],
    /// By the first digit of the status, from 1 on.
    statuses: [std::sync::atomic::AtomicU64; 5],
}

/// The kind of a request, as its place in the list.
pub(in crate::wapi) fn kind(method: &Method, route: &Route) -> usize {
    let is_read = [Method::GET, Method::HEAD].contains(method);
    let name = match route {
        Route::Welcome => "welcome",
        Route::Root(_) if !is_read => "upload",
        Route::Root(_) | Route::Named { .. } => "read",
        Route::Node { .. } if is_read => "read",
        Route::Node { .. } => "change",
        Route::Operation(..) => "operation",
        Route::Page(page) => page.name(),
        Route::Ui(_) => "page",
    };
    KINDS.iter().position(|known| *known == name).unwrap_or(OTHER)
}

/// What a kind is called.
pub(in crate::wapi) fn kind_name(kind: usize) -> &'static str {
    KINDS[kind.min(OTHER)]
}

impl WebMetrics {
    /// A request was answered after so long.
    pub(in crate::wapi) fn note(&self, kind: usize, took: Duration, status: StatusCode) {
        self.times[kind.min(OTHER)].note(took);
        let class = usize::from(status.as_u16() / 100).clamp(1, self.statuses.len()) - 1;
        self.statuses[class].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn print(&self, text: &mut Exposition) {
        let name = "tallac_web_request_seconds";
        text.family(name, "histogram", "Time until an answer of the web API began.");
        for (kind, times) in KINDS.iter().zip(&self.times) {
            if times.count() > 0 {
                text.histogram(name, &[("kind", kind)], times);
            }
        }
        let name = "tallac_web_responses_total";
        text.family(name, "counter", "Answers of the web API by class of status.");
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(&self.statuses) {
            let count = count.load(std::sync::atomic::Ordering::Relaxed);
            text.value(name, &[("status", class)], count);
        }
    }
}

/// Answers a request for the page.
pub(super) async fn answer(asked: &Asked<'_>) -> Result<Reply, WebError> {
    let mut text = Exposition::default();
    asked.state.metrics.print(&mut text);
    grid(asked, &mut text);
    node(asked).metrics(&mut text).await;
    Ok(Reply::text(PROMETHEUS, text.into_text()))
}

/// What is known of the grid.
fn grid(asked: &Asked<'_>, text: &mut Exposition) {
    let history = asked.state.grid.history();
    for (counter, name, help) in [
        (Counter::FilesUploaded, "uploaded_files", "Immutable files that were to be uploaded."),
        (Counter::BytesUploaded, "uploaded_bytes", "Bytes of these files."),
        (Counter::FilesDownloaded, "downloaded_files", "Reads of immutable files."),
        (Counter::BytesDownloaded, "downloaded_bytes", "Bytes that were to be read."),
        (Counter::FilesPublished, "published_files", "Versions of mutable files written."),
        (Counter::BytesPublished, "published_bytes", "Bytes of these versions."),
        (Counter::FilesRetrieved, "retrieved_files", "Reads of mutable files from servers."),
        (Counter::BytesRetrieved, "retrieved_bytes", "Bytes of these files."),
    ] {
        let name = format!("tallac_{name}_total");
        text.single((&name, "counter"), help, history.counter(counter));
    }
    let name = "tallac_operations_active";
    text.family(name, "gauge", "Operations on the grid that are under way.");
    for kind in Kind::ALL {
        text.value(name, &[("kind", kind.name())], history.active(kind));
    }
    let servers = asked.state.grid.servers().all();
    let name = "tallac_servers";
    text.family(name, "gauge", "Storage servers by how they are reached.");
    let mut counts = [("connected", 0), ("failing", 0), ("unknown", 0)];
    for server in &servers {
        let at = match server.health() {
            Health::Connected { .. } => 0,
            Health::Failing { .. } => 1,
            Health::Unknown => 2,
        };
        counts[at].1 += 1;
    }
    for (state, count) in counts {
        text.value(name, &[("state", state)], count);
    }
    let name = "tallac_server_round_trip_seconds";
    text.family(name, "gauge", "Usual time of a server for a short answer.");
    for server in &servers {
        if let Some(round_trip) = server.round_trip() {
            let labels = [("server", server.info().id.as_str())];
            text.value(name, &labels, round_trip.as_secs_f64());
        }
    }
}
