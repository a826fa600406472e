//! Damage to good inputs, the same in every run.

/// Numbers that are often at the edge of something.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x100,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    u64::MAX - 1,
    u64::MAX,
];

/// Bytes that mean something to one parser or another.
const MARKS: &[u8] = b":,/-=%@#&+. \n\0[](){}<>\"'09azAZ\x7f\x80\xff";

/// Longest input that is made, in bytes; a seed that is longer stays as long as it is.
const LEN_MAX: usize = 1 << 16;

/// A source of numbers that are all over the place, and the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Noise(u64);

impl Noise {
    /// The numbers that belong to a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut noise = Self(0);
        for byte in name.bytes() {
            noise.0 ^= u64::from(byte);
            noise.next();
        }
        noise
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// Where one of `items` is.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len())) }
    }

    /// A run of up to 16 bytes within `len`.
    fn run(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        start..(start + 1 + self.below(16)).min(len)
    }
}

/// One of the seeds, damaged in a few places.
#[must_use]
pub fn damaged(seeds: &[Vec<u8>], noise: &mut Noise) -> Vec<u8> {
    let mut data = noise.choose(seeds).cloned().unwrap_or_default();
    for _ in 0..=noise.below(4) {
        damage(&mut data, seeds, noise);
    }
    data
}

fn damage(data: &mut Vec<u8>, seeds: &[Vec<u8>], noise: &mut Noise) {
    let run = noise.run(data.len());
    let at = run.start;
    match noise.below(9) {
        0 if at < data.len() => data[at] ^= 1 << noise.below(8),
        1 if at < data.len() => data[at] = *noise.choose(MARKS).unwrap_or(&0),
        2 => data.truncate(at),
        3 => drop(data.drain(run)),
        4 if data.len() < LEN_MAX => {
            let copy = data[run].to_vec();
            data.splice(at..at, copy);
        }
        5 if data.len() < LEN_MAX => {
            let other = noise.choose(seeds).cloned().unwrap_or_default();
            let from = noise.below(other.len() + 1);
            data.splice(at.., other[from..].iter().copied());
        }
        6 => overwrite_number(data, at, noise),
        7 if data.len() < LEN_MAX => {
            let decimal = noise.choose(&EDGES).map(u64::to_string).unwrap_or_default();
            data.splice(run, decimal.into_bytes());
        }
        _ => {
            let bytes: Vec<u8> = (0..noise.below(8)).map(|_| noise.byte()).collect();
            data.splice(run, bytes);
        }
    }
}

/// Puts an edge in as a big-endian number of 1, 2, 4 or 8 bytes, if there is room.
fn overwrite_number(data: &mut [u8], at: usize, noise: &mut Noise) {
    let edge = noise.choose(&EDGES).copied().unwrap_or(0).to_be_bytes();
    let len = 1 << noise.below(4);
    if let Some(place) = data.get_mut(at..at + len) {
        place.copy_from_slice(&edge[8 - len..]);
    }
}
