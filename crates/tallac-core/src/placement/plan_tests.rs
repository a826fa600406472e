//! Plans against Tahoe-LAFS's, against the best there can be, and in plain words.

use proptest::prelude::*;

use super::*;

/// Happiness that Tahoe-LAFS 1.20 reaches; the script beside it made it.
const VECTORS: &str = include_str!("../../../../vectors/placement.txt");

fn shares(numbers: impl IntoIterator<Item = u8>) -> BTreeSet<ShareNumber> {
    numbers.into_iter().map(ShareNumber::new).collect()
}

/// Servers by number, and shares `0 .. count`.
fn candidates(
    writable: &[u32],
    readonly: &[u32],
    count: u8,
    held: &[(u32, &[u8])],
) -> Candidates<u32> {
    Candidates {
        writable: writable.to_vec(),
        readonly: readonly.to_vec(),
        shares: shares(0..count),
        existing: held.iter().map(|(s, held)| (*s, shares(held.iter().copied()))).collect(),
        spoiled: BTreeMap::new(),
    }
}

fn check(candidates: &Candidates<u32>, expected: &str) {
    assert_eq!(Plan::new(candidates).to_string(), expected, "{candidates:?}");
}

#[test]
fn a_fresh_file_goes_round_the_ring() {
    check(
        &candidates(&[9, 4, 7], &[], 5, &[]),
        "5 shares on 3 servers, happiness 3:\n  9 gets 0, 3\n  4 gets 1, 4\n  7 gets 2\n",
    );
    check(
        &candidates(&[9, 4, 7, 1], &[], 2, &[]),
        "2 shares on 2 servers, happiness 2:\n  9 gets 0\n  4 gets 1\n",
    );
    check(&candidates(&[9], &[], 1, &[]), "1 share on 1 server, happiness 1:\n  9 gets 0\n");
}

#[test]
fn shares_stay_where_they_help() {
    check(
        &candidates(&[1, 2, 3], &[4], 4, &[(3, &[0, 1]), (4, &[1])]),
        "4 shares on 4 servers, happiness 4:\n  1 gets 2\n  2 gets 3\n  3 keeps 0\n  4 keeps 1\n",
    );
    check(
        &candidates(&[1, 2], &[], 3, &[(2, &[0, 1, 2])]),
        "3 shares on 2 servers, happiness 2:\n  1 gets 1\n  2 keeps 0, 2\n",
    );
}

#[test]
fn a_share_that_only_a_full_server_of_many_holds_is_copied() {
    check(
        &candidates(&[1], &[4], 3, &[(4, &[0, 1, 2])]),
        "3 shares on 2 servers, happiness 2:\n  1 gets 1, 2\n  4 keeps 0\n",
    );
}

#[test]
fn without_writable_servers_nothing_new_is_placed() {
    check(
        &candidates(&[], &[4], 3, &[(4, &[0, 1])]),
        "2 shares on 1 server, happiness 1:\n  4 keeps 0, 1\n  no server takes 2\n",
    );
    check(
        &candidates(&[], &[], 2, &[]),
        "0 shares on 0 servers, happiness 0:\n  no server takes 0, 1\n",
    );
}

#[test]
fn a_server_in_both_lists_takes_nothing_and_strangers_do_not_count() {
    check(
        &candidates(&[1, 2, 2], &[2], 2, &[(77, &[0, 1])]),
        "2 shares on 1 server, happiness 1:\n  1 gets 0, 1\n",
    );
}

#[test]
fn a_corrupt_share_does_not_count_and_goes_elsewhere() {
    let spoiled = |all: Candidates<u32>, server: u32, share: u8| Candidates {
        spoiled: BTreeMap::from([(server, shares([share]))]),
        ..all
    };
    // Server 1 holds share 0 in vain: it gets that of 2, which gets share 0 in turn.
    check(
        &spoiled(candidates(&[1, 2], &[], 2, &[(2, &[1])]), 1, 0),
        "2 shares on 2 servers, happiness 2:\n  1 gets 1\n  2 gets 0\n",
    );
    check(
        &spoiled(candidates(&[1], &[], 1, &[]), 1, 0),
        "0 shares on 0 servers, happiness 0:\n  no server takes 0\n",
    );
}

/// Reads `SERVER:SHARE,SHARE...` fields.
fn held<'a>(fields: impl Iterator<Item = &'a str>) -> BTreeMap<u32, BTreeSet<ShareNumber>> {
    fields
        .map(|field| {
            let (server, held) = field.split_once(':').unwrap();
            (server.parse().unwrap(), shares(held.split(',').map(|n| n.parse().unwrap())))
        })
        .collect()
}

fn servers(field: &str) -> Vec<u32> {
    field.split(',').filter(|s| *s != "-").map(|s| s.parse().unwrap()).collect()
}

#[test]
fn no_less_happy_than_tahoe() {
    let (mut same, mut better) = (0, 0);
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let mut fields = line.split(' ');
        let kind = fields.next().unwrap();
        let theirs: usize = fields.next().unwrap().parse().unwrap();
        if kind == "happy" {
            assert_eq!(happiness(&by_share(&held(fields))), theirs, "{line}");
            continue;
        }
        let count = fields.next().unwrap().parse().unwrap();
        let writable = servers(fields.next().unwrap());
        let readonly = servers(fields.next().unwrap());
        let existing = held(fields);
        let shares = shares(0..count);
        let ours = Plan::new(&Candidates {
            writable,
            readonly,
            shares,
            existing,
            spoiled: BTreeMap::new(),
        })
        .happiness();
        assert!(ours >= theirs, "{ours} in {line}");
        *if ours == theirs { &mut same } else { &mut better } += 1;
    }
    assert!(same > 400, "only {same} plans as happy, {better} happier");
}

/// The highest happiness there can be, by trying every server for every share.
fn best(candidates: &Candidates<u32>) -> usize {
    fn go(at: usize, all: &[ShareNumber], c: &Candidates<u32>, used: &mut Vec<u32>) -> usize {
        let Some(share) = all.get(at) else { return used.len() };
        let mut best = go(at + 1, all, c, used);
        for (index, server) in c.writable.iter().chain(&c.readonly).enumerate() {
            let is_in = |of: &BTreeMap<u32, BTreeSet<ShareNumber>>| {
                of.get(server).is_some_and(|shares| shares.contains(share))
            };
            let takes = index < c.writable.len() && !is_in(&c.spoiled);
            if (takes || is_in(&c.existing)) && !used.contains(server) {
                used.push(*server);
                best = best.max(go(at + 1, all, c, used));
                used.pop();
            }
        }
        best
    }
    let all: Vec<_> = candidates.shares.iter().copied().collect();
    go(0, &all, candidates, &mut Vec::new())
}

fn any_candidates() -> impl Strategy<Value = Candidates<u32>> {
    let some = |servers: std::ops::Range<usize>| {
        let shares = prop::collection::btree_set((0_u8..6).prop_map(ShareNumber::new), 0..5);
        prop::collection::btree_map(0_u32..8, shares, servers)
    };
    let sizes = (0_usize..5, 0_usize..4, 0_u8..6);
    (Just((0..8).collect::<Vec<u32>>()).prop_shuffle(), sizes, some(0..8), some(0..4)).prop_map(
        |(order, (writable, readonly, count), existing, mut spoiled)| {
            for (server, held) in &existing {
                spoiled.entry(*server).and_modify(|shares| *shares = &*shares - held);
            }
            Candidates {
                writable: order[..writable].to_vec(),
                readonly: order[writable..writable + readonly].to_vec(),
                shares: shares(0..count),
                existing,
                spoiled,
            }
        },
    )
}

fn carried_out(candidates: &Candidates<u32>, plan: &Plan<u32>) -> Candidates<u32> {
    let mut after = candidates.clone();
    for (share, to) in plan.assignments() {
        after.existing.entry(to.server).or_default().insert(*share);
    }
    after
}

proptest! {
    #[test]
    fn as_happy_as_can_be(candidates in any_candidates()) {
        prop_assert_eq!(Plan::new(&candidates).happiness(), best(&candidates));
    }

    #[test]
    fn every_share_has_a_place_that_may_have_it(candidates in any_candidates()) {
        let plan = Plan::new(&candidates);
        for (share, to) in plan.assignments() {
            let held = candidates.existing.get(&to.server);
            prop_assert_eq!(to.exists, held.is_some_and(|held| held.contains(share)));
            let is_spoiled =
                candidates.spoiled.get(&to.server).is_some_and(|shares| shares.contains(share));
            prop_assert!(to.exists || candidates.writable.contains(&to.server) && !is_spoiled);
            prop_assert!(!plan.unplaced().contains(share));
        }
        prop_assert_eq!(plan.assignments().len() + plan.unplaced().len(), candidates.shares.len());
        for share in plan.unplaced() {
            let is_spoiled = |server: &u32| {
                candidates.spoiled.get(server).is_some_and(|shares| shares.contains(share))
            };
            prop_assert!(candidates.writable.iter().all(is_spoiled));
        }
    }

    #[test]
    fn load_is_even_on_empty_servers(writable in 1_u32..20, count in 0_u8..40) {
        let order: Vec<u32> = (0..writable).rev().collect();
        let plan = Plan::new(&candidates(&order, &[], count, &[]));
        let loads: Vec<usize> = plan.by_server().map(|(_, shares)| shares.len()).collect();
        let most = usize::from(count).div_ceil(order.len());
        prop_assert!(loads.is_sorted_by(|a, b| a >= b), "the foremost servers get no less");
        prop_assert!(loads.iter().all(|load| most - load <= 1));
        prop_assert_eq!(loads.len(), order.len().min(count.into()));
    }

    #[test]
    fn another_server_never_makes_it_worse(
        candidates in any_candidates(), takes: bool, at in 0_usize..5,
    ) {
        let before = Plan::new(&candidates).happiness();
        let mut more = candidates.clone();
        let list = if takes { &mut more.writable } else { &mut more.readonly };
        list.insert(at.min(list.len()), 99);
        prop_assert!(Plan::new(&more).happiness() >= before);
    }

    #[test]
    fn a_plan_carried_out_plans_itself_again(candidates in any_candidates()) {
        // Only where no share is held in vain: around those, a second plan may go another way. A
        // repair does not ask for one, as nothing is missing any more.
        let candidates = Candidates { spoiled: BTreeMap::new(), ..candidates };
        let plan = Plan::new(&candidates);
        let again = Plan::new(&carried_out(&candidates, &plan));
        prop_assert!(again.assignments().values().all(|to| to.exists), "{again}");
        prop_assert_eq!(again.happiness(), plan.happiness());
    }

    #[test]
    fn a_plan_carried_out_is_no_happier(candidates in any_candidates()) {
        let plan = Plan::new(&candidates);
        let again = Plan::new(&carried_out(&candidates, &plan));
        prop_assert_eq!(again.happiness(), plan.happiness());
    }

    #[test]
    fn names_of_servers_do_not_matter_only_their_order(candidates in any_candidates()) {
        let rename = |server: &u32| format!("{:02}", 50 - server);
        let (held, spoiled) = (candidates.existing.iter(), candidates.spoiled.iter());
        let renamed = Candidates {
            writable: candidates.writable.iter().map(rename).collect(),
            readonly: candidates.readonly.iter().map(rename).collect(),
            shares: candidates.shares.clone(),
            existing: held.map(|(s, held)| (rename(s), held.clone())).collect(),
            spoiled: spoiled.map(|(s, shares)| (rename(s), shares.clone())).collect(),
        };
        let (plan, other) = (Plan::new(&candidates), Plan::new(&renamed));
        for (share, to) in plan.assignments() {
            prop_assert_eq!(&rename(&to.server), &other.assignments()[share].server);
        }
    }
}
