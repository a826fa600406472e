//! The UEB, which a share tells of its file (specification section 3.2).

use tallac_core::ids::ShareNumber;
use tallac_core::immutable::{Encoding, FileVerifier, Geometry, Ueb};

/// Files that a UEB may be of, as a cap tells them: `k`, `n`, size.
const FILES: [(u64, u64, u64); 4] =
    [(3, 10, 1000), (1, 1, 1), (3, 10, 5 << 30), (256, 256, u64::MAX / 1024)];

/// Segments of a file whose hash trees are made; a reader stops at far more.
const SEGMENTS_MAX: u64 = 1000;

/// Reads any bytes as a UEB whose hash is right: whoever makes a cap can have it vouch for
/// anything. What is accepted says nothing else than the cap.
pub fn target(data: &[u8]) {
    let _ = Ueb::fields(data);
    let hash = Ueb::hash(data);
    for (k, n, size) in FILES {
        let encoding = Encoding::new(k, n).expect("an encoding");
        let Ok(ueb) = Ueb::parse(data, &hash, encoding, size) else { continue };
        let geometry = ueb.geometry;
        assert_eq!((geometry.encoding(), geometry.size()), (encoding, size));
        assert!(geometry.segment_count() >= 1);
        assert_eq!(geometry.segment_len(geometry.segment_count()), 0, "a segment after the last");
        assert!(geometry.share_data_size() <= size.saturating_add(geometry.segment_size()));
        let bytes = ueb.to_bytes();
        assert_eq!(Ueb::parse(&bytes, &Ueb::hash(&bytes), encoding, size).as_ref(), Ok(&ueb));
        if geometry.segment_count() <= SEGMENTS_MAX {
            let mut file = FileVerifier::new(ueb);
            let _ = file.add_crypttext_tree(data);
            let _ = file.share(ShareNumber::new(0), data, data);
        }
    }
    let other_hash = [0; 32];
    let (k, n, size) = FILES[0];
    let encoding = Encoding::new(k, n).expect("an encoding");
    assert!(Ueb::parse(data, &other_hash, encoding, size).is_err(), "nobody vouches for it");
}

/// A UEB of each file.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let ueb = |(k, n, size)| {
        let geometry = Geometry::for_upload(Encoding::new(k, n).ok()?, size, 1 << 17).ok()?;
        let ueb = Ueb {
            geometry,
            crypttext_hash: Some([1; 32]),
            crypttext_root: [2; 32],
            share_root: [3; 32],
        };
        Some(ueb.to_bytes())
    };
    FILES.into_iter().filter_map(ueb).collect()
}
