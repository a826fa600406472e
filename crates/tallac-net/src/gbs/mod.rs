//! The storage protocol over HTTPS, "Great Black Swamp" (specification section 7).
//!
//! Everything that both sides must agree on is written once: `path` (which operation), `auth` (the
//! swissnum and the secrets), `range` (which bytes), `messages` (the bodies), `status` (what an
//! error is called). [`GbsClient`] and [`GbsServer`] join them to sockets.

mod auth;
mod client;
mod messages;
mod path;
mod range;
mod server;
mod status;

pub use client::{ClientLimits, GbsClient, GbsClientError};
pub use server::{GbsServer, ServerLimits};

/// The media type of every message that is not share data.
const CBOR: &str = "application/cbor";

/// The media type of share data.
const OCTETS: &str = "application/octet-stream";

/// For fuzz targets: see [`crate::fuzzing`].
pub(crate) fn parse_as_every_message(bytes: &[u8]) {
    let _ = messages::allocate::Request::decode(bytes);
    let _ = messages::allocate::decode_answer(bytes);
    let _ = messages::corrupt::decode_request(bytes);
    let _ = messages::list::decode_answer(bytes);
    let _ = messages::version::decode_answer(bytes);
    let _ = messages::write::decode_answer(bytes);
    let message = bytes::Bytes::copy_from_slice(bytes);
    let _ = messages::read_slot::Request::decode(bytes);
    let _ = messages::read_slot::decode_answer(&message);
    let _ = messages::read_test_write::Request::decode(&message);
    let _ = messages::read_test_write::decode_answer(&message);
}

/// For fuzz targets: see [`crate::fuzzing`].
pub(crate) fn parse_as_every_header(text: &str) {
    let _ = path::Path::parse(text);
    let _ = range::parse_range(text);
    let _ = range::parse_content_range(text);
    if let Ok(value) = http::HeaderValue::from_str(text) {
        let mut headers = http::HeaderMap::new();
        headers.insert(auth::SECRETS, value);
        let _ = auth::Secrets::parse(&headers);
    }
}
