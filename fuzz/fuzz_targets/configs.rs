//! libFuzzer's way into [`tallac_fuzz::configs`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::configs::target(data));
