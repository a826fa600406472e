//! What both messages about mutable slots have: read vectors, and what was read.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use minicbor::encode::Error as EncodeError;
use tallac_core::ids::ShareNumber;
use tallac_core::storage::{ReadVector, SlotReadAnswer, VECTORS_MAX};

use super::cbor::{MessageError, PieceWriter, Reader, Writer, put_once, required, unknown_key};

pub(super) const OFFSET: &str = "offset";
pub(super) const SIZE: &str = "size";

pub(super) fn write_reads(
    writer: &mut Writer,
    reads: &[ReadVector],
) -> Result<(), EncodeError<Infallible>> {
    writer.array(reads.len() as u64)?;
    for read in reads {
        writer.map(2)?.str(OFFSET)?.u64(read.offset)?.str(SIZE)?.u64(read.size)?;
    }
    Ok(())
}

pub(super) fn read_reads(reader: &mut Reader<'_>) -> Result<Vec<ReadVector>, MessageError> {
    reader.array(VECTORS_MAX as u64, |reader| {
        let (mut offset, mut size) = (None, None);
        reader.map(2, |reader, key| match key {
            _ if key == OFFSET.as_bytes() => put_once(&mut offset, reader.uint()?),
            _ if key == SIZE.as_bytes() => put_once(&mut size, reader.uint()?),
            _ => unknown_key(key),
        })?;
        Ok(ReadVector { offset: required(offset, OFFSET)?, size: required(size, SIZE)? })
    })
}

pub(super) fn write_read(
    message: &mut PieceWriter,
    read: &BTreeMap<ShareNumber, Vec<Bytes>>,
) -> Result<(), EncodeError<Infallible>> {
    message.writer.map(read.len() as u64)?;
    for (number, pieces) in read {
        message.writer.u8(number.get())?.array(pieces.len() as u64)?;
        for piece in pieces {
            message.bytes(piece)?;
        }
    }
    Ok(())
}

/// Reads what was read; the bytes are those of `message` itself.
pub(super) fn read_read(
    message: &Bytes,
    reader: &mut Reader<'_>,
) -> Result<SlotReadAnswer, MessageError> {
    reader.by_share(|reader| {
        reader.array(VECTORS_MAX as u64, |reader| Ok(message.slice_ref(reader.bytes()?)))
    })
}
