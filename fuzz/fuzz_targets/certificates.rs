//! libFuzzer's way into [`tallac_fuzz::certificates`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::certificates::target(data));
