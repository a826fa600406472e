//! `GET /storage/v1/version`: what a server says of itself. Alone of all messages it has byte
//! strings for keys.

use bytes::Bytes;
use tallac_core::storage::ServerVersion;

use super::cbor::{self, MessageError, Reader, put_once, required};

const V1: &[u8] = b"http://allmydata.org/tahoe/protocols/storage/v1";
const IMMUTABLE_SHARE_SIZE_MAX: &[u8] = b"maximum-immutable-share-size";
const MUTABLE_SHARE_SIZE_MAX: &[u8] = b"maximum-mutable-share-size";
const AVAILABLE_SPACE: &[u8] = b"available-space";
const APPLICATION_VERSION: &[u8] = b"application-version";

/// Most keys in either map. Those that are not known here are passed over: the older protocol
/// has some, and later servers may.
const KEYS_MAX: u64 = 64;

/// Longest name of a program that is taken, in bytes; the rest is cut off.
const APPLICATION_VERSION_LEN_MAX: usize = 200;

pub(crate) fn encode_answer(version: &ServerVersion) -> Bytes {
    cbor::encode(|writer| {
        writer.map(2)?.bytes(V1)?.map(3)?;
        writer.bytes(IMMUTABLE_SHARE_SIZE_MAX)?.u64(version.immutable_share_size_max)?;
        writer.bytes(MUTABLE_SHARE_SIZE_MAX)?.u64(version.mutable_share_size_max)?;
        writer.bytes(AVAILABLE_SPACE)?.u64(version.available_space)?;
        writer.bytes(APPLICATION_VERSION)?.bytes(version.application_version.as_bytes())?;
        Ok(())
    })
}

#[derive(Default)]
struct Limits {
    immutable: Option<u64>,
    mutable: Option<u64>,
    space: Option<u64>,
}

pub(crate) fn decode_answer(bytes: &[u8]) -> Result<ServerVersion, MessageError> {
    let mut limits = None;
    let mut application = None;
    cbor::decode(bytes, |reader| {
        reader.map(KEYS_MAX, |reader, key| match key {
            V1 => put_once(&mut limits, read_limits(reader)?),
            APPLICATION_VERSION => put_once(&mut application, reader.bytes()?),
            _ => reader.skip(),
        })
    })?;
    let limits = required(limits, "protocols/storage/v1")?;
    let application = String::from_utf8_lossy(required(application, "application-version")?);
    let end = application.floor_char_boundary(APPLICATION_VERSION_LEN_MAX);
    Ok(ServerVersion {
        immutable_share_size_max: required(limits.immutable, "maximum-immutable-share-size")?,
        mutable_share_size_max: required(limits.mutable, "maximum-mutable-share-size")?,
        available_space: required(limits.space, "available-space")?,
        application_version: application[..end].to_owned(),
    })
}

fn read_limits(reader: &mut Reader<'_>) -> Result<Limits, MessageError> {
    let mut limits = Limits::default();
    reader.map(KEYS_MAX, |reader, key| match key {
        IMMUTABLE_SHARE_SIZE_MAX => put_once(&mut limits.immutable, reader.uint()?),
        MUTABLE_SHARE_SIZE_MAX => put_once(&mut limits.mutable, reader.uint()?),
        AVAILABLE_SPACE => put_once(&mut limits.space, reader.uint()?),
        _ => reader.skip(),
    })?;
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a node of Tahoe-LAFS 1.20.0 answered; see tests/data/README.md.
    const OF_TAHOE: &[u8] = include_bytes!("../../../tests/data/version.cbor");

    #[test]
    fn tahoe_is_understood() {
        let version = decode_answer(OF_TAHOE).unwrap();
        assert_eq!(version.application_version, "tahoe-lafs/1.20.0");
        assert_eq!(version.mutable_share_size_max, 69_105_000_000_000_000);
        assert_eq!(version.available_space, version.immutable_share_size_max);
    }

    #[test]
    fn ours_is_byte_for_byte_like_tahoe_s() {
        let version = decode_answer(OF_TAHOE).unwrap();
        assert_eq!(encode_answer(&version), OF_TAHOE);
    }

    proptest! {
        #[test]
        fn versions_come_back(
            immutable_share_size_max: u64,
            mutable_share_size_max: u64,
            available_space: u64,
            application_version in ".{0,50}",
        ) {
            let version = ServerVersion {
                immutable_share_size_max,
                mutable_share_size_max,
                available_space,
                application_version,
            };
            prop_assert_eq!(decode_answer(&encode_answer(&version)).unwrap(), version);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at: usize, byte: u8) {
            let _ = decode_answer(&bytes);
            let mut damaged = OF_TAHOE.to_vec();
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = decode_answer(&damaged);
            let _ = decode_answer(&damaged[..at]);
        }
    }
}
