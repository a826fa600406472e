//! The arguments and answers of section 6.7, one file a group of methods, with what either side
//! writes and reads. Every reader is strict about kinds, lengths and counts.

pub(super) mod allocate;
pub(super) mod bucket;
pub(super) mod share;
pub(super) mod slot;
#[cfg(test)]
mod tests;
pub(super) mod version;

use std::collections::BTreeSet;

use foolscap::{Arguments, Value};
use tallac_core::storage::ReadVector;

/// Reads arguments as those of every method. For fuzz targets.
pub(crate) fn parse_as_every_argument(arguments: &Arguments) {
    let arguments = || arguments.clone();
    let _ = allocate::Request::read(arguments());
    let _ = bucket::read_write(arguments());
    let _ = bucket::read_read(arguments());
    let _ = bucket::read_list(arguments());
    let _ = share::read_lease(arguments());
    let _ = share::Report::read(arguments());
    let _ = share::read_reason(arguments());
    let _ = slot::read_read(arguments());
    let _ = slot::read_write(arguments());
}

/// Reads a value as the answer of every method. For fuzz targets.
pub(crate) fn parse_as_every_answer(value: &Value) {
    let _ = allocate::read_answer(value.clone(), &BTreeSet::new());
    let _ = bucket::read_data(value.clone(), 10);
    let _ = bucket::read_readers(value.clone());
    let _ = slot::read_read_answer(value.clone(), &[ReadVector::new(0, 4)]);
    let _ = slot::read_write_answer(value.clone(), &[]);
    let _ = version::read_answer(value.clone());
}
