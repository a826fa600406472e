//! What a check found, and what a repair did (specification section 8.5).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::mutable::VersionId;

use super::RepairError;

/// Which share, of which version if the file has versions. Its `Display` is the key under which
/// Tahoe lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShareId {
    /// A share of an immutable file.
    Immutable(ShareNumber),
    /// A share of one version of a mutable file.
    Mutable(VersionId, ShareNumber),
}

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Immutable(share) => share.fmt(f),
            Self::Mutable(version, share) => write!(f, "{version}-sh{share}"),
        }
    }
}

/// Which servers have which good shares.
pub type ShareMap = BTreeMap<ShareId, BTreeSet<ServerId>>;

/// A share that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadShare {
    /// Who has it.
    pub server: ServerId,
    /// Whose share it is.
    pub storage_index: StorageIndex,
    /// Which share.
    pub share: ShareNumber,
    /// What is wrong with it.
    pub reason: String,
}

/// What a check found of one file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResults {
    /// Whose shares were looked for.
    pub storage_index: StorageIndex,
    /// What was found, in a few words, which are Tahoe's.
    pub summary: String,
    /// The same at more length, a line each; empty for an immutable file.
    pub report: Vec<String>,
    /// Whether everything is as it should be.
    pub healthy: bool,
    /// Whether it can be read.
    pub recoverable: bool,
    /// Servers of which any `k` have enough shares.
    pub happiness: usize,
    /// Different good shares; of a mutable file, those of the best version.
    pub shares_good: usize,
    /// Shares that bring it back, as the cap or the version says.
    pub shares_needed: u64,
    /// Shares that it should have, as the cap or the version says.
    pub shares_expected: u64,
    /// Servers that have good shares; of a mutable file, of the best version.
    pub good_hosts: usize,
    /// Shares that are not what was stored.
    pub corrupt: Vec<BadShare>,
    /// Shares in a layout that we do not know.
    pub incompatible: Vec<BadShare>,
    /// Servers that answered.
    pub servers_responding: BTreeSet<ServerId>,
    /// Which servers have which good shares, of every version.
    pub sharemap: ShareMap,
    /// Shares of other versions than the best one.
    pub wrong_shares: usize,
    /// Versions with enough shares: 1 or 0 for an immutable file.
    pub recoverable_versions: usize,
    /// Versions with too few shares.
    pub unrecoverable_versions: usize,
}

/// What a check found, and what was done about it.
#[derive(Debug, Clone)]
pub struct RepairResults {
    /// Before.
    pub pre: CheckResults,
    /// Whether there was something to do that could be tried.
    pub attempted: bool,
    /// Whether that was done; false if nothing was tried.
    pub successful: bool,
    /// Afterwards; the same as before if nothing was done.
    pub post: CheckResults,
    /// Why something was left undone.
    pub problem: Option<RepairError>,
}

impl RepairResults {
    /// Nothing was to be done, or nothing was tried.
    pub(super) fn untried(pre: CheckResults, problem: Option<RepairError>) -> Self {
        Self { post: pre.clone(), pre, attempted: false, successful: false, problem }
    }
}

/// What a deep check counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeepCheckCounts {
    /// Objects that have shares.
    pub checked: u64,
    /// Those that are as they should be.
    pub healthy: u64,
    /// Those that are not.
    pub unhealthy: u64,
    /// Those that cannot be read.
    pub unrecoverable: u64,
    /// Corrupt shares of all of them.
    pub corrupt_shares: u64,
}

impl DeepCheckCounts {
    /// Counts one object.
    pub fn add(&mut self, results: &CheckResults) {
        self.checked += 1;
        *if results.healthy { &mut self.healthy } else { &mut self.unhealthy } += 1;
        self.unrecoverable += u64::from(!results.recoverable);
        self.corrupt_shares += results.corrupt.len() as u64;
    }
}

/// What a deep check counted that repaired as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeepRepairCounts {
    /// Before the repairs.
    pub pre: DeepCheckCounts,
    /// After them.
    pub post: DeepCheckCounts,
    /// Repairs that were tried.
    pub attempted: u64,
    /// Those that were done.
    pub successful: u64,
    /// Those that were not.
    pub unsuccessful: u64,
}

impl DeepRepairCounts {
    /// Counts one object.
    pub fn add(&mut self, results: &RepairResults) {
        self.pre.add(&results.pre);
        self.post.add(&results.post);
        if results.attempted {
            self.attempted += 1;
            *if results.successful { &mut self.successful } else { &mut self.unsuccessful } += 1;
        }
    }
}

/// Servers that have any of these shares.
pub(super) fn hosts(sharemap: &ShareMap) -> usize {
    sharemap.values().flatten().collect::<BTreeSet<_>>().len()
}
