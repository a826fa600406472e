//! `GET /storage/v1/:kind/:storage_index/shares`: which shares there are.

use std::collections::BTreeSet;

use bytes::Bytes;
use tallac_core::ids::ShareNumber;

use super::cbor::{self, MessageError, write_set};

pub(crate) fn encode_answer(numbers: &BTreeSet<ShareNumber>) -> Bytes {
    cbor::encode(|writer| write_set(writer, numbers))
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Result<BTreeSet<ShareNumber>, MessageError> {
    cbor::decode(bytes, |reader| reader.set())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_set_of_tahoe_is_read() {
        let numbers = decode_answer(&hex::decode("d9010283181e0a00").unwrap()).unwrap();
        let expected: BTreeSet<_> = [0, 10, 30].map(ShareNumber::new).into();
        assert_eq!(numbers, expected);
        assert_eq!(hex::encode(encode_answer(&expected)), "d9010283000a181e");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_answer(&bytes);
        }
    }
}
