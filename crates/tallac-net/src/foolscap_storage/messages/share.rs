//! `add_lease` and `advise_corrupt_share`: about shares of either kind.

use bytes::Bytes;
use foolscap::{Arguments, Failure, Value};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::LeaseSecrets;
use tallac_core::storage::ShareKind;

use crate::foolscap_storage::values;

/// Longest reason that is sent or kept, in bytes; the rest is cut off.
const REASON_LEN_MAX: usize = 32_000;

pub(crate) fn lease(storage_index: &StorageIndex, lease: &LeaseSecrets) -> Arguments {
    let [renew, cancel] = values::of_lease(lease);
    Arguments::positional(vec![values::of_storage_index(storage_index), renew, cancel])
}

pub(crate) fn read_lease(arguments: Arguments) -> Result<(StorageIndex, LeaseSecrets), Failure> {
    let [storage_index, renew, cancel] =
        arguments.bind(["storage_index", "renew_secret", "cancel_secret"])?;
    Ok((values::storage_index(storage_index)?, values::lease(renew, cancel)?))
}

/// A share that somebody reports as corrupt, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) kind: ShareKind,
    pub(crate) storage_index: StorageIndex,
    pub(crate) share_number: ShareNumber,
    pub(crate) reason: String,
}

impl Report {
    pub(crate) fn arguments(&self) -> Arguments {
        Arguments::positional(vec![
            values::of_bytes(self.kind.to_string().as_bytes()),
            values::of_storage_index(&self.storage_index),
            values::of_share(self.share_number),
            of_reason(&self.reason),
        ])
    }

    pub(crate) fn read(arguments: Arguments) -> Result<Self, Failure> {
        let [kind, storage_index, share_number, reason] =
            arguments.bind(["share_type", "storage_index", "shnum", "reason"])?;
        Ok(Self {
            kind: match &values::bytes(kind)?[..] {
                b"immutable" => ShareKind::Immutable,
                b"mutable" => ShareKind::Mutable,
                _ => return Err(Failure::violation("a share is immutable or mutable")),
            },
            storage_index: values::storage_index(storage_index)?,
            share_number: values::share_number(&share_number)?,
            reason: reason_of(values::bytes(reason)?),
        })
    }
}

/// The arguments of a reader's own `advise_corrupt_share`.
pub(crate) fn reason(reason: &str) -> Arguments {
    Arguments::positional(vec![of_reason(reason)])
}

pub(crate) fn read_reason(arguments: Arguments) -> Result<String, Failure> {
    let [reason] = arguments.bind(["reason"])?;
    Ok(reason_of(values::bytes(reason)?))
}

fn of_reason(reason: &str) -> Value {
    values::of_bytes(&reason.as_bytes()[..reason.floor_char_boundary(REASON_LEN_MAX)])
}

fn reason_of(bytes: Bytes) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(REASON_LEN_MAX)]);
    text[..text.floor_char_boundary(REASON_LEN_MAX)].to_owned()
}
