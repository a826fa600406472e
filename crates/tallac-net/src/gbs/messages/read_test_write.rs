//! `POST /storage/v1/mutable/:storage_index/read-test-write`: tests and changes shares.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use minicbor::encode::Error as EncodeError;
use tallac_core::ids::ShareNumber;
use tallac_core::storage::{
    ReadVector, ShareChange, SlotWriteAnswer, TestVector, VECTORS_MAX, WriteVector,
};

use super::cbor::{self, MessageError, PieceWriter, Reader, put_once, required, unknown_key};
use super::vectors::{OFFSET, SIZE, read_read, read_reads, write_read, write_reads};

/// Most writes of one request, over all shares. Tahoe-LAFS has no limit but that of the body. Its
/// clients write a segment at a time, of 128 KiB before it is coded.
const WRITES_MAX: u64 = 1 << 17;

const CHANGES: &str = "test-write-vectors";
const READ_VECTOR: &str = "read-vector";
const TEST: &str = "test";
const WRITE: &str = "write";
const NEW_LENGTH: &str = "new-length";
const SPECIMEN: &str = "specimen";
const DATA: &str = "data";
const SUCCESS: &str = "success";

/// What a client asks for in the body; the rest is in the path and the secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// What to test and to change.
    pub(crate) changes: BTreeMap<ShareNumber, ShareChange>,
    /// What to read of every share.
    pub(crate) reads: Vec<ReadVector>,
}

impl Request {
    /// The message, in pieces that follow each other.
    pub(crate) fn encode(&self) -> Vec<Bytes> {
        cbor::encode_pieces(|message| {
            message.writer.map(2)?.str(CHANGES)?.map(self.changes.len() as u64)?;
            for (number, change) in &self.changes {
                message.writer.u8(number.get())?;
                write_change(message, change)?;
            }
            write_reads(message.writer.str(READ_VECTOR)?, &self.reads)
        })
    }

    /// The request, whose bytes are those of `message` itself.
    pub(crate) fn decode(message: &Bytes) -> Result<Self, MessageError> {
        cbor::decode(message, |reader| {
            let (mut changes, mut reads) = (None, None);
            let mut writes_left = WRITES_MAX;
            reader.map(2, |reader, key| match key {
                _ if key == CHANGES.as_bytes() => {
                    let read = |reader: &mut _| read_change(message, reader, &mut writes_left);
                    put_once(&mut changes, reader.by_share(read)?)
                }
                _ if key == READ_VECTOR.as_bytes() => put_once(&mut reads, read_reads(reader)?),
                _ => unknown_key(key),
            })?;
            Ok(Self { changes: required(changes, CHANGES)?, reads: required(reads, READ_VECTOR)? })
        })
    }
}

fn write_change(
    message: &mut PieceWriter,
    change: &ShareChange,
) -> Result<(), EncodeError<Infallible>> {
    message.writer.map(3)?.str(TEST)?.array(change.tests.len() as u64)?;
    for test in &change.tests {
        let writer = message.writer.map(3)?.str(OFFSET)?.u64(test.offset)?;
        writer.str(SIZE)?.u64(test.size)?.str(SPECIMEN)?;
        message.bytes(&test.specimen)?;
    }
    message.writer.str(WRITE)?.array(change.writes.len() as u64)?;
    for write in &change.writes {
        message.writer.map(2)?.str(OFFSET)?.u64(write.offset)?.str(DATA)?;
        message.bytes(&write.data)?;
    }
    let writer = message.writer.str(NEW_LENGTH)?;
    match change.new_length {
        Some(length) => writer.u64(length)?,
        None => writer.null()?,
    };
    Ok(())
}

fn read_change(
    message: &Bytes,
    reader: &mut Reader<'_>,
    writes_left: &mut u64,
) -> Result<ShareChange, MessageError> {
    let (mut tests, mut writes, mut new_length) = (None, None, None);
    reader.map(3, |reader, key| match key {
        _ if key == TEST.as_bytes() => {
            let test = |reader: &mut _| read_test(message, reader);
            put_once(&mut tests, reader.array(VECTORS_MAX as u64, test)?)
        }
        _ if key == WRITE.as_bytes() => {
            let read = reader.array(*writes_left, |reader| read_write(message, reader))?;
            *writes_left -= read.len() as u64;
            put_once(&mut writes, read)
        }
        _ if key == NEW_LENGTH.as_bytes() => put_once(&mut new_length, reader.uint_or_null()?),
        _ => unknown_key(key),
    })?;
    Ok(ShareChange {
        tests: required(tests, TEST)?,
        writes: required(writes, WRITE)?,
        new_length: required(new_length, NEW_LENGTH)?,
    })
}

fn read_test(message: &Bytes, reader: &mut Reader<'_>) -> Result<TestVector, MessageError> {
    let (mut offset, mut size, mut specimen) = (None, None, None);
    reader.map(3, |reader, key| match key {
        _ if key == OFFSET.as_bytes() => put_once(&mut offset, reader.uint()?),
        _ if key == SIZE.as_bytes() => put_once(&mut size, reader.uint()?),
        _ if key == SPECIMEN.as_bytes() => put_once(&mut specimen, reader.bytes()?),
        _ => unknown_key(key),
    })?;
    Ok(TestVector {
        offset: required(offset, OFFSET)?,
        size: required(size, SIZE)?,
        specimen: message.slice_ref(required(specimen, SPECIMEN)?),
    })
}

fn read_write(message: &Bytes, reader: &mut Reader<'_>) -> Result<WriteVector, MessageError> {
    let (mut offset, mut data) = (None, None);
    reader.map(2, |reader, key| match key {
        _ if key == OFFSET.as_bytes() => put_once(&mut offset, reader.uint()?),
        _ if key == DATA.as_bytes() => put_once(&mut data, reader.bytes()?),
        _ => unknown_key(key),
    })?;
    let data = message.slice_ref(required(data, DATA)?);
    Ok(WriteVector { offset: required(offset, OFFSET)?, data })
}

/// The answer, in pieces that follow each other.
pub(crate) fn encode_answer(answer: &SlotWriteAnswer) -> Vec<Bytes> {
    cbor::encode_pieces(|message| {
        message.writer.map(2)?.str(SUCCESS)?.bool(answer.success)?.str(DATA)?;
        write_read(message, &answer.read)
    })
}

/// The answer, whose bytes are those of `message` itself.
pub(crate) fn decode_answer(message: &Bytes) -> Result<SlotWriteAnswer, MessageError> {
    cbor::decode(message, |reader| {
        let (mut success, mut read) = (None, None);
        reader.map(2, |reader, key| match key {
            _ if key == SUCCESS.as_bytes() => put_once(&mut success, reader.flag()?),
            _ if key == DATA.as_bytes() => put_once(&mut read, read_read(message, reader)?),
            _ => unknown_key(key),
        })?;
        Ok(SlotWriteAnswer { success: required(success, SUCCESS)?, read: required(read, DATA)? })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gbs::messages::check_refused;

    // Made with cbor2, as Tahoe-LAFS 1.20 uses it; see tests/data/README.md.
    const REQUEST: &str = concat!(
        "a272746573742d77726974652d766563746f7273a203a3647465737481a3666f666673657400",
        "6473697a65016873706563696d656e4065777269746582a2666f6666736574006464617461",
        "43616263a2666f66667365741a0001117064646174614278796a6e65772d6c656e677468f6",
        "18c8a3647465737480657772697465806a6e65772d6c656e677468006b726561642d766563",
        "746f7281a2666f6666736574006473697a651839"
    );
    const ANSWER: &str = "a26773756363657373f56464617461a20382436162634018c88240417a";

    fn number(number: u8) -> ShareNumber {
        ShareNumber::new(number)
    }

    fn request() -> Request {
        let writes = [(0, &b"abc"[..]), (70_000, b"xy")]
            .map(|(offset, data)| WriteVector { offset, data: data.into() });
        let change = ShareChange {
            tests: vec![TestVector::absent()],
            writes: writes.into(),
            new_length: None,
        };
        let removal = ShareChange { new_length: Some(0), ..ShareChange::default() };
        Request {
            changes: [(number(3), change), (number(200), removal)].into(),
            reads: vec![ReadVector::new(0, 57)],
        }
    }

    fn of_hex(text: &str) -> Bytes {
        hex::decode(text).unwrap().into()
    }

    #[test]
    fn tahoe_is_understood_and_imitated() {
        assert_eq!(Request::decode(&of_hex(REQUEST)).unwrap(), request());
        assert_eq!(hex::encode(request().encode().concat()), REQUEST);
        let read = [(number(3), vec!["abc".into(), Bytes::new()])]
            .into_iter()
            .chain([(number(200), vec![Bytes::new(), "z".into()])])
            .collect();
        let answer = SlotWriteAnswer { success: true, read };
        assert_eq!(decode_answer(&of_hex(ANSWER)).unwrap(), answer);
        assert_eq!(hex::encode(encode_answer(&answer).concat()), ANSWER);
    }

    #[test]
    fn long_data_is_not_copied() {
        let data = Bytes::from(vec![7; 100_000]);
        let mut request = request();
        request.changes.get_mut(&number(3)).unwrap().writes[1].data = data.clone();
        let pieces = request.encode();
        assert_eq!(pieces.iter().filter(|piece| piece.as_ptr() == data.as_ptr()).count(), 1);
        let message = Bytes::from(pieces.concat());
        let decoded = Request::decode(&message).unwrap();
        assert_eq!(decoded, request);
        let found = decoded.changes[&number(3)].writes[1].data.as_ptr_range();
        assert!(message.as_ptr_range().contains(&found.start));
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let check = |bytes: &str, complaint: &str| {
            check_refused(|bytes| Request::decode(&bytes), bytes, complaint);
        };
        let changes = "72746573742d77726974652d766563746f7273";
        let reads = "6b726561642d766563746f72";
        let (tests, writes, length) = ("6474657374", "657772697465", "6a6e65772d6c656e677468");
        let (offset, data) = ("666f6666736574", "6464617461");
        let of_share = |change: &str| format!("a2{changes}a103{change}{reads}80");
        check("", "malformed");
        check("a0", "test-write-vectors is missing");
        check(&format!("a1{changes}a0"), "read-vector is missing");
        check(&format!("a1{changes}b90101"), "at most 256");
        check(&format!("a1{changes}bf"), "without a length");
        check(&format!("a1{changes}a1190100"), "0 to 255");
        check(&format!("a1{changes}a120"), "malformed");
        check(&format!("a2{changes}a0{reads}981f"), "at most 30");
        check(&format!("a2{changes}a0{reads}8000"), "behind the end");
        check(&of_share("a0"), "test is missing");
        check(&of_share(&format!("a2{tests}80{length}f6")), "write is missing");
        check(&of_share(&format!("a2{tests}80{writes}80")), "new-length is missing");
        check(&of_share(&format!("a3{tests}80{writes}80{length}20")), "malformed");
        check(&of_share(&format!("a1{tests}981f")), "at most 30");
        check(&of_share(&format!("a1{tests}81a1{offset}00")), "size is missing");
        check(&of_share(&format!("a1{writes}9a00020001")), "at most 131072");
        check(&of_share(&format!("a1{writes}9bffffffffffffffff")), "at most 131072");
        check(&of_share(&format!("a1{writes}81a1{offset}00")), "data is missing");
        check(&of_share(&format!("a1{writes}81a2{offset}00{data}5bffffffffffffffff")), "malformed");
        check(&of_share(&format!("a2{tests}80{tests}80")), "twice");
        let empty = format!("a3{tests}80{writes}80{length}f6");
        check(&format!("a2{changes}a203{empty}03{empty}{reads}80"), "twice");
    }

    #[test]
    fn writes_are_counted_over_all_shares() {
        let write = WriteVector { offset: 0, data: Bytes::new() };
        let change = |len: u64| ShareChange {
            writes: (0..len).map(|_| write.clone()).collect(),
            ..ShareChange::default()
        };
        for (second, is_taken) in [(1, true), (2, false)] {
            let changes = [(number(0), change(WRITES_MAX - 1)), (number(1), change(second))];
            let request = Request { changes: changes.into(), reads: Vec::new() };
            let message = Bytes::from(request.encode().concat());
            assert_eq!(Request::decode(&message).is_ok(), is_taken);
        }
    }

    proptest! {
        #[test]
        fn answers_come_back(
            success: bool,
            read in prop::collection::btree_map(
                any::<u8>(),
                prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..=30),
                0..20,
            ),
        ) {
            let read = read.into_iter().map(|(share, pieces)| {
                (number(share), pieces.into_iter().map(Bytes::from).collect())
            });
            let answer = SlotWriteAnswer { success, read: read.collect() };
            let message = Bytes::from(encode_answer(&answer).concat());
            prop_assert_eq!(decode_answer(&message).unwrap(), answer);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at: usize, byte: u8) {
            let bytes = Bytes::from(bytes);
            let _ = Request::decode(&bytes);
            let _ = decode_answer(&bytes);
            let mut damaged = hex::decode(REQUEST).unwrap();
            let at = at % damaged.len();
            damaged[at] = byte;
            let damaged = Bytes::from(damaged);
            let _ = Request::decode(&damaged);
            let _ = Request::decode(&damaged.slice(..at));
        }
    }
}
