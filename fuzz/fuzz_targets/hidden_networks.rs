//! libFuzzer's way into [`tallac_fuzz::hidden_networks`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::hidden_networks::target(data));
