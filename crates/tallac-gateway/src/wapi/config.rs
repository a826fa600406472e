//! What the web API is told by the node that runs it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tallac_core::cap::MutableFormat;

use super::node_view::{Alone, ApiToken, LocalFiles, NodeView};

/// How the web API behaves and what it tells of its node.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// Where bodies of 1 MiB and more are kept while they arrive (`[node] tempdir`).
    pub tempdir: PathBuf,
    /// What the node's owner calls it.
    pub nickname: String,
    /// Program and version, such as `tallac/0.1.0`.
    pub application_version: String,
    /// How the node stands with its introducers.
    pub introducers: Introducers,
    /// The format of new directories that none is asked for (`[client] mutable.format`).
    pub mutable_format: MutableFormat,
    /// What else there is in the node.
    pub node: Arc<dyn NodeView>,
    /// What proves that a client is of this machine's owner; without it, nothing private is told.
    pub api_token: Option<ApiToken>,
    /// Files of the node that are served or heeded.
    pub files: LocalFiles,
    /// Names by which browsers reach the node, beside its addresses and those of the local network.
    pub hosts: Vec<String>,
    /// What it puts up with.
    pub limits: WebLimits,
}

impl WebConfig {
    /// With no introducers and the usual limits.
    #[must_use]
    pub fn new(tempdir: PathBuf, nickname: String) -> Self {
        Self {
            tempdir,
            nickname,
            application_version: concat!("tallac/", env!("CARGO_PKG_VERSION")).to_owned(),
            introducers: Introducers::default(),
            mutable_format: MutableFormat::Sdmf,
            node: Arc::new(Alone),
            api_token: None,
            files: LocalFiles::default(),
            hosts: Vec::new(),
            limits: WebLimits::default(),
        }
    }
}

/// What the web API puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebLimits {
    /// Connections at a time; more wait until one ends.
    pub connections_max: usize,
    /// How long a client may take to send the head of a request, or leave a connection unused.
    pub header_timeout: Duration,
    /// How long a client may send nothing in the middle of a body.
    pub upload_silence: Duration,
    /// How long a client may take nothing in the middle of an answer. Players that are paused do
    /// that, so it is long.
    pub download_silence: Duration,
    /// How long requests under way may go on after the node was told to stop.
    pub drain_timeout: Duration,
}

impl Default for WebLimits {
    fn default() -> Self {
        Self {
            connections_max: 500,
            header_timeout: Duration::from_secs(60),
            upload_silence: Duration::from_secs(60),
            download_silence: Duration::from_secs(30 * 60),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// How the node stands with one introducer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntroducerStatus {
    /// Whether there is a connection now.
    pub is_connected: bool,
    /// The same in words, such as `Connected to tcp:127.0.0.1:4711 via tcp`.
    pub text: String,
}

/// Asked for the state of the introducers whenever a page shows it.
#[derive(Clone)]
pub struct Introducers(Arc<dyn Fn() -> Vec<IntroducerStatus> + Send + Sync>);

impl Introducers {
    /// Asked by calling `statuses`, which must not block.
    pub fn new(statuses: impl Fn() -> Vec<IntroducerStatus> + Send + Sync + 'static) -> Self {
        Self(Arc::new(statuses))
    }

    pub(super) fn statuses(&self) -> Vec<IntroducerStatus> {
        (self.0)()
    }
}

/// None at all.
impl Default for Introducers {
    fn default() -> Self {
        Self::new(Vec::new)
    }
}

impl fmt::Debug for Introducers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Introducers").field(&self.statuses()).finish()
    }
}
