//! `PATCH /storage/v1/immutable/:storage_index/:share_number`: what is still missing after a write.

use std::ops::Range;

use bytes::Bytes;
use tallac_core::storage::WriteProgress;

use super::cbor::{self, MessageError, Reader, put_once, required, unknown_key};

/// Most runs that are taken; nobody has a reason to leave so many gaps.
const RUNS_MAX: u64 = 4096;

const REQUIRED: &str = "required";
const BEGIN: &str = "begin";
const END: &str = "end";

pub(crate) fn encode_answer(progress: &WriteProgress) -> Bytes {
    cbor::encode(|writer| {
        writer.map(1)?.str(REQUIRED)?.array(progress.required.len() as u64)?;
        for run in &progress.required {
            writer.map(2)?.str(BEGIN)?.u64(run.start)?.str(END)?.u64(run.end)?;
        }
        Ok(())
    })
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Result<WriteProgress, MessageError> {
    cbor::decode(bytes, |reader| {
        let mut runs = None;
        reader.map(1, |reader, key| match key {
            _ if key == REQUIRED.as_bytes() => {
                put_once(&mut runs, reader.array(RUNS_MAX, read_run)?)
            }
            _ => unknown_key(key),
        })?;
        let required = required(runs, REQUIRED)?;
        match required.is_sorted_by(|one, next| one.end <= next.start) {
            true => Ok(WriteProgress { required }),
            false => Err(MessageError::new("the missing runs are out of order")),
        }
    })
}

fn read_run(reader: &mut Reader<'_>) -> Result<Range<u64>, MessageError> {
    let (mut begin, mut end) = (None, None);
    reader.map(2, |reader, key| match key {
        _ if key == BEGIN.as_bytes() => put_once(&mut begin, reader.uint()?),
        _ if key == END.as_bytes() => put_once(&mut end, reader.uint()?),
        _ => unknown_key(key),
    })?;
    let run = required(begin, BEGIN)?..required(end, END)?;
    match run.is_empty() {
        true => Err(MessageError::new("a missing run that ends before it begins")),
        false => Ok(run),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OF_TAHOE: &str =
        "a1687265717569726564 82 a265626567696e0063656e640a a265626567696e1463656e641a000f4240";

    #[test]
    fn tahoe_is_understood_and_imitated() {
        let bytes = hex::decode(OF_TAHOE.replace(' ', "")).unwrap();
        let progress = WriteProgress { required: vec![0..10, 20..1_000_000] };
        assert_eq!(decode_answer(&bytes).unwrap(), progress);
        assert_eq!(encode_answer(&progress), bytes);
    }

    #[test]
    fn runs_must_be_in_order_and_not_empty() {
        for required in [vec![5..9, 0..2], vec![0..5, 4..6], vec![0..3, 5..5]] {
            assert!(decode_answer(&encode_answer(&WriteProgress { required })).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_answer(&bytes);
        }
    }
}
