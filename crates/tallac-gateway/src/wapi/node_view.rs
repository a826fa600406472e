//! What pages tell of those parts of the node that the web API does not know itself: its storage
//! server, its helper, its log.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use subtle::ConstantTimeEq as _;
use tallac_core::dirnode::Json;
use tokio::sync::broadcast;
use zeroize::Zeroizing;

use crate::metrics::Exposition;

/// Values by the names that Tahoe-LAFS has for them (section 11.9).
pub type Named = Vec<(String, Json)>;

/// What a node counts and measures.
#[derive(Debug, Clone, Default)]
pub struct Statistics {
    /// What only grows.
    pub counters: Named,
    /// Everything else.
    pub stats: Named,
}

/// What is shown of a storage server. The states of its crawlers have Tahoe-LAFS's members, as far
/// as there are any.
#[derive(Debug, Clone)]
pub struct StorageView {
    /// Its id.
    pub node_id: String,
    /// Its share of the statistics.
    pub stats: Named,
    /// How far the count of buckets is.
    pub bucket_counter: Json,
    /// What the crawler found that looks at leases.
    pub lease_checker: Json,
    /// How far it is.
    pub lease_checker_progress: Json,
    /// What the expiry of leases is set to, in sentences.
    pub expiration: Vec<String>,
    /// Who keeps what, those who keep most first.
    pub clients: Vec<ClientUse>,
}

/// What one client keeps on the storage server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientUse {
    /// Who that is, if the protocol told.
    pub client: Option<String>,
    /// How many shares.
    pub shares: u64,
    /// How long their files are, in bytes.
    pub bytes: u64,
}

/// A helper that uploads for this node.
#[derive(Debug, Clone)]
pub struct UsedHelper {
    /// Where it is, without what proves that one may use it.
    pub address: String,
    /// Whether there is a connection now.
    pub is_connected: bool,
}

/// What the node's maintenance does and has found, without what only the node's owner may know.
#[derive(Debug, Clone)]
pub struct MaintenanceView {
    /// For people.
    pub sentences: Vec<String>,
    /// For programs.
    pub json: Json,
}

/// What the node tells of its other parts. Nothing of it may block for long.
pub trait NodeView: fmt::Debug + Send + Sync {
    /// What other parts count and measure.
    fn statistics(&self) -> BoxFuture<'_, Statistics> {
        async { Statistics::default() }.boxed()
    }

    /// The storage server, if there is one.
    fn storage(&self) -> BoxFuture<'_, Option<StorageView>> {
        async { None }.boxed()
    }

    /// The numbers of the helper that this node is for others, if it is one.
    fn helper(&self) -> BoxFuture<'_, Option<Named>> {
        async { None }.boxed()
    }

    /// The helper that this node uses, if it is to use one.
    fn used_helper(&self) -> Option<UsedHelper> {
        None
    }

    /// The maintenance of what is on the grid, if it is on.
    fn maintenance(&self) -> Option<MaintenanceView> {
        None
    }

    /// Adds the node's own metrics to those of the web API.
    fn metrics<'a>(&'a self, _text: &'a mut Exposition) -> BoxFuture<'a, ()> {
        async {}.boxed()
    }

    /// Keeps what was lately logged, with what somebody says of it.
    fn report_incident(&self, _details: String) -> BoxFuture<'_, io::Result<()>> {
        async { Err(io::ErrorKind::Unsupported.into()) }.boxed()
    }

    /// Lines of the log from now on, each a JSON object, if the node gives them out.
    fn log_lines(&self) -> Option<broadcast::Receiver<Arc<str>>> {
        None
    }
}

/// A node without other parts.
#[derive(Debug)]
pub(super) struct Alone;

impl NodeView for Alone {}

/// Which files the web server hands out, and which it refuses to.
#[derive(Debug, Clone, Default)]
pub struct LocalFiles {
    /// The directory that is served under `/static`, if there is one (`[node] web.static`).
    pub static_dir: Option<PathBuf>,
    /// The list of storage indexes that nobody is to have (`access.blacklist`), if there may be
    /// one.
    pub blacklist: Option<PathBuf>,
}

/// Who knows it may look at what is under `/private`. Compared in constant time.
#[derive(Clone)]
pub struct ApiToken(Zeroizing<Vec<u8>>);

impl ApiToken {
    /// With this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.as_bytes().to_vec()))
    }

    /// Whether this is it.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        self.0.ct_eq(text).into()
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(…)")
    }
}
