//! libFuzzer's way into [`tallac_fuzz::mutable_shares`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::mutable_shares::target(data));
