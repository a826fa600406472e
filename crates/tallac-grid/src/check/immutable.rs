//! Check of an immutable file (specification section 4.5).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tallac_core::cap::ChkVerifyCap;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::lease;
use tallac_core::placement;
use tallac_core::storage::{ShareKind, StorageError};
use tokio::time::Instant;

use super::results::hosts;
use super::{BadShare, CheckOptions, CheckResults, Checker, ShareId, ShareMap};
use crate::patience::{Patience, gather};
use crate::servers::GridServer;

/// How long servers have to say what they have. One that is left behind counts as failing, so that
/// it does not hold up the next check as well.
pub(super) const PATIENCE: Patience =
    Patience { floor: Duration::from_secs(1), factor: 8, ceiling: Duration::from_secs(20) };

/// What servers say that they have, or were proven to have.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) good: Vec<(ServerId, ShareNumber)>,
    pub(super) corrupt: Vec<BadShare>,
    pub(super) incompatible: Vec<BadShare>,
    pub(super) responding: BTreeSet<ServerId>,
}

impl Checker {
    pub(super) async fn check_immutable(
        &self,
        cap: &ChkVerifyCap,
        options: CheckOptions,
    ) -> CheckResults {
        let servers = self.grid.servers().ring(&cap.storage_index());
        let leases = async {
            if options.add_lease {
                self.add_leases(&servers, cap.storage_index()).await;
            }
        };
        let ((), found) = tokio::join!(leases, self.list(&servers, cap));
        results(cap, found)
    }

    /// What servers say that they have.
    async fn list(&self, servers: &[Arc<GridServer>], cap: &ChkVerifyCap) -> Findings {
        let storage_index = cap.storage_index();
        let lists = servers.iter().map(|server| async move {
            let asked = Instant::now();
            let answer = server.storage().list(ShareKind::Immutable, storage_index).await;
            if answer.is_ok() {
                server.note_round_trip(asked.elapsed());
            }
            answer
        });
        let answers = gather(lists.collect::<Vec<_>>(), PATIENCE).await;
        let mut found = Findings::default();
        for (server, answer) in servers.iter().zip(answers) {
            let seconds = PATIENCE.floor.as_secs();
            match answer.unwrap_or(Err(StorageError::TimedOut { seconds })) {
                Ok(shares) => {
                    let id = &server.info().id;
                    found.responding.insert(id.clone());
                    let shares = shares.into_iter().filter(|share| is_of(cap, *share));
                    found.good.extend(shares.map(|share| (id.clone(), share)));
                }
                Err(error) => server.note_error(&error),
            }
        }
        found
    }

    /// Adds or renews our lease on whatever these servers have of a file. What comes of it is not
    /// asked: most servers have nothing of it.
    pub(super) async fn add_leases(
        &self,
        servers: &[Arc<GridServer>],
        storage_index: StorageIndex,
    ) {
        let secret = &self.grid.config().lease_secret;
        let leases = servers.iter().map(|server| {
            let lease = lease::lease_secrets(secret, &storage_index, &server.info().tub_id);
            async move {
                if let Err(error) = server.storage().add_lease(storage_index, lease).await {
                    tracing::debug!(server = %server.info().id, %error, "lease not added");
                }
            }
        });
        gather(leases.collect::<Vec<_>>(), PATIENCE).await;
    }
}

/// Whether a file has a share of that number. Who lists others has them of something else.
fn is_of(cap: &ChkVerifyCap, share: ShareNumber) -> bool {
    u64::from(share.get()) < cap.shape().total_shares
}

/// What is to be made of what was found.
pub(super) fn results(cap: &ChkVerifyCap, found: Findings) -> CheckResults {
    let mut sharemap = ShareMap::new();
    for (server, share) in found.good {
        sharemap.entry(ShareId::Immutable(share)).or_default().insert(server);
    }
    let (needed, expected) = (cap.shape().needed_shares, cap.shape().total_shares);
    let good = sharemap.len();
    let healthy = good as u64 >= expected;
    let recoverable = good as u64 >= needed;
    let summary = match healthy {
        true => "Healthy".to_owned(),
        false => format!("Not Healthy: {good} shares (enc {needed}-of-{expected})"),
    };
    CheckResults {
        storage_index: cap.storage_index(),
        summary,
        report: Vec::new(),
        healthy: healthy && recoverable,
        recoverable,
        happiness: placement::happiness(&sharemap),
        shares_good: good,
        shares_needed: needed,
        shares_expected: expected,
        good_hosts: hosts(&sharemap),
        corrupt: found.corrupt,
        incompatible: found.incompatible,
        servers_responding: found.responding,
        sharemap,
        wrong_shares: 0,
        recoverable_versions: usize::from(recoverable),
        unrecoverable_versions: usize::from(!recoverable),
    }
}
