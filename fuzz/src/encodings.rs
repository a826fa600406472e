//! Base32 and netstrings (specification sections 1.1 and 2.1).

use tallac_core::{base32, netstring};

/// What is read is what would be written.
pub fn target(data: &[u8]) {
    if let Ok((content, rest)) = netstring::take(data) {
        assert!(content.len() + rest.len() < data.len(), "more came out than went in");
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(bytes) = base32::decode(text) {
            assert_eq!(base32::encode(&bytes), text, "two spellings of the same bytes");
        }
        let _ = base32::decode_array::<16>(text);
        let _ = base32::decode_array::<32>(text);
    }
}

/// Some of each.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    crate::texts([
        "",
        "aa",
        "2k6avpjga3dho3zsjo6nnkt7n4",
        "h72ckqcfbiaegawcmexhr2q4dweeiq4oeo67r7rdv42bw7xjdvwq",
        "0:,",
        "3:abc,rest",
        "12:twelve bytes,4:more,",
        "18446744073709551615:x,",
    ])
}
