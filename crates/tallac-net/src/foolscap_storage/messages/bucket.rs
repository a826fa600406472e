//! The methods of `RIBucketWriter` and `RIBucketReader`, and `get_buckets` that leads to readers.

use std::collections::BTreeMap;

use bytes::Bytes;
use foolscap::{Arguments, Failure, Object, RemoteReference, Value};
use tallac_core::ids::{ShareNumber, StorageIndex};

use crate::foolscap_storage::values::{self, Wrong};

/// The arguments of a writer's `write`.
pub(crate) fn write(offset: u64, data: Bytes) -> Arguments {
    Arguments::positional(vec![values::of_number(offset), Value::Bytes(data)])
}

pub(crate) fn read_write(arguments: Arguments) -> Result<(u64, Bytes), Failure> {
    let [offset, data] = arguments.bind(["offset", "data"])?;
    Ok((values::number(&offset)?, values::bytes(data)?))
}

/// The arguments of a reader's `read`.
pub(crate) fn read(offset: u64, size: u64) -> Arguments {
    Arguments::positional(vec![values::of_number(offset), values::of_number(size)])
}

pub(crate) fn read_read(arguments: Arguments) -> Result<(u64, u64), Failure> {
    let [offset, size] = arguments.bind(["offset", "length"])?;
    Ok((values::number(&offset)?, values::size(&size)?))
}

/// The bytes that a read of `size` was answered with: fewer where the share ends.
pub(crate) fn read_data(answer: Value, size: u64) -> Result<Bytes, Wrong> {
    match values::bytes(answer)? {
        data if data.len() as u64 <= size => Ok(data),
        _ => Err(Wrong::new("it sent more than was asked for")),
    }
}

/// The arguments of `get_buckets`.
pub(crate) fn list(storage_index: &StorageIndex) -> Arguments {
    Arguments::positional(vec![values::of_storage_index(storage_index)])
}

pub(crate) fn read_list(arguments: Arguments) -> Result<StorageIndex, Failure> {
    let [storage_index] = arguments.bind(["storage_index"])?;
    Ok(values::storage_index(storage_index)?)
}

/// The readers of all shares.
pub(crate) fn readers(readers: impl IntoIterator<Item = (ShareNumber, Object)>) -> Value {
    let readers = readers
        .into_iter()
        .map(|(number, reader)| (values::of_share(number), Value::Object(reader)));
    Value::Dict(readers.collect())
}

pub(crate) fn read_readers(answer: Value) -> Result<BTreeMap<ShareNumber, RemoteReference>, Wrong> {
    values::by_share(answer, values::remote)
}
