//! AES-128 in counter mode, from a zero counter, readable at any offset (section 2.8).

use std::fmt;

use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

const BLOCK: usize = 16;

/// A key stream that is combined with data at any offset; the same call encrypts and decrypts.
pub struct Aes128Ctr {
    key: EncryptingKey,
}

impl Aes128Ctr {
    /// The key stream of `key`, with a counter that starts at zero.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        let key = UnboundCipherKey::new(&AES_128, key).expect("16 bytes are an AES-128 key");
        Self { key: EncryptingKey::ctr(key).expect("AES-128 has a counter mode") }
    }

    /// Encrypts or decrypts `data`, which stands `offset` bytes into the stream.
    pub fn apply(&self, offset: u64, data: &mut [u8]) {
        let within = usize::from(offset.to_le_bytes()[0]) % BLOCK;
        let mut counter = u128::from(offset / BLOCK as u64);
        let mut rest = data;
        if within != 0 {
            let (head, tail) = rest.split_at_mut(rest.len().min(BLOCK - within));
            let mut block = [0; BLOCK];
            block[within..within + head.len()].copy_from_slice(head);
            self.run(counter, &mut block);
            head.copy_from_slice(&block[within..within + head.len()]);
            counter += 1;
            rest = tail;
        }
        if !rest.is_empty() {
            self.run(counter, rest);
        }
    }

    fn run(&self, counter: u128, data: &mut [u8]) {
        let start = EncryptionContext::Iv128(FixedLength::from(counter.to_be_bytes()));
        self.key.less_safe_encrypt(data, start).expect("counter mode takes data of any length");
    }
}

impl fmt::Debug for Aes128Ctr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Aes128Ctr(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_block_is_the_key_encrypting_zero() {
        // FIPS 197 has AES-128 of the all-zero block under the all-zero key in its test suites.
        let mut data = [0; 16];
        Aes128Ctr::new(&[0; 16]).apply(0, &mut data);
        assert_eq!(hex::encode(data), "66e94bd4ef8a2c3b884cfa59ca342b2e");
    }

    proptest! {
        #[test]
        fn any_piece_is_the_same_as_the_whole(
            len in 0_usize..200, a in 0_usize..200, b in 0_usize..200,
        ) {
            let cipher = Aes128Ctr::new(b"0123456789abcdef");
            let mut whole = vec![7; len];
            cipher.apply(0, &mut whole);
            let (from, to) = (a.min(b).min(len), a.max(b).min(len));
            let mut piece = vec![7; to - from];
            cipher.apply(from as u64, &mut piece);
            prop_assert_eq!(&piece[..], &whole[from..to]);
        }
    }
}
