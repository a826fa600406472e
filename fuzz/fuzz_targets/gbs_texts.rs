//! libFuzzer's way into [`tallac_fuzz::gbs_texts`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tallac_fuzz::gbs_texts::target(data));
