//! A grid as one client sees it: its servers, and how this client uses them.

use std::sync::Arc;

use tallac_core::helper::UploadHelper;
use tallac_core::immutable::{Encoding, EncodingError, SEGMENT_SIZE_DEFAULT};
use tallac_core::secrets::{ConvergenceSecret, LeaseSecret};

use crate::check::{Checker, VerifyBudget};
use crate::directory::{Directories, DirectoryCache};
use crate::download::{Downloader, OpenFiles};
use crate::history::History;
use crate::mutable::{MutableFiles, MutableStore};
use crate::servers::ServerList;
use crate::upload::Uploader;

/// What a client brings to a grid.
#[derive(Debug, Clone)]
pub struct GridConfig {
    /// Whence the secrets of its leases come.
    pub lease_secret: LeaseSecret,
    /// Whence its convergent keys come.
    pub convergence: ConvergenceSecret,
    /// How its files are coded.
    pub encoding: Encoding,
    /// Servers that an upload must reach such that any `k` of them have enough shares.
    pub happy: usize,
    /// Largest segment of its files, in bytes.
    pub segment_size_max: u64,
}

impl GridConfig {
    /// Tahoe's defaults: 3-of-10, on at least 7 servers.
    ///
    /// # Errors
    /// Never: the numbers are good.
    pub fn new(
        lease_secret: LeaseSecret,
        convergence: ConvergenceSecret,
    ) -> Result<Self, EncodingError> {
        Ok(Self {
            lease_secret,
            convergence,
            encoding: Encoding::new(3, 10)?,
            happy: 7,
            segment_size_max: SEGMENT_SIZE_DEFAULT,
        })
    }
}

/// A grid. Clones are the same grid.
#[derive(Debug, Clone)]
pub struct Grid(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: GridConfig,
    servers: ServerList,
    helper: Option<Arc<dyn UploadHelper>>,
    mutable: MutableStore,
    open_files: OpenFiles,
    directories: DirectoryCache,
    verify_budget: VerifyBudget,
    history: History,
}

impl Grid {
    /// The grid of these servers. [`ServerList::monitor`] has to run for them to become usable.
    #[must_use]
    pub fn new(config: GridConfig, servers: ServerList) -> Self {
        Self::with_helper(config, servers, None)
    }

    /// The same, with a helper that uploads for us whenever it is connected.
    #[must_use]
    pub fn with_helper(
        config: GridConfig,
        servers: ServerList,
        helper: Option<Arc<dyn UploadHelper>>,
    ) -> Self {
        let (mutable, directories) = (MutableStore::default(), DirectoryCache::default());
        let (open_files, verify_budget) = (OpenFiles::default(), VerifyBudget::default());
        Self(Arc::new(Inner {
            config,
            servers,
            helper,
            mutable,
            open_files,
            directories,
            verify_budget,
            history: History::default(),
        }))
    }

    /// How this client uses the grid.
    #[must_use]
    pub fn config(&self) -> &GridConfig {
        &self.0.config
    }

    /// The servers.
    #[must_use]
    pub fn servers(&self) -> &ServerList {
        &self.0.servers
    }

    /// Puts files onto the grid.
    #[must_use]
    pub fn uploader(&self) -> Uploader {
        Uploader::new(self.clone())
    }

    /// Gets files from the grid.
    #[must_use]
    pub fn downloader(&self) -> Downloader {
        Downloader::new(self.clone())
    }

    /// Makes, reads and changes mutable files.
    #[must_use]
    pub fn mutable_files(&self) -> MutableFiles {
        MutableFiles::new(self.clone())
    }

    /// What is done and was lately done with it.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.0.history
    }

    pub(crate) fn helper(&self) -> Option<&dyn UploadHelper> {
        self.0.helper.as_deref()
    }

    pub(crate) fn open_files(&self) -> &OpenFiles {
        &self.0.open_files
    }

    pub(crate) fn mutable_store(&self) -> &MutableStore {
        &self.0.mutable
    }

    /// Checks and repairs files and directories.
    #[must_use]
    pub fn checker(&self) -> Checker {
        Checker::new(self.clone())
    }

    /// Reads and changes directories.
    #[must_use]
    pub fn directories(&self) -> Directories {
        Directories::new(self.clone())
    }

    /// Room for shares that are being verified.
    pub(crate) fn verify_budget(&self) -> &VerifyBudget {
        &self.0.verify_budget
    }

    /// Directories that were read lately.
    pub(crate) fn directory_cache(&self) -> &DirectoryCache {
        &self.0.directories
    }
}
