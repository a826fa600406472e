//! Gigabytes a second on one core, median of many runs, beside the `sha2` crate.
#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use sha256_lanes::{Batch, Digest, Kernel, Stream, sha256d};

const PREFIX: &[u8] = b"29:allmydata_encoded_subshare_v1,";

/// The shape of the upload: needed shares, all shares.
const K: usize = 3;
const N: usize = 10;

/// Leaves under the pairs of the tree's lowest level, and bytes of a pair.
const PAIRS: usize = 1024;
const PAIR_LEN: usize = 70;

const SAMPLES: usize = 21;
const SAMPLE_TIME: Duration = Duration::from_millis(10);

fn main() {
    println!("best kernel: {}", sha256_lanes::kernel_name());
    for length in [43_691, 131_072] {
        messages(length);
    }
    for segment in [131_072, 1_048_576] {
        upload(segment);
    }
    pairs();
}

/// Tagged double hashes of ten messages.
fn messages(length: usize) {
    println!("10 messages of {length} bytes");
    let data = noise(10 * length);
    let messages: Vec<&[u8]> = data.chunks(length).collect();
    print_gbps("sha2, one by one", data.len(), || {
        messages.iter().map(|message| sha2_double(message)).collect()
    });
    print_gbps("sha256d, one by one", data.len(), || {
        messages.iter().map(|message| sha256d(PREFIX, message)).collect()
    });
    for kernel in Kernel::available() {
        for count in [1, 2, 3, 4, 10] {
            let name = format!("{} queue of {count}", kernel.name());
            print_gbps(&name, count * length, || queue(&messages[..count]).run_on(kernel));
        }
    }
}

/// All hashes of a segment of an upload: of plaintext, as a part of the convergent key; of
/// ciphertext, as a part of the whole and as a segment; of the blocks. Counts the plaintext.
fn upload(length: usize) {
    let block_len = length.div_ceil(K);
    println!("hashes of a segment of {length} bytes, {K} of {N}, in plaintext");
    let plaintext = noise(length);
    let shares = noise(block_len * N);
    let ciphertext = &shares[..length];
    let blocks: Vec<&[u8]> = shares.chunks(block_len).collect();
    let mut whole = Sha256::new();
    let mut convergence = Sha256::new();
    print_gbps("sha2, one by one", length, || {
        convergence.update(&plaintext);
        whole.update(ciphertext);
        let segment = sha2_double(ciphertext);
        std::iter::once(segment).chain(blocks.iter().map(|block| sha2_double(block))).collect()
    });
    let mut whole = Stream::new();
    let mut convergence = Stream::new();
    print_gbps("one queue", length, || {
        let mut batch = queue(&blocks);
        batch.push_stream(&mut convergence, &plaintext);
        batch.push_stream(&mut whole, ciphertext);
        batch.push_double(PREFIX, ciphertext);
        batch.run()
    });
    print_gbps("one queue, without plaintext", length, || {
        let mut batch = queue(&blocks);
        batch.push_stream(&mut whole, ciphertext);
        batch.push_double(PREFIX, ciphertext);
        batch.run()
    });
}

/// What a level of a Merkle tree takes.
fn pairs() {
    println!("{PAIRS} pairs of hashes");
    let data = noise(PAIRS * PAIR_LEN);
    let pairs: Vec<&[u8]> = data.chunks(PAIR_LEN).collect();
    let print = |name: &str, work: &mut dyn FnMut() -> Vec<Digest>| {
        let each = median(work).as_secs_f64() * 1e9 / PAIRS as f64;
        println!("  {name:32} {each:6.1} ns each");
    };
    print("sha2, one by one", &mut || pairs.iter().map(|pair| sha2_double(pair)).collect());
    print("sha256d, one by one", &mut || pairs.iter().map(|pair| sha256d(PREFIX, pair)).collect());
    for kernel in Kernel::available() {
        print(&format!("{} queue", kernel.name()), &mut || queue(&pairs).run_on(kernel));
    }
}

fn queue<'a>(messages: &[&'a [u8]]) -> Batch<'a> {
    let mut batch = Batch::with_capacity(messages.len());
    for message in messages {
        batch.push_double(PREFIX, message);
    }
    batch
}

fn sha2_double(data: &[u8]) -> Digest {
    Sha256::digest(Sha256::new().chain_update(PREFIX).chain_update(data).finalize()).into()
}

fn print_gbps(name: &str, bytes: usize, work: impl FnMut() -> Vec<Digest>) {
    println!("  {name:32} {:5.2} GB/s", bytes as f64 / median(work).as_secs_f64() / 1e9);
}

/// Bytes that look random, the same on every run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

fn median(mut work: impl FnMut() -> Vec<Digest>) -> Duration {
    let start = Instant::now();
    let mut runs = 0u32;
    while runs == 0 || start.elapsed() < SAMPLE_TIME {
        black_box(work());
        runs += 1;
    }
    let mut times: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..runs).for_each(|_| drop(black_box(work())));
            start.elapsed() / runs
        })
        .collect();
    times.sort_unstable();
    times[SAMPLES / 2]
}
