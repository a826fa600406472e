//! libFuzzer's way into [`tallac_fuzz::negotiations`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::negotiations::target(data));
