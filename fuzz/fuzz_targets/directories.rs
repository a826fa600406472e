//! libFuzzer's way into [`tallac_fuzz::directories`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::directories::target(data));
