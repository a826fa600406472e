//! `get_version`: what a server says of itself. All names in it are byte strings.

use foolscap::Value;
use tallac_core::storage::ServerVersion;

use crate::foolscap_storage::values::{Wrong, bytes, dict, int, of_bytes, of_number};

const V1: &[u8] = b"http://allmydata.org/tahoe/protocols/storage/v1";
const IMMUTABLE_SHARE_SIZE_MAX: &[u8] = b"maximum-immutable-share-size";
const MUTABLE_SHARE_SIZE_MAX: &[u8] = b"maximum-mutable-share-size";
const AVAILABLE_SPACE: &[u8] = b"available-space";
const APPLICATION_VERSION: &[u8] = b"application-version";

/// What every server of this protocol could do that is still about, and ours can.
const ABILITIES: [&[u8]; 4] = [
    b"tolerates-immutable-read-overrun",
    b"delete-mutable-shares-with-zero-length-writev",
    b"fills-holes-with-zero-bytes",
    b"prevents-read-past-end-of-share-data",
];

/// Most keys in either dictionary. Those that are not known here are passed over.
const KEYS_MAX: usize = 64;

/// Longest name of a program that is taken, in bytes; the rest is cut off.
const APPLICATION_VERSION_LEN_MAX: usize = 200;

/// What is presumed of a server that does not say (section 4.1).
pub(crate) fn presumed() -> ServerVersion {
    ServerVersion {
        immutable_share_size_max: u32::MAX.into(),
        mutable_share_size_max: 2_000_000_000,
        available_space: u32::MAX.into(),
        application_version: "unknown: no get_version()".to_owned(),
    }
}

pub(crate) fn answer(version: &ServerVersion) -> Value {
    let mut v1 = vec![
        (of_bytes(IMMUTABLE_SHARE_SIZE_MAX), of_number(version.immutable_share_size_max)),
        (of_bytes(MUTABLE_SHARE_SIZE_MAX), of_number(version.mutable_share_size_max)),
        (of_bytes(AVAILABLE_SPACE), of_number(version.available_space)),
    ];
    v1.extend(ABILITIES.map(|ability| (of_bytes(ability), Value::Bool(true))));
    Value::Dict(vec![
        (of_bytes(V1), Value::Dict(v1)),
        (of_bytes(APPLICATION_VERSION), of_bytes(version.application_version.as_bytes())),
    ])
}

pub(crate) fn read_answer(answer: Value) -> Result<ServerVersion, Wrong> {
    let mut version = presumed();
    for (key, value) in dict(answer, KEYS_MAX)? {
        match &bytes(key)?[..] {
            V1 => read_limits(value, &mut version)?,
            APPLICATION_VERSION => {
                let name = bytes(value)?;
                let name = String::from_utf8_lossy(&name);
                let end = name.floor_char_boundary(APPLICATION_VERSION_LEN_MAX);
                version.application_version = name[..end].to_owned();
            }
            _ => {}
        }
    }
    Ok(version)
}

fn read_limits(value: Value, version: &mut ServerVersion) -> Result<(), Wrong> {
    let mut space = None;
    for (key, value) in dict(value, KEYS_MAX)? {
        match &bytes(key)?[..] {
            IMMUTABLE_SHARE_SIZE_MAX => version.immutable_share_size_max = limit(&value)?,
            MUTABLE_SHARE_SIZE_MAX => version.mutable_share_size_max = limit(&value)?,
            AVAILABLE_SPACE => space = Some(limit(&value)?),
            _ => {}
        }
    }
    version.available_space = space.unwrap_or(version.immutable_share_size_max);
    Ok(())
}

/// A number of bytes. A server that does not know its disk says 2^64, one more than fits.
fn limit(value: &Value) -> Result<u64, Wrong> {
    match int(value)? {
        negative if negative < 0 => Err(Wrong::new("a size below zero")),
        number => Ok(number.try_into().unwrap_or(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version() -> ServerVersion {
        ServerVersion {
            immutable_share_size_max: 7,
            mutable_share_size_max: 69_105_000_000_000_000,
            available_space: u64::MAX,
            application_version: "tallac/1".to_owned(),
        }
    }

    #[test]
    fn versions_come_back() {
        assert_eq!(read_answer(answer(&version())).unwrap(), version());
    }

    #[test]
    fn what_a_server_does_not_say_is_presumed() {
        assert_eq!(read_answer(Value::Dict(Vec::new())).unwrap(), presumed());
        let v1 = vec![(of_bytes(IMMUTABLE_SHARE_SIZE_MAX), Value::Int(1 << 64))];
        let read = read_answer(Value::Dict(vec![
            (of_bytes(V1), Value::Dict(v1)),
            (of_bytes(b"else"), Value::List(vec![Value::None])),
        ]));
        let expected = ServerVersion {
            immutable_share_size_max: u64::MAX,
            available_space: u64::MAX,
            ..presumed()
        };
        assert_eq!(read.unwrap(), expected);
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let check = |answer: Value, complaint: &str| {
            let error = read_answer(answer).unwrap_err().to_string();
            assert!(error.contains(complaint), "{error}");
        };
        let of_v1 = |key: &[u8], value| {
            Value::Dict(vec![(of_bytes(V1), Value::Dict(vec![(of_bytes(key), value)]))])
        };
        check(Value::None, "nothing where a dictionary should be");
        check(Value::Dict(vec![(Value::Text("a".into()), Value::None)]), "a text where");
        check(Value::Dict(vec![(of_bytes(V1), Value::None)]), "nothing where a dictionary");
        check(Value::Dict(vec![(Value::Int(1), Value::None); 65]), "at most 64");
        check(of_v1(AVAILABLE_SPACE, Value::Int(-1)), "below zero");
        check(of_v1(IMMUTABLE_SHARE_SIZE_MAX, Value::Bool(true)), "a flag where a number");
        check(Value::Dict(vec![(of_bytes(APPLICATION_VERSION), Value::Int(1))]), "a number where");
    }
}
