//! Check, verify and repair of immutable files.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::{ChkShape, ChkVerifyCap, EncryptionKey, FileCap};
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::{ShareLayout, Ueb};
use tallac_core::storage::StorageError;
use tallac_grid::check::{CheckOptions, CheckResults, RepairError, RepairResults, ShareId};
use tallac_grid::upload::ImmutableCap;
use tallac_testkit::{Fault, Operation};
use tokio::time::{Instant, timeout};

use crate::support::{TestGrid, file, storage_index};

pub(crate) const VERIFY: CheckOptions = CheckOptions { verify: true, add_lease: false };
pub(crate) const LOOK: CheckOptions = CheckOptions { verify: false, add_lease: false };

/// A file on ten servers, 3-of-10.
struct Subject {
    grid: TestGrid,
    data: Bytes,
    cap: ImmutableCap,
    si: StorageIndex,
    /// Which server has share 0, 1, ...
    homes: Vec<usize>,
    shares: Vec<Bytes>,
}

impl Subject {
    async fn new(servers: usize, size: usize) -> Self {
        Self::of(TestGrid::new(servers, (3, 1, 10)).await, size).await
    }

    async fn of(grid: TestGrid, size: usize) -> Self {
        let data = file(size);
        let cap = grid.put(&data).await.unwrap().cap;
        let si = storage_index(&cap);
        let mut holders = grid.holders(si);
        holders.sort_by_key(|(_, share)| *share);
        let homes: Vec<usize> = holders.iter().map(|(server, _)| *server).collect();
        let shares = holders.iter().map(|(i, share)| grid.sims[*i].share(si, *share).unwrap());
        let shares = shares.collect();
        for sim in &grid.sims {
            sim.forget_calls();
        }
        Self { grid, data, cap, si, homes, shares }
    }

    /// Its verify cap, with which everything here is done.
    fn verifier(&self) -> FileCap {
        let ImmutableCap::Chk(cap) = &self.cap else { panic!("a file with shares") };
        FileCap::ChkVerify(cap.to_verifier())
    }

    async fn check(&self, options: CheckOptions) -> CheckResults {
        self.grid.grid.checker().check(&self.verifier(), options).await.unwrap()
    }

    async fn repair(&self, options: CheckOptions) -> RepairResults {
        self.grid.grid.checker().check_and_repair(&self.verifier(), options).await.unwrap()
    }

    fn lose(&self, shares: impl IntoIterator<Item = usize>) {
        for share in shares {
            assert!(self.grid.sims[self.homes[share]].drop_share(self.si, number(share)));
        }
    }

    fn corrupt(&self, share: usize, at: u64) {
        assert!(self.grid.sims[self.homes[share]].corrupt(self.si, number(share), at, 1));
    }

    /// Every share that is anywhere is the one that was uploaded, but those at `spoiled`.
    fn assert_identical(&self, spoiled: &[(usize, usize)]) {
        for (server, share) in self.grid.holders(self.si) {
            if !spoiled.contains(&(server, share.index())) {
                let found = self.grid.sims[server].share(self.si, share).unwrap();
                assert!(found == self.shares[share.index()], "share {share} on server {server}");
            }
        }
    }
}

fn number(share: usize) -> ShareNumber {
    ShareNumber::new(u8::try_from(share).unwrap())
}

fn server(i: usize) -> ServerId {
    ServerId::new(format!("v0-server{i}"))
}

#[tokio::test]
async fn a_healthy_file_costs_one_round_trip() {
    let subject = Subject::new(12, 20_000).await;
    let results = subject.check(LOOK).await;
    assert_eq!(results.summary, "Healthy");
    assert!(results.healthy && results.recoverable);
    assert_eq!((results.shares_good, results.shares_needed, results.shares_expected), (10, 3, 10));
    assert_eq!((results.happiness, results.good_hosts), (10, 10));
    assert_eq!((results.recoverable_versions, results.unrecoverable_versions), (1, 0));
    assert_eq!(results.servers_responding, (0..12).map(server).collect());
    let home = &results.sharemap[&ShareId::Immutable(number(4))];
    assert_eq!(*home, BTreeSet::from([server(subject.homes[4])]));
    for sim in &subject.grid.sims {
        assert_eq!((sim.calls().len(), sim.call_count(Operation::List)), (1, 1));
    }
    let ImmutableCap::Chk(cap) = &subject.cap else { panic!("a file with shares") };
    let by_read_cap = subject.grid.grid.checker().check(&FileCap::ChkRead(cap.clone()), LOOK).await;
    assert_eq!(by_read_cap, Some(results));
}

#[tokio::test]
async fn a_literal_file_has_nothing_to_check() {
    let grid = TestGrid::new(3, (1, 1, 3)).await;
    let ImmutableCap::Lit(cap) = grid.put(&file(10)).await.unwrap().cap else { panic!("small") };
    assert_eq!(grid.grid.checker().check(&FileCap::Lit(cap.clone()), VERIFY).await, None);
    let repair = grid.grid.checker().check_and_repair(&FileCap::Lit(cap), VERIFY).await;
    assert!(repair.is_none());
}

#[tokio::test]
async fn missing_shares_are_counted() {
    let subject = Subject::new(10, 20_000).await;
    subject.lose([1, 3]);
    let results = subject.check(LOOK).await;
    assert_eq!(results.summary, "Not Healthy: 8 shares (enc 3-of-10)");
    assert!(!results.healthy && results.recoverable);
    subject.lose([0, 2, 4, 5, 6, 7]);
    let results = subject.check(VERIFY).await;
    assert_eq!(results.summary, "Not Healthy: 2 shares (enc 3-of-10)");
    assert!(!results.recoverable);
    assert_eq!((results.recoverable_versions, results.unrecoverable_versions), (0, 1));
    let repair = subject.repair(LOOK).await;
    assert!(repair.attempted && !repair.successful);
    let problem = repair.problem.unwrap();
    assert!(matches!(problem, RepairError::NotEnoughShares { found: 2, needed: 3 }), "{problem}");
    assert_eq!(repair.pre, CheckResults { summary: repair.pre.summary.clone(), ..repair.post });
}

#[tokio::test]
async fn caps_of_no_encoding_have_results_too() {
    let subject = Subject::new(10, 20_000).await;
    let ImmutableCap::Chk(cap) = &subject.cap else { panic!("a file with shares") };
    for (needed, total, size) in [(0, 0, 1000), (5, 4, 1000), (3, 300, 1000), (3, 10, u64::MAX)] {
        let ueb_hash = cap.shape().ueb_hash;
        let shape = ChkShape { ueb_hash, needed_shares: needed, total_shares: total, size };
        let cap = FileCap::ChkVerify(ChkVerifyCap::new(subject.si, shape));
        let checker = subject.grid.grid.checker();
        let verified = checker.check(&cap, VERIFY).await.unwrap();
        assert_eq!(verified.shares_good, 0);
        assert_eq!(verified.incompatible.len() as u64, total.min(10));
        let repair = checker.check_and_repair(&cap, VERIFY).await.unwrap();
        assert!(!repair.successful);
    }
}

/// Every field that a reader relies on, one after the other, in shares with many blocks and in
/// shares with one, read whole and read in parts.
#[tokio::test]
async fn verify_finds_every_corrupt_field() {
    for (size, usual) in [(20_000, false), (400, true), (1_500_000, true), (300_000, false)] {
        let grid = match usual {
            true => TestGrid::with_usual_segments(10, (3, 1, 10)).await,
            false => TestGrid::new(10, (3, 1, 10)).await,
        };
        let subject = Subject::of(grid, size).await;
        assert_eq!(subject.check(VERIFY).await.summary, "Healthy");
        let layout = ShareLayout::parse(&subject.shares[0]).unwrap();
        let end = subject.shares[0].len() as u64;
        let corrupt = [
            0x0c,                      // offset of the blocks
            0x14,                      // of the crypttext tree
            0x18,                      // of the block tree
            0x1c,                      // of the chain
            0x20,                      // of the UEB
            layout.data,               // the first block
            layout.plaintext_tree - 1, // the last one
            layout.crypttext_tree,
            layout.block_tree - 1,
            layout.block_tree,
            layout.share_hashes - 1,
            layout.share_hashes,     // a node's number
            layout.share_hashes + 3, // its hash
            layout.ueb,              // the UEB's length
            layout.ueb + 3,
            layout.ueb + 20,
            end - 2,
        ];
        for at in corrupt {
            subject.corrupt(5, at);
            let results = subject.check(VERIFY).await;
            assert_eq!(results.summary, "Not Healthy: 9 shares (enc 3-of-10)", "{at} of {size}");
            let [bad] = &results.corrupt[..] else { panic!("{:?}", results.corrupt) };
            assert_eq!((&bad.server, bad.share), (&server(subject.homes[5]), number(5)));
            assert_eq!((results.incompatible.len(), results.servers_responding.len()), (0, 10));
            subject.corrupt(5, at);
        }
        subject.corrupt(5, 3);
        let results = subject.check(VERIFY).await;
        assert_eq!((results.corrupt.len(), results.incompatible.len()), (0, 1), "the version");
        subject.corrupt(5, 3);
        // What nobody relies on, Tahoe does not look at either.
        for at in [0x04, 0x08, layout.plaintext_tree] {
            subject.corrupt(5, at);
        }
        assert_eq!(subject.check(VERIFY).await.summary, "Healthy");
        let told = || subject.grid.sims[subject.homes[5]].advisories().len();
        timeout(Duration::from_secs(20), async {
            while told() == 0 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        assert!(subject.grid.sims.iter().filter(|sim| !sim.advisories().is_empty()).count() == 1);
    }
}

#[tokio::test]
async fn a_share_cut_short_or_of_another_file_is_corrupt() {
    let subject = Subject::new(10, 20_000).await;
    let (sim, share) = (&subject.grid.sims[subject.homes[2]], &subject.shares[2]);
    for len in [0, 1, 0x23, 0x24, 1000, share.len() - 1] {
        sim.put_share(subject.si, number(2), share.slice(..len));
        assert_eq!(subject.check(VERIFY).await.corrupt.len(), 1, "{len} bytes");
    }
    sim.put_share(subject.si, number(2), subject.shares[3].clone());
    assert_eq!(subject.check(VERIFY).await.corrupt.len(), 1, "another share");
    // A header that names places where nothing can be.
    let wild = [&[0, 0, 0, 2][..], &[0xff; 0x40], &share[0x44..]].concat();
    sim.put_share(subject.si, number(2), wild.into());
    assert_eq!(subject.check(VERIFY).await.corrupt.len(), 1, "a wild header");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_only_busy_is_waited_for() {
    let subject = Subject::new(10, 20_000).await;
    for options in [LOOK, VERIFY] {
        let busy = Fault::Delay(Duration::from_secs(3));
        subject.grid.sims[subject.homes[0]].set_fault_everywhere(&busy);
        assert_eq!(subject.check(options).await.summary, "Healthy", "{options:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_hang_or_vanish_do_not_hold_it_up() {
    for operation in [Operation::List, Operation::Read] {
        for fault in [Fault::Hang, Fault::Fail(StorageError::Unreachable("gone".to_owned()))] {
            let subject = Subject::new(10, 20_000).await;
            subject.grid.sims[subject.homes[0]].set_fault(operation, fault);
            let started = Instant::now();
            let results = subject.check(VERIFY).await;
            assert_eq!(results.summary, "Not Healthy: 9 shares (enc 3-of-10)");
            assert!(results.corrupt.is_empty());
            assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
            let responding = if operation == Operation::Read { 10 } else { 9 };
            assert_eq!(results.servers_responding.len(), responding);
            let started = Instant::now();
            subject.check(VERIFY).await;
            assert!(started.elapsed() < Duration::from_secs(1), "it is not asked again");
        }
    }
    let subject = Subject::new(10, 300_000).await;
    for (share, fault) in [Fault::Hang, Fault::Fail(StorageError::Unreachable("gone".to_owned()))]
        .into_iter()
        .enumerate()
    {
        subject.grid.sims[subject.homes[share]].fault_after_read(50_000, fault);
    }
    assert_eq!(subject.check(VERIFY).await.shares_good, 8, "gone in the middle");
}

#[tokio::test]
async fn leases_are_added_by_check_and_by_repair() {
    let subject = Subject::new(10, 20_000).await;
    let leases = |share: usize| {
        subject.grid.sims[subject.homes[share]].lease_count(subject.si, number(share))
    };
    // Another client, with leases of its own.
    let other = TestGrid::of(subject.grid.sims.clone(), (3, 1, 10)).await;
    assert_eq!(leases(0), 1);
    let checker = subject.grid.grid.checker();
    checker.check(&subject.verifier(), CheckOptions { add_lease: true, ..LOOK }).await.unwrap();
    assert_eq!(leases(0), 1, "the same lease is renewed");
    drop(other);
    let asked = subject.grid.sims.iter().map(|sim| sim.call_count(Operation::AddLease));
    assert_eq!(asked.sum::<usize>(), 10);
    subject.grid.sims[subject.homes[0]]
        .set_fault(Operation::AddLease, Fault::Fail(StorageError::NotFound));
    let options = CheckOptions { add_lease: true, ..LOOK };
    assert_eq!(subject.check(options).await.summary, "Healthy", "errors do not matter");
    subject.lose([3]);
    for sim in &subject.grid.sims {
        sim.forget_calls();
    }
    subject.repair(LOOK).await;
    let renewed = subject.grid.sims.iter().map(|sim| sim.call_count(Operation::AddLease));
    assert_eq!(renewed.sum::<usize>(), 9, "on the shares that were left");
    let home = subject.grid.holders(subject.si).into_iter().find(|(_, n)| *n == number(3)).unwrap();
    assert_eq!(subject.grid.sims[home.0].lease_count(subject.si, number(3)), 1);
}

#[tokio::test]
async fn missing_shares_come_back_byte_for_byte() {
    for (size, usual) in [(20_000, false), (100, true), (1_500_000, true), (1001, false)] {
        let grid = match usual {
            true => TestGrid::with_usual_segments(12, (3, 1, 10)).await,
            false => TestGrid::new(12, (3, 1, 10)).await,
        };
        let subject = Subject::of(grid, size).await;
        subject.lose([0, 1, 4, 5, 7, 8, 9]);
        let repair = subject.repair(LOOK).await;
        assert!(repair.attempted && repair.successful, "{:?}", repair.problem);
        assert_eq!(repair.pre.summary, "Not Healthy: 3 shares (enc 3-of-10)");
        assert_eq!((repair.post.healthy, repair.post.happiness), (true, 10));
        subject.assert_identical(&[]);
        assert_eq!(
            subject.check(VERIFY).await,
            CheckResults { summary: "Healthy".to_owned(), ..repair.post }
        );
        assert_eq!(subject.grid.get(&subject.cap).await.unwrap(), subject.data);
        let again = subject.repair(VERIFY).await;
        assert!(!again.attempted && !again.successful && again.problem.is_none());
        assert_eq!(again.pre, again.post);
    }
}

#[tokio::test]
async fn repair_raises_happiness_as_far_as_it_can() {
    // All shares are on one server, but one that is lost; nine others have come since.
    let grid = TestGrid::new(1, (3, 1, 10)).await;
    let alone = Subject::of(grid, 20_000).await;
    alone.lose([9]);
    let mut sims = alone.grid.sims.clone();
    sims.extend(
        (1..10).map(|i| std::sync::Arc::new(tallac_testkit::SimServer::new(i.to_string()))),
    );
    let subject = Subject { grid: TestGrid::of(sims, (3, 1, 10)).await, ..alone };
    let repair = subject.repair(LOOK).await;
    assert_eq!((repair.pre.happiness, repair.post.happiness), (1, 10));
    assert!(repair.successful);
    subject.assert_identical(&[]);
}

/// Corrupt shares are neither counted nor touched, and the new ones go elsewhere.
#[tokio::test]
async fn corrupt_shares_are_made_up_for_elsewhere() {
    let subject = Subject::new(10, 20_000).await;
    let spoiled = [(subject.homes[2], 2), (subject.homes[6], 6)];
    let damaged = spoiled.map(|(server, share)| {
        subject.corrupt(share, 0x30);
        subject.grid.sims[server].share(subject.si, number(share)).unwrap()
    });
    let repair = subject.repair(VERIFY).await;
    assert!(repair.successful, "{:?}", repair.problem);
    assert_eq!((repair.pre.shares_good, repair.pre.corrupt.len()), (8, 2));
    assert_eq!(
        (repair.post.shares_good, repair.post.corrupt.len()),
        (10, 2),
        "they are still there"
    );
    assert_eq!(repair.post.happiness, 10);
    subject.assert_identical(&spoiled);
    for ((server, share), damaged) in spoiled.into_iter().zip(damaged) {
        assert_eq!(subject.grid.sims[server].share(subject.si, number(share)).unwrap(), damaged);
    }
    let after = subject.check(VERIFY).await;
    assert_eq!((after.healthy, after.corrupt.len(), after.happiness), (true, 2, 10));
}

/// Where corruption turns up only while the file is read for the repair, it is repaired as well.
#[tokio::test]
async fn corruption_that_turns_up_on_the_way_is_repaired_too() {
    let subject = Subject::new(10, 20_000).await;
    subject.lose([0]);
    for share in 1..6 {
        subject.corrupt(share, 0x30);
    }
    let repair = subject.repair(LOOK).await;
    assert_eq!(repair.pre.shares_good, 9);
    let after = subject.check(VERIFY).await;
    assert_eq!(repair.successful, repair.post.healthy);
    let corrupt_by_name = |results: &CheckResults| {
        results.corrupt.iter().map(|bad| bad.share).collect::<BTreeSet<_>>()
    };
    assert!(corrupt_by_name(&repair.post).is_subset(&corrupt_by_name(&after)));
    assert_eq!(subject.grid.get(&subject.cap).await.unwrap(), subject.data);
    subject.repair(VERIFY).await;
    assert!(subject.check(VERIFY).await.healthy);
}

#[tokio::test]
async fn what_nobody_takes_stays_missing() {
    let subject = Subject::new(10, 20_000).await;
    subject.lose([0, 1]);
    for sim in &subject.grid.sims {
        sim.set_fault(Operation::Allocate, Fault::Fail(StorageError::NoSpace));
    }
    let repair = subject.repair(LOOK).await;
    assert!(repair.attempted && !repair.successful);
    assert!(matches!(repair.problem, Some(RepairError::NotPlaced)), "{:?}", repair.problem);
    assert_eq!(repair.post.summary, "not healthy");
    assert_eq!(repair.post.sharemap, repair.pre.sharemap);
    // One server is enough for both.
    subject.grid.sims[subject.homes[4]].heal_all();
    let repair = subject.repair(LOOK).await;
    assert!(repair.successful, "{:?}", repair.problem);
    subject.assert_identical(&[]);
    for sim in &subject.grid.sims {
        assert_eq!(sim.upload_count(), 0);
    }
}

/// A UEB of another writer, with fields that we do not write, comes back as it was.
#[tokio::test]
async fn the_ueb_of_another_writer_is_kept() {
    let subject = Subject::new(10, 20_000).await;
    let layout = ShareLayout::parse(&subject.shares[0]).unwrap();
    let ueb_at = usize::try_from(layout.ueb).unwrap();
    let mut ueb = subject.shares[0][ueb_at + 4..].to_vec();
    ueb.extend_from_slice(b"zz_future:3:yes,");
    let len = u32::try_from(ueb.len()).unwrap().to_be_bytes();
    let shares: Vec<Bytes> =
        subject.shares.iter().map(|share| [&share[..ueb_at], &len, &ueb].concat().into()).collect();
    for (share, home) in subject.homes.iter().enumerate() {
        subject.grid.sims[*home].put_share(subject.si, number(share), shares[share].clone());
    }
    let ImmutableCap::Chk(cap) = &subject.cap else { panic!("a file with shares") };
    let ueb_hash = tallac_core::cap::UebHash::new(Ueb::hash(&ueb));
    let shape = ChkShape { ueb_hash, ..cap.shape().clone() };
    let key = EncryptionKey::new(*cap.key().expose());
    let cap = ImmutableCap::Chk(tallac_core::cap::ChkReadCap::new(key, shape));
    let subject = Subject { shares, cap, ..subject };
    assert!(subject.check(VERIFY).await.healthy);
    subject.lose([0, 5, 9]);
    let repair = subject.repair(VERIFY).await;
    assert!(repair.successful, "{:?}", repair.problem);
    subject.assert_identical(&[]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_in_a_repair_is_left_out() {
    for operation in [Operation::Allocate, Operation::Write] {
        let subject = Subject::new(10, 20_000).await;
        subject.lose([0]);
        subject.grid.sims[subject.homes[0]].set_fault(operation, Fault::Hang);
        let repair = timeout(Duration::from_secs(400), subject.repair(LOOK)).await.unwrap();
        assert!(repair.successful, "another server took it: {:?}", repair.problem);
        subject.assert_identical(&[]);
    }
}
