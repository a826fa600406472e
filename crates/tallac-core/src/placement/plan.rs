//! The plan of an upload: which share goes to which server (section 4.2, step 4).
//!
//! A pure function of what the servers answered. Whoever performs it asks again with what failed
//! moved to [`Candidates::readonly`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{by_share, happiness, matching};
use crate::ids::ShareNumber;

/// What there is to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates<S> {
    /// Servers that take new shares, in ring order.
    pub writable: Vec<S>,
    /// Servers that take none but may hold some, in ring order. One that is in both lists takes
    /// none.
    pub readonly: Vec<S>,
    /// Shares to be placed.
    pub shares: BTreeSet<ShareNumber>,
    /// Shares that servers hold already. What servers in neither list hold is not counted.
    pub existing: BTreeMap<S, BTreeSet<ShareNumber>>,
    /// Shares that servers hold in vain: they are corrupt. They do not count, and cannot be
    /// replaced there.
    pub spoiled: BTreeMap<S, BTreeSet<ShareNumber>>,
}

/// Where one share goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement<S> {
    /// The server.
    pub server: S,
    /// Whether it holds the share already, so that only its lease is renewed.
    pub exists: bool,
}

/// Which share goes to which server. Its `Display` tells it in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<S> {
    assignments: BTreeMap<ShareNumber, Placement<S>>,
    unplaced: BTreeSet<ShareNumber>,
    /// Servers that shares go to, in ring order, the writable first.
    order: Vec<S>,
    happiness: usize,
}

impl<S: Ord + Clone> Plan<S> {
    /// The best plan: its happiness is as high as these servers allow; among such plans, one that
    /// keeps as many shares as can be where they are and gives new ones to the foremost servers of
    /// the ring.
    #[must_use]
    pub fn new(candidates: &Candidates<S>) -> Self {
        let mut work = Work::new(candidates);
        work.match_held(work.readonly_range());
        work.match_held(0..work.writable);
        work.match_free();
        work.match_around_spoiled();
        work.place_homeless();
        work.finish()
    }

    /// Every share that has a place, and the place.
    #[must_use]
    pub const fn assignments(&self) -> &BTreeMap<ShareNumber, Placement<S>> {
        &self.assignments
    }

    /// Shares without a place: some only where no server takes new shares.
    #[must_use]
    pub const fn unplaced(&self) -> &BTreeSet<ShareNumber> {
        &self.unplaced
    }

    /// Happiness once the plan is carried out, existing shares included.
    #[must_use]
    pub const fn happiness(&self) -> usize {
        self.happiness
    }

    /// What each server is asked to take or to keep, in ring order, the writable servers first.
    pub fn by_server(&self) -> impl Iterator<Item = (&S, BTreeSet<ShareNumber>)> {
        self.order.iter().map(|server| {
            let of_server = self.assignments.iter().filter(move |(_, to)| to.server == *server);
            (server, of_server.map(|(share, _)| *share).collect())
        })
    }
}

/// A plan in the making. Servers are numbered in ring order, the writable ones first.
struct Work<'a, S> {
    servers: Vec<&'a S>,
    /// How many of them are writable.
    writable: usize,
    /// What they hold of the shares wanted.
    held: Vec<BTreeSet<ShareNumber>>,
    /// What they cannot be given.
    spoiled: Vec<BTreeSet<ShareNumber>>,
    wanted: &'a BTreeSet<ShareNumber>,
    /// Share → server.
    placed: BTreeMap<ShareNumber, usize>,
    /// Whether a share is counted for the server.
    matched: Vec<bool>,
}

impl<'a, S: Ord + Clone> Work<'a, S> {
    fn new(candidates: &'a Candidates<S>) -> Self {
        let readonly: BTreeSet<&S> = candidates.readonly.iter().collect();
        let mut seen = BTreeSet::new();
        let mut servers: Vec<&S> = candidates.writable.iter().collect();
        servers.retain(|&server| !readonly.contains(server) && seen.insert(server));
        let writable = servers.len();
        servers.extend(candidates.readonly.iter().filter(|&server| seen.insert(server)));
        let of = |shares: &BTreeMap<S, BTreeSet<ShareNumber>>| -> Vec<BTreeSet<ShareNumber>> {
            let of = servers.iter().map(|&server| {
                shares.get(server).map_or_else(BTreeSet::new, |held| &candidates.shares & held)
            });
            of.collect()
        };
        Self {
            writable,
            held: of(&candidates.existing),
            spoiled: of(&candidates.spoiled),
            wanted: &candidates.shares,
            placed: BTreeMap::new(),
            matched: vec![false; servers.len()],
            servers,
        }
    }

    fn readonly_range(&self) -> std::ops::Range<usize> {
        self.writable..self.servers.len()
    }

    /// Shares that have no place yet, in ascending order.
    fn homeless(&self) -> Vec<ShareNumber> {
        self.wanted.iter().filter(|share| !self.placed.contains_key(share)).copied().collect()
    }

    /// Leaves as many shares as can be where they are, each on another of these servers.
    fn match_held(&mut self, servers: std::ops::Range<usize>) {
        let edges: Vec<Vec<usize>> = servers
            .clone()
            .map(|server| {
                let held = self.held[server].iter();
                held.filter(|share| !self.placed.contains_key(share)).map(|s| s.index()).collect()
            })
            .collect();
        let shares: Vec<ShareNumber> = ShareNumber::first(ShareNumber::COUNT_MAX).collect();
        let matched = matching::maximum(&edges, shares.len());
        for (server, share) in servers.zip(matched) {
            if let Some(share) = share {
                self.placed.insert(shares[share], server);
                self.matched[server] = true;
            }
        }
    }

    /// Gives each writable server that has no share of its own yet the next share.
    fn match_free(&mut self) {
        let mut homeless = self.homeless();
        for server in (0..self.writable).filter(|&s| !self.matched[s]).collect::<Vec<_>>() {
            let fits = |share: &ShareNumber| !self.spoiled[server].contains(share);
            let Some(at) = homeless.iter().position(fits) else { continue };
            self.placed.insert(homeless.remove(at), server);
            self.matched[server] = true;
        }
    }

    /// Where a server can take none of the shares that are left, as it holds them in vain, lets it
    /// take another's, and that one take what is left.
    fn match_around_spoiled(&mut self) {
        if self.spoiled.iter().all(BTreeSet::is_empty) {
            return;
        }
        let edges: Vec<Vec<usize>> = (0..self.servers.len())
            .map(|server| {
                let held = self.held[server].iter();
                let takes = |share: &&ShareNumber| {
                    server < self.writable
                        && !self.held[server].contains(share)
                        && !self.spoiled[server].contains(share)
                };
                held.chain(self.wanted.iter().filter(takes)).map(|share| share.index()).collect()
            })
            .collect();
        let mut partners = vec![None; ShareNumber::COUNT_MAX];
        for (share, &server) in &self.placed {
            partners[share.index()] = Some(server);
        }
        let free: Vec<usize> = (0..self.servers.len()).filter(|&s| !self.matched[s]).collect();
        matching::extend(&edges, free, &mut partners);
        for (share, server) in ShareNumber::first(ShareNumber::COUNT_MAX).zip(partners) {
            if let Some(server) = server {
                self.placed.insert(share, server);
                self.matched[server] = true;
            }
        }
    }

    /// Places what is left, which no more server can be counted for: where it is, if its server
    /// takes shares; else on the writable server with the fewest; else where it is.
    fn place_homeless(&mut self) {
        for share in self.homeless() {
            if let Some(server) = (0..self.writable).find(|&s| self.held[s].contains(&share)) {
                self.placed.insert(share, server);
            }
        }
        let mut loads: Vec<BTreeSet<ShareNumber>> = self.held[..self.writable].to_vec();
        for (&share, &server) in &self.placed {
            if let Some(load) = loads.get_mut(server) {
                load.insert(share);
            }
        }
        for share in self.homeless() {
            let least = (0..self.writable)
                .filter(|&server| !self.spoiled[server].contains(&share))
                .min_by_key(|&server| (loads[server].len(), server));
            if let Some(server) = least {
                loads[server].insert(share);
                self.placed.insert(share, server);
            } else if let Some(server) = self.held.iter().position(|h| h.contains(&share)) {
                self.placed.insert(share, server);
            }
        }
    }

    fn finish(self) -> Plan<S> {
        let mut result = self.held.clone();
        for (&share, &server) in &self.placed {
            result[server].insert(share);
        }
        let result = result.into_iter().enumerate().collect();
        let busy: BTreeSet<usize> = self.placed.values().copied().collect();
        Plan {
            happiness: happiness(&by_share(&result)),
            unplaced: self.homeless().into_iter().collect(),
            order: busy.into_iter().map(|server| self.servers[server].clone()).collect(),
            assignments: self
                .placed
                .iter()
                .map(|(&share, &server)| {
                    let exists = self.held[server].contains(&share);
                    (share, Placement { server: self.servers[server].clone(), exists })
                })
                .collect(),
        }
    }
}

/// `1 share`, `2 shares`.
fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// `0, 3, 5`.
fn list<'a>(shares: impl IntoIterator<Item = &'a ShareNumber>) -> String {
    shares.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl<S: Ord + Clone + fmt::Display> fmt::Display for Plan<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = count(self.assignments.len(), "share");
        let servers = count(self.order.len(), "server");
        writeln!(f, "{shares} on {servers}, happiness {}:", self.happiness)?;
        for (server, all) in self.by_server() {
            let (kept, new): (Vec<_>, Vec<_>) =
                all.iter().partition(|share| self.assignments[*share].exists);
            let verbs = [("keeps", kept), ("gets", new)];
            let parts = verbs.iter().filter(|(_, shares)| !shares.is_empty());
            let parts: Vec<_> =
                parts.map(|(verb, s)| format!("{verb} {}", list(s.iter().copied()))).collect();
            writeln!(f, "  {server} {}", parts.join(", "))?;
        }
        if !self.unplaced.is_empty() {
            writeln!(f, "  no server takes {}", list(&self.unplaced))?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
