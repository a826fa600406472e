//! Check of an immutable file (specification section 4.5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tallac_core::cap::ChkVerifyCap;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::lease;
use tallac_core::placement;
use tallac_core::storage::{ShareKind, StorageError};
use tokio::time::Instant;

use super::results::hosts;
use super::{BadShare, CheckOptions, CheckResults, Checker, ShareId, ShareMap};
use crate::download::{self, Flaw, Location, Subject};
use crate::mutable::query::STRAGGLER_FLOOR_OF_CHECKS;
use crate::patience::{Patience, gather};
use crate::servers::GridServer;

/// How long servers have to say what they have. One that is left behind counts as failing, so that
/// it does not hold up the next check as well. It has time even if the others are quick: a deep
/// check asks it of many objects at once, and a file must not be called unhealthy for its haste.
pub(super) const PATIENCE: Patience =
    Patience { floor: STRAGGLER_FLOOR_OF_CHECKS, factor: 8, ceiling: Duration::from_secs(20) };

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
        results(cap, &self.find_immutable(&servers, cap, options).await)
    }

    /// What these servers have of a file, and if so wanted what of it is good.
    pub(super) async fn find_immutable(
        &self,
        servers: &[Arc<GridServer>],
        cap: &ChkVerifyCap,
        options: CheckOptions,
    ) -> Findings {
        let leases = async {
            if options.add_lease {
                self.add_leases(servers, cap.storage_index()).await;
            }
        };
        let found = async {
            let listed = self.list(servers, cap).await;
            if options.verify { self.verify(servers, cap, listed).await } else { listed }
        };
        let ((), found) = tokio::join!(leases, found);
        found
    }

    /// Reads and proves every share that was listed. One that could not be read is no share.
    async fn verify(
        &self,
        servers: &[Arc<GridServer>],
        cap: &ChkVerifyCap,
        listed: Findings,
    ) -> Findings {
        let mut found = Findings { responding: listed.responding, ..Findings::default() };
        let bad = |location: &Location, reason| BadShare {
            server: location.server.info().id.clone(),
            storage_index: cap.storage_index(),
            share: location.share,
            reason,
        };
        let locations = locations(servers, &listed.good);
        let subject = match Subject::of(cap) {
            Ok(subject) => subject,
            Err(error) => {
                let all = locations.iter().map(|location| bad(location, error.to_string()));
                found.incompatible = all.collect();
                return found;
            }
        };
        let budget = self.grid.verify_budget();
        let verdicts =
            locations.iter().map(|location| download::verify(&subject, location, budget));
        let verdicts = join_all(verdicts.collect::<Vec<_>>()).await;
        for (location, verdict) in locations.iter().zip(verdicts) {
            let server = &location.server;
            match verdict {
                Ok(()) => found.good.push((server.info().id.clone(), location.share)),
                Err(Flaw::Corrupt(reason)) => {
                    found.corrupt.push(bad(location, reason.clone()));
                    let (si, share) = (cap.storage_index(), location.share);
                    server.advise_corrupt(ShareKind::Immutable, si, share, reason);
                }
                Err(Flaw::Incompatible(reason)) => found.incompatible.push(bad(location, reason)),
                Err(Flaw::Unread(error)) => {
                    tracing::info!(server = %server.info().id, %error, "share not verified");
                    server.note_error(&error);
                }
            }
        }
        found
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

/// Where the shares are that servers of these names have.
pub(super) fn locations(
    servers: &[Arc<GridServer>],
    shares: &[(ServerId, ShareNumber)],
) -> Vec<Location> {
    let by_id: BTreeMap<_, _> = servers.iter().map(|server| (&server.info().id, server)).collect();
    let places = shares.iter().filter_map(|(id, share)| {
        let server = Arc::clone(by_id.get(id)?);
        Some(Location { server, share: *share, tries: 0 })
    });
    places.collect()
}

/// Whether a file has a share of that number. Who lists others has them of something else.
fn is_of(cap: &ChkVerifyCap, share: ShareNumber) -> bool {
    u64::from(share.get()) < cap.shape().total_shares
}

/// What is to be made of what was found.
pub(super) fn results(cap: &ChkVerifyCap, found: &Findings) -> CheckResults {
    let mut sharemap = ShareMap::new();
    for (server, share) in &found.good {
        sharemap.entry(ShareId::Immutable(*share)).or_default().insert(server.clone());
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
        corrupt: found.corrupt.clone(),
        incompatible: found.incompatible.clone(),
        servers_responding: found.responding.clone(),
        sharemap,
        wrong_shares: 0,
        recoverable_versions: usize::from(recoverable),
        unrecoverable_versions: usize::from(!recoverable),
    }
}
