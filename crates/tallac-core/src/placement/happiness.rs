//! Servers of happiness: how well shares are spread (section 4.2, step 6).

use std::collections::{BTreeMap, BTreeSet};

use super::matching;
use crate::ids::ShareNumber;

/// The largest number of servers such that each holds a share that is counted for no other: any `k`
/// of these servers can bring a `k`-of-`N` file back. Shares go by whatever tells them apart.
#[must_use]
pub fn happiness<Share, S: Ord>(shares: &BTreeMap<Share, BTreeSet<S>>) -> usize {
    let mut edges: BTreeMap<&S, Vec<usize>> = BTreeMap::new();
    for (share, servers) in shares.values().enumerate() {
        for server in servers {
            edges.entry(server).or_default().push(share);
        }
    }
    let edges: Vec<_> = edges.into_values().collect();
    matching::maximum(&edges, shares.len()).iter().flatten().count()
}

/// The same placement, told by share instead of by server.
#[must_use]
pub fn by_share<S: Ord + Clone>(
    servers: &BTreeMap<S, BTreeSet<ShareNumber>>,
) -> BTreeMap<ShareNumber, BTreeSet<S>> {
    let mut shares: BTreeMap<ShareNumber, BTreeSet<S>> = BTreeMap::new();
    for (server, held) in servers {
        for share in held {
            shares.entry(*share).or_default().insert(server.clone());
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(servers: &[&[u8]], expected: usize) {
        let servers = servers
            .iter()
            .enumerate()
            .map(|(i, held)| (i, held.iter().map(|&n| ShareNumber::new(n)).collect()))
            .collect();
        assert_eq!(happiness(&by_share(&servers)), expected, "{servers:?}");
    }

    #[test]
    fn only_spread_shares_make_happy() {
        check(&[], 0);
        check(&[&[]], 0);
        check(&[&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]], 1);
        check(&[&[0], &[0], &[0]], 1);
        check(&[&[0], &[1], &[2]], 3);
        // Each server in turn must leave its first share to another.
        check(&[&[1, 2, 3, 4], &[6], &[3], &[4], &[2]], 5);
    }
}
