//! `POST /storage/v1/mutable/:storage_index/read`: bytes of all shares, or of some, in one answer.
//! Tahoe-LAFS has no such operation.

use std::collections::BTreeSet;

use bytes::Bytes;
use tallac_core::ids::ShareNumber;
use tallac_core::storage::{ReadVector, SlotReadAnswer};

use super::cbor::{self, MessageError, put_once, required, unknown_key, write_set};
use super::vectors::{read_read, read_reads, write_read, write_reads};

/// Longest request that is taken, in bytes.
pub(crate) const REQUEST_LEN_MAX: usize = 8192;

const SHARE_NUMBERS: &str = "share-numbers";
const READ_VECTOR: &str = "read-vector";

/// What a client asks for in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Which shares; none means all.
    pub(crate) share_numbers: BTreeSet<ShareNumber>,
    /// What to read of each.
    pub(crate) reads: Vec<ReadVector>,
}

impl Request {
    pub(crate) fn encode(&self) -> Bytes {
        cbor::encode(|writer| {
            write_set(writer.map(2)?.str(SHARE_NUMBERS)?, &self.share_numbers)?;
            write_reads(writer.str(READ_VECTOR)?, &self.reads)
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        cbor::decode(bytes, |reader| {
            let (mut share_numbers, mut reads) = (None, None);
            reader.map(2, |reader, key| match key {
                _ if key == SHARE_NUMBERS.as_bytes() => put_once(&mut share_numbers, reader.set()?),
                _ if key == READ_VECTOR.as_bytes() => put_once(&mut reads, read_reads(reader)?),
                _ => unknown_key(key),
            })?;
            Ok(Self {
                share_numbers: required(share_numbers, SHARE_NUMBERS)?,
                reads: required(reads, READ_VECTOR)?,
            })
        })
    }
}

/// The answer, in pieces that follow each other.
pub(crate) fn encode_answer(answer: &SlotReadAnswer) -> Vec<Bytes> {
    cbor::encode_pieces(|message| write_read(message, answer))
}

/// The answer, whose bytes are those of `message` itself.
pub(crate) fn decode_answer(message: &Bytes) -> Result<SlotReadAnswer, MessageError> {
    cbor::decode(message, |reader| read_read(message, reader))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gbs::messages::check_refused;

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let check = |bytes: &str, complaint: &str| {
            check_refused(|bytes| Request::decode(&bytes), bytes, complaint);
        };
        let shares = "6d73686172652d6e756d62657273";
        let reads = "6b726561642d766563746f72";
        check("a0", "share-numbers is missing");
        check(&format!("a1{shares}d9010280"), "read-vector is missing");
        check(&format!("a2{shares}d9010280{reads}981f"), "at most 30");
        check(&format!("a2{shares}d9010280{reads}81a0"), "offset is missing");
        check(&format!("a2{shares}80{reads}80"), "malformed");
        check(&format!("a2{shares}d9010280{reads}8000"), "behind the end");
    }

    proptest! {
        #[test]
        fn requests_come_back(
            set: BTreeSet<u8>,
            reads in prop::collection::vec(any::<[u64; 2]>(), 0..=30),
        ) {
            let reads = reads.into_iter().map(|[offset, size]| ReadVector { offset, size });
            let request = Request {
                share_numbers: set.into_iter().map(ShareNumber::new).collect(),
                reads: reads.collect(),
            };
            let message = request.encode();
            prop_assert!(message.len() <= REQUEST_LEN_MAX);
            prop_assert_eq!(Request::decode(&message).unwrap(), request);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Request::decode(&bytes);
            let _ = decode_answer(&bytes.into());
        }
    }
}
