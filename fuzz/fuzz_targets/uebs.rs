//! libFuzzer's way into [`tallac_fuzz::uebs`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::uebs::target(data));
