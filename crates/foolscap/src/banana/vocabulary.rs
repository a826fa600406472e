//! Words that are sent as numbers: vocabulary table 1, which both sides agree on in negotiation.

use bytes::Bytes;

/// The number of the table.
pub const VOCABULARY_INDEX: u32 = 1;

/// The first four digits of the SHA-1 of the table's words with NULs between them, by which a peer
/// checks that its table is the same.
pub const VOCABULARY_HASH: &str = "bb33";

/// The table.
const WORDS: [&str; 25] = [
    "none",
    "boolean",
    "reference",
    "dict",
    "list",
    "tuple",
    "set",
    "immutable-set",
    "unicode",
    "set-vocab",
    "add-vocab",
    "call",
    "arguments",
    "answer",
    "error",
    "my-reference",
    "your-reference",
    "their-reference",
    "copyable",
    "instance",
    "module",
    "class",
    "method",
    "function",
    "attrdict",
];

/// The word of a number.
pub(super) fn word(number: u64) -> Option<Bytes> {
    let word = WORDS.get(usize::try_from(number).ok()?)?;
    Some(Bytes::from_static(word.as_bytes()))
}

/// The number of a word.
pub(super) fn number(word: &[u8]) -> Option<u64> {
    let at = WORDS.iter().position(|known| known.as_bytes() == word)?;
    u64::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use sha1::{Digest, Sha1};

    use super::{VOCABULARY_HASH, WORDS, number, word};

    #[test]
    fn the_table_is_the_one_that_peers_know() {
        let hash = hex::encode(Sha1::digest(WORDS.join("\0")));
        assert_eq!(&hash[..4], VOCABULARY_HASH);
        for (at, known) in (0..).zip(WORDS) {
            assert_eq!(number(known.as_bytes()), Some(at));
            assert_eq!(word(at).as_deref(), Some(known.as_bytes()));
        }
        assert_eq!((word(25), number(b"attr")), (None, None));
    }
}
