//! libFuzzer's way into [`tallac_fuzz::encodings`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::encodings::target(data));
