//! Check, verify and repair of mutable files.

use std::time::Duration;

use bytes::Bytes;
use tallac_core::cap::{FileCap, MutableFormat, SskWriteCap};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::mutable::Header;
use tallac_core::storage::StorageError;
use tallac_grid::check::{CheckOptions, CheckResults, RepairError, RepairResults};
use tallac_testkit::{Fault, Operation};
use tokio::time::Instant;

use crate::check::{LOOK, VERIFY};
use crate::mutable::{FORMATS, create, open};
use crate::support::{TestGrid, file};

/// What every server has: place, number, bytes.
type Shares = Vec<(usize, ShareNumber, Vec<u8>)>;

struct Subject {
    grid: TestGrid,
    cap: SskWriteCap,
    si: StorageIndex,
    format: MutableFormat,
}

impl Subject {
    async fn new(format: MutableFormat, content: Bytes) -> Self {
        let grid = TestGrid::new(10, (3, 1, 10)).await;
        let cap = create(&grid, format, content).await;
        let si = cap.storage_index();
        let subject = Self { grid, cap, si, format };
        subject.forget_calls();
        subject
    }

    fn forget_calls(&self) {
        self.grid.sims.iter().for_each(|sim| sim.forget_calls());
    }

    /// Another process with the same servers.
    async fn other(&self) -> TestGrid {
        TestGrid::of(self.grid.sims.clone(), (3, 1, 10)).await
    }

    async fn check(&self, options: CheckOptions) -> CheckResults {
        let verifier = FileCap::SskVerify(self.cap.to_verifier());
        self.grid.grid.checker().check(&verifier, options).await.unwrap()
    }

    async fn check_as_owner(&self, options: CheckOptions) -> CheckResults {
        let cap = FileCap::SskWrite(self.cap.clone());
        self.grid.grid.checker().check(&cap, options).await.unwrap()
    }

    async fn repair(&self, options: CheckOptions) -> RepairResults {
        let cap = FileCap::SskWrite(self.cap.clone());
        self.other().await.grid.checker().check_and_repair(&cap, options).await.unwrap()
    }

    fn shares(&self) -> Shares {
        let of = |(place, sim): (usize, &std::sync::Arc<tallac_testkit::SimServer>)| {
            let shares = sim.slot_shares().into_iter().filter(|(si, _)| *si == self.si);
            let share = |(si, n)| (place, n, sim.slot_share(si, n).unwrap());
            shares.map(share).collect::<Vec<_>>()
        };
        let mut shares: Shares = self.grid.sims.iter().enumerate().flat_map(of).collect();
        shares.sort_by_key(|(_, number, _)| *number);
        shares
    }

    fn put_back(&self, shares: &[(usize, ShareNumber, Vec<u8>)]) {
        for (place, number, data) in shares {
            assert!(self.grid.sims[*place].set_slot_share(self.si, *number, data.clone()));
        }
    }

    fn lose(&self, shares: &[(usize, ShareNumber, Vec<u8>)]) {
        for (place, number, _) in shares {
            assert!(self.grid.sims[*place].drop_slot_share(self.si, *number));
        }
    }

    async fn overwrite(&self, content: Bytes) {
        open(&self.other().await, &self.cap).overwrite(content).await.unwrap();
    }

    async fn content(&self) -> (u64, Bytes) {
        let (version, content) = open(&self.other().await, &self.cap).read().await.unwrap();
        (version.id.sequence_number, content)
    }

    fn header(&self, share: &[u8]) -> Header {
        Header::parse(share, self.format).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_file_costs_one_round_trip() {
    for format in FORMATS {
        for size in [0, 500, 3000, 400_000] {
            let subject = Subject::new(format, file(size)).await;
            let results = subject.check(LOOK).await;
            assert_eq!((results.summary.as_str(), results.healthy), ("Healthy", true));
            assert_eq!((results.shares_good, results.good_hosts, results.happiness), (10, 10, 10));
            assert_eq!((results.recoverable_versions, results.wrong_shares), (1, 0));
            let version = subject.header(&subject.shares()[0].2).version;
            let keys: Vec<_> = results.sharemap.keys().map(ToString::to_string).collect();
            assert_eq!(keys[9], format!("{version}-sh9"));
            assert!(keys[9].starts_with("seq1-"));
            assert_eq!(results.report[0], format!("Recoverable Versions: 10*{version}"));
            for sim in &subject.grid.sims {
                assert_eq!((sim.calls().len(), sim.call_count(Operation::ReadSlot)), (1, 1));
            }
            assert_eq!(subject.check(VERIFY).await, results, "{format:?} {size}");
            assert_eq!(subject.check_as_owner(VERIFY).await, results);
            let read = FileCap::SskRead(subject.cap.to_readonly());
            let by_read_cap = subject.grid.grid.checker().check(&read, VERIFY).await;
            assert_eq!(by_read_cap, Some(results));
            let repair = subject.repair(VERIFY).await;
            assert!(!repair.attempted && repair.problem.is_none());
            assert_eq!(subject.content().await, (1, file(size)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn missing_shares_come_back_in_a_new_version() {
    for format in FORMATS {
        for size in [0, 3000, 400_000] {
            let subject = Subject::new(format, file(size)).await;
            subject.lose(&subject.shares()[..6]);
            assert_eq!(
                subject.check(LOOK).await.summary,
                "Unhealthy: 4 shares (enc 3-of-10)",
                "{format:?} {size}"
            );
            let repair = subject.repair(LOOK).await;
            assert!(repair.attempted && repair.successful, "{:?}", repair.problem);
            assert_eq!((repair.pre.shares_good, repair.post.shares_good), (4, 10));
            assert_eq!(repair.post.summary, "Healthy");
            assert_eq!(subject.check(VERIFY).await, repair.post);
            assert_eq!(subject.content().await, (2, file(size)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn too_few_shares_cannot_be_repaired() {
    let subject = Subject::new(MutableFormat::Sdmf, file(3000)).await;
    subject.lose(&subject.shares()[2..]);
    let results = subject.check(LOOK).await;
    assert_eq!(
        results.summary,
        "Unhealthy: some versions are unrecoverable no versions are recoverable"
    );
    assert!(!results.recoverable);
    let counts = (results.shares_good, results.shares_needed, results.shares_expected);
    assert_eq!(counts, (2, 3, 10));
    let repair = subject.repair(LOOK).await;
    assert!(repair.attempted && !repair.successful);
    let problem = repair.problem.unwrap();
    assert!(matches!(problem, RepairError::NotEnoughShares { found: 2, needed: 3 }), "{problem}");
    subject.lose(&subject.shares());
    let results = subject.check(LOOK).await;
    assert_eq!(results.summary, "Unhealthy: no versions are recoverable");
    let counts = (results.shares_good, results.shares_needed, results.shares_expected);
    assert_eq!(counts, (0, 3, 10));
}

#[tokio::test(start_paused = true)]
async fn a_repair_takes_the_write_cap() {
    let subject = Subject::new(MutableFormat::Sdmf, file(3000)).await;
    subject.lose(&subject.shares()[..1]);
    let read = FileCap::SskRead(subject.cap.to_readonly());
    for cap in [FileCap::SskVerify(subject.cap.to_verifier()), read] {
        let repair = subject.grid.grid.checker().check_and_repair(&cap, LOOK).await.unwrap();
        assert!(!repair.attempted && !repair.successful);
        assert!(matches!(repair.problem, Some(RepairError::NeedsWriteCap)));
        assert_eq!(repair.pre, repair.post);
    }
}

#[tokio::test(start_paused = true)]
async fn old_shares_are_replaced() {
    for format in FORMATS {
        let subject = Subject::new(format, file(3000)).await;
        let old = subject.shares();
        subject.overwrite(file(2000)).await;
        // Of the old version there are too few.
        subject.put_back(&old[..2]);
        let results = subject.check(LOOK).await;
        let expected = "Unhealthy: some versions are unrecoverable 8 shares (enc 3-of-10)";
        assert_eq!(results.summary, expected);
        assert_eq!((results.wrong_shares, results.unrecoverable_versions), (2, 1));
        let repair = subject.repair(LOOK).await;
        assert!(repair.successful, "{:?}", repair.problem);
        assert_eq!(repair.post.summary, "Healthy");
        assert_eq!(subject.content().await, (3, file(2000)));
        assert_eq!(subject.check(VERIFY).await, repair.post);
        // And of both there are enough.
        subject.put_back(&old[..5]);
        let results = subject.check(LOOK).await;
        let expected = "Unhealthy: multiple versions are recoverable 5 shares (enc 3-of-10)";
        assert_eq!((results.summary.as_str(), results.recoverable_versions), (expected, 2));
        let report = "Unhealthy: there are multiple recoverable versions".to_owned();
        assert!(results.report.contains(&report));
        assert!(subject.repair(LOOK).await.successful);
        assert_eq!(subject.content().await, (4, file(2000)));
        assert_eq!(subject.check(VERIFY).await.summary, "Healthy");
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_version_that_may_come_back_is_not_buried() {
    let subject = Subject::new(MutableFormat::Sdmf, file(3000)).await;
    let old = subject.shares();
    subject.overwrite(file(2000)).await;
    subject.put_back(&old[2..]);
    let before = subject.shares();
    let repair = subject.repair(LOOK).await;
    assert!(repair.attempted && !repair.successful);
    assert!(matches!(repair.problem, Some(RepairError::UnrecoverableNewer)));
    assert_eq!(subject.shares(), before, "nothing was written");
}

#[tokio::test(start_paused = true)]
async fn two_versions_of_one_rank_are_not_merged() {
    let subject = Subject::new(MutableFormat::Sdmf, file(3000)).await;
    let old = subject.shares();
    subject.overwrite(file(2000)).await;
    let one = subject.shares();
    subject.put_back(&old);
    subject.overwrite(file(1000)).await;
    subject.put_back(&one[..5]);
    let before = subject.shares();
    let repair = subject.repair(VERIFY).await;
    assert!(repair.attempted && !repair.successful);
    assert!(matches!(repair.problem, Some(RepairError::NeedsMerge)), "{:?}", repair.problem);
    assert_eq!(subject.shares(), before, "nothing was written");
}

/// Every field, one after the other: those that only verify reads, and those by which a share is
/// no share at all.
#[tokio::test(start_paused = true)]
async fn verify_finds_every_corrupt_field() {
    for format in FORMATS {
        for size in [500, 400_000] {
            let subject = Subject::new(format, file(size)).await;
            let (place, number, share) = subject.shares().swap_remove(4);
            let offsets = subject.header(&share).offsets;
            let parts = [
                offsets.public_key.clone(),
                offsets.signature,
                offsets.share_hash_chain,
                offsets.block_hash_tree,
                offsets.data,
            ];
            let ends = parts.iter().flat_map(|part| [part.start + 2, part.end - 1]);
            let signed = [1, 9, 45, 60].into_iter();
            // In the chain, the number of a node.
            let node = parts[2].start + 1;
            for at in signed.chain(ends).chain([node]).map(|at| usize::try_from(at).unwrap()) {
                assert!(subject.grid.sims[place].corrupt_slot(subject.si, number, at, 4));
                let results = subject.check(VERIFY).await;
                let id = &subject.grid.grid.servers().all()[place].info().id.clone();
                let expected =
                    format!("Unhealthy: 9 shares (enc 3-of-10) Corrupt Shares: {id}-sh{number}");
                assert_eq!(results.summary, expected, "{format:?} of {size}: {at}");
                let [bad] = &results.corrupt[..] else { panic!("{:?}", results.corrupt) };
                assert_eq!((&bad.server, bad.share, bad.storage_index), (id, number, subject.si));
                assert!(!subject.grid.sims[place].advisories().is_empty() || at > 0);
                assert!(subject.grid.sims[place].corrupt_slot(subject.si, number, at, 4));
            }
            // The private key is beyond who cannot write.
            let at = usize::try_from(offsets.private_key.start).unwrap();
            assert!(subject.grid.sims[place].corrupt_slot(subject.si, number, at, 4));
            assert_eq!(subject.check(VERIFY).await.summary, "Healthy");
            assert_eq!(subject.check_as_owner(VERIFY).await.corrupt.len(), 1);
            assert_eq!(subject.check_as_owner(LOOK).await.summary, "Healthy");
            let repair = subject.repair(VERIFY).await;
            assert!(repair.successful, "{:?}", repair.problem);
            assert_eq!((repair.post.summary.as_str(), repair.post.corrupt.len()), ("Healthy", 0));
            assert_eq!(subject.check_as_owner(VERIFY).await, repair.post);
            assert_eq!(subject.content().await, (2, file(size)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn corrupt_shares_are_replaced_where_they_are() {
    for format in FORMATS {
        let subject = Subject::new(format, file(200_000)).await;
        for (place, number, share) in &subject.shares()[1..4] {
            let data = usize::try_from(subject.header(share).offsets.data.start).unwrap();
            assert!(subject.grid.sims[*place].corrupt_slot(subject.si, *number, data + 40, 1));
        }
        let (place, number, _) = &subject.shares()[6];
        assert!(subject.grid.sims[*place].corrupt_slot(subject.si, *number, 3, 1), "its header");
        let homes = |shares: &Shares| shares.iter().map(|(p, n, _)| (*p, *n)).collect::<Vec<_>>();
        let before = homes(&subject.shares());
        let repair = subject.repair(VERIFY).await;
        assert!(repair.successful, "{:?}", repair.problem);
        assert_eq!((repair.pre.corrupt.len(), repair.pre.shares_good), (4, 6));
        assert_eq!(subject.check_as_owner(VERIFY).await, repair.post);
        assert_eq!(repair.post.summary, "Healthy");
        assert_eq!(homes(&subject.shares()), before);
        assert_eq!(subject.content().await, (2, file(200_000)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_write_keeps_its_old_share() {
    let subject = Subject::new(MutableFormat::Sdmf, file(3000)).await;
    let shares = subject.shares();
    subject.lose(&shares[9..]);
    // As a server that has another write enabler.
    subject.grid.sims[shares[8].0]
        .set_fault(Operation::WriteSlot, Fault::Fail(StorageError::Unauthorized));
    let repair = subject.repair(LOOK).await;
    assert!(repair.successful, "{:?}", repair.problem);
    assert_eq!((repair.post.shares_good, repair.post.wrong_shares), (10, 1));
    assert_eq!(repair.post.summary, "Unhealthy: some versions are unrecoverable");
    assert_eq!(subject.content().await, (2, file(3000)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_only_busy_is_waited_for() {
    for format in [MutableFormat::Sdmf, MutableFormat::Mdmf] {
        let subject = Subject::new(format, file(3000)).await;
        let (place, ..) = subject.shares()[0];
        subject.grid.sims[place].set_fault_everywhere(&Fault::Delay(Duration::from_secs(3)));
        for options in [LOOK, VERIFY] {
            assert_eq!(subject.check(options).await.summary, "Healthy", "{format:?} {options:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_hang_or_vanish_do_not_hold_it_up() {
    let gone = || Fault::Fail(StorageError::Unreachable("gone".to_owned()));
    for fault in [Fault::Hang, gone()] {
        let subject = Subject::new(MutableFormat::Mdmf, file(400_000)).await;
        let shares = subject.shares();
        subject.grid.sims[shares[0].0].set_fault_everywhere(&fault);
        // These vanish once their headers are read.
        for (place, ..) in &shares[1..3] {
            subject.grid.sims[*place].fault_after_read(50_000, fault.clone());
        }
        let started = Instant::now();
        let results = subject.check(VERIFY).await;
        assert_eq!(results.summary, "Unhealthy: 7 shares (enc 3-of-10)");
        assert_eq!((results.corrupt.len(), results.servers_responding.len()), (0, 9));
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
        let started = Instant::now();
        subject.check(LOOK).await;
        assert!(started.elapsed() < Duration::from_secs(1), "they are not asked again");
    }
}

#[tokio::test(start_paused = true)]
async fn leases_are_added_to_whatever_is_there() {
    let subject = Subject::new(MutableFormat::Sdmf, file(3000)).await;
    subject.check(CheckOptions { add_lease: true, ..LOOK }).await;
    let asked = subject.grid.sims.iter().map(|sim| sim.call_count(Operation::AddLease));
    assert_eq!(asked.sum::<usize>(), 10);
    let (place, number, _) = &subject.shares()[0];
    assert_eq!(subject.grid.sims[*place].lease_count(subject.si, *number), 1, "the same one");
}

/// Whoever writes while a share is verified does not make it corrupt.
#[tokio::test(start_paused = true)]
async fn a_write_in_between_is_no_corruption() {
    for format in FORMATS {
        let subject = Subject::new(format, file(400_000)).await;
        let old = subject.shares();
        subject.overwrite(file(399_000)).await;
        let new = subject.shares();
        subject.put_back(&old);
        for ((place, number, _), (_, _, after)) in old.iter().zip(new) {
            let (sim, si, number) = (subject.grid.sims[*place].clone(), subject.si, *number);
            let mut reads = 0;
            subject.grid.sims[*place].set_fate(move |call| {
                reads += usize::from(call.operation == Operation::ReadSlot);
                if reads == 2 {
                    sim.set_slot_share(si, number, after.clone());
                }
                None
            });
        }
        let results = subject.check(VERIFY).await;
        assert!(results.corrupt.is_empty(), "{:?}", results.corrupt);
        assert_eq!(subject.check(VERIFY).await.summary, "Healthy");
    }
}
