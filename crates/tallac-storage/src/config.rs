//! What a storage server is told when it starts, and why it may refuse to.

use std::io;
use std::path::PathBuf;

use tallac_core::ids::TubId;

use crate::clock::Clock;
use crate::crawl::CrawlPace;
use crate::expiry::ExpiryPolicy;

/// What a storage server takes and keeps. It may change while the server runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file system to leave free.
    pub reserved_space: u64,
    /// Bytes that share files may have together, if that is limited. While the lease index is made
    /// anew, only what it knows already counts.
    pub max_use: Option<u64>,
    /// Takes no new shares.
    pub readonly: bool,
    /// Which leases run out.
    pub expiry: ExpiryPolicy,
}

/// What a storage server is told when it starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// The storage directory, which holds `shares` (section 3.5). Made if it is not there.
    pub dir: PathBuf,
    /// What it takes and keeps.
    pub limits: Limits,
    /// What [`ServerVersion`](tallac_core::storage::ServerVersion) says that this is.
    pub application_version: String,
    /// The identity of this server, which mutable containers name as the one that took their
    /// secrets; nobody relies on it.
    pub node: TubId,
    /// Bytes of the journal of mutable and small shares; it takes no room before the first change.
    pub journal_len: u64,
    /// How fast the crawlers go.
    pub pace: CrawlPace,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Config {
    /// A server in `dir` that may fill the disk.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            limits: Limits::default(),
            application_version: concat!("tallac/", env!("CARGO_PKG_VERSION")).to_owned(),
            node: TubId::new([0; TubId::LEN]),
            journal_len: 4 << 20,
            pace: CrawlPace::default(),
            clock: Clock::system(),
        }
    }
}

/// Why a storage server did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A crawler's state in the format of Tahoe-LAFS before 1.16. Tahoe-LAFS refuses it as well.
    #[error(
        "{} is in an old format that is not read any more: run `tahoe admin migrate-crawler` on \
         this node once, or delete the file (the next crawl makes it anew)",
        path.display()
    )]
    OldCrawlerState {
        /// The file.
        path: PathBuf,
    },
    /// The storage directory could not be prepared.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
