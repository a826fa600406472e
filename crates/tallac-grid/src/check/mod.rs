//! Check, verify and repair (specification sections 4.5, 4.8, 5.4 and 8.5).
//!
//! A *check* asks all servers that are connected what they have, and believes them; *verify* reads
//! every share to its last byte and proves it. A *repair* makes what is missing anew: of an
//! immutable file the very same shares, from its ciphertext; of a mutable file a new version with
//! the same content. Nothing here fails because a server does: it is left out, and the results
//! tell what the others say.

mod budget;
mod deep;
mod error;
mod immutable;
mod mutable;
mod repair;
mod repair_mutable;
mod results;

pub(crate) use budget::VerifyBudget;
pub use deep::{DeepItem, DeepStream};
pub use error::RepairError;
pub use results::{
    BadShare, CheckResults, DeepCheckCounts, DeepRepairCounts, RepairResults, ShareId, ShareMap,
};

use tallac_core::cap::FileCap;
use tracing::Instrument as _;

use crate::grid::Grid;

/// How a check is to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Whether to read and prove every share, rather than to ask for names only.
    pub verify: bool,
    /// Whether to add or renew our lease on every share.
    pub add_lease: bool,
}

/// The service that checks and repairs. Clones are the same service.
#[derive(Debug, Clone)]
pub struct Checker {
    grid: Grid,
}

impl Checker {
    pub(crate) const fn new(grid: Grid) -> Self {
        Self { grid }
    }

    /// Looks for the shares of a file, or of the file that keeps a directory, with any cap of it.
    /// Nothing for a literal one, which has no shares.
    pub async fn check(&self, cap: &FileCap, options: CheckOptions) -> Option<CheckResults> {
        self.check_any(cap, options).instrument(span("check", cap, options)).await
    }

    async fn check_any(&self, cap: &FileCap, options: CheckOptions) -> Option<CheckResults> {
        match cap {
            FileCap::Lit(_) => None,
            FileCap::ChkRead(cap) => Some(self.check_immutable(&cap.to_verifier(), options).await),
            FileCap::ChkVerify(cap) => Some(self.check_immutable(cap, options).await),
            FileCap::SskWrite(_) | FileCap::SskRead(_) | FileCap::SskVerify(_) => {
                self.survey(cap, options).await?.results(cap)
            }
        }
    }

    /// The same, and makes anew what is missing. An immutable file is repaired with any cap, a
    /// mutable one with its write cap only. One that is healthy is left as it is.
    pub async fn check_and_repair(
        &self,
        cap: &FileCap,
        options: CheckOptions,
    ) -> Option<RepairResults> {
        self.repair_any(cap, options).instrument(span("check and repair", cap, options)).await
    }

    async fn repair_any(&self, cap: &FileCap, options: CheckOptions) -> Option<RepairResults> {
        match cap {
            FileCap::Lit(_) => None,
            FileCap::ChkRead(cap) => Some(self.repair_immutable(&cap.to_verifier(), options).await),
            FileCap::ChkVerify(cap) => Some(self.repair_immutable(cap, options).await),
            FileCap::SskWrite(_) | FileCap::SskRead(_) | FileCap::SskVerify(_) => {
                self.repair_mutable(cap, options).await
            }
        }
    }
}

/// What a trace tells of a check.
fn span(what: &'static str, cap: &FileCap, options: CheckOptions) -> tracing::Span {
    tracing::info_span!(
        "check",
        otel.name = what,
        verify = options.verify,
        add_lease = options.add_lease,
        storage_index = cap.storage_index().map(|index| index.abbreviated())
    )
}
