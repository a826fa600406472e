//! libFuzzer's way into [`tallac_fuzz::foolscap_storage`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::foolscap_storage::target(data));
