//! How fast ten disk servers in one process take and give shares, large and small.
//!
//! `cargo run --release -p tallac-storage --example throughput [DIR [LEN FILES AT_ONCE]]`; the
//! directory should be on the disk in question. Each share is durable before it counts.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret, UploadSecret};
use tallac_core::storage::{
    AllocateRequest, ReadRequest, ShareKind, StorageError, StorageServer as _, WriteRequest,
};
use tallac_storage::{Config, DiskServer};

/// As a network would deliver it.
const PIECE_LEN: usize = 16 * 1024;

/// Time on the clock, and processor time.
type Took = (Duration, Duration);

/// Length of a share, files, and files at once.
const RUNS: [(usize, usize, usize); 5] =
    [(35_000_000, 3, 1), (5_000, 200, 1), (5_000, 600, 8), (5_000, 600, 32), (350_000, 60, 8)];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let parent = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let numbers = args.map(|arg| arg.parse()).collect::<Result<Vec<usize>, _>>()?;
    let runs = match numbers[..] {
        [len, files, at_once] => vec![(len, files, at_once)],
        _ => RUNS.to_vec(),
    };
    let dir = tempfile::tempdir_in(parent)?;
    let mut servers = Vec::new();
    for number in 0..10 {
        servers.push(DiskServer::open(Config::new(dir.path().join(number.to_string())))?);
    }
    for (len, files, at_once) in runs {
        let put = timed(put_files(&servers, len, files, at_once)).await?;
        report("put", len, files, at_once, put);
        let got = timed(get_files(&servers, len, files, at_once)).await?;
        report("get", len, files, at_once, got);
    }
    Ok(())
}

async fn timed<E>(work: impl Future<Output = Result<(), E>>) -> Result<Took, E> {
    let (start, cpu) = (Instant::now(), cpu_time());
    work.await?;
    Ok((start.elapsed(), cpu_time() - cpu))
}

/// User and system time of this process, from `/proc`; zero where there is none.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>())
}

fn report(what: &str, len: usize, files: usize, at_once: usize, (took, cpu): Took) {
    #[expect(clippy::cast_precision_loss, reason = "printed with three digits")]
    let (shares, bytes) = ((files * 10) as f64, (files * 10 * len) as f64);
    println!(
        "{what} {len:>9} B x10 servers, {at_once:>2} files at once: {:>8.1} MB/s {:>8.0} shares/s \
         {:>6.0} us CPU a share",
        bytes / took.as_secs_f64() / 1e6,
        shares / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / shares,
    );
}

async fn put_files(
    servers: &[DiskServer],
    len: usize,
    files: usize,
    at_once: usize,
) -> Result<(), StorageError> {
    let data = Bytes::from(vec![0x5a; len]);
    stream::iter(0..files)
        .map(|file| {
            let puts = servers
                .iter()
                .map(|server| put(server, file_index(file, len, at_once), data.clone()));
            future::try_join_all(puts)
        })
        .buffer_unordered(at_once)
        .try_for_each(|_| future::ok(()))
        .await
}

async fn get_files(
    servers: &[DiskServer],
    len: usize,
    files: usize,
    at_once: usize,
) -> Result<(), StorageError> {
    stream::iter(0..files)
        .map(|file| {
            let gets = servers.iter().map(|server| get(server, file_index(file, len, at_once)));
            future::try_join_all(gets)
        })
        .buffer_unordered(at_once)
        .try_for_each(|_| future::ok(()))
        .await
}

fn file_index(file: usize, len: usize, at_once: usize) -> StorageIndex {
    let mut bytes = [0; 16];
    // Spread over the prefix directories as hashes are.
    bytes[..8].copy_from_slice(&(file as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[8..12].copy_from_slice(&len.to_be_bytes()[4..]);
    bytes[12..].copy_from_slice(&(files_tag(at_once, file)).to_be_bytes());
    StorageIndex::new(bytes)
}

fn files_tag(at_once: usize, file: usize) -> u32 {
    u32::try_from(at_once * 100_000 + file).unwrap_or(u32::MAX)
}

async fn put(server: &DiskServer, si: StorageIndex, data: Bytes) -> Result<(), StorageError> {
    let number = ShareNumber::new(0);
    let secret = UploadSecret::new(vec![1; 20]);
    server
        .allocate(AllocateRequest {
            storage_index: si,
            share_numbers: BTreeSet::from([number]),
            allocated_size: data.len() as u64,
            upload_secret: secret.clone(),
            lease: LeaseSecrets {
                renew: RenewSecret::new([1; 32]),
                cancel: CancelSecret::new([2; 32]),
            },
        })
        .await?;
    let total = data.len() as u64;
    let pieces = (0..data.len()).step_by(PIECE_LEN);
    let pieces = pieces.map(move |at| Ok(data.slice(at..data.len().min(at + PIECE_LEN))));
    server
        .write(WriteRequest {
            storage_index: si,
            share_number: number,
            upload_secret: secret,
            range: 0..total,
            total,
            data: Box::pin(stream::iter(pieces)),
        })
        .await
        .map(|progress| assert!(progress.is_complete()))
}

async fn get(server: &DiskServer, storage_index: StorageIndex) -> Result<(), StorageError> {
    let (kind, share_number) = (ShareKind::Immutable, ShareNumber::new(0));
    let request = ReadRequest { kind, storage_index, share_number, range: None };
    server.read(request).await?.try_for_each(|_| future::ok(())).await
}
