//! Containers and leases, ours and those that Tahoe-LAFS 1.20 wrote.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret};
use tallac_core::storage::{StorageError, StorageServer as _};
use tallac_storage::container::immutable::Version;
use tallac_storage::container::lease::Lease;
use tallac_storage::disk::ShareFile;
use tallac_storage::{Clock, Config, DiskServer};

use crate::common::{
    allocate, index, lease, list, numbers, open, plant, read, sample, share_path, upload,
};

/// Made with `allmydata.storage.immutable.ShareFile` of Tahoe-LAFS 1.20.0: 21 bytes of share, one
/// lease of an upload (secrets `r`*32 and `c`*32, renewed to 1700000001), one added (`R`, `C`,
/// 1800000000).
const TAHOE_SHARE: &[u8] = b"bytes of one share ..";
const TAHOE_V1: &str = "0000000100000015000000026279746573206f66206f6e65207368617265202e2e\
    00000000727272727272727272727272727272727272727272727272727272727272727263636363636363636363\
    636363636363636363636363636363636363636363636553f1010000000152525252525252525252525252525252\
    52525252525252525252525252525252434343434343434343434343434343434343434343434343434343434343\
    43436b49d200";
const TAHOE_V2: &str = "0000000200000015000000026279746573206f66206f6e65207368617265202e2e\
    0000000040a94cee0d59896c000581cae57197c0e04310bca32e07620f461edb19ad593bf0e9c07993de2011907f\
    2a0f1629527b72d4c5261388a68237e46a7b6ab82dc66553f101000000010666d16d6f9960d32c9e59c59b33800b\
    e038644ece4cb3da310b258e6d852204f23824449c1860ead7065f1539cca5ada8ddfdf84a5e4f7608634fed82c0\
    eb246b49d200";

const PERIOD_S: u64 = 31 * 24 * 3600;

fn tahoe(hex_text: &str) -> Vec<u8> {
    hex::decode(hex_text).unwrap()
}

fn tahoe_secrets(renew: u8, cancel: u8) -> LeaseSecrets {
    LeaseSecrets { renew: RenewSecret::new([renew; 32]), cancel: CancelSecret::new([cancel; 32]) }
}

fn leases(dir: &std::path::Path, seed: u8, share: u8) -> Vec<Lease> {
    let file = ShareFile::open(&share_path(dir, seed, share)).unwrap();
    file.leases().collect::<Result<_, _>>().unwrap()
}

/// A server whose clock a test sets, in seconds.
fn open_at(dir: &std::path::Path, now_s: u64) -> (DiskServer, Arc<AtomicU64>) {
    let now = Arc::new(AtomicU64::new(now_s));
    let told = Arc::clone(&now);
    let clock = Clock::new(move || Duration::from_secs(told.load(Ordering::Relaxed)));
    (DiskServer::open(Config { clock, ..Config::new(dir) }).unwrap(), now)
}

#[tokio::test]
async fn both_versions_that_tahoe_wrote_are_read() {
    for (hex_text, version) in [(TAHOE_V1, Version::V1), (TAHOE_V2, Version::V2)] {
        let dir = tempfile::tempdir().unwrap();
        plant(dir.path(), 1, 0, &tahoe(hex_text));
        let server = open(dir.path());
        assert_eq!(list(&server, 1).await, numbers(&[0]));
        assert_eq!(read(&server, 1, 0).await.unwrap(), TAHOE_SHARE);

        let file = ShareFile::open(&share_path(dir.path(), 1, 0)).unwrap();
        assert_eq!(file.layout().header().version, version);
        assert_eq!(file.read_at(6, 2).unwrap(), b"of");
        assert_eq!(file.read_at(20, 100).unwrap(), b".");
        assert_eq!(file.read_at(u64::MAX, 100).unwrap(), b"");
        let form = version.secret_form();
        let expected = [
            (0, form.stored(&tahoe_secrets(b'r', b'c')), 1_700_000_001),
            (1, form.stored(&tahoe_secrets(b'R', b'C')), 1_800_000_000),
        ]
        .map(|(owner, stored, expiration)| Lease { owner, stored, expiration });
        assert_eq!(leases(dir.path(), 1, 0), expected);
    }
}

#[tokio::test]
async fn a_container_keeps_its_version_when_leases_change() {
    for hex_text in [TAHOE_V1, TAHOE_V2] {
        let dir = tempfile::tempdir().unwrap();
        plant(dir.path(), 1, 0, &tahoe(hex_text));
        let (server, _) = open_at(dir.path(), 1_750_000_000);
        server.add_lease(index(1), tahoe_secrets(b'r', b'c')).await.unwrap();
        server.add_lease(index(1), tahoe_secrets(b'R', b'C')).await.unwrap();
        server.add_lease(index(1), tahoe_secrets(b'n', b'n')).await.unwrap();
        let renewed = u32::try_from(1_750_000_000 + PERIOD_S).unwrap();
        let ends: Vec<_> =
            leases(dir.path(), 1, 0).iter().map(|l| (l.owner, l.expiration)).collect();
        // The second is not moved back, though it was renewed.
        assert_eq!(ends, [(0, renewed), (1, 1_800_000_000), (1, renewed)]);
        let bytes = std::fs::read(share_path(dir.path(), 1, 0)).unwrap();
        assert_eq!(bytes[..4], tahoe(hex_text)[..4]);
        assert_eq!(bytes.len(), 12 + 21 + 3 * 72);
        assert_eq!(read(&server, 1, 0).await.unwrap(), TAHOE_SHARE);
    }
}

#[tokio::test]
async fn a_new_container_is_what_tahoe_would_write() {
    let dir = tempfile::tempdir().unwrap();
    // Tahoe's second lease was added one period before it ends.
    let (server, now) = open_at(dir.path(), 1_700_000_001 - PERIOD_S);
    let request = tallac_core::storage::AllocateRequest {
        storage_index: index(1),
        share_numbers: numbers(&[1]),
        allocated_size: 21,
        upload_secret: tallac_core::secrets::UploadSecret::new(vec![1; 20]),
        lease: tahoe_secrets(b'r', b'c'),
    };
    server.allocate(request).await.unwrap();
    // In two pieces, the last first.
    crate::common::write(&server, 1, 1, 9, &TAHOE_SHARE[9..]).await.unwrap();
    crate::common::write(&server, 1, 1, 0, &TAHOE_SHARE[..9]).await.unwrap();
    now.store(1_800_000_000 - PERIOD_S, Ordering::Relaxed);
    server.add_lease(index(1), tahoe_secrets(b'R', b'C')).await.unwrap();
    // The renewal above would move no lease, as the first has another secret.
    let bytes = std::fs::read(share_path(dir.path(), 1, 1)).unwrap();
    assert_eq!(hex::encode(bytes), TAHOE_V2.replace(' ', ""));
}

#[tokio::test]
async fn an_upload_renews_the_leases_of_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (server, now) = open_at(dir.path(), 1_700_000_000);
    upload(&server, 1, 0, b"share").await.unwrap();
    now.store(1_700_000_500, Ordering::Relaxed);
    allocate(&server, 1, &[0, 1], 5).await.unwrap();
    let ends: Vec<_> = leases(dir.path(), 1, 0).iter().map(|l| (l.owner, l.expiration)).collect();
    assert_eq!(ends, [(0, u32::try_from(1_700_000_500 + PERIOD_S).unwrap())]);
}

#[tokio::test]
async fn a_lease_that_a_crash_cut_off_is_replaced() {
    for torn in [1, 40, 72] {
        let dir = tempfile::tempdir().unwrap();
        let mut container = tahoe(TAHOE_V2);
        container.extend(vec![0xee; torn]);
        plant(dir.path(), 1, 0, &container);
        let server = open(dir.path());
        assert_eq!(read(&server, 1, 0).await.unwrap(), TAHOE_SHARE);
        server.add_lease(index(1), lease(9)).await.unwrap();
        assert_eq!(read(&server, 1, 0).await.unwrap(), TAHOE_SHARE);
        let found = leases(dir.path(), 1, 0);
        assert_eq!(found.len(), 3);
        assert_eq!(found[2].stored, Version::V2.secret_form().stored(&lease(9)));
    }
}

#[tokio::test]
async fn damaged_containers_are_named_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    let mut many_leases = tahoe(TAHOE_V2);
    many_leases[8..12].fill(0xff);
    let mut version = tahoe(TAHOE_V2);
    version[3] = 9;
    for damaged in [&[][..], &[0, 0, 0, 2], &many_leases, &version] {
        plant(dir.path(), 1, 0, damaged);
        let answer = read(&server, 1, 0).await;
        assert!(matches!(answer, Err(StorageError::Damaged(_))), "{answer:?}");
    }
    // A damaged share keeps no other from its lease.
    plant(dir.path(), 1, 7, &tahoe(TAHOE_V1));
    server.add_lease(index(1), lease(9)).await.unwrap();
    assert_eq!(leases(dir.path(), 1, 7).len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_file_is_read_or_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        version in prop::option::of(1u8..3),
        lease_count in prop::option::of(0u8..9),
        offset in 0u64..700,
    ) {
        if let (Some(version), Some(word)) = (version, bytes.first_chunk_mut::<4>()) {
            *word = [0, 0, 0, version];
        }
        if let (Some(count), Some(word)) = (lease_count, bytes.get_mut(8..12)) {
            word.copy_from_slice(&[0, 0, 0, count]);
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        if let Ok(share) = ShareFile::open(file.path()) {
            let end = usize::try_from(share.layout().lease_offset(0)).unwrap();
            let start = usize::try_from(offset).unwrap() + 12;
            let data = share.read_at(offset, usize::MAX).unwrap();
            prop_assert_eq!(data, &bytes[start.min(end)..end]);
            let leases = share.leases().collect::<Result<Vec<_>, _>>().unwrap();
            prop_assert_eq!(leases.len(), share.layout().header().lease_count as usize);
        }
    }
}

#[tokio::test]
async fn reads_end_before_the_leases() {
    let dir = tempfile::tempdir().unwrap();
    let server = open(dir.path());
    // Ends exactly with a chunk, just after one and just before one.
    for (seed, len) in [(1, 262_144), (2, 262_145), (3, 524_287)] {
        let data = sample(len);
        upload(&server, seed, 0, &data).await.unwrap();
        assert_eq!(read(&server, seed, 0).await.unwrap(), data);
    }
}
