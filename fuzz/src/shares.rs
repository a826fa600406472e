//! Immutable shares with damage, through every proof, to plaintext (specification section 4.4).

use std::sync::LazyLock;

use tallac_core::hash::Hash;
use tallac_core::ids::ShareNumber;
use tallac_core::immutable::{
    Encoder, Encoding, FileVerifier, Geometry, SegmentDecoder, ShareLayout, ShareRun, Ueb,
};

const KEY: [u8; 16] = *b"an immutable key";

/// Shares that are read: any two bring the file back.
const READ: usize = 2;

/// A file and its shares.
struct File {
    plaintext: Vec<u8>,
    geometry: Geometry,
    ueb_hash: Hash,
    shares: Vec<Vec<u8>>,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    let plaintext: Vec<u8> = (0..300_u32).map(|i| i.to_be_bytes()[3]).collect();
    let encoding = Encoding::new(READ as u64, 3).expect("an encoding");
    let geometry = Geometry::for_upload(encoding, plaintext.len() as u64, 70).expect("sizes");
    let mut encoder = Encoder::new(geometry, &KEY);
    let mut shares = vec![encoder.header().to_vec(); 3];
    for segment in plaintext.chunks(70) {
        let encoded = encoder.encode(segment.to_vec()).expect("segments in order");
        for (share, block) in shares.iter_mut().zip(encoded.blocks) {
            share.extend_from_slice(&block);
        }
    }
    let file = encoder.finish().expect("all segments are there");
    for (number, share) in ShareNumber::first(3).zip(&mut shares) {
        file.trailer(number).iter().for_each(|part| share.extend_from_slice(part));
    }
    File { plaintext, geometry, ueb_hash: file.ueb_hash, shares }
});

/// Reads the file from a good share and from whatever `data` is: the plaintext comes out, or
/// nothing.
pub fn target(data: &[u8]) {
    for (first, second) in [(data, &FILE.shares[1][..]), (&FILE.shares[0][..], data)] {
        if let Some(found) = decode(&FILE, [first, second]) {
            assert!(found == FILE.plaintext, "other bytes than those that were uploaded");
        }
    }
}

/// What a downloader does, without a network. Either share may be no share at all.
fn decode(file: &File, shares: [&[u8]; READ]) -> Option<Vec<u8>> {
    let layouts = shares.map(ShareLayout::parse);
    let layout = layouts[0].as_ref().ok()?;
    let (encoding, size) = (file.geometry.encoding(), file.geometry.size());
    let ueb = part(shares[0], layout.ueb.checked_add(layout.version.field_len())?, None)?;
    let ueb = Ueb::parse(ueb, &file.ueb_hash, encoding, size).ok()?;
    let geometry = ueb.geometry;
    layout.check(&geometry).ok()?;
    let mut verifier = FileVerifier::new(ueb);
    let tree = part(shares[0], layout.crypttext_tree, Some(layout.block_tree))?;
    verifier.add_crypttext_tree(tree).ok()?;
    let mut proven = Vec::new();
    for ((number, share), layout) in ShareNumber::first(READ).zip(shares).zip(layouts) {
        let layout = layout.ok()?;
        layout.check(&geometry).ok()?;
        let chain = part(share, layout.share_hashes, Some(layout.ueb))?;
        let tree = part(share, layout.block_tree, Some(layout.share_hashes))?;
        let data = part(share, layout.data, Some(layout.data + geometry.share_data_size()))?;
        proven.push((verifier.share(number, chain, tree).ok()?, data));
    }
    let runs: Vec<_> = proven.iter().map(|(share, data)| ShareRun { share, data }).collect();
    let segments = 0..geometry.segment_count();
    SegmentDecoder::new(geometry, &KEY).decode(&verifier, segments, &runs).ok()
}

/// The bytes of a share from one offset to another, or to its end.
fn part(share: &[u8], from: u64, to: Option<u64>) -> Option<&[u8]> {
    let from = usize::try_from(from).ok()?;
    let to = to.map_or(Some(share.len()), |to| usize::try_from(to).ok())?;
    share.get(from..to)
}

/// The shares.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    FILE.shares.clone()
}
