//! What a status page shows of a storage server.

/// The state of a storage server at one moment; the names are those of Tahoe's `/statistics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Whether it would take a new immutable share.
    pub accepting_immutable_shares: bool,
    /// Bytes promised to uploads under way.
    pub allocated: u64,
    /// Uploads under way.
    pub upload_count: usize,
    /// Bytes of the file system to leave free.
    pub reserved_space: u64,
    /// Size of the file system.
    pub disk_total: u64,
    /// Used of it, by anyone.
    pub disk_used: u64,
    /// Free for the superuser.
    pub disk_free_for_root: u64,
    /// Free for everybody else.
    pub disk_free_for_nonroot: u64,
    /// Free for shares: the reserve taken off; 0 when read-only; what the quota leaves at most.
    pub disk_avail: u64,
    /// Bytes that share files may have together, if that is limited.
    pub max_use: Option<u64>,
    /// Bytes that they have, as far as the lease index knows.
    pub used: u64,
}
