//! libFuzzer's way into [`tallac_fuzz::caps`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::caps::target(data));
