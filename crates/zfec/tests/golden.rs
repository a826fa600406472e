//! Byte for byte what the real zfec 1.6 computes, on every kernel of this machine. What the lines
//! of the vectors mean is said in the script beside them, which made them.
#![expect(clippy::unwrap_used, reason = "the lint knows tests, but not their helpers")]

use sha2::{Digest, Sha256};
use zfec::{Codec, Kernel};

const VECTORS: &str = include_str!("../../../vectors/zfec.txt");

/// The first fields of every line, common to all kinds.
struct Case<'a> {
    k: usize,
    n: usize,
    blocks: Vec<Vec<u8>>,
    rest: Vec<&'a str>,
}

impl Case<'_> {
    fn blocks(&self) -> Vec<&[u8]> {
        self.blocks.iter().map(Vec::as_slice).collect()
    }

    fn encode(&self, kernel: Kernel) -> Vec<Vec<u8>> {
        let codec = Codec::with_kernel(self.k, self.n, kernel).unwrap();
        let parity = codec.encode(&self.blocks()).unwrap();
        self.blocks.iter().cloned().chain(parity).collect()
    }

    fn decode(&self, kernel: Kernel, shares: &[usize]) -> Vec<Vec<u8>> {
        let codec = Codec::with_kernel(self.k, self.n, kernel).unwrap();
        let given: Vec<_> = shares.iter().copied().zip(self.blocks()).collect();
        codec.decode(&given).unwrap()
    }
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

/// The cases of one kind.
fn cases(kind: &str) -> impl Iterator<Item = Case<'static>> {
    VECTORS.lines().filter_map(move |line| {
        let fields: Vec<&str> = line.strip_prefix(kind)?.split_whitespace().collect();
        let number = |i: usize| fields[i].parse::<usize>().unwrap();
        let (k, n, length, seed) = (number(0), number(1), number(2), number(3));
        let blocks = noise(seed as u64, k * length).chunks(length).map(<[u8]>::to_vec).collect();
        Some(Case { k, n, blocks, rest: fields[4..].to_vec() })
    })
}

fn digest(blocks: &[Vec<u8>]) -> String {
    hex::encode(Sha256::digest(blocks.concat()))
}

/// Runs a check for every case of a kind and every kernel.
fn check(kind: &str, count_min: usize, check_one: impl Fn(&Case<'_>, Kernel) -> bool) {
    let mut count = 0;
    for case in cases(kind) {
        for kernel in Kernel::available() {
            let name = kernel.name();
            assert!(check_one(&case, kernel), "{name}: {kind} {} of {}", case.k, case.n);
        }
        count += 1;
    }
    assert!(count >= count_min, "only {count} {kind} vectors");
}

#[test]
fn known_answer() {
    for kernel in Kernel::available() {
        let codec = Codec::with_kernel(3, 10, kernel).unwrap();
        let parity = codec.encode(&[&[1, 2], &[3, 4], &[5, 6]]).unwrap();
        let parity: Vec<String> = parity.iter().map(hex::encode).collect();
        assert_eq!(parity, ["092a", "11d2", "2185", "41f9", "816e", "1cfc", "3b7b"]);
    }
}

#[test]
fn whole_shares() {
    check("full ", 7, |case, kernel| {
        let shares: Vec<String> = case.encode(kernel).iter().map(hex::encode).collect();
        shares == case.rest
    });
}

#[test]
fn digests_of_shares() {
    check("encode ", 27, |case, kernel| [digest(&case.encode(kernel))] == case.rest[..]);
}

#[test]
fn digests_of_what_decoding_gives() {
    check("decode ", 33, |case, kernel| {
        let shares: Vec<usize> =
            case.rest[0].split(',').map(|share| share.parse().unwrap()).collect();
        digest(&case.decode(kernel, &shares)) == case.rest[1]
    });
}
