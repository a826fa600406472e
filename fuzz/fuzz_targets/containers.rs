//! libFuzzer's way into [`tallac_fuzz::containers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::containers::target(data));
