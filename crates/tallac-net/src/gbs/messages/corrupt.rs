//! `POST /storage/v1/:kind/:storage_index/:share_number/corrupt`: a share is corrupt, and why.

use bytes::Bytes;

use super::cbor::{self, MessageError, put_once, required, unknown_key};

/// Longest request that is taken, in bytes.
pub(crate) const REQUEST_LEN_MAX: usize = 32_768;

/// Longest reason, in bytes.
const REASON_LEN_MAX: usize = 32_765;

/// Bytes of the message around a reason: the map, the key and the length.
const OVERHEAD: usize = 11;

const REASON: &str = "reason";

/// The message, with as much of the reason as there is room for.
pub(crate) fn encode_request(reason: &str) -> Bytes {
    let room = REASON_LEN_MAX.min(REQUEST_LEN_MAX - OVERHEAD);
    let end = reason.floor_char_boundary(room);
    let reason = if reason.is_empty() { "no reason given" } else { &reason[..end] };
    cbor::encode(|writer| {
        writer.map(1)?.str(REASON)?.str(reason)?;
        Ok(())
    })
}

pub(crate) fn decode_request(bytes: &[u8]) -> Result<String, MessageError> {
    cbor::decode(bytes, |reader| {
        let mut reason = None;
        reader.map(1, |reader, key| match key {
            _ if key == REASON.as_bytes() => put_once(&mut reason, reader.text()?.to_owned()),
            _ => unknown_key(key),
        })?;
        let reason = required(reason, REASON)?;
        match reason.len() {
            1..=REASON_LEN_MAX => Ok(reason),
            _ => Err(MessageError(format!("a reason has 1 to {REASON_LEN_MAX} bytes"))),
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_reasons_are_cut_to_what_is_taken() {
        let reason = "∎".repeat(20_000);
        let message = encode_request(&reason);
        assert!(message.len() <= REQUEST_LEN_MAX);
        let read = decode_request(&message).unwrap();
        assert!(reason.starts_with(&read) && read.len() > REASON_LEN_MAX - 16);
        assert!(!decode_request(&encode_request("")).unwrap().is_empty());
    }

    #[test]
    fn an_empty_reason_is_refused() {
        assert!(decode_request(&hex::decode("a166726561736f6e60").unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn reasons_come_back(reason in ".{1,100}") {
            prop_assert_eq!(decode_request(&encode_request(&reason)).unwrap(), reason);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_request(&bytes);
        }
    }
}
