//! `POST /storage/v1/immutable/:storage_index`: makes room for shares.

use std::collections::BTreeSet;

use bytes::Bytes;
use tallac_core::ids::ShareNumber;
use tallac_core::storage::Allocation;

use super::cbor::{self, MessageError, put_once, required, unknown_key, write_set};

/// Longest request that is taken, in bytes.
pub(crate) const REQUEST_LEN_MAX: usize = 8192;

const SHARE_NUMBERS: &str = "share-numbers";
const ALLOCATED_SIZE: &str = "allocated-size";
const ALREADY_HAVE: &str = "already-have";
const ALLOCATED: &str = "allocated";

/// What a client asks for in the body; the rest is in the path and the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Which shares.
    pub(crate) share_numbers: BTreeSet<ShareNumber>,
    /// Size of each, in bytes.
    pub(crate) allocated_size: u64,
}

impl Request {
    pub(crate) fn encode(&self) -> Bytes {
        cbor::encode(|writer| {
            write_set(writer.map(2)?.str(SHARE_NUMBERS)?, &self.share_numbers)?;
            writer.str(ALLOCATED_SIZE)?.u64(self.allocated_size)?;
            Ok(())
        })
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        cbor::decode(bytes, |reader| {
            let (mut share_numbers, mut allocated_size) = (None, None);
            reader.map(2, |reader, key| match key {
                _ if key == SHARE_NUMBERS.as_bytes() => put_once(&mut share_numbers, reader.set()?),
                _ if key == ALLOCATED_SIZE.as_bytes() => {
                    put_once(&mut allocated_size, reader.uint()?)
                }
                _ => unknown_key(key),
            })?;
            Ok(Self {
                share_numbers: required(share_numbers, SHARE_NUMBERS)?,
                allocated_size: required(allocated_size, ALLOCATED_SIZE)?,
            })
        })
    }
}

pub(crate) fn encode_answer(answer: &Allocation) -> Bytes {
    cbor::encode(|writer| {
        write_set(writer.map(2)?.str(ALREADY_HAVE)?, &answer.already_have)?;
        write_set(writer.str(ALLOCATED)?, &answer.allocated)
    })
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Result<Allocation, MessageError> {
    cbor::decode(bytes, |reader| {
        let (mut already_have, mut allocated) = (None, None);
        reader.map(2, |reader, key| match key {
            _ if key == ALREADY_HAVE.as_bytes() => put_once(&mut already_have, reader.set()?),
            _ if key == ALLOCATED.as_bytes() => put_once(&mut allocated, reader.set()?),
            _ => unknown_key(key),
        })?;
        Ok(Allocation {
            already_have: required(already_have, ALREADY_HAVE)?,
            allocated: required(allocated, ALLOCATED)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gbs::messages::check_refused;

    fn numbers(numbers: &[u8]) -> BTreeSet<ShareNumber> {
        numbers.iter().copied().map(ShareNumber::new).collect()
    }

    // Made with cbor2, as Tahoe-LAFS 1.20 uses it; see tests/data/README.md.
    const REQUEST: &str = concat!(
        "a26d73686172652d6e756d62657273d90102860001030518c818ff",
        "6e616c6c6f63617465642d73697a651a00155555"
    );
    const ANSWER: &str = "a26c616c72656164792d68617665d90102810769616c6c6f6361746564d90102820907";

    #[test]
    fn sets_of_tahoe_are_read_in_any_order() {
        let request = Request::decode(&hex::decode(REQUEST).unwrap()).unwrap();
        let expected =
            Request { share_numbers: numbers(&[0, 1, 3, 5, 200, 255]), allocated_size: 1_398_101 };
        assert_eq!(request, expected);
        let answer = decode_answer(&hex::decode(ANSWER).unwrap()).unwrap();
        let expected = Allocation { already_have: numbers(&[7]), allocated: numbers(&[7, 9]) };
        assert_eq!(answer, expected);
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let check = |bytes: &str, complaint: &str| {
            check_refused(|bytes| Request::decode(&bytes), bytes, complaint);
        };
        let shares = "6d73686172652d6e756d62657273";
        let size = "6e616c6c6f63617465642d73697a65";
        check("", "malformed");
        check("a0", "share-numbers is missing");
        check(&format!("a1{shares}d9010280"), "allocated-size is missing");
        check(&format!("a2{shares}d9010280{size}20"), "malformed");
        check(&format!("a2{shares}80{size}00"), "malformed");
        check(&format!("a2{shares}d9010380{size}00"), "tag 258");
        check(&format!("a2{shares}d9010280{shares}d9010280"), "twice");
        check(&format!("a2{shares}d9010280{size}0000"), "behind the end");
        check(&format!("a3{shares}d9010280{size}00616100"), "at most 2");
        check("a1616100", "unknown key a");
        check(&format!("a2{shares}d9010281190100{size}00"), "0 to 255");
        check(&format!("a2{shares}d90102990101{size}00"), "at most 256");
        check(&format!("a2{shares}d901029bffffffffffffffff{size}00"), "at most 256");
        check(&format!("bf{shares}d9010280{size}00ff"), "without a length");
    }

    proptest! {
        #[test]
        fn requests_come_back(set: BTreeSet<u8>, allocated_size: u64) {
            let share_numbers = set.into_iter().map(ShareNumber::new).collect();
            let request = Request { share_numbers, allocated_size };
            prop_assert_eq!(Request::decode(&request.encode()).unwrap(), request);
        }

        #[test]
        fn answers_come_back(have: BTreeSet<u8>, allocated: BTreeSet<u8>) {
            let answer = Allocation {
                already_have: have.into_iter().map(ShareNumber::new).collect(),
                allocated: allocated.into_iter().map(ShareNumber::new).collect(),
            };
            prop_assert_eq!(decode_answer(&encode_answer(&answer)).unwrap(), answer);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at: usize, byte: u8) {
            let _ = Request::decode(&bytes);
            let _ = decode_answer(&bytes);
            let mut damaged = hex::decode(REQUEST).unwrap();
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = Request::decode(&damaged);
            let _ = Request::decode(&damaged[..at]);
        }
    }
}
