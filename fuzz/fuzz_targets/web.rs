//! libFuzzer's way into [`tallac_fuzz::web`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::web::target(data));
