//! libFuzzer's way into [`tallac_fuzz::slot_containers`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::slot_containers::target(data));
