//! The CBOR bodies of section 7.3, one file an operation, with what either side writes and reads.
//!
//! Every decoder is strict: no unknown or repeated keys, nothing missing, nothing behind the end,
//! and no more elements than the protocol allows, whatever length the bytes claim.

pub(crate) mod allocate;
mod cbor;
pub(crate) mod corrupt;
pub(crate) mod list;
pub(crate) mod read_slot;
pub(crate) mod read_test_write;
mod vectors;
pub(crate) mod version;
pub(crate) mod write;

pub(crate) use cbor::MessageError;

/// Asserts that a decoder refuses these bytes, which are in hexadecimal, with that complaint.
#[cfg(test)]
fn check_refused<T: std::fmt::Debug>(
    decode: impl FnOnce(bytes::Bytes) -> Result<T, MessageError>,
    bytes: &str,
    complaint: &str,
) {
    let message = hex::decode(bytes).expect("the test gives hexadecimal digits");
    let error = decode(message.into()).expect_err(bytes).to_string();
    assert!(error.contains(complaint), "{bytes}: {error}");
}
