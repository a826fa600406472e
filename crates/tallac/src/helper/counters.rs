//! What a helper counts.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Age from which a file counts as old.
const OLD: Duration = Duration::from_secs(48 * 60 * 60);

/// Names, in the order of [`Counter`].
const NAMES: [&str; 6] = [
    "chk_upload_helper.upload_requests",
    "chk_upload_helper.upload_already_present",
    "chk_upload_helper.upload_need_upload",
    "chk_upload_helper.resumes",
    "chk_upload_helper.fetched_bytes",
    "chk_upload_helper.encoded_bytes",
];

/// One of the counters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counter {
    Requests,
    AlreadyPresent,
    NeedUpload,
    Resumes,
    FetchedBytes,
    EncodedBytes,
}

/// All counters, since the node started.
#[derive(Debug, Default)]
pub(super) struct Counters([AtomicU64; NAMES.len()]);

impl Counters {
    pub(super) fn add(&self, counter: Counter, by: u64) {
        self.0[counter as usize].fetch_add(by, Ordering::Relaxed);
    }

    pub(super) fn stats(&self) -> Vec<(&'static str, u64)> {
        let values = self.0.iter().map(|value| value.load(Ordering::Relaxed));
        NAMES.into_iter().zip(values).collect()
    }
}

pub(super) fn incoming(folder: &Path) -> io::Result<[(&'static str, u64); 3]> {
    let [count, size, old] = held(folder)?;
    Ok([
        ("chk_upload_helper.incoming_count", count),
        ("chk_upload_helper.incoming_size", size),
        ("chk_upload_helper.incoming_size_old", old),
    ])
}

pub(super) fn encoding(folder: &Path) -> io::Result<[(&'static str, u64); 3]> {
    let [count, size, old] = held(folder)?;
    Ok([
        ("chk_upload_helper.encoding_count", count),
        ("chk_upload_helper.encoding_size", size),
        ("chk_upload_helper.encoding_size_old", old),
    ])
}

/// How many files there are, their bytes, and the bytes of those that are old.
fn held(folder: &Path) -> io::Result<[u64; 3]> {
    let now = SystemTime::now();
    let [mut count, mut size, mut old] = [0; 3];
    for file in fs::read_dir(folder)? {
        // One that is gone by now is not counted.
        let Ok(metadata) = file?.metadata() else { continue };
        count += 1;
        size += metadata.len();
        if now.duration_since(metadata.modified()?).is_ok_and(|age| age > OLD) {
            old += metadata.len();
        }
    }
    Ok([count, size, old])
}
