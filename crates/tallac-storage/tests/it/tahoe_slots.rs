//! Mutable containers byte for byte as the storage server of Tahoe-LAFS 1.20 leaves them
//! (`vectors/mutable_containers.json`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tallac_core::ids::{ShareNumber, TubId};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, WriteEnabler};
use tallac_core::storage::{
    ReadVector, ShareChange, SlotWriteRequest, StorageError, StorageServer as _, TestVector,
    WriteVector,
};
use tallac_storage::{Clock, Config, DiskServer};

use crate::common::{index, plant, share_path};

const STORIES: &str = include_str!("../../../../vectors/mutable_containers.json");

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn byte(value: &Value) -> u8 {
    u8::try_from(number(value)).unwrap()
}

fn bytes(value: &Value) -> Bytes {
    hex::decode(value.as_str().unwrap()).unwrap().into()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn by_share<T>(value: &Value, read: impl Fn(&Value) -> T) -> BTreeMap<ShareNumber, T> {
    let entries = value.as_object().unwrap().iter();
    entries.map(|(share, value)| (ShareNumber::new(share.parse().unwrap()), read(value))).collect()
}

fn change(value: &Value) -> ShareChange {
    let test = |test: &Value| TestVector {
        offset: number(&test[0]),
        size: number(&test[1]),
        specimen: bytes(&test[2]),
    };
    let write = |write: &Value| WriteVector { offset: number(&write[0]), data: bytes(&write[1]) };
    let mut writes: Vec<_> = list(&value[1]).iter().map(write).collect();
    if writes.is_empty() {
        // Tahoe-LAFS makes a share that is named; we make one that is written to.
        writes.push(WriteVector { offset: 0, data: Bytes::new() });
    }
    ShareChange {
        tests: list(&value[0]).iter().map(test).collect(),
        writes,
        new_length: value[2].as_u64(),
    }
}

fn request(step: &Value) -> SlotWriteRequest {
    let read = |read: &Value| ReadVector::new(number(&read[0]), number(&read[1]));
    SlotWriteRequest {
        storage_index: index(1),
        write_enabler: WriteEnabler::new([byte(&step["enabler"]); 32]),
        lease: lease(step),
        changes: by_share(&step["changes"], change),
        reads: list(&step["reads"]).iter().map(read).collect(),
    }
}

fn lease(step: &Value) -> LeaseSecrets {
    let renew = byte(&step["lease"]);
    LeaseSecrets {
        renew: RenewSecret::new([renew; 32]),
        cancel: CancelSecret::new([renew + 1; 32]),
    }
}

/// An empty container of version 1, as the stories of that version begin with.
fn empty_v1() -> Vec<u8> {
    let lengths = [0u64.to_be_bytes(), 468u64.to_be_bytes()].concat();
    let magic = b"Tahoe mutable container v1\n\x75\x09\x44\x03\x8e";
    [&magic[..], &[8; 20], &[3; 32], &lengths, &[0; 4 * 92 + 4]].concat()
}

async fn follow(server: &DiskServer, dir: &Path, step: &Value) {
    if step["changes"].is_null() {
        server.add_lease(index(1), lease(step)).await.unwrap();
    } else {
        match (server.write_slot(request(step)).await, step["success"].as_bool()) {
            (Err(StorageError::Unauthorized), None) => {}
            (answer, success) => {
                let answer = answer.unwrap();
                assert_eq!(Some(answer.success), success);
                let read = by_share(&step["read"], |data| list(data).iter().map(bytes).collect());
                assert_eq!(answer.read, read);
            }
        }
    }
    let after = by_share(&step["after"], bytes);
    for share in 0..10 {
        let found = std::fs::read(share_path(dir, 1, share)).ok();
        let expected = after.get(&ShareNumber::new(share));
        assert_eq!(found.map(hex::encode), expected.map(hex::encode), "share {share}");
    }
}

#[tokio::test]
async fn containers_are_what_tahoe_makes_of_them() {
    let stories: Value = serde_json::from_str(STORIES).unwrap();
    for story in list(&stories) {
        let dir = tempfile::tempdir().unwrap();
        if story["version"] == 1 {
            plant(dir.path(), 1, 0, &empty_v1());
        }
        let now = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&now);
        let clock = Clock::new(move || Duration::from_secs(told.load(Ordering::Relaxed)));
        let node = TubId::new([7; 20]);
        let config = Config { clock, node, ..Config::new(dir.path()) };
        let server = DiskServer::open(config).unwrap();
        for (at, step) in list(&story["steps"]).iter().enumerate() {
            eprintln!("version {}, step {at}", story["version"]);
            now.store(number(&step["now"]), Ordering::Relaxed);
            follow(&server, dir.path(), step).await;
        }
    }
}
