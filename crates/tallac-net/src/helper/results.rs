//! What became of a file, as a copyable.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use foolscap::{Copyable, Value};
use tallac_core::cap::{ChkShape, ChkVerifyCap, UebHash};
use tallac_core::helper::HelperResults;
use tallac_core::ids::{ServerId, ShareNumber, StorageIndex};
use tallac_core::immutable::{Encoding, UEB_LEN_MAX, Ueb};
use tallac_core::netstring;

use crate::foolscap_storage::values::{
    Wrong, by_share, dict, number, of_bytes, of_number, of_share,
};

/// The type's name.
const NAME: &str = "allmydata.upload.UploadResults.tahoe.allmydata.com";

/// Fields of a UEB that are numbers in it, written in decimal.
const NUMBERS: [&str; 5] =
    ["size", "segment_size", "num_segments", "needed_shares", "total_shares"];

/// Entries of any dictionary that are read.
const ENTRIES_MAX: usize = 256;

/// Longest name of a server that is taken, in bytes.
const SERVER_ID_LEN_MAX: usize = 200;

/// As a client of Tahoe-LAFS reads it.
pub(super) fn write(results: &HelperResults, storage_index: StorageIndex) -> Value {
    let fields = Ueb::fields(&results.ueb).unwrap_or_default();
    let numbers: BTreeMap<&str, u64> = fields
        .iter()
        .filter(|(name, _)| NUMBERS.contains(name))
        .filter_map(|(name, value)| Some((*name, std::str::from_utf8(value).ok()?.parse().ok()?)))
        .collect();
    let field = |(name, value): (&&str, &&[u8])| {
        let value = numbers.get(name).map_or_else(|| of_bytes(value), |&n| of_number(n));
        (Value::Text((*name).to_owned()), value)
    };
    let seconds = |(name, value): &(String, f64)| (Value::Text(name.clone()), Value::Float(*value));
    let state = [
        ("timings", Value::Dict(results.timings.iter().map(seconds).collect())),
        ("sharemap", share_map(&results.shares)),
        ("servermap", server_map(&results.shares)),
        ("file_size", numbers.get("size").map_or(Value::None, |&size| of_number(size))),
        ("ciphertext_fetched", of_number(results.fetched)),
        ("uri", Value::None),
        ("preexisting_shares", of_number(results.preexisting)),
        ("pushed_shares", of_number(results.pushed)),
        ("uri_extension_data", Value::Dict(fields.iter().map(field).collect())),
        ("uri_extension_hash", of_bytes(&results.ueb_hash)),
        ("verifycapstr", verify_cap(results, &numbers, storage_index)),
    ];
    let state = state.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Value::Copyable(Copyable { name: NAME.to_owned(), state })
}

fn server_id(id: &ServerId) -> Value {
    of_bytes(id.as_str().as_bytes())
}

fn share_map(shares: &BTreeMap<ShareNumber, BTreeSet<ServerId>>) -> Value {
    let entry = |(&share, servers): (&ShareNumber, &BTreeSet<ServerId>)| {
        (of_share(share), Value::Set(servers.iter().map(server_id).collect()))
    };
    Value::Dict(shares.iter().map(entry).collect())
}

fn server_map(shares: &BTreeMap<ShareNumber, BTreeSet<ServerId>>) -> Value {
    let mut servers: BTreeMap<&ServerId, Vec<Value>> = BTreeMap::new();
    for (&share, ids) in shares {
        for id in ids {
            servers.entry(id).or_default().push(of_share(share));
        }
    }
    let entry = |(id, shares)| (server_id(id), Value::Set(shares));
    Value::Dict(servers.into_iter().map(entry).collect())
}

fn verify_cap(
    results: &HelperResults,
    numbers: &BTreeMap<&str, u64>,
    storage_index: StorageIndex,
) -> Value {
    let number = |name| numbers.get(name).copied().unwrap_or(0);
    let Ok(encoding) = Encoding::new(number("needed_shares"), number("total_shares")) else {
        return Value::None;
    };
    let shape = ChkShape::new(UebHash::new(results.ueb_hash), encoding, number("size"));
    of_bytes(ChkVerifyCap::new(storage_index, shape).to_string().as_bytes())
}

/// What a helper says; helpers of old leave some of it out.
pub(super) fn read(value: Value) -> Result<HelperResults, Wrong> {
    let Value::Copyable(Copyable { name, state }) = value else {
        return Err(Wrong::new("no upload results where there should be some"));
    };
    if name != NAME {
        return Err(Wrong::new("something else where upload results should be"));
    }
    let mut state: BTreeMap<String, Value> = state.into_iter().collect();
    let mut take = |name: &str| state.remove(name).unwrap_or(Value::None);
    let count = |value: Value| match value {
        Value::None => Ok(0),
        value => number(&value),
    };
    let ueb_hash = match take("uri_extension_hash") {
        Value::Bytes(hash) => hash.as_ref().try_into().ok(),
        _ => None,
    };
    Ok(HelperResults {
        ueb: read_ueb(take("uri_extension_data"))?,
        ueb_hash: ueb_hash.ok_or_else(|| Wrong::new("upload results have no UEB hash"))?,
        shares: read_shares(take("sharemap"))?,
        pushed: count(take("pushed_shares"))?,
        preexisting: count(take("preexisting_shares"))?,
        fetched: count(take("ciphertext_fetched"))?,
        timings: read_timings(take("timings"))?,
    })
}

fn name_of(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// The UEB that has these fields.
fn read_ueb(value: Value) -> Result<Bytes, Wrong> {
    let mut fields = BTreeMap::new();
    for (name, value) in dict(value, ENTRIES_MAX)? {
        let name = name_of(&name).filter(|name| {
            name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-".contains(&byte))
        });
        let name = name.ok_or_else(|| Wrong::new("a field of a UEB has no name"))?;
        let value = match value {
            Value::Bytes(bytes) => bytes,
            value => number(&value)?.to_string().into(),
        };
        fields.insert(name.to_owned(), value);
    }
    let mut ueb = Vec::new();
    for (name, value) in fields {
        ueb.extend_from_slice(name.as_bytes());
        ueb.push(b':');
        netstring::push(&mut ueb, &value);
        if ueb.len() as u64 > UEB_LEN_MAX {
            return Err(Wrong::new("a UEB that is too long"));
        }
    }
    Ok(ueb.into())
}

/// Helpers before 1.3 tell no servers, but words; they are left out.
fn read_shares(value: Value) -> Result<BTreeMap<ShareNumber, BTreeSet<ServerId>>, Wrong> {
    if matches!(value, Value::None) {
        return Ok(BTreeMap::new());
    }
    by_share(value, |servers| {
        let Value::Set(servers) = servers else { return Ok(BTreeSet::new()) };
        let id = |server: &Value| {
            let id = name_of(server).filter(|id| id.len() <= SERVER_ID_LEN_MAX)?;
            Some(ServerId::new(id))
        };
        Ok(servers.iter().take(ENTRIES_MAX).filter_map(id).collect())
    })
}

fn read_timings(value: Value) -> Result<Vec<(String, f64)>, Wrong> {
    if matches!(value, Value::None) {
        return Ok(Vec::new());
    }
    let timing = |(name, seconds): (Value, Value)| match seconds {
        Value::Float(seconds) => Some((name_of(&name)?.to_owned(), seconds)),
        _ => None,
    };
    Ok(dict(value, ENTRIES_MAX)?.into_iter().filter_map(timing).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> HelperResults {
        let mut ueb = Vec::new();
        for (name, value) in
            [("crypttext_root_hash", "x"), ("needed_shares", "3"), ("size", "1000")]
        {
            ueb.extend_from_slice(name.as_bytes());
            ueb.push(b':');
            netstring::push(&mut ueb, value.as_bytes());
        }
        HelperResults {
            ueb_hash: Ueb::hash(&ueb),
            ueb: ueb.into(),
            shares: [(ShareNumber::new(3), [ServerId::new("v0-abc")].into())].into(),
            pushed: 4,
            preexisting: 2,
            fetched: 77,
            timings: vec![("total".to_owned(), 1.5)],
        }
    }

    #[test]
    fn results_there_and_back() {
        let value = write(&results(), StorageIndex::new([7; 16]));
        assert_eq!(read(value).unwrap(), results());
    }

    #[test]
    fn what_is_no_results_is_refused() {
        let value = write(&results(), StorageIndex::new([7; 16]));
        let Value::Copyable(copy) = value else { panic!("a copyable") };
        let with = |name: &str, value: Value| {
            let mut copy = copy.clone();
            copy.state.retain(|(other, _)| other != name);
            copy.state.push((name.to_owned(), value));
            read(Value::Copyable(copy))
        };
        assert!(with("uri_extension_hash", of_bytes(b"short")).is_err());
        let field = |name: &str, value| (Value::Text(name.to_owned()), value);
        let long = Value::Dict(vec![field("size", of_bytes(&[b'1'; 3000]))]);
        assert!(with("uri_extension_data", long).is_err());
        let odd = Value::Dict(vec![field("a:b", Value::Int(1))]);
        assert!(with("uri_extension_data", odd).is_err());
        assert!(with("pushed_shares", Value::Int(-1)).is_err());
        // As the oldest helpers have it.
        let words = Value::Dict(vec![(Value::Int(0), of_bytes(b"Placed on [x]"))]);
        assert_eq!(with("sharemap", words).unwrap().shares[&ShareNumber::new(0)].len(), 0);
        assert!(with("timings", Value::None).unwrap().timings.is_empty());
        assert!(read(Value::None).is_err());
        let other = Copyable { name: "other".to_owned(), state: copy.state.clone() };
        assert!(read(Value::Copyable(other)).is_err());
    }
}
