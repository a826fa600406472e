//! Versions and numbers, as both sides write and read them.

use bytes::Bytes;
use foolscap::Value;
use tallac_core::helper::CodingParameters;

use crate::foolscap_storage::values::{Wrong, dict, list, number, of_number, tuple};

/// Entries of a version that are read.
const VERSION_LEN_MAX: usize = 64;

/// Strings of one answer that are taken.
const STRINGS_MAX: usize = 4096;

/// What a side says of itself.
pub(super) fn version(protocol: &'static [u8], application: &str) -> Value {
    let application = Bytes::copy_from_slice(application.as_bytes());
    Value::Dict(vec![
        (Value::Bytes(Bytes::from_static(protocol)), Value::Dict(Vec::new())),
        (Value::Bytes(Bytes::from_static(b"application-version")), Value::Bytes(application)),
    ])
}

/// Whether the other side speaks a protocol.
pub(super) fn speaks(version: Value, protocol: &[u8]) -> Result<bool, Wrong> {
    let entries = dict(version, VERSION_LEN_MAX)?;
    Ok(entries.iter().any(|(key, _)| matches!(key, Value::Bytes(key) if key == protocol)))
}

/// How a file is to be coded.
pub(super) fn parameters(parameters: &CodingParameters) -> Value {
    let CodingParameters { needed, happy, total, segment_size } = *parameters;
    Value::Tuple([needed, happy, total, segment_size].map(of_number).to_vec())
}

pub(super) fn read_parameters(value: Value) -> Result<CodingParameters, Wrong> {
    let [needed, happy, total, segment_size] = tuple(value)?;
    Ok(CodingParameters {
        needed: number(&needed)?,
        happy: number(&happy)?,
        total: number(&total)?,
        segment_size: number(&segment_size)?,
    })
}

/// Ciphertext comes in any number of strings; together they must be what was asked for.
pub(super) fn read_ciphertext(value: Value, len: usize) -> Result<Bytes, Wrong> {
    let strings = list(value, STRINGS_MAX)?;
    let strings: Result<Vec<Bytes>, Wrong> =
        strings.into_iter().map(crate::foolscap_storage::values::bytes).collect();
    let strings = strings?;
    if strings.iter().map(Bytes::len).sum::<usize>() != len {
        return Err(Wrong::new("more or less ciphertext than was asked for"));
    }
    match &strings[..] {
        [one] => Ok(one.clone()),
        several => Ok(several.concat().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CHK_UPLOAD_V1, HELPER_V1};
    use super::*;

    fn strings(strings: &[&'static str]) -> Value {
        let string = |text: &&'static str| Value::Bytes(Bytes::from_static(text.as_bytes()));
        Value::List(strings.iter().map(string).collect())
    }

    #[test]
    fn ciphertext_is_exactly_what_was_asked_for() {
        assert_eq!(read_ciphertext(strings(&["abc"]), 3).unwrap(), "abc");
        assert_eq!(read_ciphertext(strings(&["a", "", "bc"]), 3).unwrap(), "abc");
        assert_eq!(read_ciphertext(strings(&[]), 0).unwrap(), "");
        for wrong in [strings(&["ab"]), strings(&["abc", "d"]), strings(&[]), Value::None] {
            assert!(read_ciphertext(wrong, 3).is_err());
        }
    }

    #[test]
    fn parameters_there_and_back() {
        let all = CodingParameters { needed: 3, happy: 7, total: 10, segment_size: 131_073 };
        assert_eq!(read_parameters(parameters(&all)).unwrap(), all);
        assert!(read_parameters(Value::Tuple(vec![Value::Int(-1); 4])).is_err());
        assert!(read_parameters(Value::Tuple(vec![Value::Int(1); 3])).is_err());
    }

    #[test]
    fn versions_tell_what_is_spoken() {
        let version = || version(HELPER_V1, "test/1");
        assert!(speaks(version(), HELPER_V1).unwrap());
        assert!(!speaks(version(), CHK_UPLOAD_V1).unwrap());
        assert!(speaks(Value::None, HELPER_V1).is_err());
    }
}
