//! `allocate_buckets`: room for shares of an immutable file.

use std::collections::{BTreeMap, BTreeSet};

use foolscap::{Arguments, Failure, Object, RemoteReference, Value};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::LeaseSecrets;

use crate::foolscap_storage::values::{self, Wrong};

/// What a client asks for. There are no upload secrets here: whoever holds the writers may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Whose shares.
    pub(crate) storage_index: StorageIndex,
    /// Lease of new shares, and of those that are there.
    pub(crate) lease: LeaseSecrets,
    /// Which shares.
    pub(crate) share_numbers: BTreeSet<ShareNumber>,
    /// Size of each, in bytes.
    pub(crate) allocated_size: u64,
}

impl Request {
    /// The arguments. The upload is given up when the connection of `canary` is lost.
    pub(crate) fn arguments(&self, canary: Object) -> Arguments {
        let [renew, cancel] = values::of_lease(&self.lease);
        Arguments::positional(vec![
            values::of_storage_index(&self.storage_index),
            renew,
            cancel,
            Value::Set(values::of_shares(&self.share_numbers)),
            values::of_number(self.allocated_size),
            Value::Object(canary),
        ])
    }

    /// The request, and its canary.
    pub(crate) fn read(arguments: Arguments) -> Result<(Self, RemoteReference), Failure> {
        let [storage_index, renew, cancel, share_numbers, allocated_size, canary] = arguments
            .bind([
                "storage_index",
                "renew_secret",
                "cancel_secret",
                "sharenums",
                "allocated_size",
                "canary",
            ])?;
        let request = Self {
            storage_index: values::storage_index(storage_index)?,
            lease: values::lease(renew, cancel)?,
            share_numbers: values::share_set(share_numbers)?,
            allocated_size: values::number(&allocated_size)?,
        };
        Ok((request, values::remote(canary)?))
    }
}

/// All that is there already, and the writers of what is now waited for.
pub(crate) fn answer(
    already_have: &BTreeSet<ShareNumber>,
    writers: impl IntoIterator<Item = (ShareNumber, Object)>,
) -> Value {
    let writers = writers
        .into_iter()
        .map(|(number, writer)| (values::of_share(number), Value::Object(writer)));
    Value::Tuple(vec![Value::Set(values::of_shares(already_have)), Value::Dict(writers.collect())])
}

/// What an answer says, to somebody who asked for `asked`.
pub(crate) fn read_answer(
    answer: Value,
    asked: &BTreeSet<ShareNumber>,
) -> Result<(BTreeSet<ShareNumber>, BTreeMap<ShareNumber, RemoteReference>), Wrong> {
    let [already_have, writers] = values::tuple(answer)?;
    let already_have = values::share_set(already_have)?;
    let writers = values::by_share(writers, values::remote)?;
    if !writers.keys().all(|number| asked.contains(number)) {
        return Err(Wrong::new("it allocated shares that nobody asked for"));
    }
    if writers.keys().any(|number| already_have.contains(number)) {
        return Err(Wrong::new("it allocated shares that it already has"));
    }
    Ok((already_have, writers))
}
