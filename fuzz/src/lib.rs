//! Fuzz targets: what strangers send, through every parser that reads it.
//!
//! A target is a module with two functions: `target` takes bytes and must not panic, whatever they
//! are, and `seeds` gives good inputs to start from. Three ways to run one:
//!
//! - `cargo test` feeds each the seeds and many damaged ones, always the same;
//! - `cargo run --bin TARGET FILE…` feeds it files, such as those that a fuzzer found;
//! - `cargo +nightly fuzz run TARGET` lets libFuzzer look for what breaks it.

pub mod announcement;
pub mod caps;
pub mod certificates;
pub mod config;
pub mod container;
pub mod decoder;
pub mod encodings;
pub mod gbs_messages;
pub mod gbs_texts;
mod main_function;
pub mod mutate;
pub mod share_header;
pub mod ueb;
pub mod web;

pub use main_function::replay;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its module and of its binary.
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
    announcement,
    caps,
    certificates,
    config,
    container,
    decoder,
    encodings,
    gbs_messages,
    gbs_texts,
    share_header,
    ueb,
    web,
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
