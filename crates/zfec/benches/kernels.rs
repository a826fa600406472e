//! Gigabytes of input a second on one core, median of many runs, for every kernel of this machine.
//! Encoding counts the primary blocks, decoding the blocks that come back.
#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use zfec::{Codec, Kernel};

/// Needed shares, all shares, bytes in a block.
const SHAPES: [(usize, usize, usize); 7] = [
    (3, 10, 43_691),
    (3, 10, 44_032),
    (3, 10, 349_526),
    (7, 10, 18_724),
    (16, 31, 8_192),
    (16, 31, 65_536),
    (128, 256, 8_192),
];

const SAMPLES: usize = 21;
const SAMPLE_TIME: Duration = Duration::from_millis(10);

fn main() {
    println!("best kernel: {}", zfec::kernel_name());
    for (k, n, length) in SHAPES {
        println!("{k} of {n}, blocks of {length} bytes");
        for kernel in Kernel::available() {
            let codec = Codec::with_kernel(k, n, kernel).expect("shapes are good");
            println!(
                "  {:12} encode {:6.2} GB/s   decode from parity {:6.2} GB/s",
                kernel.name(),
                encode(&codec, length),
                decode(&codec, length),
            );
        }
    }
    let start = Instant::now();
    black_box(Codec::new(128, 256).expect("good parameters"));
    println!("making the codec 128 of 256: {:?}", start.elapsed());
}

/// Blocks side by side in one buffer, as a segment has them.
fn blocks(count: usize, length: usize) -> Vec<u8> {
    let mut state = 1u64;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state.to_be_bytes()[0]
    })
    .take(count * length)
    .collect()
}

fn encode(codec: &Codec, length: usize) -> f64 {
    let primary = blocks(codec.k(), length);
    let primary: Vec<&[u8]> = primary.chunks(length).collect();
    let mut parity = vec![0; (codec.n() - codec.k()) * length];
    let mut parity: Vec<&mut [u8]> = parity.chunks_mut(length).collect();
    median_gbps(codec.k() * length, || {
        codec.encode_into(black_box(&primary), &mut parity).expect("shapes are good");
    })
}

fn decode(codec: &Codec, length: usize) -> f64 {
    let primary = blocks(codec.k(), length);
    let primary: Vec<&[u8]> = primary.chunks(length).collect();
    let parity = codec.encode(&primary).expect("shapes are good");
    // As few primary blocks as there can be.
    let given: Vec<(usize, &[u8])> = primary
        .iter()
        .copied()
        .chain(parity.iter().map(Vec::as_slice))
        .enumerate()
        .skip(codec.n() - codec.k())
        .collect();
    let mut out = vec![0; codec.k() * length];
    let mut out: Vec<&mut [u8]> = out.chunks_mut(length).collect();
    median_gbps(codec.k() * length, || {
        codec.decode_into(black_box(&given), &mut out).expect("shapes are good");
    })
}

fn median_gbps(bytes: usize, mut work: impl FnMut()) -> f64 {
    work();
    let start = Instant::now();
    let mut runs = 0u32;
    while start.elapsed() < SAMPLE_TIME {
        work();
        runs += 1;
    }
    let mut times: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..runs).for_each(|_| work());
            start.elapsed() / runs
        })
        .collect();
    times.sort_unstable();
    bytes as f64 / times[SAMPLES / 2].as_secs_f64() / 1e9
}
