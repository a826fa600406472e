//! Megabytes of plaintext a second on one core: a file to shares and back, and what that consists
//! of. Median of some runs.
#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tallac_core::crypto::Aes128Ctr;
use tallac_core::ids::ShareNumber;
use tallac_core::immutable::{
    ConvergentKey, EncodedFile, Encoder, Encoding, FileVerifier, Geometry, SegmentDecoder,
    ShareLayout, ShareRun, ShareVerifier, Ueb,
};
use tallac_core::merkle::{MerkleTree, PartialTree};
use tallac_core::secrets::ConvergenceSecret;

const KEY: [u8; 16] = *b"an immutable key";
const FILE_LEN: usize = 16 << 20;
const NEEDED: usize = 3;
const TOTAL: usize = 10;
/// Plaintext decoded at once: as much as the downloader does.
const RUN_LEN: u64 = 2 << 20;
const LEAVES: usize = 1024;
const SAMPLES: usize = 11;

fn main() {
    for segment_size in [131_072, 1_048_576] {
        file(segment_size);
    }
    trees();
}

fn file(segment_size: u64) {
    println!("{FILE_LEN} bytes, {NEEDED} of {TOTAL}, segments of {segment_size} bytes");
    let encoding = Encoding::new(NEEDED as u64, TOTAL as u64).expect("good numbers");
    let size = FILE_LEN as u64;
    let geometry = Geometry::for_upload(encoding, size, segment_size).expect("good sizes");
    let plaintext = noise(FILE_LEN);
    let secret = ConvergenceSecret::new(vec![7; 32]);
    print_rate("convergent key", || {
        let mut key = ConvergentKey::new(&geometry, &secret);
        key.update(&plaintext);
        black_box(key.finish());
    });
    let mut buffer = plaintext.clone();
    print_rate("of encoding, the cipher", || Aes128Ctr::new(&KEY).apply(0, &mut buffer));
    let codec = zfec::Codec::new(NEEDED, TOTAL).expect("good numbers");
    print_rate("of encoding, the code", || code(&codec, &geometry, &plaintext));
    print_rate("encoding", || {
        black_box(encode(&geometry, &plaintext, |blocks| _ = black_box(blocks.len())));
    });
    let shares = Shares::new(geometry, &plaintext);
    for (name, first) in [("decoding, primary shares", 0), ("decoding, others", TOTAL - NEEDED)] {
        let numbers: Vec<_> = ShareNumber::first(TOTAL).skip(first).take(NEEDED).collect();
        let (file, proven) = shares.verify(&numbers);
        let decoder = SegmentDecoder::new(geometry, &KEY);
        print_rate(name, || {
            let step = usize_of(RUN_LEN / geometry.segment_size());
            for start in (0..geometry.segment_count()).step_by(step) {
                let segments = start..geometry.segment_count().min(start + step as u64);
                let runs: Vec<_> =
                    proven.iter().map(|share| shares.run(share, &segments)).collect();
                let back = decoder.decode(&file, segments, &runs);
                assert!(!black_box(back).expect("the shares are right").is_empty());
            }
        });
    }
}

fn code(codec: &zfec::Codec, geometry: &Geometry, plaintext: &[u8]) {
    let block_len = usize_of(geometry.block_len(0));
    for segment in plaintext.chunks_exact(NEEDED * block_len) {
        let primary: Vec<&[u8]> = segment.chunks_exact(block_len).collect();
        black_box(codec.encode(&primary).expect("blocks of one length"));
    }
}

/// Encodes as an uploader does, segment by segment, dropping what would be sent.
fn encode(geometry: &Geometry, plaintext: &[u8], mut send: impl FnMut(&[Bytes])) -> EncodedFile {
    let mut encoder = Encoder::new(*geometry, &KEY);
    for segment in plaintext.chunks(usize_of(geometry.segment_size())) {
        let encoded = encoder.encode(segment.to_vec()).expect("a segment of the right length");
        send(&encoded.blocks);
    }
    encoder.finish().expect("all segments")
}

/// The shares of a file, in memory.
struct Shares {
    geometry: Geometry,
    layout: ShareLayout,
    file: EncodedFile,
    /// All blocks of each, one after the other.
    blocks: Vec<Vec<u8>>,
}

impl Shares {
    fn new(geometry: Geometry, plaintext: &[u8]) -> Self {
        let mut blocks = vec![Vec::new(); TOTAL];
        let file = encode(&geometry, plaintext, |segment| {
            blocks.iter_mut().zip(segment).for_each(|(all, block)| all.extend_from_slice(block));
        });
        let layout = ShareLayout::for_upload(&geometry);
        Self { geometry, layout, file, blocks }
    }

    /// Proves some shares, as a downloader does before their blocks come.
    fn verify(&self, numbers: &[ShareNumber]) -> (FileVerifier, Vec<ShareVerifier>) {
        let trailer = self.file.trailer(numbers[0]);
        let field_len = usize_of(self.layout.version.field_len());
        let ueb = &trailer[4][field_len..];
        let encoding = self.geometry.encoding();
        let ueb = Ueb::parse(ueb, &self.file.ueb_hash, encoding, self.geometry.size());
        let mut file = FileVerifier::new(ueb.expect("our own UEB"));
        file.add_crypttext_tree(&trailer[1]).expect("our own tree");
        let prove = |&number: &ShareNumber| {
            let trailer = self.file.trailer(number);
            file.share(number, &trailer[3], &trailer[2]).expect("our own share")
        };
        let proven = numbers.iter().map(prove).collect();
        (file, proven)
    }

    fn run<'a>(&'a self, share: &'a ShareVerifier, segments: &Range<u64>) -> ShareRun<'a> {
        let from = usize_of(self.geometry.block_offset(segments.start));
        let len: u64 = segments.clone().map(|s| self.geometry.block_len(s)).sum();
        ShareRun { share, data: &self.blocks[share.number().index()][from..from + usize_of(len)] }
    }
}

/// The hash tree of a large file, made and proven.
fn trees() {
    let leaves: Vec<[u8; 32]> = noise(LEAVES * 32).as_chunks().0.to_vec();
    let tree = MerkleTree::from_leaves(&leaves);
    let region = tree.to_bytes();
    let made = median(|| drop(black_box(MerkleTree::from_leaves(&leaves))));
    let proven = median(|| {
        let mut partial = PartialTree::new(LEAVES, tree.root());
        partial.add_region(black_box(&region)).expect("our own tree");
    });
    println!("tree over {LEAVES} leaves: made in {made:?}, proven in {proven:?}");
}

fn print_rate(name: &str, work: impl FnMut()) {
    println!("  {name:28} {:6.0} MB/s", FILE_LEN as f64 / median(work).as_secs_f64() / 1e6);
}

fn median(mut work: impl FnMut()) -> Duration {
    work();
    let mut times: Vec<Duration> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[SAMPLES / 2]
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

fn usize_of(number: u64) -> usize {
    usize::try_from(number).expect("all of this fits in memory")
}
