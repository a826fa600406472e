//! The parsers of what peers send, in one place for fuzz targets. Not part of the interface.

use crate::foolscap_storage;
use crate::gbs;
use crate::identity::{Certificate, Furl, Location, Nurl, SpkiHash, Swissnum};
use crate::transport::{self, Endpoint, Ways};

/// Reads `bytes` as each CBOR message of GBS.
pub fn messages(bytes: &[u8]) {
    gbs::parse_as_every_message(bytes);
}

/// Reads `bytes` as each call and answer of storage over Foolscap.
pub fn foolscap_storage(bytes: &[u8]) {
    let (calls, answers) = foolscap::fuzzing::messages(bytes);
    calls.iter().for_each(foolscap_storage::parse_as_every_argument);
    answers.iter().for_each(foolscap_storage::parse_as_every_answer);
}

/// Reads `text` as each address, header and path.
pub fn texts(text: &str) {
    let _ = text.parse::<Nurl>();
    let _ = text.parse::<Furl>();
    let _ = text.parse::<Location>();
    let _ = text.parse::<SpkiHash>();
    let _ = Swissnum::from_text(text);
    gbs::parse_as_every_header(text);
}

/// Reads `text` as what Tor and I2P say, as their keys, and as ways to reach somebody.
pub fn hidden_networks(text: &str) {
    transport::tor::parse_as_every_answer(text);
    let _ = text.parse::<transport::tor::OnionKey>();
    let _ = text.parse::<transport::i2p::DestinationKey>();
    let _ = text.parse::<Endpoint>();
    let endpoint = Endpoint::loopback(1);
    let tor = transport::tor::Tor::new(transport::tor::SocksPort::At(endpoint.clone()));
    let ways = Ways::direct().with_tor(tor).with_i2p(transport::i2p::I2p::new(endpoint));
    let _ = ways.route_of_hint(text);
}

/// Reads `bytes` as a certificate, bare and in a PEM file.
pub fn certificates(bytes: &[u8]) {
    let _ = SpkiHash::of_certificate(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Certificate::from_pem(text);
    }
}
