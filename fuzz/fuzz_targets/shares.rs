//! libFuzzer's way into [`tallac_fuzz::shares`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::shares::target(data));
