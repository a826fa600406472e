//! Mutable files: what is written is read, in how few round trips, and whatever servers do.

use bytes::Bytes;
use tallac_core::cap::{FileCap, MutableFormat, SskWriteCap};
use tallac_core::ids::ShareNumber;
use tallac_core::mutable::{MutableKeyPair, PatchError};
use tallac_core::storage::StorageError;
use tallac_grid::mutable::{ModifyError, MutableError, MutableFile};
use tallac_testkit::{Fault, Operation};

use crate::support::{TestGrid, file};

pub(crate) const FORMATS: [MutableFormat; 2] = [MutableFormat::Sdmf, MutableFormat::Mdmf];

/// A key pair that is made once: making one takes long.
pub(crate) fn key() -> MutableKeyPair {
    let rows: serde_json::Value =
        serde_json::from_str(include_str!("../../../../vectors/mutable_files.json")).unwrap();
    let text = rows[0]["private"].as_str().unwrap();
    MutableKeyPair::from_pkcs8_der(&data_encoding::BASE64.decode(text.as_bytes()).unwrap()).unwrap()
}

pub(crate) async fn create(grid: &TestGrid, format: MutableFormat, content: Bytes) -> SskWriteCap {
    grid.grid.mutable_files().create(format, content, Some(key())).await.unwrap()
}

pub(crate) fn open(grid: &TestGrid, cap: &SskWriteCap) -> MutableFile {
    grid.grid.mutable_files().open(&FileCap::SskWrite(cap.clone())).unwrap()
}

/// Another process with the same servers.
async fn other(grid: &TestGrid) -> TestGrid {
    TestGrid::of(grid.sims.clone(), (3, 1, 10)).await
}

fn calls(grid: &TestGrid) -> usize {
    grid.sims.iter().map(|sim| sim.calls().len()).sum()
}

fn forget_calls(grid: &TestGrid) {
    for sim in &grid.sims {
        sim.forget_calls();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_is_read_by_write_and_read_cap() {
    for format in FORMATS {
        for size in [0, 1, 2, 3000, 131_072, 131_073, 131_074, 400_000] {
            let grid = TestGrid::new(10, (3, 7, 10)).await;
            let cap = create(&grid, format, file(size)).await;
            let reader = other(&grid).await;
            for cap in [FileCap::SskWrite(cap.clone()), FileCap::SskRead(cap.to_readonly())] {
                let opened = reader.grid.mutable_files().open(&cap).unwrap();
                let (version, content) = opened.read().await.unwrap();
                assert_eq!(content, file(size), "{format:?} {size}");
                assert_eq!((version.size, version.id.sequence_number), (size as u64, 1));
            }
            let opened = open(&reader, &cap);
            let other_content = file(size / 2 + 5);
            opened.overwrite(other_content.clone()).await.unwrap();
            let (version, content) = open(&grid, &cap).read().await.unwrap();
            assert_eq!(content, other_content, "{format:?} {size}");
            assert_eq!(version.id.sequence_number, 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ranges_fetch_only_their_segments() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let content = file(1_000_000);
    let cap = create(&grid, MutableFormat::Mdmf, content.clone()).await;
    let reader = other(&grid).await;
    let opened = open(&reader, &cap);
    opened.version().await.unwrap();
    let before = reader.bytes_read();
    for (start, end) in [(0, 10), (131_000, 131_200), (500_000, 500_001), (999_990, 2_000_000)] {
        let (_, got) = opened.read_range(start..end).await.unwrap();
        let to = usize::try_from(end).unwrap().min(content.len());
        assert_eq!(got, content.slice(usize::try_from(start).unwrap()..to));
    }
    let (_, nothing) = opened.read_range(2_000_000..2_000_001).await.unwrap();
    assert!(nothing.is_empty());
    assert!(reader.bytes_read() - before < 1_000_000, "five segments of eight, twice");
}

#[tokio::test(start_paused = true)]
async fn a_change_in_place_sends_only_what_it_touches() {
    for (offset, len) in
        [(0, 10), (131_000, 300), (999_999, 1), (1_000_000, 5), (1_000_000, 300_000)]
    {
        let grid = TestGrid::new(10, (3, 7, 10)).await;
        let content = file(1_000_000);
        let cap = create(&grid, MutableFormat::Mdmf, content.clone()).await;
        let writer = other(&grid).await;
        let before: u64 = writer.sims.iter().map(|sim| sim.bytes_written()).sum();
        let data = Bytes::from(vec![7; len]);
        open(&writer, &cap).update(offset, data.clone()).await.unwrap();
        let written: u64 = writer.sims.iter().map(|sim| sim.bytes_written()).sum::<u64>() - before;
        assert!(written < 950_000 + 4 * len as u64, "{written} bytes for {len}: two segments");
        let mut expected = content.to_vec();
        let at = usize::try_from(offset).unwrap();
        expected.resize(expected.len().max(at + len), 0);
        expected[at..at + len].copy_from_slice(&data);
        let (version, got) = open(&other(&grid).await, &cap).read().await.unwrap();
        assert!(got == expected, "at {offset}");
        assert_eq!(version.id.sequence_number, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn small_files_and_ends() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    for format in FORMATS {
        let grid = &other(&grid).await;
        let cap = match format {
            MutableFormat::Sdmf => create(grid, format, file(100)).await,
            MutableFormat::Mdmf => {
                grid.grid.mutable_files().create(format, file(100), None).await.unwrap()
            }
        };
        let opened = open(grid, &cap);
        opened.update(50, Bytes::from_static(b"in the middle")).await.unwrap();
        opened.update(100, Bytes::from_static(b"at the end")).await.unwrap();
        let error = opened.update(1000, Bytes::from_static(b"beyond")).await.unwrap_err();
        let expected = PatchError::BeyondEnd { offset: 1000, size: 110 };
        assert!(matches!(error, MutableError::Patch(error) if error == expected), "{error}");
        let mut expected = file(100).to_vec();
        expected[50..63].copy_from_slice(b"in the middle");
        expected.extend(b"at the end");
        assert_eq!(opened.read().await.unwrap().1, expected);
        opened.overwrite(Bytes::new()).await.unwrap();
        assert_eq!(open(&other(grid).await, &cap).read().await.unwrap().1, Bytes::new());
        opened.update(0, file(10)).await.unwrap();
        assert_eq!(open(&other(grid).await, &cap).read().await.unwrap().1, file(10));
    }
}

/// One round trip is one request to each of the servers asked: six for reading 3-of-10.
#[tokio::test(start_paused = true)]
async fn round_trips_are_few() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(10_000)).await;
    assert_eq!(calls(&grid) - 10 - 10, 10, "polls, the look for other files, and one write each");
    let writer = other(&grid).await;
    let opened = open(&writer, &cap);
    forget_calls(&grid);
    opened.read().await.unwrap();
    assert_eq!(calls(&grid), 6, "a fresh SDMF file: one round trip");
    forget_calls(&grid);
    opened.read().await.unwrap();
    assert_eq!(calls(&grid), 6, "the same again: one round trip");
    let append = |_: &_, old: &Bytes| {
        Ok::<_, MutableError>((Some(Bytes::from([old, &b"!"[..]].concat())), ()))
    };
    opened.modify(append).await.unwrap();
    forget_calls(&grid);
    opened.modify(append).await.unwrap();
    assert_eq!(calls(&grid), 10, "an edit of what is remembered: each server is written to once");
    let (_, content) = opened.read().await.unwrap();
    assert_eq!(content, [&file(10_000)[..], b"!!"].concat());
}

#[tokio::test(start_paused = true)]
async fn a_read_cap_does_not_write() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(100)).await;
    let read = FileCap::SskRead(cap.to_readonly());
    let opened = grid.grid.mutable_files().open(&read).unwrap();
    assert!(matches!(opened.overwrite(file(1)).await, Err(MutableError::NotWriteable)));
    assert!(matches!(opened.update(0, file(1)).await, Err(MutableError::NotWriteable)));
    assert_eq!(opened.read().await.unwrap().1, file(100));
}

#[tokio::test(start_paused = true)]
async fn seven_servers_may_go_and_the_last_writes_move() {
    for format in FORMATS {
        let grid = TestGrid::new(10, (3, 7, 10)).await;
        let cap = create(&grid, format, file(5000)).await;
        for sim in &grid.sims[..7] {
            sim.set_fault_everywhere(&Fault::Fail(StorageError::Unreachable("gone".into())));
        }
        let survivor = other(&grid).await;
        let opened = open(&survivor, &cap);
        assert_eq!(opened.read().await.unwrap().1, file(5000));
        opened.overwrite(file(6000)).await.unwrap();
        assert_eq!(opened.read().await.unwrap().1, file(6000));
        // The servers that come back have old shares, which nobody takes for the latest.
        for sim in &grid.sims {
            sim.heal_all();
        }
        let reader = other(&grid).await;
        assert_eq!(open(&reader, &cap).read().await.unwrap().1, file(6000));
        open(&reader, &cap).overwrite(file(7000)).await.unwrap();
        assert_eq!(open(&other(&grid).await, &cap).read().await.unwrap().1, file(7000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_frozen_server_holds_nothing_up() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(5000)).await;
    grid.sims[0].set_fault_everywhere(&Fault::Hang);
    let started = tokio::time::Instant::now();
    let opened = open(&grid, &cap);
    opened.overwrite(file(6000)).await.unwrap();
    assert_eq!(opened.read().await.unwrap().1, file(6000));
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}

/// Whatever byte of a share is damaged, it is found out, others are taken, and the next write
/// replaces it.
#[tokio::test(start_paused = true)]
async fn damage_anywhere_in_a_share_is_survived() {
    for format in FORMATS {
        let grid = TestGrid::new(5, (2, 1, 5)).await;
        let cap = create(&grid, format, file(700)).await;
        let si = cap.storage_index();
        let (holder, number) = (0..5)
            .flat_map(|i| (0..5).map(move |n| (i, ShareNumber::new(n))))
            .find(|(i, n)| grid.sims[*i].slot_share(si, *n).is_some())
            .unwrap();
        let good = grid.sims[holder].slot_share(si, number).unwrap();
        for at in (0..good.len()).step_by(if good.len() > 2000 { 61 } else { 23 }) {
            grid.sims[holder].corrupt_slot(si, number, at, 0xff);
            let reader = TestGrid::of(grid.sims.clone(), (2, 1, 5)).await;
            let (version, content) = open(&reader, &cap).read().await.unwrap();
            assert_eq!(content, file(700), "{format:?} byte {at}");
            assert_eq!(version.id.sequence_number, 1);
            grid.sims[holder].set_slot_share(si, number, good.clone());
        }
        for at in [0, 5, 30, 200, good.len() - 1] {
            grid.sims[holder].corrupt_slot(si, number, at, 0xff);
        }
        let writer = TestGrid::of(grid.sims.clone(), (2, 1, 5)).await;
        open(&writer, &cap).overwrite(file(800)).await.unwrap();
        for sim in &grid.sims[1..4] {
            sim.set_fault_everywhere(&Fault::Fail(StorageError::Unreachable("gone".into())));
        }
        let reader = TestGrid::of(grid.sims.clone(), (2, 1, 5)).await;
        assert_eq!(open(&reader, &cap).read().await.unwrap().1, file(800), "{format:?} rewritten");
    }
}

#[tokio::test(start_paused = true)]
async fn shares_of_another_file_and_rollbacks_are_not_believed() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(1000)).await;
    let files = grid.grid.mutable_files();
    let foreign = files.create(MutableFormat::Sdmf, file(2000), None).await.unwrap();
    let si = cap.storage_index();
    let old: Vec<_> = grid
        .sims
        .iter()
        .map(|sim| {
            let (_, number) = sim.slot_shares().into_iter().find(|(of, _)| *of == si).unwrap();
            (number, sim.slot_share(si, number).unwrap())
        })
        .collect();
    open(&grid, &cap).overwrite(file(3000)).await.unwrap();
    // Two servers answer with another file's shares, five with the version before.
    for (i, sim) in grid.sims.iter().enumerate() {
        let (number, before) = &old[i];
        match i {
            0 | 1 => {
                let other = foreign.storage_index();
                let (_, from) = sim.slot_shares().into_iter().find(|(of, _)| *of == other).unwrap();
                sim.copy_slot_share((other, from), (si, *number));
            }
            2..7 => {
                sim.set_slot_share(si, *number, before.clone());
            }
            _ => {}
        }
    }
    let reader = other(&grid).await;
    let opened = open(&reader, &cap);
    let (version, content) = opened.read().await.unwrap();
    assert_eq!((version.id.sequence_number, content), (2, file(3000)));
    // Once the new one has fewer than three shares, the old one is what there is.
    let seven = &grid.sims[7];
    seven.set_slot_share(si, old[7].0, old[7].1.clone());
    let (version, content) = open(&other(&grid).await, &cap).read().await.unwrap();
    assert_eq!((version.id.sequence_number, content), (1, file(1000)));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_write_enabler_is_told_and_loses_nothing() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(1000)).await;
    for sim in &grid.sims {
        sim.set_fault(Operation::WriteSlot, Fault::Fail(StorageError::Unauthorized));
    }
    let error = open(&grid, &cap).overwrite(file(2000)).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("0 of 10 shares") && text.contains("secret does not match"), "{text}");
    assert_eq!(open(&other(&grid).await, &cap).read().await.unwrap().1, file(1000));
}

#[tokio::test(start_paused = true)]
async fn no_servers_and_no_shares_are_told() {
    let grid = TestGrid::new(3, (1, 1, 3)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(1000)).await;
    let nowhere = TestGrid::new(4, (1, 1, 3)).await;
    let error = open(&nowhere, &cap).read().await.unwrap_err();
    assert!(matches!(error, MutableError::NoShares { asked: 4 }), "{error}");
    let nobody = TestGrid::new(0, (1, 1, 3)).await;
    let files = nobody.grid.mutable_files();
    let error = files.create(MutableFormat::Sdmf, file(1), Some(key())).await.unwrap_err();
    assert!(matches!(error, MutableError::NotPlaced { placed: 0, .. }), "{error}");
    let again = grid.grid.mutable_files();
    let error = again.create(MutableFormat::Sdmf, file(1), Some(key())).await.unwrap_err();
    assert!(matches!(error, MutableError::Conflict), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_the_caller_refuses_is_not_written() {
    let grid = TestGrid::new(10, (3, 7, 10)).await;
    let cap = create(&grid, MutableFormat::Sdmf, file(1000)).await;
    let opened = open(&grid, &cap);
    let refused = opened.modify(|_, _| Err::<(Option<Bytes>, ()), _>("no")).await;
    assert!(matches!(refused, Err(ModifyError::Refused("no"))));
    let (version, seen) =
        opened.modify(|_, old| Ok::<_, MutableError>((None, old.len()))).await.unwrap();
    assert_eq!((version.id.sequence_number, seen), (1, 1000));
}
