//! One function for each parser of foreign bytes. It must return for any input: no panic, no
//! unbounded work, no allocation that the input alone decides.
//!
//! `cargo test` in this folder gives each of them thousands of inputs, made from good ones by a
//! seeded generator. With a nightly toolchain, `cargo fuzz run NAME --features link` lets
//! libFuzzer search for worse.

use tallac_core::announcement::StorageAnnouncement;
use tallac_core::base32;
use tallac_core::cap::{Cap, ChkReadCap, ChkVerifyCap, Context};
use tallac_core::ids::ShareNumber;
use tallac_core::immutable::{Encoding, FileVerifier, SEGMENTS_MAX, ShareLayout, Ueb};
use tallac_core::netstring;
use tallac_storage::container;

/// Announcements, as JSON.
pub fn announcements(data: &[u8]) {
    if let Ok(value) = serde_json::from_slice(data) {
        let _ = StorageAnnouncement::from_json("v0-server", &value);
    }
}

/// Caps, in every place that they may stand. A cap that was understood prints as one that means
/// the same.
pub fn caps(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for context in [Context::Any, Context::Readonly, Context::DeepImmutable] {
        let cap = Cap::parse_in(&text, context);
        if !matches!(cap, Cap::Unknown(_)) {
            assert_eq!(Cap::parse(&cap.to_string()), cap);
        }
    }
    let _ = text.parse::<ChkReadCap>();
    let _ = text.parse::<ChkVerifyCap>();
}

/// Certificates, bare and in PEM files.
pub fn certificates(data: &[u8]) {
    tallac_net::fuzzing::certificates(data);
}

/// Containers of immutable shares and their leases.
pub fn containers(data: &[u8]) {
    let _ = container::immutable::Layout::parse(data, data.len() as u64);
    if let Some(lease) = data.first_chunk() {
        let parsed = container::lease::Lease::parse(lease);
        assert_eq!(parsed.to_bytes(), *lease);
    }
}

/// Base32 and netstrings. What is read prints as what was read.
pub fn encodings(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(bytes) = base32::decode(text)
    {
        assert_eq!(base32::encode(&bytes), text);
    }
    let mut rest = data;
    while let Ok((_, after)) = netstring::take(rest) {
        rest = after;
    }
}

/// Messages of GBS, in CBOR.
pub fn gbs_messages(data: &[u8]) {
    tallac_net::fuzzing::messages(data);
}

/// Addresses, headers and paths of GBS.
pub fn gbs_texts(data: &[u8]) {
    tallac_net::fuzzing::texts(&String::from_utf8_lossy(data));
}

/// The header of a share, its URI extension block, and its hashes.
pub fn shares(data: &[u8]) {
    let layout = ShareLayout::parse(data);
    let _ = Ueb::fields(data);
    let Ok(encoding) = Encoding::new(3, 10) else { return };
    for size in [1, 1000, 1 << 40] {
        let Ok(ueb) = Ueb::parse(data, &Ueb::hash(data), encoding, size) else { continue };
        if let Ok(layout) = &layout {
            let _ = layout.check(&ueb.geometry);
        }
        if ueb.geometry.segment_count() > SEGMENTS_MAX {
            continue; // As a reader should.
        }
        let mut file = FileVerifier::new(ueb);
        let _ = file.add_crypttext_tree(data);
        let _ = file.share(ShareNumber::new(0), data, data);
    }
}
