//! Tahoe's base32 (specification section 1.1): RFC 4648 in lower case, never padded, decoded
//! strictly.
//!
//! Strict means: no upper case, no `=`, no impossible length, and the unused low bits of the last
//! character are zero, so that every value has exactly one spelling.

use std::sync::LazyLock;

use data_encoding::{Encoding, Specification};

static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    spec.encoding().expect("the alphabet is a valid base32 alphabet")
});

/// Why a text is no base32 value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Base32Error {
    /// A character outside `a-z2-7`, a length no value has, or unused bits that are not zero.
    #[error("not base32 (lower-case a-z and 2-7, no padding, no stray bits)")]
    Malformed,
    /// Well-formed, but not the number of bytes that belongs here.
    #[error("expected {expected} bytes in base32, found {found}")]
    WrongLength {
        /// Bytes that belong here.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
}

/// The base32 text of `bytes`: `ceil(8·len/5)` characters.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    BASE32.encode(bytes)
}

/// The bytes that `text` spells.
///
/// # Errors
/// [`Base32Error::Malformed`] for anything [`encode`] would not have written.
pub fn decode(text: &str) -> Result<Vec<u8>, Base32Error> {
    BASE32.decode(text.as_bytes()).map_err(|_| Base32Error::Malformed)
}

/// The `N` bytes that `text` spells.
///
/// # Errors
/// [`Base32Error`] when it is malformed or of another length.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], Base32Error> {
    let bytes = decode(text)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| Base32Error::WrongLength { expected: N, found })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_those_of_the_specification() {
        for (bytes, chars) in [(0, 0), (1, 2), (16, 26), (20, 32), (32, 52)] {
            assert_eq!(encode(&vec![0xa5; bytes]).len(), chars);
        }
    }

    #[test]
    fn only_one_spelling_is_accepted() {
        for bad in ["AA", "aa======", "a", "aaa", "aaaaaa", "ab", "a0", "a1", "ä", " aa"] {
            assert_eq!(decode(bad), Err(Base32Error::Malformed), "{bad:?}");
        }
        assert_eq!(
            decode_array::<16>("aa"),
            Err(Base32Error::WrongLength { expected: 16, found: 1 })
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_again(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn what_decodes_is_spelled_the_same(text in "[a-z2-7]{0,60}") {
            if let Ok(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
