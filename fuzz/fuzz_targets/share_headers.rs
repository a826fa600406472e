//! libFuzzer's way into [`tallac_fuzz::share_headers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::share_headers::target(data));
