//! The web API (WAPI, specification section 8): what programs and browsers ask of a node.
//!
//! `serve` keeps the connections. `asked` understands a request: `route` its path, `args` what is
//! in its URL and its form, `spool` its file. `dispatch` hands it on: to `unlinked` for `/uri`,
//! by way of `place`, which follows a path, to `file_node` or `directory_node`, or to
//! `operations`, where long `walks` and deep checks are kept, or to `pages` about the node.
//! `check` tells how files are, `download`, `json`, `listing` and `html` make the other answers,
//! `make` and `child_map` what is stored. `error` is the one place where what went wrong becomes
//! a status. `introducer` is the page of another kind of node.

mod access_log;
mod args;
mod asked;
mod blacklist;
mod body;
mod check;
mod child_map;
mod config;
mod content_type;
mod directory_node;
mod dispatch;
mod download;
mod error;
mod file_node;
mod form;
mod html;
mod introducer;
mod json;
mod listing;
mod make;
mod multipart;
mod node_view;
mod operations;
mod pages;
mod place;
mod query;
mod range;
mod readable;
mod reply;
mod request_body;
mod route;
mod safety;
mod serve;
mod spool;
mod ui;
mod unlinked;
mod walks;
mod welcome;
mod work;

pub use config::{IntroducerStatus, Introducers, WebConfig, WebLimits};
pub use introducer::{IntroducerPage, IntroducerPageConfig};
pub use node_view::{
    ApiToken, ClientUse, LocalFiles, MaintenanceView, Named, NodeView, Statistics, StorageView,
    UsedHelper,
};

use std::sync::Arc;

use futures_util::FutureExt as _;
use http::request::Parts;
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
    operations: operations::Operations,
    blacklist: blacklist::Blacklist,
    metrics: pages::WebMetrics,
    log_readers: pages::LogReaders,
}

impl WebApi {
    /// Of a node that uses this grid.
    #[must_use]
    pub fn new(grid: Grid, config: WebConfig) -> Self {
        Self(Arc::new(State {
            grid,
            operations: operations::Operations::default(),
            blacklist: blacklist::Blacklist::new(config.files.blacklist.clone()),
            metrics: pages::WebMetrics::default(),
            log_readers: pages::LogReaders::default(),
            config,
        }))
    }

    /// Serves connections to `listener` until `shutdown` is ready. Then takes no more, lets
    /// requests under way end, but for no longer than [`WebLimits::drain_timeout`], and returns
    /// once all connections are closed. Dropping the future closes them at once.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        serve::serve(&self.0, listener, shutdown).await;
        self.0.log_readers.stop();
    }
}

impl serve::Site for State {
    fn limits(&self) -> &WebLimits {
        &self.config.limits
    }

    async fn answer(
        self: Arc<Self>,
        head: &Parts,
        body: request_body::RequestBody,
    ) -> Result<reply::Reply, error::WebError> {
        dispatch::answer(&self, head, body).await
    }
}

/// For fuzz targets: see [`crate::fuzzing`].
pub(crate) fn parse_as_everything(text: &str) {
    let _ = route::Route::parse(text);
    if let Ok(query) = query::Query::parse(Some(text)) {
        let args = args::Args::new(query, query::Query::default());
        let _ = (args.operation(), args.is_on("save"), args.replace(), args.offset());
    }
    let _ = (child_map::parse(text.as_bytes()), multipart::boundary(text));
    for len in [1, 7, text.len()] {
        // All pieces are there, so it never waits.
        let _ = multipart::parse(text.as_bytes(), len).now_or_never();
    }
    for size in [0, 1000, u64::MAX] {
        if let range::Selection::Part(part) = range::Selection::parse(text, size) {
            assert!(part.start < part.end && part.end <= size, "a part that is not in the file");
        }
    }
}
