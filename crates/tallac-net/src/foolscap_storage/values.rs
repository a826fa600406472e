//! Values taken apart and put together: what is of the wrong kind, too long or too many is refused
//! before anything is made of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use foolscap::{Failure, RemoteReference, Value};
use tallac_core::ids::{ShareNumber, StorageIndex};
use tallac_core::secrets::{CancelSecret, LeaseSecrets, RenewSecret};
use tallac_core::storage::StorageError;

/// The largest number that the older protocol's plain integers hold.
pub(crate) const INT_MAX: u64 = i32::MAX as u64;

/// What a value should be and is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Wrong(String);

impl Wrong {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl From<Wrong> for Failure {
    /// What a client is told that sent it.
    fn from(wrong: Wrong) -> Self {
        Self::violation(wrong.0)
    }
}

impl From<Wrong> for StorageError {
    /// What becomes of it where a server sent it.
    fn from(wrong: Wrong) -> Self {
        Self::PeerMisbehaved(wrong.0)
    }
}

/// How a value is called in complaints.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::None => "nothing",
        Value::Bool(_) => "a flag",
        Value::Int(_) => "a number",
        Value::Float(_) => "a fraction",
        Value::Bytes(_) => "a byte string",
        Value::Text(_) => "a text",
        Value::List(_) => "a list",
        Value::Tuple(_) => "a tuple",
        Value::Set(_) => "a set",
        Value::Dict(_) => "a dictionary",
        Value::Copyable(_) => "a copy",
        Value::Object(_) => "an object",
    }
}

fn not<T>(wanted: &str, found: &Value) -> Result<T, Wrong> {
    Err(Wrong(format!("{} where {wanted} should be", kind(found))))
}

pub(crate) fn bytes(value: Value) -> Result<Bytes, Wrong> {
    match value {
        Value::Bytes(bytes) => Ok(bytes),
        other => not("a byte string", &other),
    }
}

/// A byte string of exactly that length.
fn fixed<const N: usize>(value: Value) -> Result<[u8; N], Wrong> {
    let bytes = bytes(value)?;
    bytes.as_ref().try_into().map_err(|_| Wrong(format!("{} bytes, not {N}", bytes.len())))
}

pub(crate) fn int(value: &Value) -> Result<i128, Wrong> {
    match value {
        Value::Int(number) => Ok(*number),
        other => not("a number", other),
    }
}

/// A number of 64 bits: an offset, or a size of any share.
pub(crate) fn number(value: &Value) -> Result<u64, Wrong> {
    int(value)?.try_into().map_err(|_| Wrong::new("a number out of bounds"))
}

/// A number that fits a plain integer: how much to read.
pub(crate) fn size(value: &Value) -> Result<u64, Wrong> {
    match number(value)? {
        size if size <= INT_MAX => Ok(size),
        _ => Err(Wrong::new("a size that is out of bounds")),
    }
}

pub(crate) fn flag(value: &Value) -> Result<bool, Wrong> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        other => not("a flag", other),
    }
}

pub(crate) fn share_number(value: &Value) -> Result<ShareNumber, Wrong> {
    let number = int(value)?.try_into().map_err(|_| Wrong::new("a share number is 0 to 255"))?;
    Ok(ShareNumber::new(number))
}

pub(crate) fn storage_index(value: Value) -> Result<StorageIndex, Wrong> {
    fixed(value).map(StorageIndex::new)
}

pub(crate) fn secret(value: Value) -> Result<[u8; 32], Wrong> {
    fixed(value)
}

pub(crate) fn lease(renew: Value, cancel: Value) -> Result<LeaseSecrets, Wrong> {
    let renew = RenewSecret::new(secret(renew)?);
    Ok(LeaseSecrets { renew, cancel: CancelSecret::new(secret(cancel)?) })
}

pub(crate) fn remote(value: Value) -> Result<RemoteReference, Wrong> {
    match value {
        Value::Object(foolscap::Object::Remote(reference)) => Ok(reference),
        other => not("an object of the sender", &other),
    }
}

/// At most `len_max` values.
pub(crate) fn list(value: Value, len_max: usize) -> Result<Vec<Value>, Wrong> {
    match value {
        Value::List(items) => bounded(items, len_max),
        other => not("a list", &other),
    }
}

pub(crate) fn tuple<const N: usize>(value: Value) -> Result<[Value; N], Wrong> {
    match value {
        Value::Tuple(items) => {
            items.try_into().map_err(|items: Vec<_>| Wrong(format!("{} of {N}", items.len())))
        }
        other => not("a tuple", &other),
    }
}

pub(crate) fn dict(value: Value, len_max: usize) -> Result<Vec<(Value, Value)>, Wrong> {
    match value {
        Value::Dict(entries) => bounded(entries, len_max),
        other => not("a dictionary", &other),
    }
}

pub(crate) fn share_numbers(items: Vec<Value>) -> Result<BTreeSet<ShareNumber>, Wrong> {
    items.iter().map(share_number).collect()
}

pub(crate) fn share_set(value: Value) -> Result<BTreeSet<ShareNumber>, Wrong> {
    match value {
        Value::Set(items) => share_numbers(bounded(items, ShareNumber::COUNT_MAX)?),
        other => not("a set", &other),
    }
}

/// A dictionary by share numbers; `read` reads what each has.
pub(crate) fn by_share<T>(
    value: Value,
    mut read: impl FnMut(Value) -> Result<T, Wrong>,
) -> Result<BTreeMap<ShareNumber, T>, Wrong> {
    let mut values = BTreeMap::new();
    for (key, value) in dict(value, ShareNumber::COUNT_MAX)? {
        if values.insert(share_number(&key)?, read(value)?).is_some() {
            return Err(Wrong::new("a share number appears twice"));
        }
    }
    Ok(values)
}

fn bounded<T>(items: Vec<T>, len_max: usize) -> Result<Vec<T>, Wrong> {
    match items.len() {
        len if len > len_max => {
            Err(Wrong(format!("{len} elements where at most {len_max} may be")))
        }
        _ => Ok(items),
    }
}

pub(crate) fn of_number(number: u64) -> Value {
    Value::Int(number.into())
}

pub(crate) fn of_share(number: ShareNumber) -> Value {
    Value::Int(number.get().into())
}

pub(crate) fn of_bytes(bytes: &[u8]) -> Value {
    Value::Bytes(Bytes::copy_from_slice(bytes))
}

pub(crate) fn of_storage_index(storage_index: &StorageIndex) -> Value {
    of_bytes(storage_index.as_bytes())
}

/// The renew and the cancel secret.
pub(crate) fn of_lease(lease: &LeaseSecrets) -> [Value; 2] {
    [of_bytes(lease.renew.expose()), of_bytes(lease.cancel.expose())]
}

pub(crate) fn of_shares(numbers: &BTreeSet<ShareNumber>) -> Vec<Value> {
    numbers.iter().copied().map(of_share).collect()
}
