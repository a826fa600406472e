//! Headers of immutable shares (specification section 3.3).

use tallac_core::immutable::{Encoding, Geometry, LayoutVersion, ShareLayout};

/// Files that a share may be of: `k`, `n`, size, segment size.
const FILES: [(u64, u64, u64, u64); 5] = [
    (1, 1, 1, 1),
    (3, 10, 1000, 258),
    (3, 10, 5 << 30, (1 << 20) + 2),
    (1, 1, u64::MAX / 1024, 1),
    (256, 256, u64::MAX / 1024, 256),
];

/// Reads any bytes as a header, and compares it with several files. What is accepted has its parts
/// in order, and none of them ends beyond what a number can say.
pub fn target(data: &[u8]) {
    let Ok(layout) = ShareLayout::parse(data) else { return };
    let printed = layout.to_bytes();
    assert_eq!(data.get(..printed.len()), Some(&printed[..]), "not what was read");
    for (k, n, size, segment_size) in FILES {
        let encoding = Encoding::new(k, n).expect("an encoding");
        let geometry = Geometry::with_segment_size(encoding, size, segment_size);
        let geometry = geometry.expect("a geometry");
        if layout.check(&geometry).is_ok() {
            let tree = (2 * geometry.segment_count().next_power_of_two() - 1) * 32;
            assert!(layout.data + geometry.share_data_size() <= layout.plaintext_tree);
            assert!(layout.crypttext_tree + tree <= layout.block_tree);
            assert!(layout.block_tree + tree <= layout.share_hashes);
            assert!(layout.share_hashes <= layout.ueb);
            assert!(layout.ueb.checked_add(layout.version.field_len()).is_some());
        }
    }
}

/// The headers that a writer of each of these files makes, in both versions.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (k, n, size, segment_size) in FILES {
        let Ok(encoding) = Encoding::new(k, n) else { continue };
        let Ok(geometry) = Geometry::with_segment_size(encoding, size, segment_size) else {
            continue;
        };
        let layout = ShareLayout::for_upload(&geometry);
        seeds.push(layout.to_bytes());
        seeds.push(ShareLayout { version: LayoutVersion::V2, ..layout }.to_bytes());
    }
    seeds
}
