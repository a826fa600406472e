//! `slot_readv` and `slot_testv_and_readv_and_writev`: mutable files.

use std::collections::BTreeSet;

use bytes::Bytes;
use foolscap::{Arguments, Failure, Value};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::WriteEnabler;
use tallac_core::storage::{
    ReadVector, SLOT_ANSWER_MAX, ShareChange, SlotReadAnswer, SlotReadRequest, SlotWriteAnswer,
    SlotWriteRequest, TestVector, VECTORS_MAX, WriteVector,
};

use crate::foolscap_storage::values::{self, Wrong};

/// Most writes of one request, over all shares.
const WRITES_MAX: usize = 1 << 17;

/// The only comparison that there is.
const OPERATOR: &[u8] = b"eq";

/// The arguments of `slot_readv`.
pub(crate) fn read(
    storage_index: &StorageIndex,
    share_numbers: &BTreeSet<ShareNumber>,
    reads: &[ReadVector],
) -> Arguments {
    Arguments::positional(vec![
        values::of_storage_index(storage_index),
        Value::List(values::of_shares(share_numbers)),
        of_reads(reads),
    ])
}

pub(crate) fn read_read(arguments: Arguments) -> Result<SlotReadRequest, Failure> {
    let [storage_index, shares, reads] = arguments.bind(["storage_index", "shares", "readv"])?;
    let shares = values::share_numbers(values::list(shares, ShareNumber::COUNT_MAX)?)?;
    Ok(SlotReadRequest {
        storage_index: values::storage_index(storage_index)?,
        share_numbers: shares.into_iter().collect(),
        reads: reads_of(reads)?,
    })
}

/// The arguments of `slot_testv_and_readv_and_writev`.
pub(crate) fn write(request: SlotWriteRequest) -> Arguments {
    let [renew, cancel] = values::of_lease(&request.lease);
    let enabler = values::of_bytes(request.write_enabler.expose());
    let changes = request
        .changes
        .into_iter()
        .map(|(number, change)| (values::of_share(number), of_change(change)));
    Arguments::positional(vec![
        values::of_storage_index(&request.storage_index),
        Value::Tuple(vec![enabler, renew, cancel]),
        Value::Dict(changes.collect()),
        of_reads(&request.reads),
    ])
}

pub(crate) fn read_write(arguments: Arguments) -> Result<SlotWriteRequest, Failure> {
    let [storage_index, secrets, changes, reads] =
        arguments.bind(["storage_index", "secrets", "tw_vectors", "r_vector"])?;
    let [enabler, renew, cancel] = values::tuple(secrets)?;
    let mut writes_left = WRITES_MAX;
    Ok(SlotWriteRequest {
        storage_index: values::storage_index(storage_index)?,
        write_enabler: WriteEnabler::new(values::secret(enabler)?),
        lease: values::lease(renew, cancel)?,
        changes: values::by_share(changes, |change| change_of(change, &mut writes_left))?,
        reads: reads_of(reads)?,
    })
}

fn of_reads(reads: &[ReadVector]) -> Value {
    // One byte more than may be answered shows that there is too much.
    let size = |read: &ReadVector| values::of_number(read.size.min(SLOT_ANSWER_MAX + 1));
    let reads =
        reads.iter().map(|read| Value::Tuple(vec![values::of_number(read.offset), size(read)]));
    Value::List(reads.collect())
}

fn reads_of(value: Value) -> Result<Vec<ReadVector>, Wrong> {
    let read = |value| {
        let [offset, size] = values::tuple(value)?;
        Ok(ReadVector { offset: values::number(&offset)?, size: values::size(&size)? })
    };
    values::list(value, VECTORS_MAX)?.into_iter().map(read).collect()
}

fn of_change(change: ShareChange) -> Value {
    let tests = change.tests.into_iter().map(|test| {
        // To look one byte beyond the specimen is as good as to look further, and always fits.
        let size = test.size.min(test.specimen.len() as u64 + 1);
        Value::Tuple(vec![
            values::of_number(test.offset),
            values::of_number(size),
            values::of_bytes(OPERATOR),
            Value::Bytes(test.specimen),
        ])
    });
    let writes = change
        .writes
        .into_iter()
        .map(|write| Value::Tuple(vec![values::of_number(write.offset), Value::Bytes(write.data)]));
    Value::Tuple(vec![
        Value::List(tests.collect()),
        Value::List(writes.collect()),
        change.new_length.map_or(Value::None, values::of_number),
    ])
}

fn change_of(value: Value, writes_left: &mut usize) -> Result<ShareChange, Wrong> {
    let [tests, writes, new_length] = values::tuple(value)?;
    let writes = values::list(writes, *writes_left)?;
    *writes_left -= writes.len();
    let tests = values::list(tests, VECTORS_MAX)?.into_iter().map(test_of);
    Ok(ShareChange {
        tests: tests.collect::<Result<_, _>>()?,
        writes: writes.into_iter().map(write_of).collect::<Result<_, _>>()?,
        new_length: match new_length {
            Value::None => None,
            length => Some(values::number(&length)?),
        },
    })
}

fn test_of(value: Value) -> Result<TestVector, Wrong> {
    let [offset, size, operator, specimen] = values::tuple(value)?;
    if values::bytes(operator)? != OPERATOR {
        return Err(Wrong::new("the only test is for equality"));
    }
    Ok(TestVector {
        offset: values::number(&offset)?,
        size: values::size(&size)?,
        specimen: values::bytes(specimen)?,
    })
}

fn write_of(value: Value) -> Result<WriteVector, Wrong> {
    let [offset, data] = values::tuple(value)?;
    Ok(WriteVector { offset: values::number(&offset)?, data: values::bytes(data)? })
}

/// What was read of each share, as `slot_readv` answers.
pub(crate) fn read_answer(answer: SlotReadAnswer) -> Value {
    let pieces = |pieces: Vec<Bytes>| Value::List(pieces.into_iter().map(Value::Bytes).collect());
    let shares = answer.into_iter().map(|(number, read)| (values::of_share(number), pieces(read)));
    Value::Dict(shares.collect())
}

/// What an answer to these reads has. Whether it is too much is for the caller to see.
pub(crate) fn read_read_answer(
    answer: Value,
    reads: &[ReadVector],
) -> Result<SlotReadAnswer, Wrong> {
    values::by_share(answer, |share| {
        let pieces = values::list(share, VECTORS_MAX)?.into_iter().map(values::bytes);
        let pieces = pieces.collect::<Result<Vec<Bytes>, _>>()?;
        let fits = |(piece, read): (&Bytes, &ReadVector)| piece.len() as u64 <= read.size;
        match pieces.len() == reads.len() && pieces.iter().zip(reads).all(fits) {
            true => Ok(pieces),
            false => Err(Wrong::new("it read something else than what was asked for")),
        }
    })
}

pub(crate) fn write_answer(answer: SlotWriteAnswer) -> Value {
    Value::Tuple(vec![Value::Bool(answer.success), read_answer(answer.read)])
}

pub(crate) fn read_write_answer(
    answer: Value,
    reads: &[ReadVector],
) -> Result<SlotWriteAnswer, Wrong> {
    let [success, read] = values::tuple(answer)?;
    Ok(SlotWriteAnswer { success: values::flag(&success)?, read: read_read_answer(read, reads)? })
}
