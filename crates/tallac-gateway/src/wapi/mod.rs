//! The web API (WAPI, specification section 8): what programs and browsers ask of a node.
//!
//! `route` says what a URL names, `files` answers for it; `upload` with `spool`, `download` with
//! `range` and `content_type`, `json` and `welcome` make the answers; `error` is the one place
//! where what went wrong becomes a status; `serve` keeps the connections. Directories and mutable
//! files are not here yet: they are answered with 501.

#![expect(dead_code, reason = "directories and mutable files will use it")]

mod access_log;
mod args;
mod asked;
mod body;
mod config;
mod content_type;
mod dispatch;
mod download;
mod error;
mod form;
mod html;
mod json;
mod multipart;
mod query;
mod range;
mod reply;
mod request_body;
mod route;
mod serve;
mod spool;
mod stall;
mod unlinked;
mod upload;
mod welcome;

pub use config::{IntroducerStatus, Introducers, WebConfig, WebLimits};

use std::sync::Arc;

use tallac_grid::grid::Grid;
use tokio::net::TcpListener;

/// The web API of a node. Clones are the same one.
#[derive(Debug, Clone)]
pub struct WebApi(Arc<State>);

/// What all requests share.
#[derive(Debug)]
struct State {
    grid: Grid,
    config: WebConfig,
}

impl WebApi {
    /// Of a node that uses this grid.
    #[must_use]
    pub fn new(grid: Grid, config: WebConfig) -> Self {
        Self(Arc::new(State { grid, config }))
    }

    /// Serves connections to `listener` until `shutdown` is ready. Then takes no more, lets
    /// requests under way end, but for no longer than [`WebLimits::drain_timeout`], and returns
    /// once all connections are closed. Dropping the future closes them at once.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        serve::serve(&self.0, listener, shutdown).await;
    }
}

/// For fuzz targets: see [`crate::fuzzing`].
pub(crate) fn parse_as_everything(text: &str) {
    let _ = route::Route::parse(text);
    if let Ok(query) = query::Query::parse(Some(text)) {
        let args = args::Args::new(query, query::Query::default());
        let _ = (args.operation(), args.is_on("save"), args.replace(), args.offset());
    }
    for size in [0, 1000, u64::MAX] {
        if let range::Selection::Part(part) = range::Selection::parse(text, size) {
            assert!(part.start < part.end && part.end <= size, "a part that is not in the file");
        }
    }
}
