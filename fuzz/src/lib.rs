//! Fuzz targets: what strangers send, through every parser that reads it.
//!
//! A target is a module with two functions. `target` takes bytes and must return, whatever they
//! are: no panic, no unbounded work, no allocation that the input alone decides. `seeds` gives
//! good inputs to start from.
//!
//! `cargo test` in this folder feeds each target its seeds and many damaged ones, always the same.
//! With a nightly toolchain, `cargo fuzz run NAME --features link` lets libFuzzer search for worse.

pub mod announcements;
pub mod banana_messages;
pub mod banana_tokens;
pub mod caps;
pub mod certificates;
pub mod configs;
pub mod containers;
pub mod directories;
pub mod encodings;
pub mod foolscap_storage;
pub mod gbs_messages;
pub mod gbs_texts;
pub mod grid_managers;
pub mod hidden_networks;
pub mod mutable_shares;
pub mod mutate;
pub mod negotiations;
pub mod share_headers;
pub mod shares;
pub mod slot_containers;
pub mod uebs;
pub mod web;
pub mod wormhole_messages;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its module and of libFuzzer's binary.
    pub name: &'static str,
    /// Takes any bytes, and panics only where something is wrong with a parser.
    pub run: fn(&[u8]),
    /// Good inputs.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        &[$(Target {
            name: stringify!($name),
            run: $name::target,
            seeds: $name::seeds,
        }),*]
    };
}

/// Every target.
pub const TARGETS: &[Target] = targets![
    announcements,
    banana_messages,
    banana_tokens,
    caps,
    certificates,
    configs,
    containers,
    directories,
    encodings,
    foolscap_storage,
    gbs_messages,
    gbs_texts,
    grid_managers,
    hidden_networks,
    mutable_shares,
    negotiations,
    share_headers,
    shares,
    slot_containers,
    uebs,
    web,
    wormhole_messages,
];

/// The seeds that are these texts.
fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Takes a number of 64 bits off the front; of fewer, where there are fewer bytes.
fn take_number(data: &[u8]) -> (u64, &[u8]) {
    let (number, rest) = data.split_at(data.len().min(8));
    (number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)), rest)
}
